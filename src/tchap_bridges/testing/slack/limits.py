"""How often Slack lets an app call: docs.slack.dev/apis/web-api/rate-limits.

A method has so many calls a minute (its tier); chat.postMessage has one a second and channel, with short bursts.
"""

import math
import time
from collections.abc import Callable

BURST = 5  # posts in one channel that Slack lets through at once: "short bursts" is all that it says


class Limits:
    """Buckets that fill with time. `faithful` switches them on; a test about something else waits for none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, faithful: bool = False) -> None:
        self.faithful = faithful
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # (tokens left, when)

    def wait(self, method: str, channel: str, tier: int) -> int:
        """Seconds that a caller must wait, 0 when the call may pass, which is counted then."""
        if not self.faithful:
            return 0
        if method == "chat.postMessage":
            return self._take((method, channel), size=BURST, rate=1.0)
        return self._take((method, ""), size=tier, rate=tier / 60) if tier else 0

    def _take(self, key: tuple[str, str], *, size: int, rate: float) -> int:
        now = self._clock()
        left, since = self._buckets.get(key, (float(size), now))
        left = min(float(size), left + (now - since) * rate)
        passes = left >= 1
        self._buckets[key] = (left - 1 if passes else left, now)
        return 0 if passes else math.ceil((1 - left) / rate)
