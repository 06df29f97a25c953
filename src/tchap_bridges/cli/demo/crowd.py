"""Thirty people in a room, who vote each in a way of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World

NAMES: Final = (
    *("Awa", "Bertrand", "Chloé", "Driss", "Élodie", "Fanny", "Gaël", "Hélène", "Inès", "Jules"),
    *("Kenza", "Loïc", "Maëlle", "Nadir", "Océane", "Pauline", "Quentin", "Rachid", "Sofia", "Thomas"),
    *("Ulysse", "Valérie", "William", "Xavier", "Yasmine", "Zélie", "Aymeric", "Binta", "Corentin", "Dounia"),
)
START: Final = "org.matrix.msc3381.poll.start"
RESPONSE: Final = "org.matrix.msc3381.poll.response"
T = TypeVar("T")
_AT_ONCE: Final = 6
_PATIENCE: Final = 60.0


@dataclass(slots=True)
class Crowd:
    """People who are in the room, in the order of `NAMES`."""

    room: str
    people: Sequence[Client]
    _directs: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def come(cls, world: World, room: str, host: Client) -> "Crowd":
        """Their accounts are made, and they come in, invited by ``host``."""

        async def one(n: int) -> Client:
            person = await world.agent(f"agent{n + 1:02}", NAMES[n])
            await host.invite(room, person.user_id)
            await person.join(room)
            return person

        return cls(room, await _each(range(len(NAMES)), one))

    async def vote(self, poll: str, *ballots: Sequence[str]) -> None:
        """Natively: the first of them as in the first ballot, and so on, over and over again."""

        async def one(n: int) -> None:
            relation = {"rel_type": "m.reference", "event_id": poll}
            content = {"m.relates_to": relation, RESPONSE: {"answers": list(ballots[n % len(ballots)])}}
            await self.people[n].send_event(self.room, RESPONSE, content)

        await _each(range(len(self.people)), one)

    async def type(self, *words: str) -> None:
        """As `vote`, in words."""

        async def one(n: int) -> None:
            await self.people[n].send_text(self.room, words[n % len(words)])

        await _each(range(len(self.people)), one)

    async def react(self, event: str, *keys: str) -> None:
        async def one(n: int) -> None:
            await self.people[n].react(self.room, event, keys[n % len(keys)])

        await _each(range(len(self.people)), one)

    async def answer(self, asked: str, *answers: str) -> None:
        """In their direct conversations, once they are asked there in such words."""

        async def one(n: int) -> None:
            person = self.people[n]
            direct = await self.direct(person)
            await person.wait_for_text(direct, asked, timeout=_PATIENCE)
            await person.send_text(direct, answers[n % len(answers)])

        await _each(range(len(self.people)), one)

    async def direct(self, person: Client) -> str:
        """The direct conversation to which the bridge has invited somebody, joined."""
        if person.user_id not in self._directs:
            self._directs[person.user_id] = direct = await person.wait_for_invite(timeout=_PATIENCE)
            await person.join(direct)
        return self._directs[person.user_id]


async def _each(numbers: range, one: Callable[[int], Awaitable[T]]) -> Sequence[T]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def placed(n: int) -> T:
        async with places:
            return await one(n)

    return await asyncio.gather(*(placed(n) for n in numbers))
