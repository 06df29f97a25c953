"""One chat in several rooms, and one address with many correspondents: nobody waits for somebody else's trouble."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tchap_bridges.bridge import Direction
from tchap_bridges.ids import RoomId

from .homeserver import ROOM
from .stage import Stage, stage

OTHER = RoomId("!autre:test")


async def _rule(s: Stage, room: RoomId, rule: str) -> None:
    facts = await s.hs.facts(room)
    s.hs.facts_of[room] = replace(facts, rule=rule)
    await s.event("changed", what="access", room=room)


async def _state(s: Stage, link: int) -> str:
    async with s.db.snapshot() as tx:
        found = await tx.one("link_get", id=link)
    return found["held"] or found["state"]


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


async def _quiet(s: Stage) -> None:
    async with asyncio.timeout(5):
        while s.kernel.inbox.waiting or s.kernel.lanes.active:
            await asyncio.sleep(0.01)


async def test_one_message_by_two_links_of_a_room_is_shown_once(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.REPLIES

    async with stage(tmp_path, prepare=prepare) as s:
        await s.link("#d")
        for chat in ("#c", "#d"):
            await s.net.say("aux deux listes", id="croisé", chat=chat)
        await s.net.say("réponse", id="suite", chat="#d", thread=("croisé",), reply_to="croisé")
        await s.shown.until(2)
        await _quiet(s)
        assert s.shown.texts == ["aux deux listes", "réponse"]
        assert s.shown.log[1].thread == (s.shown.seen[s.shown.log[0].key][0],)  # by either link it is the same thread
        await s.say("à toutes", thread=["$ours2"], reply_to="$ours2")
        await s.net.shown.until(2)
        assert {one.chat for one in s.net.shown.log} == {"#c", "#d"}


async def test_the_same_id_of_somebody_else_is_another_message(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.link("#d")
        await s.net.say("de Bob", id="x", chat="#c", by="bob")
        await s.net.say("d'Eve", id="x", chat="#d", by="eve")
        await _quiet(s)
        assert sorted(s.shown.texts) == ["d'Eve", "de Bob"]


async def test_what_a_list_has_already_is_not_sent_there(tmp_path: Path) -> None:
    """Within the grace before mails leave; a room that links two lists both ways would double every crossed mail."""
    async with stage(tmp_path, grace=30.0) as s:
        await s.link("#d")
        await s.net.say("aux deux", id="croisé", chat="#c")
        await s.net.say("aux deux", id="croisé", chat="#d")
        await s.shown.until(1)
        async with asyncio.timeout(5):
            while s.kernel.inbox.waiting:
                await asyncio.sleep(0.01)
        async with s.db.snapshot() as tx:
            assert not [row for row in await tx.all("outbox_waiting_list", limit=10) if row["target"] == "link:2"]
        assert s.shown.texts == ["aux deux"]


async def test_a_plain_reply_is_told_where_it_does_not_go(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.REPLIES

    async with stage(tmp_path, prepare=prepare) as s:
        s.net.direction = Direction.BOTH
        await s.link("#d")
        await s.net.say("de la liste", chat="#c")
        await s.shown.until(1)
        await _quiet(s)
        s.net.shown.log.clear()
        for n in range(2):
            await s.say(f"réponse {n}", reply_to="$ours2")
        await s.net.shown.until(2)  # to #d, which carries out everything
        await _quiet(s)
        hints = [text for text in s.shown.texts if text.startswith("ℹ")]
        assert len(hints) == 1  # once to each
        assert "ne part pas vers #c" in hints[0]


async def test_a_plain_answer_has_the_title_of_its_conversation(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("racine", title="Réunion", id="r")
        await s.net.say("suite", thread=("r",), reply_to="r", id="s")
        await s.shown.until(2)
        await _quiet(s)
        await s.say("hors du fil", reply_to="$ours1")
        await s.say("à la suite, hors du fil", reply_to="$ours2")
        await s.net.shown.until(2)
        assert [one.title for one in s.net.shown.log] == ["Réunion", "Réunion"]
