"""Nothing stays stuck, nothing ends the bridge, and what was acknowledged is never let go without a word."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bridge import Chat, Destination, Direction, Limits
from tchap_bridges.core import lanes, outbox, supervisor
from tchap_bridges.core.links import Links
from tchap_bridges.core.ports import Upgraded
from tchap_bridges.core.strangers import HELD, STRANGERS
from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Delivery, Outcome
from tchap_bridges.ids import ChatId, ConnectionName, MessageId, RoomId
from tchap_bridges.outgoing import OutgoingReaction
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

from .homeserver import ALICE, ROOM
from .stage import KEY, Stage, stage
from .test_commands import answer

NEW = RoomId("!nouveau:test")


async def until(true: Callable[[], Any], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


async def idle(s: Stage) -> None:
    await until(lambda: not (s.kernel.inbox.waiting or s.kernel.lanes.active))


def sql(folder: Path, text: str) -> list[Any]:
    with sqlite3.connect(folder / "store.db", timeout=5) as db:
        return db.execute(text).fetchall()


async def dead(folder: Path) -> tuple[int, int]:
    async with asyncio.timeout(5):
        while not (found := sql(folder, "select lane, seq from outbox where state = 2")):
            await asyncio.sleep(0.01)
    lane, seq = found[0]
    return lane, seq


async def retry(s: Stage, lane: int, seq: int) -> None:
    """As ``queue retry`` does."""
    async with s.db.transaction() as tx:
        assert await outbox.revive(tx, Sealer([KEY]), lane, seq)
    s.kernel.lanes.wake(lane, ROOM, "link:1")


async def test_a_dead_letter_may_die_again_and_holds_nobody_up(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [Undeliverable("550 non"), Undeliverable("550 encore non")]
        await s.say("un")
        row = await dead(tmp_path)
        await s.shown.until(1)
        await retry(s, *row)
        await s.shown.until(2)  # each death is told
        await s.say("deux")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["deux"]


@pytest.mark.parametrize("certain", [True, False])
async def test_a_person_may_have_it_sent_again_where_nothing_repeats(tmp_path: Path, certain: bool) -> None:
    def prepare(s: Stage) -> None:
        s.net.limits = Limits(repeatable=False)

    async with stage(tmp_path, prepare=prepare) as s:
        s.net.shown.failures = [Undeliverable("coupé", certain=certain)]
        await s.say("un")
        row = await dead(tmp_path)
        await retry(s, *row)
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["un"]


async def test_a_refused_password_is_no_send_that_may_have_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "REFUSED", 0.2)
    monkeypatch.setattr("tchap_bridges.core.ends.REFUSED", 0.2)

    def prepare(s: Stage) -> None:
        s.net.limits = Limits(repeatable=False)

    async with stage(tmp_path, prepare=prepare) as s:
        s.net.shown.failures = [BadCredentials("mot de passe refusé")]
        await s.say("un")
        await s.net.shown.until(1)
        assert s.shown.texts == []  # nobody heard "perhaps"


async def test_a_refusal_stands_for_its_time_and_then_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "REFUSED", 0.5)
    monkeypatch.setattr("tchap_bridges.core.ends.REFUSED", 0.5)
    async with stage(tmp_path) as s:
        s.net.shown.failures = [BadCredentials("535")]
        await s.say("un")
        await until(lambda: s.kernel.supervisor.watched[ConnectionName("net")].state == "bad credentials")
        assert s.net.host is not None
        s.net.host.up("une boîte répond de nouveau")  # that is no news of what we send
        await asyncio.sleep(0.1)
        assert s.net.shown.texts == []
        await s.net.shown.until(1)
        assert s.kernel.supervisor.watched[ConnectionName("net")].state == "up"


async def test_what_is_overdue_is_told_once_by_whoever_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "SWEEP", 0.3)
    async with stage(tmp_path, linked=False) as s:
        for n in range(20):
            await s.link(f"#c{n}")
        s.kernel.lanes.close("net")
        await s.say("bonjour")
        await until(lambda: s.kernel.inbox.waiting == 0)
        s.net.shown.failures = [NotReady("plus tard", retry_after=900.0)] * 1000
        late = "update outbox set created_at = created_at - 700000, due_at = due_at - 700000 where state = 0"
        await asyncio.to_thread(sql, tmp_path, late)
        before = len(s.shown.log)
        await until(lambda: len(s.shown.log) > before)
        s.kernel.lanes.open("net")  # in the middle of the telling
        await asyncio.sleep(1)
        assert len(s.shown.log) - before == 20
        s.net.shown.failures = []
        await answer(s, "!pont liste")  # and it lives


async def test_what_was_released_comes_before_what_came_later(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        gate, go, box, real_facts = asyncio.Event(), asyncio.Event(), s.kernel.inbox, s.hs.facts

        async def facts(room: RoomId) -> Any:
            await gate.wait()
            return await real_facts(room)

        s.hs.facts = facts
        await s.event("changed", what="access")
        await asyncio.sleep(0.1)
        real_read, one, real_turn = box._read, asyncio.Lock(), box._turn

        async def read(row: Any, reader: Any) -> Any:
            if row["source"] == "net":
                async with one:
                    await asyncio.sleep(0.02)  # a worker that takes its time
                    return await real_read(row, reader)
            return await real_read(row, reader)

        async def turn(source: str, reader: Any) -> bool:
            if source == "net":
                await go.wait()
            return await real_turn(source, reader)

        box._read, box._turn = read, turn
        for n in range(24):
            await s.net.say(f"{n:02}")
        go.set()
        asyncio.get_running_loop().call_later(0.2, gate.set)
        await s.shown.until(24, seconds=15)
        assert s.shown.texts == [f"{n:02}" for n in range(24)]


async def test_a_check_that_failed_is_made_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        real, asked = s.hs.facts, 0

        async def facts(room: RoomId) -> Any:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise Undeliverable("le serveur Matrix a refusé (M_USER_LOCKED)")
            return await real(room)

        s.hs.facts = facts
        await s.event("changed", what="access")
        await until(lambda: asked == 1 and not s.kernel.inbox.waiting)
        await s.net.say("dehors")
        await asyncio.sleep(0.1)
        assert s.shown.texts == []
        await s.kernel.roomwork.review_forgotten()
        await until(lambda: s.shown.texts == ["dehors"])


async def test_the_memory_of_links_holds_nothing_that_never_came_true(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/store.db")
    links = Links(db, Sealer([KEY]))
    chat = Chat(id=ChatId("#c"), name="#c", destination=Destination.STATE, direction=Direction.BOTH)
    name = ConnectionName("net")
    async with db.transaction() as tx:
        await links.add(tx, ROOM, name, chat, direction=Direction.BOTH, state="active", by=ALICE, rule="")

    async def undone() -> None:
        async with db.transaction() as tx:
            (link,) = await links.of_room(tx, ROOM)
            await links.want(tx, link, "gone")
            assert await links.of_room(tx, ROOM) == ()
            raise NotReady("le disque est plein")

    with pytest.raises(NotReady):
        await undone()
    async with db.transaction() as tx:
        assert len(await links.of_room(tx, ROOM)) == 1
        (link,) = await links.of_room(tx, ROOM)
        await links.hold(tx, link, "checking")
    seen: list[str] = []

    async def lift() -> None:
        async with db.transaction() as tx:
            (link,) = await links.of_room(tx, ROOM)
            await links.hold(tx, link, "")

    async def ask() -> None:
        async with db.snapshot() as tx:
            await links.named(tx, name, (ChatId("#c"),))

    async def route() -> None:
        async with db.transaction() as tx:
            (link,) = await links.named(tx, name, (ChatId("#c"),))
            seen.append(link.state)

    async with asyncio.TaskGroup() as group:
        for work in (lift, route, ask):
            group.create_task(work())
    assert seen == ["active"]
    await db.close()


async def test_what_waited_in_vain_for_a_rule_is_kept_and_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.hs.facts_of[ROOM] = replace(await s.hs.facts(ROOM), rule="restricted")
        await s.event("changed", what="access")
        await s.shown.until(1)
        await s.net.say("accepté par un 250")
        await until(lambda: sql(tmp_path, "select 1 from inbox where state = 2"))
        await asyncio.to_thread(sql, tmp_path, "update inbox set due_at = 0 where state = 2")
        await s.kernel.inbox.give_up()
        await s.shown.until(2)
        assert "a attendu trop longtemps" in s.shown.texts[-1]
        assert sql(tmp_path, "select state from inbox where source = 'net'") == [(4,)]


async def test_our_own_message_is_news_where_a_list_passes_it_on(tmp_path: Path) -> None:
    """The list of room A is subscribed to that of room B: what A said comes to B as an echo of ours."""
    async with stage(tmp_path) as s:
        s.hs.facts_of[NEW] = replace(await s.hs.facts(ROOM), room=NEW)
        await s.link("#d", room=NEW)
        await s.say("de la salle A")
        (sent,) = await s.net.shown.until(1)
        await idle(s)
        await s.net.say("de la salle A", id=s.net.shown.seen[sent.key][0], chat="#d", by="pont", echo=True)
        await until(lambda: sql(tmp_path, "select 1 from inbox where state = 2"))
        await asyncio.to_thread(sql, tmp_path, "update inbox set due_at = 0 where state = 2")
        await s.kernel.inbox.give_up()
        await s.shown.until(1)
        assert [(one.chat, one.text.plain) for one in s.shown.log] == [(NEW, "de la salle A")]


async def test_an_echo_is_no_news_while_its_sending_is_not_settled(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [NotReady("pas de réponse", retry_after=60.0)]
        await s.say("parti, sans réponse")
        await until(lambda: not s.net.shown.failures)
        await s.net.say("parti, sans réponse", id="net0", by="pont", echo=True)
        await until(lambda: sql(tmp_path, "select 1 from inbox where state = 2"))
        await asyncio.to_thread(sql, tmp_path, "update inbox set due_at = 0 where state = 2")
        await s.kernel.inbox.give_up()
        await asyncio.sleep(0.2)
        assert s.shown.texts == []


async def test_a_pause_hides_no_bounce(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.say("important")
        (sent,) = await s.net.shown.until(1)
        await idle(s)
        await answer(s, "!pont pause 1")
        assert s.net.host is not None
        target = MessageId(s.net.shown.seen[sent.key][0])
        bounce = Delivery(
            chat=ChatId("#c"), target=target, outcome=Outcome.FAILED, recipient="x@y.fr", detail="inconnu"
        )
        await s.net.host.receive(bounce, key="b1")
        await s.shown.until(2)
        assert "Non remis à x@y.fr" in s.shown.texts[-1]


async def test_nobody_shuts_an_address_for_ever(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.moderated = True

    async with stage(tmp_path, prepare=prepare) as s:
        for n in range(STRANGERS + 5):
            await s.net.say("pub", by=f"spam{n}@a.fr")
        await s.shown.until(STRANGERS + 1)
        await idle(s)
        assert len(s.shown.log) == STRANGERS + 1  # each asked for, and once that it is full
        assert "les nouvelles sont écartées" in s.shown.texts[-1]
        old = "update inbox set received_at = received_at - 60 * 86400000"
        await asyncio.to_thread(sql, tmp_path, old)
        await s.kernel.upkeep.empty()
        await s.net.say("une vraie demande", by="marie@b.fr")
        await s.shown.until(STRANGERS + 2)
        assert "marie@b.fr" in s.shown.texts[-1]


async def test_one_stranger_fills_no_disk(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.moderated = True

    async with stage(tmp_path, prepare=prepare) as s:
        for n in range(HELD + 10):
            await s.net.say(f"pub {n}", by="spam@a.fr")
        await idle(s)
        assert sql(tmp_path, "select count(*) from inbox where state = 3") == [(HELD,)]


async def test_somebody_is_let_in_wherever_they_wait(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.moderated = True

    async with stage(tmp_path, prepare=prepare) as s:
        await s.link("#d")
        await s.net.say("à c", chat="#c", by="U0ABC")
        await s.shown.until(1)
        await answer(s, "!pont accepter u0abc")
        await s.net.say("à d", chat="#d", by="U0ABC")
        await until(lambda: any("écrit pour la première fois à #d" in text for text in s.shown.texts))
        await s.say("!pont accepter U0ABC")
        await until(lambda: {"à c", "à d"} <= {*s.shown.texts})


async def test_an_encrypted_successor_gets_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        facts = await s.hs.facts(ROOM)
        s.hs.facts_of[NEW] = replace(facts, room=NEW, encrypted=True, predecessor=ROOM)
        _tombs(s)
        s.shown.failures = [NotReady("429", retry_after=0.5)]
        await s.net.say("en route")
        await until(lambda: not s.shown.failures)
        await s.event("tomb")
        await until(lambda: s.kernel.rooms.is_encrypted(NEW))
        await asyncio.sleep(0.7)
        assert sql(tmp_path, "select held from link") == [("suspended",)]


async def test_a_successor_may_have_the_link_already(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.hs.facts_of[NEW] = replace(await s.hs.facts(ROOM), room=NEW, predecessor=ROOM)
        await s.link("#c", room=NEW)  # by somebody who could not wait
        await s.link("#d")
        _tombs(s)
        await s.event("tomb")
        await until(
            lambda: sql(tmp_path, "select 1 from link where chat = '#d' and room = '!nouveau:test' and held = ''")
        )
        await s.net.say("pour d", chat="#d")
        await until(lambda: "pour d" in s.shown.texts)


def _tombs(s: Stage) -> None:
    """The word "tomb" replaces the room."""
    real = s.hs.read

    def read(item: Any) -> Any:
        return (Upgraded(room=ROOM, to=NEW, by=ALICE),) if b'"tomb"' in item.raw else real(item)

    s.hs.read = read


async def test_nothing_leaves_by_a_link_that_only_brings_in(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.IN

    async with stage(tmp_path, prepare=prepare) as s:
        await s.net.say("dehors")
        await s.shown.until(1)
        await idle(s)
        await s.event("reaction", target="$ours1", key="👍")
        await idle(s)
        assert [one for one in s.net.shown.log if isinstance(one, OutgoingReaction)] == []


async def test_new_words_do_not_leave_while_a_link_is_paused(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        said = await s.say("avant")
        await s.net.shown.until(1)
        await idle(s)
        await answer(s, "!pont pause 1")
        await s.event("edit", target=said, text="pendant la pause")
        await idle(s)
        await asyncio.sleep(0.1)
        assert len(s.net.shown.log) == 1


async def test_what_was_given_up_stops_no_read_mark(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [NotReady("plus tard", retry_after=30.0)]
        await s.say("un")
        await until(lambda: not s.net.shown.failures)
        ((lane, seq),) = sql(tmp_path, "select lane, seq from outbox where state = 0")
        async with s.db.transaction() as tx:
            assert await outbox.discard(tx, lane, seq)
        s.kernel.lanes.open("net")
        last = await s.say("deux")
        await s.net.shown.until(1)
        await until(lambda: s.hs.marks and s.hs.marks[-1] == last)


async def test_what_a_network_has_no_way_to_show_stops_no_read_mark(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [Unsupported("Sends", "impossible")]
        said = await s.say("un")
        await s.shown.until(1)
        await until(lambda: s.hs.marks == [said])
