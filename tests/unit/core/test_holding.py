"""What people want of a link and what the room's rules allow are two things: neither undoes the other."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bridge import Destination
from tchap_bridges.core import policy

from .homeserver import ROOM
from .stage import Stage, stage
from .test_commands import answer, facts
from .test_going_on import sql


async def rule(s: Stage, what: str) -> None:
    s.hs.facts_of[ROOM] = replace(await s.hs.facts(ROOM), rule=what)
    await s.event("changed", what="access")


async def link(s: Stage) -> Any:
    async with s.db.snapshot() as tx:
        return await tx.one("link_get", id=1)


async def until_held(s: Stage, held: str) -> None:
    """And the room has been told, where it is told."""
    async with asyncio.timeout(5):
        while (await link(s))["held"] != held or s.kernel.inbox.waiting or s.kernel.lanes.active:
            await asyncio.sleep(0.01)


async def test_a_pause_outlives_a_rule_that_came_and_went(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await answer(s, "!pont pause 1")
        await rule(s, "restricted")
        await until_held(s, "suspended")
        await rule(s, "unrestricted")
        await until_held(s, "")
        assert (await link(s))["state"] == "paused"
        await s.say("pas encore")
        await asyncio.sleep(0.1)
        assert s.net.shown.texts == []
        assert "reprend" in await answer(s, "!pont reprendre 1")
        await s.say("maintenant")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["maintenant"]


async def test_going_on_does_not_pass_by_the_rule(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await answer(s, "!pont pause 1")
        await rule(s, "restricted")
        await until_held(s, "suspended")
        assert "reste retenu : ce salon est réservé aux agents" in await answer(s, "!pont reprendre 1")
        await s.say("secret")
        await s.net.say("du dehors")
        await asyncio.sleep(0.2)
        assert s.net.shown.texts == []
        assert "du dehors" not in s.shown.texts
        await rule(s, "unrestricted")
        async with asyncio.timeout(5):
            while "du dehors" not in s.shown.texts:
                await asyncio.sleep(0.01)
        assert s.net.shown.texts == []  # what was forbidden when it was said does not leave later


@pytest.mark.parametrize("wanted", ["active", "paused"])
async def test_a_new_policy_of_the_operators_reaches_every_link(tmp_path: Path, wanted: str) -> None:
    lax = policy.Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=True)
    async with stage(tmp_path, rules=lax) as s:
        await rule(s, "restricted")
        if wanted == "paused":
            await answer(s, "!pont pause 1")

    def restricted(s: Stage) -> None:
        s.hs.facts_of[ROOM] = facts(rule="restricted")
        s.hs.rooms.prefix = "$again"

    async with stage(tmp_path, linked=False, prepare=restricted) as s:
        await until_held(s, "suspended")
        assert (await link(s))["state"] == wanted
        if wanted == "paused":
            assert "reste retenu" in await answer(s, "!pont reprendre 1", id="$again")
        await s.say("secret", id="$secret")
        await asyncio.sleep(0.1)
        assert s.net.shown.texts == []


async def test_what_waited_for_a_rule_waits_on_through_a_pause(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await rule(s, "restricted")
        await until_held(s, "suspended")
        await s.net.say("attend")
        await answer(s, "!pont pause 1")
        await rule(s, "unrestricted")
        await until_held(s, "")
        assert "1 reçu en attente" in await answer(s, "!pont etat")
        await answer(s, "!pont reprendre 1")
        async with asyncio.timeout(5):
            while "attend" not in s.shown.texts:
                await asyncio.sleep(0.01)


async def test_the_reason_is_read_in_the_readers_language(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await rule(s, "restricted")
        await until_held(s, "suspended")
        assert "ce salon est réservé aux agents" in await answer(s, "!pont etat")
        assert "this room is reserved to agents" in await answer(s, "!bridge status")


async def test_what_waited_for_a_rule_that_forbids_never_leaves(tmp_path: Path) -> None:
    """Not even when the rule is gone before its next attempt."""
    async with stage(tmp_path) as s:
        links = s.kernel.links
        async with s.db.transaction() as tx:
            await links.stand_by(tx, ROOM, "checking")
        await s.say("secret")
        async with asyncio.timeout(5):
            while sql(tmp_path, "select count(*) from outbox where action = 'send' and attempts > 0") != [(1,)]:
                await asyncio.sleep(0.01)
        for held in ("suspended", ""):
            async with s.db.transaction() as tx:
                (only,) = await links.of_room(tx, ROOM, fresh=True)
                await links.hold(tx, only, held)
        await s.say("ensuite")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["ensuite"]
        async with asyncio.timeout(5):
            while not any("était suspendu" in text for text in s.shown.texts):
                await asyncio.sleep(0.01)
