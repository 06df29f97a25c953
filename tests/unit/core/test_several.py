"""One chat in several rooms, and one address with many correspondents: nobody waits for somebody else's trouble."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tchap_bridges.ids import RoomId

from .stage import ROOM, Stage, stage

OTHER = RoomId("!autre:test")


async def _rule(s: Stage, room: RoomId, rule: str) -> None:
    facts = await s.hs.facts(room)
    s.hs.facts_of[room] = replace(facts, rule=rule)
    await s.event("changed", what="access", room=room)


async def _state(s: Stage, link: int) -> str:
    async with s.db.snapshot() as tx:
        found = await tx.one("link_get", id=link)
    return found["state"]


async def _until_state(s: Stage, link: int, state: str) -> None:
    async with asyncio.timeout(5):
        while await _state(s, link) != state:
            await asyncio.sleep(0.01)


async def test_what_one_room_may_not_see_waits_for_it_alone(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.link(room=OTHER)
        await _rule(s, OTHER, "restricted")
        await _until_state(s, 2, "suspended")
        s.shown.log.clear()
        await s.net.say("un")
        await s.net.say("deux")
        log = await s.shown.until(2)
        assert [(one.chat, one.text.plain) for one in log] == [(ROOM, "un"), (ROOM, "deux")]
        await _rule(s, OTHER, "unrestricted")
        log = await s.shown.until(5)  # that it goes on, and what waited
        later = [one.text.plain for one in log if one.chat == OTHER]
        assert later[1:] == ["un", "deux"]
        assert "reprend" in later[0]
        assert [one.text.plain for one in log if one.chat == ROOM] == ["un", "deux"]


async def test_what_waited_for_a_room_keeps_its_files(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.link(room=OTHER)
        await _rule(s, OTHER, "restricted")
        await _until_state(s, 2, "suspended")
        large = "x" * 3_000_000  # more than one piece
        await s.net.say(large)
        await s.shown.until(2)
        await _rule(s, OTHER, "unrestricted")
        log = await s.shown.until(4)
        assert [one.text.plain for one in log if one.chat == OTHER][-1] == large


async def test_a_correspondent_who_cannot_be_reached_keeps_no_other_waiting(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.correspondents = True

    async with stage(tmp_path, prepare=prepare) as s:
        for who in ("bob", "eve"):
            await s.net.say(f"de {who}", by=who)
        await s.shown.until(2)
        while s.kernel.lanes.active:
            await asyncio.sleep(0.01)
        s.net.shown.away = {"bob"}
        for n in range(3):
            await s.say(f"à bob {n}", reply_to="$ours1", thread=["$ours1"])
            await s.say(f"à eve {n}", reply_to="$ours2", thread=["$ours2"])
        await s.net.shown.until(3)
        assert s.net.shown.texts == ["à eve 0", "à eve 1", "à eve 2"]
        s.net.shown.away = set()
        await s.net.shown.until(6)
        assert s.net.shown.texts[3:] == ["à bob 0", "à bob 1", "à bob 2"]  # each in their order


async def test_an_answer_to_an_answer_stays_in_the_lane_of_whom_it_is_for(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.correspondents = True

    async with stage(tmp_path, prepare=prepare) as s:
        await s.net.say("de bob", by="bob")
        await s.shown.until(1)
        while s.kernel.lanes.active:
            await asyncio.sleep(0.01)
        s.net.shown.away = {"bob"}
        first = await s.say("un", reply_to="$ours1", thread=["$ours1"])
        await s.say("deux", reply_to=first, thread=["$ours1"])
        await asyncio.sleep(0.1)
        s.net.shown.away = set()
        await s.net.shown.until(2)
        assert s.net.shown.texts == ["un", "deux"]
