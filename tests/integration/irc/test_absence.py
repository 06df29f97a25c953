"""What is said while the bridge is away: caught up where the server keeps it, else owned up to, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tchap_bridge_irc import history, presence
from tchap_bridges.events import Message
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.ngircd import Ngircd
from tests.integration.irc.relaying import Person, relay

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def gone(person: Any, nick: str) -> None:
    await person.wait_for(lambda line: line.command == "QUIT" and line.nick == nick)


async def test_what_inspircd_remembers_is_caught_up_with(inspircd: Inspircd, irc_client: Person) -> None:
    """With its own times, in order, once, without our own words and without what was there before."""
    zoe = await irc_client(inspircd, "zoeh1", caps=["message-tags", "server-time"])
    await zoe.join("#absence1")
    zoe.raw("MODE #absence1 +H 30:1d")
    zoe.say("#absence1", "avant le pont")
    await zoe.sync()
    host = FakeHost()
    async with relay(inspircd, "#absence1", "ponth1", core=host) as r:
        zoe.say("#absence1", "vu en direct")
        await r.heard(lambda event: isinstance(event, Message))
        await r.connection.send(r.message("de nous"))
    await gone(zoe, "ponth1")
    for n in range(5):
        zoe.say("#absence1", f"manqué {n}")
    zoe.say("#absence1", "manqué 4")  # twice the same is two messages
    await zoe.sync()
    left = datetime.now(UTC)
    async with relay(inspircd, "#absence1", "ponth1", core=host) as r:
        zoe.say("#absence1", "de retour")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "de retour")
        missed = [f"manqué {n}" for n in range(5)]
        assert r.said() == ["vu en direct", *missed, "manqué 4", "de retour"]
        assert r.notices() == []
        times = [event.at for event in host.events if isinstance(event, Message)]
        assert all(a <= b + timedelta(seconds=1) for a, b in pairwise(times))  # the server tells the past to the second
        assert all(at <= left + timedelta(seconds=1) for at in times[:-1])
    await gone(zoe, "ponth1")
    async with relay(inspircd, "#absence1", "ponth1", core=host) as r:  # and nothing again
        zoe.say("#absence1", "fin")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "fin")
        assert r.said()[-2:] == ["de retour", "fin"]


async def test_an_absence_that_cannot_be_mended_is_told_once(ngircd: Ngircd, irc_client: Person) -> None:
    zoe = await irc_client(ngircd, "zoeh2")
    await zoe.join("#absence2")
    host = FakeHost()
    async with relay(ngircd, "#absence2", "ponth2", core=host) as r:
        zoe.say("#absence2", "avant")
        await r.heard(lambda event: isinstance(event, Message))
    host.kv.values["seen"] = history.dump(datetime.now(UTC) - timedelta(minutes=5))  # five minutes ago, it says
    async with relay(ngircd, "#absence2", "ponth2", core=host) as r:
        await r.heard(lambda event: isinstance(event, Message) and "absent" in event.text.plain)
        zoe.say("#absence2", "après")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "après")
        assert len(r.notices()) == 1
    async with relay(ngircd, "#absence2", "ponth2", core=host) as r:  # a moment is no absence
        zoe.say("#absence2", "fin")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "fin")
        assert len(r.notices()) == 1


async def test_more_than_is_remembered_is_told(inspircd: Inspircd, irc_client: Person) -> None:
    zoe = await irc_client(inspircd, "zoeh3")
    await zoe.join("#absence3")
    zoe.raw("MODE #absence3 +H 3:1d")
    host = FakeHost()
    async with relay(inspircd, "#absence3", "ponth3", core=host) as r:
        zoe.say("#absence3", "avant")
        await r.heard(lambda event: isinstance(event, Message))
    await gone(zoe, "ponth3")
    await asyncio.sleep(1.1)  # the server tells times to the second only
    for n in range(6):
        zoe.say("#absence3", f"manqué {n}")
    await zoe.sync()
    host.kv.values["seen"] = history.dump(datetime.now(UTC) - timedelta(minutes=5))
    async with relay(inspircd, "#absence3", "ponth3", core=host) as r:
        await r.heard(lambda event: isinstance(event, Message) and "absent" in event.text.plain)
        assert r.said() == ["avant", "manqué 3", "manqué 4", "manqué 5"]


async def test_being_put_out_for_a_moment_is_no_absence(
    ngircd: Ngircd, irc_client: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted from when we left the channel, not from when we last started."""
    monkeypatch.setattr(presence, "BACK_OFF", (0.2,))
    zoe = await irc_client(ngircd, "zoeh4")
    await zoe.join("#absence4")
    host = FakeHost()
    async with relay(ngircd, "#absence4", "ponth4", core=host) as r:
        await r.connection.send(r.message("là"))
    host.kv.values["seen"] = history.dump(datetime.now(UTC) - timedelta(minutes=5))
    async with relay(ngircd, "#absence4", "ponth4", core=host) as r:
        await r.heard(lambda event: isinstance(event, Message) and "absent" in event.text.plain)
        zoe.raw("KICK #absence4 ponth4 :ouste")
        await r.heard(lambda event: isinstance(event, Message) and "exclu" in event.text.plain)
        await r.send(r.message("revenu"))
        zoe.say("#absence4", "fin")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "fin")
        assert len(r.notices()) == 2
