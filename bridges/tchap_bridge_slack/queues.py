"""One queue for each channel: what happens in one keeps its order and holds up no other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from tchap_bridge_slack.crew import Crew

MOST: Final = 5_000
"""Things that wait in all; beyond, whoever brings more waits too."""

Work = Callable[[], Awaitable[None]]


class Queues:
    """Runs work in tasks of the crew; what raises there ends it."""

    def __init__(self, tasks: Crew) -> None:
        self._tasks = tasks
        self._waiting: dict[str, deque[Work]] = {}
        self._room = asyncio.Semaphore(MOST)

    async def put(self, name: str, work: Work) -> None:
        """Queue it; awaits only when very much waits."""
        await self._room.acquire()
        queue = self._waiting.get(name)
        if queue is not None:
            queue.append(work)
            return
        self._waiting[name] = deque([work])
        self._tasks.start(self._drain(name))

    async def _drain(self, name: str) -> None:
        queue = self._waiting[name]
        while queue:
            try:
                await queue[0]()
            finally:
                queue.popleft()
                self._room.release()
        del self._waiting[name]
