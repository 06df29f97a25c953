"""The IMAP library's waits, bounded: by time, and by whoever wants to stop."""

import asyncio

import pytest

from tchap_bridge_email.imap_client import bounded
from tchap_bridges.errors import NotReady


async def test_who_is_cancelled_as_the_answer_comes_stops_all_the_same() -> None:
    """As asyncio.wait_for of Python 3.11 has it: the answer is given, and the cancellation forgotten."""

    async def forgets() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "the answer"
        return ""

    async def watches() -> None:
        while True:
            await bounded(forgets(), 30)

    task = asyncio.create_task(watches())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    done, _waiting = await asyncio.wait([task], timeout=5)
    assert task in done
    assert task.cancelled()


async def test_a_silence_is_no_cancellation() -> None:
    with pytest.raises(NotReady):
        await bounded(asyncio.sleep(60), 0.01)
    assert await bounded(asyncio.sleep(0, "oui"), 5) == "oui"
