"""What is kept of a room: its hooks, each with a book and with what stands in the room; a silence; whom to tell.

Three rows of JSON, whatever comes: one of the room, and two of each hook.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_alerts.book import Book, dumped, loaded
from tchap_bridges.bot import Store
from tchap_bridges.ids import MessageId, PersonId, RoomId

MINUTE: Final = timedelta(minutes=1)
MOST_HOOKS: Final = 30
"""Of more, the one that was silent for longest is forgotten."""
MOST_TOLD: Final = 15
"""People who are told directly."""
_MOST_SEERS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A message in the room. ``at``: when it last changed; ``stale``: it no longer shows what the book says."""

    id: MessageId
    at: datetime
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seer:
    """A ✅ on the message with this key. ``who`` tells them from others, ``name`` is for eyes."""

    reaction: MessageId
    key: str
    who: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What stands of one hook, by the keys of its book; in which room: a room that replaces it has none of it.

    ``at``: when it last changed. ``alarmed``: when people were last told directly. ``alarming``: what they are to be
    told next, by ids of entries.
    """

    room: RoomId
    at: datetime | None = None
    messages: Mapping[str, Standing] = field(default_factory=dict)
    seers: tuple[Seer, ...] = ()
    alarmed: datetime | None = None
    alarming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One hook: what is known, and what of it stands. ``moved``: nothing does, in this room."""

    name: str
    book: Book
    wall: Wall
    moved: bool = False

    def seen_by(self, seer: Seer) -> "Hook":
        others = (one for one in self.wall.seers if one.reaction != seer.reaction)
        return replace(self, wall=replace(self.wall, seers=(*others, seer)))

    def unseen_by(self, seer: Seer) -> "Hook":
        return replace(self, wall=replace(self.wall, seers=tuple(one for one in self.wall.seers if one != seer)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What is kept of the room. ``hooks``: names, the last heard of last. ``told``: who wants critical alerts.

    ``spoken``: when the last things were said or edited.
    """

    hooks: tuple[str, ...] = ()
    muted: datetime | None = None
    told: tuple[PersonId, ...] = ()
    spoken: tuple[datetime, ...] = ()


_DESKS: Final = TypeAdapter(Desk)
_WALLS: Final = TypeAdapter(Wall)


class Kept:
    """The rows of one room."""

    def __init__(self, room: RoomId, kv: Store) -> None:
        self._room, self._kv = room, kv

    async def desk(self) -> Desk:
        text = await self._kv.get("desk")
        return _DESKS.validate_json(text) if text is not None else Desk()

    async def set_desk(self, desk: Desk) -> None:
        await self._kv.set("desk", _DESKS.dump_json(desk).decode())

    async def hook(self, name: str) -> Hook:
        """One that nothing is known of is an empty one."""
        text, wall = await self._kv.get(f"book {name}"), await self.wall(name)
        moved = wall.room != self._room
        return Hook(
            name=name,
            book=loaded(text) if text is not None else Book(),
            wall=Wall(room=self._room) if moved else wall,
            moved=moved,
        )

    async def wall(self, name: str) -> Wall:
        text = await self._kv.get(f"wall {name}")
        return _WALLS.validate_json(text) if text is not None else Wall(room=self._room)

    async def of_message(self, desk: Desk, message: MessageId) -> tuple[Hook, str] | None:
        """The hook of which this is a message, and its key; None for any other."""
        for name in desk.hooks:
            messages = (await self.wall(name)).messages
            if (key := next((key for key, one in messages.items() if one.id == message), None)) is not None:
                return await self.hook(name), key
        return None

    async def of_reaction(self, desk: Desk, reaction: MessageId) -> tuple[Hook, Seer] | None:
        """The hook and the ✅; None for any other reaction or message."""
        for name in desk.hooks:
            seers = (await self.wall(name)).seers
            if (seer := next((one for one in seers if one.reaction == reaction), None)) is not None:
                return await self.hook(name), seer
        return None

    async def set_hook(self, hook: Hook) -> None:
        """What its book has forgotten stands no more."""
        keys = {key for main, one in hook.book.messages.items() for key in (main, *one.reminders)}
        messages = {key: one for key, one in hook.wall.messages.items() if key in keys}
        seers = tuple(one for one in hook.wall.seers if one.key in keys)[-_MOST_SEERS:]
        alarming = tuple(one for one in hook.wall.alarming if one in hook.book.entries)
        wall = replace(hook.wall, messages=messages, seers=seers, alarming=alarming)
        await self._kv.set(f"book {hook.name}", dumped(hook.book))
        await self._kv.set(f"wall {hook.name}", _WALLS.dump_json(wall).decode())

    async def heard_of(self, desk: Desk, name: str) -> Desk:
        """The desk, this hook the last; one too many is forgotten."""
        others = [one for one in desk.hooks if one != name]
        gone = others[: 1 - MOST_HOOKS]
        for one in gone:
            desk = await self.forget(desk, one)
        return replace(desk, hooks=(*others[len(gone) :], name))

    async def forget(self, desk: Desk, name: str) -> Desk:
        """The desk without this hook, of which nothing is kept."""
        await self._kv.delete(f"book {name}")
        await self._kv.delete(f"wall {name}")
        return replace(desk, hooks=tuple(one for one in desk.hooks if one != name))
