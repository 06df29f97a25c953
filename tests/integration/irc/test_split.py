"""A netsplit that takes 500 people away and brings them back, seen by a bridge as operators run it."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_crowd import crowd
from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEOPLE = 500
CHANNELS = ("#un", "#deux")
LATE = 0.2  # seconds by which the loop may be late, beside what any process here is
_LATENESS = """
import asyncio, sys
from tchap_bridges.web.lag import watch_lag
async def main():
    seen = [0.0]
    task = asyncio.create_task(watch_lag(seen.append))
    await asyncio.to_thread(sys.stdin.read)
    print(max(seen))
asyncio.run(main())
"""


@pytest_asyncio.fixture(loop_scope="session")
async def servers(irc_folder: Callable[[], Path]) -> AsyncIterator[tuple[Inspircd, Inspircd]]:
    """Two that are linked; the bridge is on the first."""
    near = Inspircd(irc_folder(), name="pres.essai.localhost", services=False)
    far = Inspircd(irc_folder(), name="loin.essai.localhost", services=False)
    near.know(far)
    async with near, far:
        await near.link(far)
        yield near, far


async def test_a_split_of_500_is_one_notice(
    request: pytest.FixtureRequest, tmp_path: Path, servers: tuple[Inspircd, Inspircd]
) -> None:
    near, far = servers
    irc = {"bridge": "irc", "host": near.host, "port": near.port, "security": "none", "nick": "pont"}
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with (
        await World.start(tmp_path, template=template, changes={"bridges": {"irc": irc}}) as world,
        crowd(PEOPLE, ",".join(CHANNELS), port=far.port) as people,
        await far.client("lucie") as lucie,
        await near.client("temoin1") as witness,
    ):
        agent = await world.agent()
        rooms = [await world.room(agent, channel) for channel in CHANNELS]
        for room, channel in zip(rooms, CHANNELS, strict=True):
            assert "✓" in await world.link(agent, room, f"irc {channel}")
            await lucie.join(channel)
            await witness.join(channel)
            lucie.say(channel, "avant la coupure")
            await agent.wait_for_text(room, "avant la coupure", timeout=30)
        since = await _since(world)
        memory, looks = _resident(world.bridge.pid), await _looks(world)
        async with _lateness_here() as here:
            await near.split(far)
            for room in rooms:
                await agent.wait_for_text(room, "⚡", timeout=30)
            await near.link(far)
            assert await eventually(lambda: _all_there(witness), timeout=30)
            for room, channel in zip(rooms, CHANNELS, strict=True):
                lucie.say(channel, "me revoilà")
                await agent.wait_for_text(room, "me revoilà", timeout=30)
            people.say(7, "moi aussi")  # in both channels
            for room in rooms:
                await agent.wait_for_text(room, "moi aussi", timeout=30)
        for room in rooms:
            said = [event["content"].get("body", "") for event in agent.seen(room) if event["type"] == "m.room.message"]
            assert [f" {PEOPLE + 1} " in words for words in said if "⚡" in words] == [True]
            *_before, notice, back, again = said
            assert ("⚡" in notice, back, again) == (True, "me revoilà", "moi aussi")
            assert len(await agent.members(room)) <= 5  # the agent, the bot, and who has spoken
        assert await _since(world) == since  # the connection was kept
        assert people.here == PEOPLE
        assert _worst(looks, await _looks(world)) <= LATE + here[0]
        assert _resident(world.bridge.pid) <= memory * 1.1


async def _all_there(witness: Any) -> bool:
    return all([len(await witness.names(channel)) >= PEOPLE + 3 for channel in CHANNELS])


async def _since(world: World) -> str:
    """Since when the connection is up."""
    irc = (await world.bridge.health())["connections"]["irc"]
    assert irc["state"] == "up"
    return str(irc["since"])


async def _looks(world: World) -> dict[float, float]:
    """How often the loop was late by at most so many seconds, from the bridge's own metrics."""
    page = await world.bridge.metrics()
    found = re.findall(r'tchap_bridges_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', page)
    return {float(most): float(count) for most, count in found}


def _worst(before: dict[float, float], after: dict[float, float]) -> float:
    """The least bound within which all looks between the two were."""
    looks = {most: count - before[most] for most, count in after.items()}
    total = max(looks.values())
    assert total > 10
    return min(most for most, count in looks.items() if count == total)


def _resident(pid: int) -> int:
    """In kilobytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


@asynccontextmanager
async def _lateness_here() -> AsyncIterator[list[float]]:
    """By how much a process that does nothing is late meanwhile, known at the end: what the machine does to anybody."""
    idle = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LATENESS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found = [0.0]
    try:
        yield found
    finally:
        said, _nothing = await idle.communicate(b"")
        found[0] = float(said)
