"""More than a server takes at once: nothing is lost, and nobody is thrown off."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc.config import Flood
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Message
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.ngircd import Ngircd
from tests.integration.irc.relaying import ASKER, Person, Relay, relay

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 200
LONG = "é" * 190


async def burst(r: Relay, zoe: Any, channels: list[str]) -> None:
    """So many long messages, in several chats at once; they arrive whole, in order, on one connection."""

    async def to(channel: str) -> None:
        for n in range(MANY // len(channels)):
            await r.connection.send(r.message(f"{n} {LONG}", chat=channel))

    async with asyncio.TaskGroup() as group:
        for channel in channels:
            group.create_task(to(channel))
    for channel in channels:
        last = MANY // len(channels) - 1
        await zoe.wait_for(lambda line, c=channel, n=last: line.target == c and f"> {n} " in line.text, timeout=60)
        said = [text for nick, text in zoe.said(channel)]
        assert said == [f"<Jeanne Martin> {n} {LONG}" for n in range(last + 1)]
    assert not [line for line in zoe.lines if line.command == "QUIT"]


async def test_a_burst_to_an_ngircd_that_punishes(irc_folder: Callable[[], Path], irc_client: Person) -> None:
    """Its own penalties: it reads ever slower from whoever is too fast."""
    async with Ngircd(irc_folder(), limits={"MaxPenaltyTime": "-1", "PingTimeout": "20"}) as server:
        zoe = await irc_client(server, "zoeb1")
        channels = ["#rafale1", "#rafale2", "#rafale3", "#rafale4"]
        for channel in channels:
            await zoe.join(channel)
        async with relay(server, channels[0], "pontb1", flood=Flood(burst=10, seconds=0.1)) as r:
            for channel in channels[1:]:
                await r.connection.find(channel, {}, ASKER)
            await burst(r, zoe, channels)


@pytest.mark.parametrize("fakelag", ["yes", "no"])
async def test_a_burst_to_a_strict_inspircd(irc_folder: Callable[[], Path], irc_client: Person, fakelag: str) -> None:
    """Twenty times as fast as by default, so that nobody waits; without fakelag it throws out instead of slowing.

    It forgives once a second: a second's worth and the burst must stay below the threshold, as 1 + 5 do below its 10.
    """
    strict = {"commandrate": "20000", "threshold": "30", "recvq": "8192", "fakelag": fakelag}
    async with Inspircd(irc_folder(), services=False, connect=strict) as server:
        zoe = await irc_client(server, "zoeb2")
        channels = ["#rafale5", "#rafale6"]
        for channel in channels:
            await zoe.join(channel)
        async with relay(server, channels[0], "pontb2", flood=Flood(burst=5, seconds=0.05)) as r:
            await r.connection.find(channels[1], {}, ASKER)
            await burst(r, zoe, channels)


async def test_a_slow_disk_costs_no_connection(irc_folder: Callable[[], Path], irc_client: Person) -> None:
    """PINGs are answered while the core is slow to keep what came, and all of it is kept in the end."""
    async with Ngircd(irc_folder(), limits={"PingTimeout": "2", "PongTimeout": "2"}) as server:
        zoe = await irc_client(server, "zoeb3")
        await zoe.join("#rafale7")
        async with relay(server, "#rafale7", "pontb3") as r:
            r.host.refusal = NotReady("full", retry_after=0.05)
            for n in range(300):
                zoe.say("#rafale7", f"mot {n}")
            await zoe.sync()
            pings = sum(line.command == "PING" for line in zoe.lines)
            await zoe.wait_for(lambda _line: sum(line.command == "PING" for line in zoe.lines) >= pings + 3, timeout=30)
            assert r.host.events == []
            assert "pontb3" in await zoe.names("#rafale7")
            r.host.refusal = None
            await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "mot 299", seconds=30)
            assert r.said() == [f"mot {n}" for n in range(300)]
