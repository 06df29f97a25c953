"""What is kept of a room's surveys, each under keys of its own, so that an answer reads and writes a few of them.

Of an anonymous survey, answers stand under a name only while somebody is at it. When they are sent that is deleted, the
name joins the roll, and the answers the pool: both are sorted, and each is one sealed value, without times, an order,
or rows of its own.
"""

from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_surveys.model import MOST_BYTES, MOST_PEOPLE, Answer, Survey
from tchap_bot_surveys.walk import Walk
from tchap_bridges.bot import Store
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId, PersonId

AT_ONCE: Final = 40
"""So many keys are deleted by one call: what a call may do is bounded."""

Sent = tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Somebody's part in a survey. ``sent``: what they have sent, if anything; ``walk`` may have gone on since."""

    person: str
    name: str
    walk: Walk
    sent: Sent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one person has sent; of an anonymous survey nobody is named."""

    answers: Sent
    person: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many have begun, and sent; and the bytes of what was sent."""

    begun: int = 0
    sent: int = 0
    size: int = 0


_SURVEY: Final = TypeAdapter(Survey)
_PART: Final = TypeAdapter(Part)
_TALLY: Final = TypeAdapter(Tally)
_SENT: Final = TypeAdapter(Sent)
_POOL: Final = TypeAdapter(list[Sent])
_ROLL: Final = TypeAdapter(list[str])
_INDEX: Final = TypeAdapter(list[int])


class Surveys:
    """The surveys of one room."""

    def __init__(self, kv: Store) -> None:
        self._kv = kv

    async def draft(self, person: PersonId) -> Survey | None:
        said = await self._kv.get(f"draft {person}")
        return _SURVEY.validate_json(said) if said is not None else None

    async def keep_draft(self, survey: Survey) -> None:
        await self._kv.set(f"draft {survey.by}", _SURVEY.dump_json(survey).decode())

    async def drop_draft(self, person: PersonId) -> None:
        await self._kv.delete(f"draft {person}")

    async def numbers(self) -> list[int]:
        """Of all that are kept, oldest first."""
        return _INDEX.validate_json(await self._kv.get("index") or "[]")

    async def next_number(self) -> int:
        """One that no survey of the room has ever had."""
        number = int(await self._kv.get("last") or 0) + 1
        await self._kv.set("last", str(number))
        return number

    async def get(self, number: int) -> Survey | None:
        said = await self._kv.get(f"survey {number}")
        return _SURVEY.validate_json(said) if said is not None else None

    async def keep(self, survey: Survey) -> None:
        await self._kv.set(f"survey {survey.number}", _SURVEY.dump_json(survey).decode())
        numbers = await self.numbers()
        if survey.number not in numbers:
            await self._kv.set("index", _INDEX.dump_json([*numbers, survey.number]).decode())
            await self._kv.set(f"announced {survey.announced}", str(survey.number))

    async def announced_by(self, message: MessageId) -> int | None:
        said = await self._kv.get(f"announced {message}")
        return int(said) if said is not None else None

    async def tally(self, number: int) -> Tally:
        return _TALLY.validate_json(await self._kv.get(f"tally {number}") or "{}")

    async def part(self, number: int, person: PersonId) -> Part | None:
        said = await self._kv.get(f"part {number} {person}")
        return _PART.validate_json(said) if said is not None else None

    async def parts(self, number: int) -> list[Part]:
        """Everybody's who has begun, and for an anonymous survey has not sent."""
        return [_PART.validate_json(one) for one in (await self._kv.all(f"part {number} ")).values()]

    async def check_room(self, number: int) -> None:
        """Raises `Misconfigured` when nobody can begin any more."""
        if (await self.tally(number)).begun >= MOST_PEOPLE:
            raise Misconfigured(_("cette enquête a déjà {n} participants, elle est pleine", n=MOST_PEOPLE))

    async def begin(self, number: int, part: Part) -> None:
        """Somebody's first question is asked."""
        tally = await self.tally(number)
        await self._tell(number, replace(tally, begun=tally.begun + 1))
        await self.keep_part(number, part)

    async def keep_part(self, number: int, part: Part) -> None:
        await self._kv.set(f"part {number} {part.person}", _PART.dump_json(part).decode())

    async def withdraw(self, number: int, part: Part) -> None:
        """Nothing is left of somebody's part."""
        await self._kv.delete(f"part {number} {part.person}")
        tally = await self.tally(number)
        sent = part.sent is not None
        await self._tell(
            number,
            Tally(begun=tally.begun - 1, sent=tally.sent - sent, size=tally.size - _size(part.sent)),
        )

    async def send(self, survey: Survey, part: Part) -> None:
        """What is reviewed becomes their answers. Raises `Misconfigured` when there is no room for them."""
        answers: Sent = tuple(part.walk.complete)
        tally = await self.tally(survey.number)
        size = tally.size + _size(answers) - _size(part.sent)
        if size > MOST_BYTES:
            raise Misconfigured(
                _("cette enquête est pleine"), remedy=_("Écrivez plus court, ou parlez-en à qui l'a faite.")
            )
        await self._tell(survey.number, replace(tally, size=size, sent=tally.sent + (part.sent is None)))
        if not survey.anonymous:
            await self.keep_part(survey.number, replace(part, sent=answers))
            return
        await self._kv.delete(f"part {survey.number} {part.person}")
        roll, pool = await self.roll(survey.number), await self.pool(survey.number)
        await self._kv.set(f"roll {survey.number}", _ROLL.dump_json(sorted([*roll, part.person])).decode())
        await self._kv.set(f"pool {survey.number}", _POOL.dump_json(sorted([*pool, answers])).decode())

    async def given(self, survey: Survey) -> list[Given]:
        """All that has been sent."""
        if survey.anonymous:
            return [Given(answers=answers) for answers in await self.pool(survey.number)]
        parts = await self.parts(survey.number)
        return [Given(answers=one.sent, person=one.person, name=one.name) for one in parts if one.sent is not None]

    async def roll(self, number: int) -> list[str]:
        """Who has sent answers to an anonymous survey."""
        return _ROLL.validate_json(await self._kv.get(f"roll {number}") or "[]")

    async def pool(self, number: int) -> list[Sent]:
        """What has been sent to an anonymous survey."""
        return _POOL.validate_json(await self._kv.get(f"pool {number}") or "[]")

    async def forget_pool(self, number: int) -> None:
        """What was sent is too little to be told."""
        await self._kv.delete(f"pool {number}")

    async def clear_unsent(self, number: int) -> bool:
        """Delete what was begun, or changed, and never sent. Returns whether there is more of it: call again."""
        left = [part for part in await self.parts(number) if part.walk.answers != part.sent]
        for part in left[:AT_ONCE]:
            if part.sent is None:
                await self._kv.delete(f"part {number} {part.person}")
            else:
                await self.keep_part(number, replace(part, walk=Walk(answers=part.sent, at=len(part.sent))))
        return len(left) > AT_ONCE

    async def clear(self, survey: Survey) -> bool:
        """Delete all of a survey; as `clear_unsent`."""
        number = survey.number
        parts = await self.parts(number)
        for part in parts[:AT_ONCE]:
            await self._kv.delete(f"part {number} {part.person}")
        if len(parts) > AT_ONCE:
            return True
        for key in ("survey", "tally", "roll", "pool"):
            await self._kv.delete(f"{key} {number}")
        await self._kv.delete(f"announced {survey.announced}")
        kept = [one for one in await self.numbers() if one != number]
        await (self._kv.set("index", _INDEX.dump_json(kept).decode()) if kept else self._kv.delete("index"))
        return False

    async def _tell(self, number: int, tally: Tally) -> None:
        await self._kv.set(f"tally {number}", _TALLY.dump_json(tally).decode())


def _size(sent: Sent | None) -> int:
    return len(_SENT.dump_json(sent)) if sent is not None else 0
