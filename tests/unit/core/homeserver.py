"""A homeserver that is a Python object: `core.ports.Homeserver`, and what is in its rooms."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from tchap_bridges.bridge import Item
from tchap_bridges.core.kernel import Edge
from tchap_bridges.core.ports import Ghost, Invited, RoomChanged, RoomFact, RoomFacts, Upgraded
from tchap_bridges.events import Author, Deletion, Edit, Event, File, Form, Membership, Message, Reaction, Related, Text
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.store.database import Database

from .places import Place, Shown

ALICE = UserId("@alice:test")
BOT = UserId("@pont:test")
ROOM = RoomId("!room:test")
WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class _Everybody(frozenset[UserId]):
    """Whoever says something is in the room."""

    def __contains__(self, user: object) -> bool:
        return True


EVERYBODY = _Everybody()


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
        self.agents: set[str] = set()
        self.facts_of: dict[RoomId, RoomFacts] = {}

    async def opened(self, item: Item) -> Item:
        return item

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
                by, value = UserId(author.person), data.get("value")
                return (RoomChanged(room=RoomId(chat), what=data["what"], by=by, value=value),)
            case "upgraded":
                return (Upgraded(room=RoomId(chat), to=RoomId(data["to"]), by=UserId(author.person)),)
            case "moved":
                return (Membership(chat=chat, author=author, present=data["present"], at=at),)
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

    async def is_external(self, address: str) -> bool:
        return address not in self.agents

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
                present=EVERYBODY,
            ),
        )

    async def display_name(self, room: RoomId, user: UserId) -> str:
        return self.names.get(user, user)

    async def members(self, room: RoomId) -> Mapping[UserId, str]:
        return {ALICE: "Alice", **{UserId(user): name for user, name in self.names.items()}}

    async def related(self, room: RoomId, event: MessageId) -> Related:
        return Related(message=None)

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

    async def make_direct(self, user: UserId) -> RoomId:
        return RoomId(f"!direct-{user[1:]}")

    async def invite_direct(self, room: RoomId, user: UserId, reason: str) -> None: ...

    async def wear(self, room: RoomId, name: str | None) -> None:
        self.worn.append((room, name))

    async def mark_read(self, room: RoomId, event: MessageId) -> None:
        self.marks.append(event)

    def forget_voice(self, room: RoomId) -> None:
        pass
