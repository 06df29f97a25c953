"""How often something may happen: so many at once, and then as many a minute."""

import math
import time
from collections.abc import Callable


class Rate:
    """A bucket of tokens (https://en.wikipedia.org/wiki/Token_bucket): ``per_minute`` of them, filled evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._left = self._most
        self._clock = clock
        self._at = clock()

    def admits(self) -> bool:
        """Counts it when it does."""
        self._fill()
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def wait(self) -> int:
        """Seconds, at least one, until one more is admitted."""
        self._fill()
        return max(1, math.ceil((1 - self._left) * 60 / self._most))

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now
