"""How fast anybody may go: buckets that fill with time, and one person's commands in one room.

By the clock of the core, and in memory: who has been told to slow down may be told again after a restart.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from tchap_bridges.core import clock
from tchap_bridges.ids import RoomId, UserId

COMMANDS_A_MINUTE: Final = 30
"""So many commands may one person give in one room, for as long as they like."""
COMMANDS_AT_ONCE: Final = 30
"""And so many in a row."""
_MOST_KNOWN: Final = 10_000

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Bucket:
    """Gains ``a_minute`` and holds ``at_once`` at most; a clock that steps back gives nothing."""

    a_minute: float
    at_once: float
    left: float = field(init=False)
    _at: int = field(init=False)

    def __post_init__(self) -> None:
        self.left, self._at = self.at_once, clock.now()

    def holds(self, n: float) -> bool:
        self._fill()
        return self.left >= n

    def take(self, n: int = 1) -> bool:
        """All of it, or nothing."""
        if not self.holds(n):
            return False
        self.left -= n
        return True

    def wait(self, n: float = 1) -> float:
        """Seconds until it holds so much, 0 when it does."""
        return 0.0 if self.holds(n) else (n - self.left) * 60 / self.a_minute

    @property
    def is_full(self) -> bool:
        return self.holds(self.at_once)

    def _fill(self) -> None:
        now = clock.now()
        self.left = min(self.at_once, self.left + max(0, now - self._at) * self.a_minute / 60_000)
        self._at = now


class Buckets(Generic[K]):
    """A bucket for each; those that are full are forgotten when there are many, and no other."""

    def __init__(self, a_minute: float, at_once: float) -> None:
        self._a_minute, self._at_once = a_minute, at_once
        self._known: dict[K, Bucket] = {}
        self._room_for = _MOST_KNOWN

    def of(self, key: K) -> Bucket:
        if key not in self._known:
            if len(self._known) >= self._room_for:
                self._known = {one: bucket for one, bucket in self._known.items() if not bucket.is_full}
                self._room_for = max(_MOST_KNOWN, 2 * len(self._known))
            self._known[key] = Bucket(self._a_minute, self._at_once)
        return self._known[key]


class Pace(Enum):
    """What becomes of a command: answered, refused with a word, or refused without one."""

    WELL = auto()
    TOO_FAST = auto()
    STILL_TOO_FAST = auto()


class Commands:
    """Who goes too fast hears so once, and nothing more until they have been calm: a flood is not answered by one."""

    def __init__(self) -> None:
        self._buckets: Buckets[tuple[RoomId, UserId]] = Buckets(COMMANDS_A_MINUTE, COMMANDS_AT_ONCE)
        self._told: set[tuple[RoomId, UserId]] = set()

    def pace(self, room: RoomId, user: UserId) -> Pace:
        key = (room, user)
        bucket = self._buckets.of(key)
        if bucket.is_full:
            self._told.discard(key)
        if bucket.take():
            return Pace.WELL
        if key in self._told:
            return Pace.STILL_TOO_FAST
        if len(self._told) >= _MOST_KNOWN:
            self._told.clear()
        self._told.add(key)
        return Pace.TOO_FAST
