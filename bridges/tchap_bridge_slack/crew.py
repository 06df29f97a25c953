"""The tasks of one session, which end together.

`asyncio.TaskGroup` loses a cancellation that comes while it ends for another reason (Python 3.11 and 3.12), and gives
errors in groups; here the first error ends the session and is raised as it is, and a cancellation always passes.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class Crew:
    """Made by `crew` only."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside the others; what it raises ends them all."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None and not self._ended.done():
            self._ended.set_exception(error)

    async def failure(self) -> None:
        """Until something raises: that is raised here."""
        await self._ended

    async def stop(self) -> None:
        self._ended.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """No task outlives it."""
    made = Crew()
    try:
        yield made
    finally:
        await made.stop()
