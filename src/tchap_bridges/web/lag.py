"""How late the event loop is: what everything in this process waits for beside its own business."""

import asyncio
from collections.abc import Callable

EVERY = 0.05
"""Seconds between two looks. A block that is shorter may pass unseen."""


async def watch_lag(note: Callable[[float], None]) -> None:
    """Note for ever by how many seconds a look came late."""
    now = asyncio.get_running_loop().time
    while True:
        due = now() + EVERY
        await asyncio.sleep(EVERY)
        note(max(0.0, now() - due))
