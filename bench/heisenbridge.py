"""heisenbridge as its users run it: one owner, who talks to it in its control room and in the rooms that it makes."""

import secrets
from pathlib import Path
from typing import Any

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, MissingServerError, listens
from tchap_bridges.testing.world import write_yaml

NICK = "heisen"
_PYTHON = Path(__file__).parents[1] / ".venv-heisenbridge" / "bin" / "python"


class Heisenbridge:
    """Made before the homeserver, which is told of it by ``registration``. `start` runs it, and again after `kill`."""

    def __init__(self, folder: Path, server_name: str) -> None:
        """Raises `MissingServerError` where it is not installed."""
        if not _PYTHON.exists():
            raise MissingServerError("heisenbridge is not installed: run scripts/setup-heisenbridge, or make bench")
        folder.mkdir(parents=True)
        self.registration = folder / "registration.yaml"
        self.user = f"@heisenbridge:{server_name}"
        self._folder, self._port = folder, free_port()
        self._daemon: Daemon | None = None
        write_yaml(self.registration, _registration(server_name, self._port))

    @property
    def pid(self) -> int:
        return self._daemon.pid if self._daemon is not None else 0

    async def start(self, homeserver: str, owner: str) -> None:
        """Returns once it listens; what it was joined to before it joins by itself."""
        command = [str(_PYTHON), "-m", "heisenbridge", "-c", str(self.registration), "-o", owner, homeserver]
        self._daemon = Daemon(
            "heisenbridge", command, log=self._folder / "heisenbridge.log", ready=self._ready, cwd=self._folder
        )
        await self._daemon.restart()

    async def _ready(self) -> bool:
        return await listens(self._port)

    async def kill(self) -> None:
        """kill -9."""
        if self._daemon is not None:
            await self._daemon.kill()

    async def stop(self) -> None:
        if self._daemon is not None:
            await self._daemon.stop()

    async def link(self, owner: Client, port: int, channel: str) -> str:
        """Connect it to an IRC server on loopback and to a channel there. Returns the room that it makes for it."""
        control = await owner.join(await owner.wait_for_invite(timeout=60))  # it asks its owner in by itself
        await self._hears(owner, control, "help")
        for command in ("ADDNETWORK essai", f"ADDSERVER essai 127.0.0.1 {port}", "OPEN essai"):
            await owner.send_text(control, command)
        network = await owner.join(await owner.wait_for_invite(timeout=60))
        await owner.send_text(network, f"NICK {NICK}")
        await owner.send_text(network, "CONNECT")
        await self._hears(owner, network, "welcome to")
        await owner.send_text(network, f"JOIN {channel}")
        return await owner.join(await owner.wait_for_invite(timeout=60))

    async def _hears(self, owner: Client, room: str, words: str) -> None:
        def says(event: dict[str, Any]) -> bool:
            return event["sender"] == self.user and words in str(event["content"].get("body", "")).lower()

        await owner.wait_for(room, says, timeout=60)


def _registration(server_name: str, port: int) -> dict[str, Any]:
    """As ``heisenbridge --generate`` makes it, with its people kept to this server."""
    server = server_name.replace(".", "\\.")
    return {
        "id": "heisenbridge",
        "url": f"http://127.0.0.1:{port}",
        "as_token": secrets.token_hex(32),
        "hs_token": secrets.token_hex(32),
        "rate_limited": False,
        "sender_localpart": "heisenbridge",
        "namespaces": {"users": [{"regex": f"@irc_.*:{server}", "exclusive": True}], "aliases": [], "rooms": []},
    }
