"""A stage for the core alone: a homeserver and a network that are Python objects, a real SQLite store between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import (
    Asker,
    Bridge,
    Chat,
    Connection,
    Deletes,
    Destination,
    Direction,
    Edits,
    Host,
    Item,
    Limits,
    ListsMembers,
    NamesChats,
    OpensFiles,
    Reacts,
)
from tchap_bridges.core import policy
from tchap_bridges.core.kernel import Edge, Kernel, Options
from tchap_bridges.core.ports import Ghost, Invited, RoomChanged, RoomFact, RoomFacts
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, Deletion, Edit, Event, File, Form, Message, Reaction, Text
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ChatId, ConnectionName, FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

KEY = bytes(range(32))
ALICE = UserId("@alice:test")
BOT = UserId("@pont:test")
ROOM = RoomId("!room:test")
WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@dataclass
class Shown:
    """What a destination was made to show, in order."""

    log: list[Any] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    one_account: bool = False  # it reacts but once, whoever did
    reacted: set[tuple[str, str]] = field(default_factory=set)
    away: set[str] = field(default_factory=set)  # people who cannot be reached now
    seen: dict[str, tuple[MessageId, ...]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def add(self, what: Any) -> None:
        self.log.append(what)
        self.changed.set()

    @property
    def texts(self) -> list[str]:
        return [entry.text.plain for entry in self.log if isinstance(entry, Outgoing)]

    async def until(self, count: int, seconds: float = 5) -> list[Any]:
        async with asyncio.timeout(seconds):
            while len(self.log) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.log


class Place(Connection, Edits, Deletes, Reacts, OpensFiles):
    """Shows, and gives ids; the same key gets the same id."""

    def __init__(self, shown: Shown, prefix: str) -> None:
        self.shown = shown
        self.prefix = prefix
        self.files: dict[str, bytes] = {}

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        self.shown.fail()
        if message.answered is not None and message.answered.person in self.shown.away:
            raise NotReady("plus tard", retry_after=0.2)
        if message.key not in self.shown.seen:
            self.shown.seen[message.key] = (MessageId(f"{self.prefix}{len(self.shown.seen)}"),)
            self.shown.add(message)
        return self.shown.seen[message.key]

    async def edit(self, edit: OutgoingEdit) -> None:
        self.shown.fail()
        self.shown.add(edit)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        self.shown.add(deletion)

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        said = (reaction.target, reaction.symbol)
        if self.shown.one_account and not reaction.removed and said in self.shown.reacted:
            return None
        (self.shown.reacted.discard if reaction.removed else self.shown.reacted.add)(said)
        self.shown.add(reaction)
        return MessageId(f"{self.prefix}r{len(self.shown.log)}")

    @asynccontextmanager
    async def open_file(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield self.files[ref]

        yield chunks()


class FakeHomeserver:
    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.shown = Shown()
        self.rooms = Place(self.shown, "$ours")
        self.bot = BOT
        self.left: list[tuple[RoomId, str]] = []
        self.worn: list[tuple[RoomId, str | None]] = []
        self.joined: list[RoomId] = []
        self.marks: list[str] = []
        self.ghosts: dict[str, Ghost] = {}
        self.names: dict[str, str] = {}
        self.departed: list[tuple[RoomId, UserId]] = []
        self.db: Database
        self.pictures: dict[str, str] = {}
        self.facts_of: dict[RoomId, RoomFacts] = {}

    def read(self, item: Item) -> Sequence[Event | RoomFact]:
        data = json.loads(item.raw)
        author = Author(person=PersonId(data.get("by", ALICE)), name="Alice")
        at, chat, id_ = WHEN, ChatId(data.get("room", ROOM)), MessageId(item.key)
        match data["kind"]:
            case "message":
                return (
                    Message(
                        id=id_,
                        chat=chat,
                        author=author,
                        at=at,
                        text=Text(plain=data["text"], html=data.get("html")),
                        thread=tuple(data.get("thread", ())),
                        reply_to=data.get("reply_to"),
                        form=Form(data.get("form", "text")),
                        files=tuple(
                            File(**file)
                            if isinstance(file, dict)
                            else File(name=file, mime="application/pdf", ref=FileRef(file))
                            for file in data.get("files", ())
                        ),
                    ),
                )
            case "edit":
                return (
                    Edit(
                        id=id_,
                        chat=chat,
                        author=author,
                        at=at,
                        target=data["target"],
                        text=Text(plain=data["text"], html=data.get("html")),
                    ),
                )
            case "deletion":
                return (Deletion(id=id_, chat=chat, author=author, at=at, target=data["target"]),)
            case "reaction":
                return (Reaction(id=id_, chat=chat, author=author, at=at, target=data["target"], key=data["key"]),)
            case "invited":
                return (Invited(room=RoomId(chat), by=UserId(author.person), encrypted=data.get("encrypted", False)),)
            case "changed":
                return (RoomChanged(room=RoomId(chat), what=data["what"], by=UserId(author.person)),)
            case "broken":
                raise RuntimeError("poison")
        return ()

    def room_of(self, item: Item) -> RoomId | None:
        return RoomId(json.loads(item.raw).get("room", ROOM))

    def is_ours(self, user: UserId) -> bool:
        return user == BOT or user.startswith("@pont_")

    def ghost_of(self, network: str, person: PersonId) -> UserId:
        return UserId(f"@pont_{person}:test")

    async def depart(self, room: RoomId, user: UserId) -> None:
        self.departed.append((room, user))
        async with self.db.transaction() as tx:
            await tx.run("ghost_room_remove", room=room, mxid=user)

    async def ghost(self, user: UserId) -> Ghost | None:
        return self.ghosts.get(user)

    async def facts(self, room: RoomId) -> RoomFacts:
        return self.facts_of.get(
            room,
            RoomFacts(
                room=room,
                name="Salon",
                encrypted=False,
                tchap=True,
                rule="unrestricted",
                public=False,
                users_default=0,
                levels={ALICE: 100},
                invite_level=50,
                version="11",
            ),
        )

    async def display_name(self, room: RoomId, user: UserId) -> str:
        return self.names.get(user, user)

    async def avatar(self, room: RoomId, user: UserId) -> str:
        return self.pictures.get(user, "")

    def thumbnail(self, picture: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.rooms.open_file(FileRef(picture))

    async def join(self, room: RoomId) -> None:
        self.joined.append(room)

    async def leave(self, room: RoomId, reason: str) -> None:
        self.left.append((room, reason))

    async def call_off(self, room: RoomId) -> None:
        pass

    async def wear(self, room: RoomId, name: str | None) -> None:
        self.worn.append((room, name))

    async def mark_read(self, room: RoomId, event: MessageId) -> None:
        self.marks.append(event)

    def forget_voice(self, room: RoomId) -> None:
        pass


class NetConfig(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    network: Any
    grace: float = 0.0


class Net:
    """The network's own side."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.host: Host | None = None
        self.up = asyncio.Event()
        self.limits = Limits()
        self.count = 0
        self.moderated = False
        self.deaf = False
        self.correspondents = False
        self.members: list[str] = []
        self.direction = Direction.BOTH
        self.destination = Destination.STATE

    async def say(
        self,
        text: str,
        *,
        chat: str = "#c",
        by: str = "bob",
        id: str | None = None,
        html: str | None = None,
        **more: Any,
    ) -> str:
        await self.up.wait()
        assert self.host is not None
        self.count += 1
        id = id or f"n{self.count}"
        await self.host.receive(
            Message(
                id=MessageId(id),
                chat=ChatId(chat),
                author=Author(person=PersonId(by), name=by.title()),
                at=more.pop("at", WHEN),
                text=Text(plain=text, html=html),
                **more,
            ),
            key=f"{id}/{self.count}",
        )
        return id


class NetConnection(Place, NamesChats, ListsMembers):
    def __init__(self, net: Net, host: Host) -> None:
        super().__init__(net.shown, "net")
        self.net = net
        self.host = host
        self.limits = net.limits

    async def run(self) -> None:
        self.net.host = self.host
        self.net.up.set()
        self.host.up()
        await asyncio.Event().wait()

    async def members(self, chat: ChatId) -> Sequence[Author]:
        return [Author(person=PersonId(name), name=name.title()) for name in self.net.members]

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        return Chat(
            id=ChatId(argument),
            name=argument,
            destination=self.net.destination,
            direction=self.net.direction,
            moderated=self.net.moderated,
            correspondents=self.net.correspondents,
        )


class DeafConnection(Connection, NamesChats):
    """A network of messages and nothing else, like mail."""

    limits = Limits()

    def __init__(self, net: Net, host: Host) -> None:
        self.live = NetConnection(net, host)

    async def run(self) -> None:
        await self.live.run()

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        return await self.live.send(message)

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        return await self.live.find(argument, options, asker)


class NetBridge(Bridge[NetConfig]):
    name = "net"
    words = ("net",)
    label = "réseau"
    Config = NetConfig

    @asynccontextmanager
    async def open(self, config: NetConfig, host: Host) -> AsyncIterator[Connection]:
        yield (DeafConnection if config.network.deaf else NetConnection)(config.network, host)

    @classmethod
    def grace(cls, config: NetConfig) -> float:
        return config.grace

    @classmethod
    def read(cls, item: Item, config: NetConfig) -> Sequence[Event]:
        raise RuntimeError("nothing can read this")


class Counts:
    def __init__(self) -> None:
        self.counted: dict[tuple[str, str], int] = {}

    def count(self, what: str, where: str, n: int = 1) -> None:
        self.counted[what, where] = self.counted.get((what, where), 0) + n


class Stage:
    """One kernel running on a store, with one network called ``net`` (and others by name)."""

    def __init__(
        self,
        db: Database,
        nets: Mapping[str, Net],
        *,
        grace: float,
        bots: Mapping[str, Bot],
        options: Mapping[str, Any],
    ) -> None:
        self.db = db
        self.nets = nets
        self.net = nets["net"]
        self.meter = Counts()
        made: list[FakeHomeserver] = []

        def homeserver(edge: Edge) -> FakeHomeserver:
            made.append(FakeHomeserver(edge))
            return made[0]

        self.kernel = Kernel(
            db=db,
            sealer=Sealer([KEY]),
            key=KEY,
            homeserver=homeserver,
            bridges={
                ConnectionName(name): (NetBridge, NetConfig.model_construct(network=net, grace=grace))
                for name, net in nets.items()
            },
            bots=bots,
            options=Options(
                **{
                    "rules": policy.Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False),
                    "users": ["@*:test"],
                    "home": "Tchap",
                    "words": Translator("fr"),
                    **options,
                }
            ),
            meter=self.meter,
        )
        self.hs = made[0]
        self.hs.db = db
        self.count = 0

    @property
    def shown(self) -> Shown:
        return self.hs.shown

    async def event(self, kind: str, id: str | None = None, **data: Any) -> str:
        self.count += 1
        id = id or f"$u{self.count}"
        await self.kernel.inbox.take([(id, json.dumps({"kind": kind, **data}).encode())])
        return id

    async def say(self, text: str, **data: Any) -> str:
        return await self.event("message", text=text, **data)

    async def link(self, chat: str = "#c", *, net: str = "net", room: str = ROOM) -> None:
        """As a room admin does."""
        before = len(self.shown.log)
        word = "net" if net == "net" else net
        await self.say(f"!pont {word} {chat} via={net}", room=room)
        log = await self.shown.until(before + 1)
        assert "✓" in log[-1].text.plain, log[-1].text.plain
        self.shown.log.clear()

    async def row(self, sql_name: str, **values: Any) -> Any:
        async with self.db.snapshot() as tx:
            return await tx.one(sql_name, **values)


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    nets: Sequence[str] = ("net",),
    grace: float = 0.0,
    linked: bool = True,
    bots: Mapping[str, Bot] | None = None,
    prepare: Callable[[Stage], None] = lambda _stage: None,
    url: str | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    db = await Database.open(url or f"sqlite:///{folder}/store.db")
    try:
        found = Stage(db, {name: Net() for name in nets}, grace=grace, bots=bots or {}, options=options)
        prepare(found)
        async with found.kernel.running():
            found.hs.edge.alive()
            for net in found.nets.values():
                async with asyncio.timeout(5):
                    await net.up.wait()
            if linked:
                await found.link()
            yield found
    finally:
        await db.close()
