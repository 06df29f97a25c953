"""In which order and how fast lines leave: a server throws out whoever is too fast (RFC 1459 section 8.10).

Two accounts are kept, as servers keep them. Commands by a token bucket: ``burst`` at once, then ``rate`` a second, each
with its weight. Bytes by a window: what the server has not yet shown to have read is at most as much as it keeps of
somebody whom it slows down (InspIRCd: recvq), for there it hangs up. What is urgent goes first; among the rest each
target has its turn, so that a long text to one channel does not keep the others waiting. The order of what goes to one
target never changes. Time is passed in, as seconds of a clock that only grows.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")
_ONE = 1 - 1e-9
"""A token, as far as floating point tells: without it a caller that wakes at `due` may find that it is not yet due."""
WEIGHTS = {"PONG": 0, "PING": 1, "JOIN": 2, "WHO": 3, "NICK": 3, "MODE": 1}
"""What a command counts where it is not 1: InspIRCd's penalties, in its seconds."""
WINDOW = 4096
"""Bytes that may be on their way: half of the smallest receive queue that servers are known to be set up with."""


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

    def take(self, now: float, cost: float = 1) -> bool:
        """Whether ``cost`` more may leave; if so it is counted. A clock that goes back gives nothing.

        What costs more than the bucket holds leaves when it is full, and is owed.
        """
        if self._at is not None and now > self._at:
            self._full = min(self._burst, self._full + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(self._at, now)
        if self._full < min(cost, self._burst) * _ONE:
            return False
        self._full -= cost
        if 0 > self._full > -1e-6:
            self._full = 0.0
        return True

    def ready(self, cost: float = 1) -> float | None:
        """From when on `take` says yes; None: at once."""
        need = min(cost, self._burst)
        if self._full >= need * _ONE or self._at is None:
            return None
        return self._at + (need - self._full) / self._rate


class Window:
    """Bytes that have left, and how many of them the server is known to have read."""

    def __init__(self, size: int = WINDOW) -> None:
        self._size = size
        self._left = 0
        self._read = 0

    @property
    def sent(self) -> int:
        """All that has left."""
        return self._left

    def send(self, size: int) -> int:
        """So many more leave. Returns the mark to `read` up to when they are known to be read."""
        self._left += size
        return self._left

    def read(self, mark: int) -> None:
        """The server has answered to what ended there: it has read all before it, too."""
        self._read = max(self._read, mark)

    def open(self, size: int = 0) -> bool:
        """Whether ``size`` more may leave; something larger than the window may, when nothing is under way."""
        under_way = self._left - self._read
        return under_way <= 0 or under_way + size <= self._size

    @property
    def under_way(self) -> int:
        """Sent, and not known to be read."""
        return self._left - self._read


class Queue(Generic[Item]):
    """What waits to leave on one connection."""

    def __init__(self, burst: int = 5, rate: float = 0.5) -> None:
        self._bucket = Bucket(burst, rate)
        self._lanes: dict[Priority, OrderedDict[str, deque[tuple[Item, float]]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def __len__(self) -> int:
        return sum(len(lane) for lanes in self._lanes.values() for lane in lanes.values())

    def put(self, item: Item, target: str = "", priority: Priority = Priority.NORMAL, cost: float = 1) -> None:
        """``target``: whose turn it takes, a channel or nick (folded); '' for what goes to the server itself."""
        self._lanes[priority].setdefault(target, deque()).append((item, cost))

    def take(self, now: float) -> Sequence[Item]:
        """All that may leave now, in order. Taken is sent: there is no giving back."""
        taken = []
        while (item := self.one(now)) is not None:
            taken.append(item)
        return taken

    def one(self, now: float) -> Item | None:
        """The next that may leave now; None where there is none, or none yet."""
        found = self._first()
        if found is None or not self._bucket.take(now, found[2][0][1]):
            return None
        priority, target, lane = found
        item, _cost = lane.popleft()
        if lane:
            self._lanes[priority].move_to_end(target)
        else:
            del self._lanes[priority][target]
        return item

    def peek(self) -> tuple[Item, Priority] | None:
        """What `one` gives next, when its time has come."""
        found = self._first()
        return (found[2][0][0], found[0]) if found else None

    def due(self, now: float) -> float | None:
        """When to call `take` next: ``now`` or later; None: nothing waits."""
        found = self._first()
        return None if found is None else max(now, self._bucket.ready(found[2][0][1]) or now)

    def drop(self, target: str) -> Sequence[Item]:
        """Take back what waits for a target that is gone, whatever its priority."""
        return [item for lanes in self._lanes.values() for item, _cost in lanes.pop(target, ())]

    def clear(self) -> Sequence[Item]:
        """Take back all that waits: the connection is gone."""
        left = [item for lanes in self._lanes.values() for lane in lanes.values() for item, _cost in lane]
        for lanes in self._lanes.values():
            lanes.clear()
        return left

    def _first(self) -> tuple[Priority, str, deque[tuple[Item, float]]] | None:
        for priority, lanes in self._lanes.items():
            if lanes:
                target, lane = next(iter(lanes.items()))
                return priority, target, lane
        return None
