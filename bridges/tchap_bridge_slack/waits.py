"""Where Slack told us to wait, and until when: on disk, for who comes back earlier asks no earlier.

https://docs.slack.dev/apis/web-api/rate-limits
"""

import json
import time

from tchap_bridges.bridge import Store

_KEY = "waits"


class Waits:
    """By method and channel. Without a ``store`` they end with the session."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._until: dict[str, float] = {}  # time.monotonic()

    async def open(self) -> None:
        """What an earlier session was told. A clock that was set back makes no wait longer than it was."""
        said = json.loads(await self._store.get(_KEY) or "{}") if self._store else {}
        for what, (until, seconds) in said.items():
            self._until[what] = time.monotonic() + min(seconds, until - time.time())

    def left(self, method: str, channel: str) -> float:
        """Seconds until it may be asked; not above 0 when it may now."""
        return self._until.get(f"{method} {channel}", 0.0) - time.monotonic()

    async def told(self, method: str, channel: str, seconds: float) -> None:
        """Slack wants to be asked no earlier than that."""
        now = time.monotonic()
        self._until[f"{method} {channel}"] = now + seconds
        self._until = {what: until for what, until in self._until.items() if until > now}
        if self._store:
            left = {what: (time.time() + until - now, until - now) for what, until in self._until.items()}
            await self._store.set(_KEY, json.dumps(left))
