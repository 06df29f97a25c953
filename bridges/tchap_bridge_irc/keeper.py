"""Putting events on the core's disk, once and in order, and writing down up to when that is done. One session's.

The key is the network's msgid; without one, where the server tells times, it is made of second, speaker and words, so
that a history that tells it again tells the same; else of our own count. A core whose inbox is full is asked again,
while the session goes on listening.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256

from tchap_bridge_irc import history
from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.sameness import unsure
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.wire import Line
from tchap_bridges.bridge import Host
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Event, Message
from tchap_bridges.ids import ChatId
from tchap_bridges.logs import harmless

SEEN_SECONDS = 30.0
CURSOR_SECONDS = 5.0
"""How often it is written down that we are there, and up to when a channel is kept: later means only read twice."""
AGAIN_SECONDS, LONGEST_SECONDS = 1.0, 10.0
"""After how long a core without room is asked again, where it does not say; and at most."""
OUR_OWN = "own "
"""What the keys of our own notices begin with."""
_MOST_KEYS = 10_000


class Keeper:
    """What one session gives the core."""

    def __init__(self, host: Host, session: Session) -> None:
        self._host = host
        self._session = session
        self._began = time.time_ns()  # no two sessions of ours give one number twice
        self._numbers = itertools.count(1)
        self._alike: Counter[str] = Counter()
        self._cursors: dict[ChatId, datetime] = {}  # not written down yet
        self._written = time.monotonic()
        self._keeping: deque[tuple[Event, str]] = deque()

    def number(self) -> str:
        """A key that nothing else ever has."""
        return f"{self._began}-{next(self._numbers)}"

    def key(self, item: Line | Batch, alike: "Counter[str] | None" = None) -> str:
        """What sets a message apart from all others. ``alike``: that of one page of history, counted by itself."""
        line = item.opening if isinstance(item, Batch) else item
        if "msgid" in line.tags:
            return line.tags["msgid"]
        at = history.load(line.tags.get("time"))
        if at is None:
            return self.number()
        counted = self._alike if alike is None else alike
        words = "\0".join((line.source.nick, line.command, *line.params)).encode(errors="replace")
        key = f"{int(at.timestamp())}-{sha256(words).hexdigest()[:24]}"
        counted[key] += 1
        if len(counted) > _MOST_KEYS:
            counted.clear()
        return f"{key}-{counted[key] or 1}"

    async def keep(self, event: Event, key: str) -> None:
        """On the core's disk when this returns. While the core has no room it is asked again: nothing is let go.

        Cursors are moved by the network's clock, so not by what we say ourselves.
        """
        kept = f"{type(event).__name__} {key}"
        self._keeping.append((event, kept))
        while True:
            try:
                await self._host.receive(event, key=kept)
                break
            except NotReady as error:
                self._host.log.warning("irc.waiting", **harmless(error))
                await asyncio.sleep(_pause(error))
        self._keeping.popleft()
        if (
            isinstance(event, Message)
            and not key.startswith(OUR_OWN)
            and event.at > self._cursors.get(event.chat, _NEVER)
        ):
            self._cursors[event.chat] = event.at

    async def finish(self) -> bool:
        """Keep what was being kept when we were stopped; whether there was anything."""
        busy = bool(self._keeping)
        while self._keeping:
            event, key = self._keeping[0]
            await self._host.receive(event, key)
            self._keeping.popleft()
        return busy

    async def linked(self, chat: ChatId) -> bool:
        """Whether a room is linked to it, and means it; asked again while the core cannot tell."""
        while True:
            try:
                linked = await self._host.linked(chat)
            except NotReady as error:
                await asyncio.sleep(_pause(error))
            else:
                return linked is not None and not unsure(self._session.support, chat, linked.options)

    # Up to when

    async def seen(self) -> datetime | None:
        """When a session of ours was last known to be there."""
        return history.load(await self._host.kv.get("seen"))

    async def cursor(self, chat: ChatId) -> datetime | None:
        """Up to when a chat is kept."""
        return history.load(await self._host.kv.get(f"cursor {chat}"))

    async def begin(self, chat: ChatId, at: datetime) -> None:
        """What was said in a chat before then is nobody's news."""
        await self._host.kv.set(f"cursor {chat}", history.dump(at))

    @property
    def due(self) -> bool:
        """Whether it is time to `write_down`."""
        waited = time.monotonic() - self._written
        return waited >= SEEN_SECONDS or (bool(self._cursors) and waited >= CURSOR_SECONDS)

    async def write_down(self, *, but: Collection[ChatId] = ()) -> None:
        """Up to when chats are kept, and that we were here until now. ``but``: chats that still wait for their past."""
        self._written = time.monotonic()
        for chat, at in list(self._cursors.items()):
            if chat not in but:
                await self._host.kv.set(f"cursor {chat}", history.dump(at))
                del self._cursors[chat]
        await self._host.kv.set("seen", history.dump(datetime.now(UTC)))


_NEVER = datetime.min.replace(tzinfo=UTC)


def _pause(error: NotReady) -> float:
    return AGAIN_SECONDS if error.retry_after is None else min(error.retry_after, LONGEST_SECONDS)
