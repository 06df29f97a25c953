"""In which order and how fast lines leave: a server throws out whoever is too fast (RFC 1459 section 8.10).

A token bucket: ``burst`` lines at once, then ``rate`` a second, never more. What is urgent goes first; among the rest
each target has its turn, so that a long text to one channel does not keep the others waiting. The order of lines to one
target never changes. Time is passed in, as seconds of a clock that only grows.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")
_ONE = 1 - 1e-9
"""A token, as far as floating point tells: without it a caller that wakes at `due` may find that it is not yet due."""


class Priority(IntEnum):
    """What goes first."""

    URGENT = 0
    """PONG, registration: late, they cost the session."""
    NORMAL = 1
    LATE = 2
    """What nobody waits for: WHO, MODE, typing."""


class Bucket:
    """How much may leave now: at most ``burst``, refilled by ``rate`` a second."""

    def __init__(self, burst: int, rate: float) -> None:
        if burst < 1 or rate <= 0:
            raise ValueError("burst must be at least 1 and rate above 0")
        self._burst = float(burst)
        self._rate = rate
        self._full = float(burst)
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether one more may leave; if so it is counted. A clock that goes back gives nothing."""
        if self._at is not None and now > self._at:
            self._full = min(self._burst, self._full + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)
        if self._full < _ONE:
            return False
        self._full = max(0.0, self._full - 1)
        return True

    def ready(self) -> float | None:
        """From when on `take` says yes; None: at once."""
        return None if self._full >= _ONE or self._at is None else self._at + (1 - self._full) / self._rate


class Queue(Generic[Item]):
    """What waits to leave on one connection."""

    def __init__(self, burst: int = 5, rate: float = 0.5) -> None:
        self._bucket = Bucket(burst, rate)
        self._lanes: dict[Priority, OrderedDict[str, deque[Item]]] = {priority: OrderedDict() for priority in Priority}

    def __len__(self) -> int:
        return sum(len(lane) for lanes in self._lanes.values() for lane in lanes.values())

    def put(self, item: Item, target: str = "", priority: Priority = Priority.NORMAL) -> None:
        """``target``: whose turn it takes, a channel or nick (folded); '' for what goes to the server itself."""
        self._lanes[priority].setdefault(target, deque()).append(item)

    def take(self, now: float) -> Sequence[Item]:
        """All that may leave now, in order. Taken is sent: there is no giving back."""
        taken = []
        while len(self) and self._bucket.take(now):
            taken.append(self._next())
        return taken

    def due(self, now: float) -> float | None:
        """When to call `take` next: ``now`` or later; None: nothing waits."""
        if not len(self):
            return None
        return max(now, self._bucket.ready() or now)

    def drop(self, target: str) -> Sequence[Item]:
        """Take back what waits for a target that is gone, whatever its priority."""
        return [item for lanes in self._lanes.values() for item in lanes.pop(target, ())]

    def clear(self) -> Sequence[Item]:
        """Take back all that waits: the connection is gone."""
        left = [item for lanes in self._lanes.values() for lane in lanes.values() for item in lane]
        for lanes in self._lanes.values():
            lanes.clear()
        return left

    def _next(self) -> Item:
        for lanes in self._lanes.values():
            if lanes:
                target, lane = next(iter(lanes.items()))
                item = lane.popleft()
                if lane:
                    lanes.move_to_end(target)
                else:
                    del lanes[target]
                return item
        raise LookupError("nothing waits")
