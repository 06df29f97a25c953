"""What is kept of a room's polls: each as it was asked, and every vote, for one that is withdrawn gives the one before
it back."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter

from tchap_bot_polls.model import Rules
from tchap_bot_polls.tally import Response
from tchap_bridges.bot import Store
from tchap_bridges.events import Author, Option, PollStarted
from tchap_bridges.ids import ChatId, MessageId, PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A poll of ours. ``at`` and ``closed``: milliseconds since 1970; ``closed`` is 0 while it is open."""

    id: str
    question: str
    options: tuple[Option, ...]
    rules: Rules
    by: str
    at: int
    disclosed: bool = True
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
class Voice:
    """One response, and what its author was called when they gave it."""

    response: Response
    name: str


_POLL = TypeAdapter(Kept)
_VOICE = TypeAdapter(Voice)


class Polls:
    """The polls of one room."""

    def __init__(self, kv: Store) -> None:
        self._kv = kv

    async def all(self) -> list[Kept]:
        """In the order in which they were asked."""
        found = [_POLL.validate_json(one) for one in (await self._kv.all("poll ")).values()]
        return sorted(found, key=lambda poll: (poll.at, poll.id))

    async def get(self, id_: str) -> Kept | None:
        said = await self._kv.get(f"poll {id_}")
        return _POLL.validate_json(said) if said is not None else None

    async def keep(self, poll: Kept) -> None:
        await self._kv.set(f"poll {poll.id}", _POLL.dump_json(poll).decode())

    async def vote(self, poll: str, voice: Voice) -> None:
        await self._kv.set(f"vote {poll} {voice.response.id}", _VOICE.dump_json(voice).decode())
        await self._kv.set(f"of {voice.response.id}", poll)

    async def withdrawn(self, response: str) -> Kept | None:
        """A response was removed: the poll that it was for, None when it was for none."""
        poll = await self._kv.get(f"of {response}")
        said = await self._kv.get(f"vote {poll} {response}") if poll else None
        if poll is None or said is None:
            return None
        voice = _VOICE.validate_json(said)
        gone = Voice(response=_redacted(voice.response), name=voice.name)
        await self._kv.set(f"vote {poll} {response}", _VOICE.dump_json(gone).decode())
        return await self.get(poll)

    async def last_of(self, poll: str, sender: str) -> tuple[str, ...]:
        """What somebody chooses now."""
        theirs = [one.response for one in await self.votes(poll) if one.response.sender == sender]
        kept = [one for one in theirs if not one.redacted]
        return max(kept, key=lambda one: (one.at, one.id)).answers if kept else ()

    async def votes(self, poll: str) -> list[Voice]:
        return [_VOICE.validate_json(one) for one in (await self._kv.all(f"vote {poll} ")).values()]


def _redacted(response: Response) -> Response:
    return Response(id=response.id, sender=response.sender, at=response.at, answers=response.answers, redacted=True)
