"""A call of somebody else's code, brought to an end.

A handler may wait for ever, swallow its cancellation, cancel itself or ask the program to exit: whoever calls it gets
its answer or an `Exception`, and is free again after a time that is known.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import structlog

from tchap_bridges.logs import harmless

T = TypeVar("T")

GRACE: Final = 2.0
"""Seconds that a handler has to clean up after it was cancelled."""

log = structlog.get_logger(__name__)


class Stubborn(Exception):
    """It goes on though it was told to end."""


class Leash:
    """Keeps those that could not be ended: they are still there, and nobody waits for them."""

    def __init__(self) -> None:
        self._lost: set[asyncio.Task[Any]] = set()

    async def answer(self, call: Coroutine[Any, Any, T], longest: float) -> T:
        """What the call returns within ``longest`` seconds.

        Raises TimeoutError after them, `Stubborn` when even then it does not end, RuntimeError when it exits or cancels
        itself, and what it raises.
        """
        # A task of its own, in no group: a group would wait for one that does not end.
        task = asyncio.create_task(_contained(call))
        try:
            await asyncio.wait({task}, timeout=longest)
            on_time = task.done()
        finally:
            if not task.done():  # it is late, or we are cancelled ourselves
                await self._end(task, call)
        if not on_time:
            raise TimeoutError if task.done() else Stubborn
        if task.cancelled():
            raise RuntimeError("the handler has cancelled itself")
        return task.result()

    async def _end(self, task: asyncio.Task[T], call: Coroutine[Any, Any, T]) -> None:
        """Give it `GRACE`, and then let it go."""
        task.add_done_callback(self._found)
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        if task.done():
            return
        try:
            call.close()  # GeneratorExit: few swallow that too
        except Exception as error:  # noqa: BLE001 - it is told as what it is: it could not be ended
            log.warning("bot.not_closed", **harmless(error))
        self._lost.add(task)
        task.cancel()

    def _found(self, task: asyncio.Task[Any]) -> None:
        """Whatever it ended with interests nobody any more, and the loop does not tell of it."""
        self._lost.discard(task)
        if not task.cancelled():
            task.exception()


async def _contained(call: Coroutine[Any, Any, T]) -> T:
    try:
        return await call
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:  # an exit would leave the loop, and end the program
        raise RuntimeError(f"the handler raised {type(error).__name__}") from error
