"""What a bot may do over many calls: say so much, and fail so often. `Turn` limits what one call may do.

In memory: after a restart a bot begins anew. Nothing here is counted of what people do: they have a pace of their own.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tchap_bridges.core import clock
from tchap_bridges.core.pace import Buckets
from tchap_bridges.ids import RoomId

SAID_A_MINUTE: Final = 60
"""Messages, corrections, polls and files of one bot in one place (a room, or one person's ear), without end."""
SAID_AT_ONCE: Final = 120
"""And so many in a row: a meeting of a hundred may vote by a command that is answered."""
ALL_SAID_A_MINUTE: Final = 1_200
"""The same of one bot for all rooms together."""
ALL_SAID_AT_ONCE: Final = 2_400
PATIENCE: Final = 300_000
"""Milliseconds after which a bot that still says too much, and was never calm in between, is switched off there."""
FAILURES: Final = 20
"""So often in a row may it fail at what nobody has typed; what people type they are told about."""


class Speech(Enum):
    """What becomes of what a call says."""

    SHOWN = auto()
    REFUSED_FIRST = auto()
    """Not shown; and the room does not know yet."""
    REFUSED = auto()
    REFUSED_LAST = auto()
    """Not shown, and it is enough."""


@dataclass(slots=True)
class _Conduct:
    too_much_since: int | None = None
    failures: int = 0


class Limits:
    """Counts for each bot and room."""

    def __init__(self) -> None:
        self._here: Buckets[tuple[str, str]] = Buckets(SAID_A_MINUTE, SAID_AT_ONCE)
        self._all: Buckets[str] = Buckets(ALL_SAID_A_MINUTE, ALL_SAID_AT_ONCE)
        self._conduct: dict[tuple[str, RoomId], _Conduct] = {}

    def says(self, bot: str, room: RoomId, said: Counter[str]) -> Speech:
        """A call of the room wants to say so many things in each place: all of them are shown, or none."""
        conduct = self._conduct.setdefault((bot, room), _Conduct())
        if said and all(self._here.of((bot, place)).is_full for place in said):
            conduct.too_much_since = None
        if self.fits(bot, said):
            return Speech.SHOWN
        if conduct.too_much_since is None:
            conduct.too_much_since = clock.now()
            return Speech.REFUSED_FIRST
        return Speech.REFUSED_LAST if clock.now() - conduct.too_much_since >= PATIENCE else Speech.REFUSED

    def fits(self, bot: str, said: Counter[str]) -> bool:
        """Whether it may be said; it is counted then."""
        buckets = {place: self._here.of((bot, place)) for place in said}
        if not all(buckets[place].holds(n) for place, n in said.items()) or not self._all.of(bot).take(said.total()):
            return False
        for place, n in said.items():
            buckets[place].take(n)
        return True

    def wait(self, bot: str, said: Counter[str]) -> float:
        """Seconds until a call may say so many things in each place; 0 when it may now."""
        waits = [self._here.of((bot, place)).wait(n) for place, n in said.items()]
        return max((self._all.of(bot).wait(said.total()), *waits), default=0.0) if said else 0.0

    def fails(self, bot: str, room: RoomId) -> bool:
        """Whether that is enough."""
        conduct = self._conduct.setdefault((bot, room), _Conduct())
        conduct.failures += 1
        return conduct.failures >= FAILURES

    def succeeds(self, bot: str, room: RoomId) -> None:
        if (conduct := self._conduct.get((bot, room))) is not None:
            conduct.failures = 0

    def forget(self, bot: str, room: RoomId) -> None:
        """It is switched off there: on the day it is on again, it begins anew."""
        self._conduct.pop((bot, room), None)
