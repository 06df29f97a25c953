"""A bridge's Matrix side on a real Synapse, with an inbox of the test's own."""

import asyncio
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.bridge import Item
from tchap_bridges.events import Author, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId, RoomId
from tchap_bridges.matrix.homeserver import MatrixHomeserver, Settings
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.synapse import Synapse

SECRET = b"s" * 32
PREFIX = "_pont_"


@dataclass
class Steps:
    """`outgoing.Steps` in memory; `notes` are what the core would say of this attempt."""

    known: dict[str, str] = field(default_factory=dict)

    def get(self, step: str) -> str | None:
        return self.known.get(step)

    async def done(self, step: str, result: str) -> None:
        self.known[step] = result


@dataclass
class Inbox:
    """Keeps what arrives, unique by event id, in order; `hold` delays every write."""

    events: dict[str, dict] = field(default_factory=dict)
    hold: float = 0
    failing: bool = False
    writes: int = 0

    async def take(self, events) -> int:
        self.writes += 1
        if self.hold:
            await asyncio.sleep(self.hold)
        if self.failing:
            raise OSError("disk full")
        new = [key for key, _ in events if key not in self.events]
        self.events.update({key: json.loads(raw) for key, raw in events if key not in self.events})
        return len(new)

    def bodies(self, room: str | None = None) -> list[str]:
        return [
            event["content"]["body"]
            for event in self.events.values()
            if "body" in event["content"] and event["sender"].startswith("@agent") and room in (None, event["room_id"])
        ]


@dataclass
class Side:
    """Everything a test needs of one bridge."""

    synapse: Synapse
    homeserver: MatrixHomeserver
    inbox: Inbox
    db: Database
    encrypted: set[str] = field(default_factory=set)
    passing: list = field(default_factory=list)
    alive: list = field(default_factory=list)
    counter: itertools.count = field(default_factory=itertools.count)
    observed: list = field(default_factory=list)

    def message(self, room: str, words: str = "bonjour", **more) -> Outgoing:
        number = next(self.counter)
        author = more.pop("author", person("jean"))
        return Outgoing(
            **{
                "key": f"key-{id(self)}-{number}",
                "chat": ChatId(room),
                "author": author,
                "network": "courriel",
                "at": datetime(2025, 3, 12, 10, 42, tzinfo=UTC),
                "text": Text(plain=words),
                "steps": Steps(),
                **more,
            }
        )

    async def say(self, room: str, words: str = "bonjour", **more) -> MessageId:
        return (await self.homeserver.rooms.send(self.message(room, words, **more)))[0]

    def read(self, event: dict):
        item = Item(key=event["event_id"], raw=json.dumps(event).encode(), meta={}, received_at=datetime.now(UTC))
        return self.homeserver.read(item)

    async def enter(self, agent: Client, **options) -> RoomId:
        """A new room in which ghosts can be."""
        room = RoomId(await agent.create_room(invite=[self.homeserver.bot], **options))
        await self.homeserver.join(room)
        return room

    async def enter_tchap(self, agent: Client, **options) -> RoomId:
        room = RoomId(await agent.create_tchap_room("Projet", invite=[self.homeserver.bot], **options))
        await self.homeserver.join(room)
        return room


def person(name: str, **more) -> Author:
    return Author(person=PersonId(f"{name}@exemple.fr"), name=name.title(), **more)


def write_registration(folder: Path, port: int, **more) -> Path:
    path = folder / "registration.yaml"
    registration = {
        "id": "pont",
        "url": f"http://127.0.0.1:{port}",
        "as_token": "as-token",
        "hs_token": "hs-token",
        "sender_localpart": "unused-sender",
        "rate_limited": False,
        "io.element.msc4190": True,
        "receive_ephemeral": True,
        "de.sorunome.msc2409.push_ephemeral": True,
        "namespaces": {"users": [{"exclusive": True, "regex": f"@{PREFIX}.*"}]},
        **more,
    }
    path.write_text(json.dumps(registration))
    return path


@pytest.fixture
def make_side(synapse_factory, tmp_path) -> Callable:
    """`async with make_side() as side:` a Synapse and our side of it, connected."""

    @asynccontextmanager
    async def make(
        *,
        sweep: float = 15,
        registration: dict | None = None,
        extra: dict | None = None,
        tchap: bool = False,
        devices: bool = True,
    ) -> AsyncIterator[Side]:
        port = free_port()
        path = write_registration(tmp_path, port, **(registration or {}))
        async with synapse_factory(registrations=[path], extra=extra or {}) as synapse:
            async with open_side(synapse, tmp_path, port, sweep=sweep, tchap=tchap, devices=devices) as side:
                yield side

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(synapse_factory, tmp_path_factory):
    """One Synapse that knows our appservice, for every test that does not hurt it; and the port where it finds us."""
    port = free_port()
    path = write_registration(tmp_path_factory.mktemp("registration"), port)
    async with synapse_factory(registrations=[path], extra={"max_upload_size": "1M"}) as synapse:
        yield synapse, port


@pytest_asyncio.fixture
async def side(shared, tmp_path) -> AsyncIterator[Side]:
    """Our side of the shared Synapse, with a store of its own."""
    synapse, port = shared
    async with open_side(synapse, tmp_path, port) as side:
        yield side


@pytest_asyncio.fixture
async def agent(side) -> AsyncIterator[Client]:
    async with await side.synapse.register(
        f"agent.{uuid.uuid4().hex[:8]}", "x", display_name="Agent [Finances]"
    ) as one:
        yield one


@asynccontextmanager
async def open_side(
    synapse: Synapse, folder: Path, port: int, *, sweep: float = 15, tchap: bool = False, devices: bool = True
) -> AsyncIterator[Side]:
    db = await Database.open(f"sqlite:///{folder / 'store.db'}")
    inbox, encrypted, passing, alive, observed = Inbox(), set(), [], [], []
    settings = Settings(
        url=synapse.url,
        server=synapse.server_name,
        appservice="pont",
        as_token="as-token",
        hs_token="hs-token",
        bot=f"{PREFIX}bot",
        prefix=PREFIX,
        secret=SECRET,
        listen=("127.0.0.1", port),
        sweep=sweep,
        tchap=tchap,
        devices=devices,
    )
    homeserver = MatrixHomeserver(
        settings,
        db=db,
        sealer=Sealer([SECRET]),
        take=inbox.take,
        on_passing=passing.append,
        on_alive=lambda: alive.append(1),
        is_encrypted=encrypted.__contains__,
        observe=lambda *told: observed.append(told),
    )
    side = Side(synapse, homeserver, inbox, db, encrypted, passing, alive, observed=observed)
    await homeserver.start()
    running = asyncio.create_task(homeserver.run())
    try:
        assert await eventually(is_true(lambda: alive or running.done()), timeout=20)
        yield side
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await homeserver.close()
        await db.close()


def is_true(check: Callable[[], object]) -> Callable:
    async def asked() -> bool:
        return bool(check())

    return asked
