"""A real Synapse on loopback, for the demo, the tests and the benchmark.

It federates with nobody, has no rate limits, and keeps its data in SQLite in a folder of the caller.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.matrix_http import MatrixError
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, MissingServerError, eventually
from tchap_bridges.testing.server import Server

PYTHON_VARIABLE = "TCHAP_BRIDGES_SYNAPSE_PYTHON"

_UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}
_LIMITS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "rc_message",
            "rc_registration",
            "rc_registration_token_validity",
            "rc_admin_redaction",
            "rc_joins_per_room",
            "rc_key_requests",
            "rc_3pid_validation",
            "rc_third_party_invite",
            "rc_media_create",
            "rc_delayed_event_mgmt",
            "rc_room_creation",
            "rc_reports",
            "rc_user_directory",
            "rc_profile",
        ),
        _UNLIMITED,
    ),
    "rc_login": {"address": _UNLIMITED, "account": _UNLIMITED, "failed_attempts": _UNLIMITED},
    "rc_joins": {"local": _UNLIMITED, "remote": _UNLIMITED},
    "rc_invites": {"per_room": _UNLIMITED, "per_user": _UNLIMITED, "per_issuer": _UNLIMITED},
    "rc_presence": {"per_user": _UNLIMITED},
    # How many media an account may create without uploading them: one per file on its way.
    "max_pending_media_uploads": 1_000,
}


def find_python() -> Path:
    """The interpreter that has Synapse: named by the environment, or made by `make synapse`.

    Raises MissingServerError.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        if Path(named).exists():
            return Path(named)
        raise MissingServerError(f"{PYTHON_VARIABLE} names {named}, which does not exist")
    for folder in (Path(__file__).parents[3], Path.cwd()):
        python = folder / ".venv-synapse" / "bin" / "python"
        if python.exists():
            return python
    raise MissingServerError(
        f"Synapse is not installed: run `make synapse`, or let {PYTHON_VARIABLE} name a Python that has it"
    )


class Synapse(Server):
    """One homeserver. `start` makes it; stop it, or use it in `async with`."""

    def __init__(
        self, folder: Path, *, python: Path, server_name: str, log: Callable[[str], None] | None = None
    ) -> None:
        self.folder, self.server_name = folder, server_name
        self.url = ""
        self._python, self._say = python, log or (lambda _: None)
        command = [str(python), "-m", "synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")]
        self._daemon = Daemon("Synapse", command, log=folder / "homeserver.log", ready=self._healthy, cwd=folder)
        self._secret = ""

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        registrations: Sequence[Path] = (),
        python: Path | None = None,
        server_name: str = "demo.tchap.localhost",
        room_version: str = "11",
        port: int | None = None,
        template: Path | None = None,
        extra: Mapping[str, Any] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> Self:
        """Write a configuration into `folder` if it has none, start, and return once /health says OK.

        A folder that has one is started again as it was, with the same address, data and secrets; `registrations`
        and `extra` (any key of homeserver.yaml, winning over ours) are taken as given now.
        `template` is a folder where an empty database is kept to be copied: the first start takes about 5 s more than
        the others, which need not make the tables.

        Raises MissingServerError without Synapse, ServerFailedError with the end of its log.
        """
        self = cls(folder, python=python or find_python(), server_name=server_name, log=log)
        blank = template / f"{_version(self._python)}.db" if template else None
        make_blank = self._prepare(room_version, port, registrations, extra or {}, blank)
        await self.restart()
        if make_blank and blank is not None:
            try:
                await _keep_blank(folder / "homeserver.db", blank)
            except BaseException:
                await self.stop()
                raise
        return self

    def _prepare(
        self,
        room_version: str,
        port: int | None,
        registrations: Sequence[Path],
        extra: Mapping[str, Any],
        blank: Path | None,
    ) -> bool:
        """Write the configuration and copy the blank database; True where there is none yet to copy."""
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        fresh = not (folder / "homeserver.yaml").exists()
        config = _configuration(folder, self.server_name, room_version, port or free_port()) if fresh else _load(folder)
        config |= {"app_service_config_files": [str(path.resolve()) for path in registrations], **extra}
        _save(folder, config)
        self.server_name = config["server_name"]
        self._secret = config["registration_shared_secret"]
        self.url = f"http://127.0.0.1:{config['listeners'][0]['port']}"
        if not fresh or blank is None:
            return False
        if blank.exists():
            shutil.copyfile(blank, folder / "homeserver.db")
            return False
        return True

    async def restart(self) -> None:
        """Stop it if it runs, and start it on the same address with the same data."""
        self._say(f"Synapse starts at {self.url}")
        await self._daemon.restart()

    async def register(
        self, localpart: str, password: str, *, admin: bool = False, display_name: str | None = None
    ) -> Client:
        """A new account, signed in; where it exists already, a new session of it. The caller closes the client."""
        api = f"{self.url}/_synapse/admin/v1/register"
        async with aiohttp.ClientSession() as http:
            async with http.get(api) as answer:
                nonce = (await answer.json())["nonce"]
            words = [nonce, localpart, password, "admin" if admin else "notadmin"]
            mac = hmac.new(self._secret.encode(), "\0".join(words).encode(), hashlib.sha1).hexdigest()
            body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": mac}
            if display_name:
                body["displayname"] = display_name
            async with http.post(api, json=body) as answer:
                said = await answer.json()
                if answer.status >= 400 and said.get("errcode") != "M_USER_IN_USE":
                    raise MatrixError(answer.status, said.get("errcode", ""), said.get("error", ""))
        if "access_token" in said:
            return Client(self.url, token=said["access_token"], user_id=said["user_id"], device_id=said["device_id"])
        return await Client.login(self.url, localpart, password)

    async def _healthy(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http,
                http.get(f"{self.url}/health") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def _configuration(folder: Path, server_name: str, room_version: str, port: int) -> dict[str, Any]:
    key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    (folder / "signing.key").write_text(f"ed25519 a_{secrets.token_hex(2)} {key}\n")
    logging = {
        "version": 1,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "disable_existing_loggers": False,
    }
    (folder / "logging.yaml").write_text(json.dumps(logging))
    return {
        "server_name": server_name,
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "listeners": [
            {
                "port": port,
                "bind_addresses": ["127.0.0.1"],
                "type": "http",
                "tls": False,
                "resources": [{"names": ["client"]}],
            }
        ],
        "pid_file": str(folder / "homeserver.pid"),
        "log_config": str(folder / "logging.yaml"),
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "macaroon_secret_key": secrets.token_hex(),
        "form_secret": secrets.token_hex(),
        "registration_shared_secret": secrets.token_hex(),
        "enable_registration": False,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "federation_domain_whitelist": [],
        "report_stats": False,
        "presence": {"enabled": False},
        "url_preview_enabled": False,
        "max_upload_size": "100M",
        "default_room_version": room_version,
        "background_updates": {"sleep_enabled": False},
        "bcrypt_rounds": 4,  # accounts here are made in numbers and guard nothing
        **_LIMITS,
    }


def _load(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "homeserver.yaml").read_text())
    return found


def _save(folder: Path, config: Mapping[str, Any]) -> None:
    path = folder / "homeserver.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2))  # JSON is YAML


def _version(python: Path) -> str:
    for info in (python.parent.parent / "lib").glob("python3*/site-packages/matrix_synapse-*.dist-info"):
        return info.name.removesuffix(".dist-info")
    return "matrix_synapse"


async def _keep_blank(database: Path, blank: Path) -> None:
    """Copy the tables aside once the new database's own background work is done, so that no copy has to redo it."""
    with_rows = sqlite3.connect(database)
    try:

        async def settled() -> bool:
            return bool(with_rows.execute("SELECT count(*) = 0 FROM background_updates").fetchone()[0])

        if await eventually(settled, timeout=30, every=0.2):
            blank.parent.mkdir(parents=True, exist_ok=True)
            part = blank.with_name(f"{blank.name}.{os.getpid()}")
            copy = sqlite3.connect(part)
            try:
                with_rows.backup(copy)
            finally:
                copy.close()
            part.replace(blank)  # at once: another run may be looking
    finally:
        with_rows.close()
