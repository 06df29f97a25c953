"""What is kept of a room's polls: each as it was asked, while it is open every vote, and of the last ones the result.

Votes are all kept, for one that is withdrawn gives the one before it back; they lie in drawers by sender, so that a
vote is written without all the others, and thousands are put away at once. When a poll is closed its votes are gone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_polls.model import Result, Rules
from tchap_bot_polls.tally import Response
from tchap_bridges.bot import Store
from tchap_bridges.events import Author, Option, PollStarted
from tchap_bridges.i18n import Language
from tchap_bridges.ids import ChatId, MessageId, PersonId

REMEMBERED: Final = 10
"""So many closed polls of a room can still be asked for their papers."""
_DRAWERS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A poll. ``number``: later ones of its room have a greater one. ``at`` and ``closed``: milliseconds since 1970,
    ``closed`` 0 while it is open.

    ``name``: what ``by``, who asked it, was called. ``native``: it is a poll of the room, else a numbered text.
    ``foreign``: somebody asked it with their own client, and its votes are read when it ends. ``reminder``: so many
    milliseconds before its end, or after the question, those who have not voted are called; ``reminded``: they were.
    ``language``: in which it was asked, and people read of it what nobody has typed a command for.
    """

    id: str
    question: str
    options: tuple[Option, ...]
    rules: Rules
    by: str
    at: int
    number: int = 0
    name: str = ""
    disclosed: bool = True
    native: bool = True
    foreign: bool = False
    minutes: bool = False
    table: bool = False
    reminder: int = 0
    reminded: bool = False
    language: Language = "fr"
    closed: int = 0

    def asked(self) -> PollStarted:
        return PollStarted(
            id=MessageId(self.id),
            chat=ChatId(""),
            author=Author(person=PersonId(self.by), name=""),
            at=datetime.fromtimestamp(self.at / 1000, UTC),
            question=self.question,
            options=self.options,
            most=self.rules.most,
            disclosed=self.disclosed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A poll that is over, and what came of it. ``closed_by``: a name, None when its time had come."""

    poll: Kept
    result: Result
    closed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One response, and what its author was called when they gave it. ``network``: "" for people of the room."""

    response: Response
    name: str
    network: str = ""


_POLL = TypeAdapter(Kept)
_CLOSED = TypeAdapter(Closed)
_VOICES = TypeAdapter(list[Voice])


class Polls:
    """The polls of one room."""

    def __init__(self, kv: Store) -> None:
        self._kv = kv

    async def all(self) -> list[Kept]:
        """Those that are open, in the order in which they were asked."""
        found = [_POLL.validate_json(one) for one in (await self._kv.all("poll ")).values()]
        return sorted(found, key=lambda poll: poll.number)

    async def get(self, id_: str) -> Kept | None:
        """One that is open."""
        said = await self._kv.get(f"poll {id_}")
        return _POLL.validate_json(said) if said is not None else None

    async def keep(self, poll: Kept) -> None:
        await self._kv.set(f"poll {poll.id}", _POLL.dump_json(poll).decode())

    async def next_number(self) -> int:
        return 1 + max((one.number for one in (*await self.all(), *(one.poll for one in await self.over()))), default=0)

    # Votes

    async def vote(self, poll: str, voice: Voice) -> None:
        drawer = _drawer(poll, voice.response.sender)
        others = [one for one in await self._read(drawer) if one.response.id != voice.response.id]
        await self._write(drawer, [*others, voice])

    async def withdrawn(self, response: str) -> None:
        """A response was removed: it was never given."""
        for drawer, said in (await self._kv.all("votes ")).items():
            voices = _VOICES.validate_json(said)
            left = [one for one in voices if one.response.id != response]
            if len(left) < len(voices):
                await self._write(drawer, left)

    async def of(self, poll: str, sender: str) -> list[Voice]:
        """All that somebody has chosen, the last of it last."""
        theirs = [one for one in await self._read(_drawer(poll, sender)) if one.response.sender == sender]
        return sorted(theirs, key=lambda one: (one.response.at, one.response.id))

    async def votes(self, poll: str) -> list[Voice]:
        return [one for said in (await self._kv.all(f"votes {poll} ")).values() for one in _VOICES.validate_json(said)]

    async def _read(self, drawer: str) -> list[Voice]:
        said = await self._kv.get(drawer)
        return _VOICES.validate_json(said) if said is not None else []

    async def _write(self, drawer: str, voices: list[Voice]) -> None:
        await self._kv.set(drawer, _VOICES.dump_json(voices).decode())

    async def drop(self, poll: str) -> None:
        """It is no longer open, and no vote of it is kept."""
        await self._kv.delete(f"poll {poll}")
        for drawer in await self._kv.all(f"votes {poll} "):
            await self._kv.delete(drawer)

    # What is over

    async def close(self, closed: Closed) -> None:
        """Its result is kept, once it was dropped; results of long ago are forgotten."""
        await self._kv.set(f"closed {closed.poll.id}", _CLOSED.dump_json(closed).decode())
        for old in (await self.over())[REMEMBERED:]:
            await self._kv.delete(f"closed {old.poll.id}")

    async def is_over(self, id_: str) -> bool:
        return await self._kv.get(f"closed {id_}") is not None

    async def over(self) -> list[Closed]:
        """The last that was closed comes first."""
        found = [_CLOSED.validate_json(one) for one in (await self._kv.all("closed ")).values()]
        return sorted(found, key=lambda one: (one.poll.closed, one.poll.number), reverse=True)


def _drawer(poll: str, sender: str) -> str:
    return f"votes {poll} {blake2b(sender.encode(), digest_size=2).digest()[0] % _DRAWERS:x}"
