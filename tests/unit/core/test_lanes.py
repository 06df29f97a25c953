"""Lanes: one worker at a time, no lane behind another, nothing behind a closed gate."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tchap_bridges.errors import NotReady

from .homeserver import ROOM
from .stage import stage


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not check():
            await asyncio.sleep(0.01)


async def test_a_lane_woken_behind_a_closed_gate_is_served_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.kernel.lanes.close("net")
        for n in range(30):
            await s.say(str(n))
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        assert s.net.shown.texts == []
        s.kernel.lanes.open("net")
        await s.net.shown.until(30)
        assert s.net.shown.texts == [str(n) for n in range(30)]
        await until(lambda: s.kernel.lanes.active == 0)
        assert len(s.net.shown.log) == 30


async def test_what_backed_off_leaves_when_the_connection_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [NotReady("absent", retry_after=3600)]
        await s.say("enfin")
        await until(lambda: s.net.shown.failures == [])
        await asyncio.sleep(0.1)
        assert s.net.shown.texts == []
        s.kernel.lanes.open("net")
        await s.net.shown.until(1)


async def test_a_slow_lane_delays_no_other(tmp_path: Path) -> None:
    async with stage(tmp_path, nets=("net", "autre")) as s:
        await s.say("!pont net #d via=autre")
        await s.shown.until(1)
        s.nets["autre"].shown.failures = [NotReady("lent", retry_after=3600)]
        for n in range(5):
            await s.say(str(n), room=ROOM)
        await s.nets["net"].shown.until(5)
        assert s.nets["autre"].shown.texts == []


async def test_a_stop_lets_what_is_in_flight_end(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for n in range(10):
            await s.say(str(n))
        await s.net.shown.until(1)
    assert s.net.shown.texts == [str(n) for n in range(len(s.net.shown.texts))]
