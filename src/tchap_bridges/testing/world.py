"""A whole small world on loopback: a real homeserver, our bridge as a process of its own, a mail server that keeps all.

The demo shows it, the fault runs break it, the benchmark measures it, integration tests look into it.
"""

import base64
import io
import secrets
import smtplib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from ruamel.yaml import YAML

from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon
from tchap_bridges.testing.server import Server
from tchap_bridges.testing.synapse import Synapse

MAIL_DOMAIN = "pont.tchap.localhost"
LIST_DOMAIN = "listes.tchap.localhost"
BOTS = ("echo", "sondages", "rappels", "enquetes", "questions", "alertes", "flux")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the bridge listens."""

    appservice: int
    operate: int
    smtp: int
    web: int

    @classmethod
    def free(cls) -> Self:
        return cls(free_port(), free_port(), free_port(), free_port())


class BridgeProcess(Server):
    """``tchap-bridges run`` as an operator starts it, by this ``python`` or another one."""

    def __init__(self, folder: Path, ports: Ports, python: str = sys.executable) -> None:
        self.folder = folder
        self.ports = ports
        command = [python, "-m", "tchap_bridges.cli", "run", "--config", str(folder / "config.yaml")]
        self._daemon = Daemon("tchap-bridges", command, log=folder / "bridge.log", ready=self._ready, cwd=folder)

    async def start(self) -> None:
        """Returns once /health says that everything is up."""
        await self._daemon.restart()

    async def health(self) -> dict[str, Any]:
        """Raises aiohttp's errors while nothing listens."""
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{self.ports.operate}/health") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.ports.operate}/metrics"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return await answer.text()

    async def _ready(self) -> bool:
        try:
            return bool((await self.health())["ready"])
        except (aiohttp.ClientError, OSError):
            return False


class World:
    """Made by `start`; leave it, and everything stops."""

    def __init__(self, folder: Path, synapse: Synapse, sink: MailSink, bridge: BridgeProcess) -> None:
        self.folder = folder
        self.synapse = synapse
        self.sink = sink
        self.bridge = bridge
        self.clients: list[Client] = []

    twin: BridgeProcess | None = None
    """A second bridge on the same homeserver, which is another one in every way."""

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        database: str = "sqlite:///data/bridge.db",
        changes: Mapping[str, Any] | None = None,
        template: Path | None = None,
        server_name: str = "demo.tchap.localhost",
        room_version: str = "11",
        run: bool = True,
        registrations: Sequence[Path] = (),
        twin: bool = False,
        homeserver: Mapping[str, Any] | None = None,
    ) -> Self:
        """``changes`` are laid over the configuration, section by section; ``registrations`` are those of others.

        ``homeserver``: what else homeserver.yaml says.

        ``twin``: there is a second bridge, with a bot called ``pont2``, configured and not started.
        """
        ports = Ports.free()
        sink = await MailSink.start()
        bridge_folder = folder / "bridge"
        registration = bridge_folder / "registration.yaml"
        write_yaml(registration, registration_of(server_name, ports))
        second, other_ports, other_folder = [], Ports.free(), folder / "twin"
        if twin:
            second.append(other_folder / "registration.yaml")
            write_yaml(second[0], registration_of(server_name, other_ports, "pont2"))
        synapse = await Synapse.start(
            folder / "synapse",
            registrations=[registration, *second, *registrations],
            server_name=server_name,
            room_version=room_version,
            template=template,
            extra=homeserver,
        )
        config = configuration(synapse.url, server_name, ports, sink.port, database)
        for section, values in (changes or {}).items():
            config[section] = {**config.get(section, {}), **values}
        write_yaml(bridge_folder / "config.yaml", config)
        world = cls(folder, synapse, sink, BridgeProcess(bridge_folder, ports))
        if twin:
            config = configuration(
                synapse.url, server_name, other_ports, sink.port, "sqlite:///data/bridge.db", "pont2"
            )
            write_yaml(other_folder / "config.yaml", config)
            world.twin = BridgeProcess(other_folder, other_ports)
        if run:
            try:
                await world.bridge.start()
            except BaseException:
                await world.stop()
                raise
        return world

    @property
    def bot(self) -> str:
        return f"@pont:{self.synapse.server_name}"

    async def agent(self, localpart: str = "camille", name: str = "Camille Martin") -> Client:
        """An agent's account, signed in."""
        client = await self.synapse.register(localpart, "motdepasse-de-demo", display_name=name)
        self.clients.append(client)
        return client

    async def guest(self) -> Client:
        """An account of the homeserver's own guest access, which it must allow."""
        url = f"{self.synapse.url}/_matrix/client/v3/register"
        async with aiohttp.ClientSession() as http, http.post(url, params={"kind": "guest"}, json={}) as answer:
            answer.raise_for_status()
            said = await answer.json()
        self.clients.append(Client(self.synapse.url, token=said["access_token"], user_id=said["user_id"]))
        return self.clients[-1]

    def ghost(self, localpart: str) -> Client:
        """Whoever has the registration's token speaks as one of its users."""
        registration = YAML(typ="safe").load(self.bridge.folder / "registration.yaml")
        user = f"@{localpart}:{self.synapse.server_name}"
        client = Client(self.synapse.url, token=registration["as_token"], user_id=user, params={"user_id": user})
        self.clients.append(client)
        return client

    async def room(
        self, agent: Client, name: str = "Équipe", *, tchap: bool = False, bot: str = "", **options: Any
    ) -> str:
        """A room with the bot in it: one where ghosts may enter, or one shaped as Tchap makes them."""
        bot = bot or self.bot
        if tchap:
            room = await agent.create_tchap_room(name, rule="unrestricted", invite=[bot], **options)
        else:
            powers = {"users": {agent.user_id: 100}, "invite": 0, "state_default": 50}
            rule = {"rule": "unrestricted", "visibility": "private"}
            room = await agent.create_room(
                name=name,
                preset="private_chat",
                invite=[bot],
                power_level_content_override=powers,
                initial_state=[{"type": "im.vector.room.access_rules", "state_key": "", "content": rule}],
                **options,
            )
        await agent.wait_for(room, lambda e: e["type"] == "m.room.message" and e["sender"] == bot, timeout=30)
        return room

    async def link(self, agent: Client, room: str, what: str, *, bot: str = "") -> str:
        """Type ``!pont <what>`` and return what the bot answered, or another bridge's ``bot``."""
        command = await agent.send_text(room, f"!pont {what}")
        answer = await agent.wait_for(
            room,
            lambda e: (
                e["sender"] == (bot or self.bot)
                and e["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id") == command
            ),
            timeout=30,
        )
        return str(answer["content"]["body"])

    def mail(self, message: EmailMessage | bytes, *, sender: str, to: str) -> None:
        """Hand a mail to the bridge over SMTP; raises smtplib's errors when it refuses. Blocking: use a thread."""
        data = message if isinstance(message, bytes) else message.as_bytes(policy=SMTP)
        with smtplib.SMTP("127.0.0.1", self.bridge.ports.smtp, timeout=30) as smtp:
            smtp.sendmail(sender, [to], data)

    async def stop(self) -> None:
        for bridge in filter(None, (self.bridge, self.twin)):
            await bridge.stop()
        for client in self.clients:
            await client.close()
        await self.synapse.stop()
        await self.sink.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def configuration(
    homeserver: str, server_name: str, ports: Ports, submission: int, database: str, name: str = "pont"
) -> dict[str, Any]:
    """A bridge's configuration as ``init`` would write it for this world."""
    return {
        "language": "fr",
        "homeserver": {"url": homeserver, "server_name": server_name, "tchap": True},
        "appservice": {
            "registration": "registration.yaml",
            "listen": f"127.0.0.1:{ports.appservice}",
            "bot": {"localpart": name, "name": "Pont Tchap" if name == "pont" else name},
            "ghosts": f"{name}_",
        },
        "storage": {"url": database, "key": _fresh(), "identity": _fresh()},
        "policy": {"users": [f"*:{server_name}"]},
        "operate": {"listen": f"127.0.0.1:{ports.operate}", "log": {"level": "info", "format": "json"}},
        "web": {"listen": f"127.0.0.1:{ports.web}", "public_url": f"http://127.0.0.1:{ports.web}"},
        "bridges": {
            "email": {
                "domain": MAIL_DOMAIN.replace("pont", name),
                "listen": {"smtp": f"127.0.0.1:{ports.smtp}"},
                "submission": {"host": "127.0.0.1", "port": submission, "security": "none"},
                "allowed_domains": [LIST_DOMAIN],
            }
        },
        "bots": {name: {} for name in BOTS},
    }


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def registration_of(server_name: str, ports: Ports, name: str = "pont") -> dict[str, Any]:
    """What the homeserver is told."""
    server = server_name.replace(".", "\\.")
    return {
        "id": "tchap-bridges" if name == "pont" else f"tchap-bridges-{name}",
        "url": f"http://127.0.0.1:{ports.appservice}",
        "as_token": secrets.token_hex(32),
        "hs_token": secrets.token_hex(32),
        "sender_localpart": f"pont-interne-{secrets.token_hex(4)}",
        "namespaces": {
            "users": [
                {"exclusive": True, "regex": f"@{name}:{server}"},
                {"exclusive": True, "regex": f"@{name}_.*:{server}"},
            ]
        },
        "rate_limited": False,
        "receive_ephemeral": True,
        "de.sorunome.msc2409.push_ephemeral": True,
        "io.element.msc4190": True,
    }


def write_yaml(path: Path, data: Mapping[str, Any]) -> None:
    text = io.StringIO()
    YAML().dump(dict(data), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text.getvalue(), encoding="utf-8")


def list_mail(
    author: str,
    address: str,
    subject: str,
    text: str,
    *,
    list_name: str = "projet",
    to: str | None = None,
    parents: tuple[str, ...] = (),
    message_id: str | None = None,
    html: str | None = None,
    charset: str = "utf-8",
) -> EmailMessage:
    """A mail as a mailing list sends it on; ``parents`` are Message-IDs, root first."""
    mail = EmailMessage()
    post = f"{list_name}@{LIST_DOMAIN}"
    mail["From"] = f"{author} <{address}>"
    mail["To"] = to or post
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = message_id or make_msgid(domain=address.partition("@")[2])
    mail["List-Id"] = f"{list_name} <{list_name}.{LIST_DOMAIN}>"
    mail["List-Post"] = f"<mailto:{post}>"
    mail["Precedence"] = "list"
    if parents:
        mail["In-Reply-To"] = parents[-1]
        mail["References"] = " ".join(parents)
    mail.set_content(text, charset=charset)
    if html:
        mail.add_alternative(html, subtype="html", charset=charset)
    return mail
