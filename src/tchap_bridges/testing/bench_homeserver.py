"""Between a bench and its core: a homeserver that is an object, and what is said in its rooms."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tchap_bridges.bridge import AsksPolls, Connection, Deletes, Edits, Item, Limits, OpensFiles, Reacts
from tchap_bridges.core.ports import Ghost, RoomFact, RoomFacts
from tchap_bridges.errors import Undeliverable
from tchap_bridges.events import Event, Option, PollEnded, PollStarted, PollVote, Related
from tchap_bridges.ids import FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.matrix import read
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.outgoing import (
    Attachment,
    Outgoing,
    OutgoingDeletion,
    OutgoingEdit,
    OutgoingPoll,
    OutgoingPollEnd,
    OutgoingReaction,
)

if TYPE_CHECKING:
    from tchap_bridges.testing.bench import Bench

BOT = UserId("@pont:exemple.fr")
KEY = bytes(range(32))
numbers = itertools.count(1)


@dataclass(slots=True)
class Said:
    """One thing that the bot has said, as it reads now. ``options``, ``most``: of a poll. ``ended``: what its end told.

    ``html``: as it is formatted, with the people it names.
    """

    id: MessageId
    text: str
    answers: MessageId | None = None
    edited: bool = False
    options: tuple[Option, ...] = ()
    most: int = 1
    ended: str | None = None
    files: tuple[str, ...] = ()
    data: tuple[bytes, ...] = ()
    html: str | None = None


class Rooms(Connection, Edits, Deletes, Reacts, AsksPolls, OpensFiles):
    """What is said in the rooms of a bench."""

    limits = Limits(repeatable=True)

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self._known: dict[str, MessageId] = {}

    def _said(self, key: str, room: str, **what: Any) -> MessageId:
        if key not in self._known:
            self._known[key] = MessageId(f"$ours{next(numbers)}")
            self._bench.rooms[RoomId(room)].timeline.append(Said(id=self._known[key], **what))
        return self._known[key]

    def _found(self, room: str, id_: MessageId) -> Said:
        return next(one for one in self._bench.rooms[RoomId(room)].timeline if one.id == id_)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        names = tuple(file.name for file in message.files)
        data = [await _bytes(file) for file in message.files]
        words = message.text
        said = self._said(
            message.key,
            message.chat,
            text=words.plain,
            answers=message.reply_to,
            files=names,
            data=tuple(data),
            html=words.html,
        )
        return [said]

    async def edit(self, edit: OutgoingEdit) -> None:
        said = self._found(edit.chat, edit.target)
        said.text, said.edited = edit.text.plain, True

    async def delete(self, deletion: OutgoingDeletion) -> None:
        timeline = self._bench.rooms[RoomId(deletion.chat)].timeline
        timeline[:] = [one for one in timeline if one.id not in {deletion.target, *deletion.parts}]

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        return None if reaction.removed else MessageId(f"$ours{next(numbers)}")

    async def ask(self, poll: OutgoingPoll) -> MessageId:
        return self._said(poll.key, poll.chat, text=poll.question, options=poll.options, most=poll.most)

    async def end_poll(self, end: OutgoingPollEnd) -> None:
        room = self._bench.rooms[RoomId(end.chat)]
        room.ended[end.poll] = end.text
        for said in room.timeline:
            if said.id == end.poll:
                said.ended = end.text

    @asynccontextmanager
    async def open_file(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        raise Undeliverable(f"nothing has put {ref} on this bench")
        yield


class Homeserver:
    """`core.ports.Homeserver` over the rooms of a bench."""

    bot = BOT

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self.rooms = Rooms(bench)
        self._ours = Namespace(server="exemple.fr", prefix="pont_", bot=BOT, secret=KEY)

    async def opened(self, item: Item) -> Item:
        return item

    def read(self, item: Item) -> Sequence[Event | RoomFact]:
        return read.read(item, self._ours)

    def room_of(self, item: Item) -> RoomId | None:
        return read.room_of(item)

    def is_ours(self, user: UserId) -> bool:
        return user in self._ours

    def ghost_of(self, network: str, person: PersonId) -> UserId:
        return self._ours.ghost_id(network, person)

    async def depart(self, room: RoomId, user: UserId) -> None: ...

    async def ghost(self, user: UserId) -> Ghost | None:
        del user
        return None

    async def is_external(self, address: str) -> bool:
        del address
        return True

    async def facts(self, room: RoomId) -> RoomFacts:
        return RoomFacts(
            room=room,
            name="Salon d'essai",
            encrypted=False,
            tchap=True,
            rule="unrestricted",
            public=False,
            users_default=self._bench.rooms[room].users_default,
            levels=self._bench.rooms[room].levels,
            invite_level=50,
            version="11",
            redact_level=self._bench.rooms[room].redact_level,
            present=frozenset(self._bench.rooms[room].names),
        )

    async def related(self, room: RoomId, event: MessageId) -> Related:
        events = self._bench.rooms[room].events
        about = [one for one in events.values() if one["content"].get("m.relates_to", {}).get("event_id") == event]
        means = [self._poll(one) for one in about if one["type"] != "m.reaction"]
        found = tuple(one for one in means if one is not None)
        unreadable = sum(one["type"] == "m.room.encrypted" for one in about)
        start = self._poll(events[event]) if event in events else None
        return Related(message=start, events=found, unreadable=unreadable)

    def _poll(self, event: Mapping[str, Any]) -> Event | None:
        item = Item(key=event["event_id"], raw=json.dumps(event).encode(), meta={}, received_at=self._bench.clock.at)
        means = (one for one in self.read(item) if isinstance(one, PollStarted | PollVote | PollEnded))
        return next(means, None)

    async def display_name(self, room: RoomId, user: UserId) -> str:
        return self._bench.rooms[room].names.get(user, user)

    async def members(self, room: RoomId) -> Mapping[UserId, str]:
        return self._bench.rooms[room].names

    async def avatar(self, room: RoomId, user: UserId) -> str:
        del room, user
        return ""

    def thumbnail(self, picture: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.rooms.open_file(FileRef(picture))

    async def join(self, room: RoomId) -> None: ...
    async def leave(self, room: RoomId, reason: str) -> None: ...
    async def call_off(self, room: RoomId) -> None: ...
    async def make_direct(self, user: UserId) -> RoomId:
        del user
        return self._bench.made()

    async def invite_direct(self, room: RoomId, user: UserId, reason: str) -> None:
        del reason
        self._bench.invited(room, user)

    async def wear(self, room: RoomId, name: str | None) -> None: ...
    async def mark_read(self, room: RoomId, event: MessageId) -> None: ...
    def forget_voice(self, room: RoomId) -> None: ...


async def _bytes(file: Attachment) -> bytes:
    async with file.open() as chunks:
        return b"".join([chunk async for chunk in chunks])


class Uncounted:
    def count(self, what: str, where: str, n: int = 1) -> None: ...
