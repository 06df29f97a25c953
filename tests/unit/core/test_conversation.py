"""What crosses a room, and how: messages, threads, edits, deletions, reactions, each once and in order."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tchap_bridges.bridge import Direction
from tchap_bridges.errors import NotReady, Undeliverable, Unsupported
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingReaction

from .homeserver import ROOM
from .stage import Stage, stage


async def settled(found: Stage) -> None:
    """Until nothing is on its way any more."""
    async with asyncio.timeout(5):
        while found.kernel.inbox.waiting or found.kernel.lanes.active:
            await asyncio.sleep(0.01)


async def test_a_message_from_the_network_is_seen_in_the_room(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("salut")
        (shown,) = await s.shown.until(1)
        assert shown.text.plain == "salut"
        assert (shown.author.name, shown.network, shown.chat) == ("Bob", "réseau", ROOM)


async def test_a_message_from_the_room_leaves(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        event = await s.say("bonjour")
        (shown,) = await s.net.shown.until(1)
        assert (shown.text.plain, shown.author.name, shown.network) == ("bonjour", "Alice", "Tchap")
        await settled(s)
        await asyncio.sleep(0.4)
        assert s.hs.marks == [event]  # the bot has read it: it is there


async def test_everything_twice_shows_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for _ in range(3):
            await s.say("une fois", id="$same")
            await s.net.say("une fois", id="same")
        await settled(s)
        assert s.shown.texts == ["une fois"]
        assert s.net.shown.texts == ["une fois"]


async def test_two_authors_may_use_one_id(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("de Bob", id="dup", by="bob")
        await s.net.say("d'Eve", id="dup", by="eve")
        await settled(s)
        assert s.shown.texts == ["de Bob", "d'Eve"]


async def test_order_is_kept_through_failures(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [NotReady("plus tard", retry_after=0.05), NotReady("encore", retry_after=0.05)]
        for n in range(20):
            await s.say(str(n))
        await s.net.shown.until(20)
        assert s.net.shown.texts == [str(n) for n in range(20)]


async def test_a_reply_knows_its_thread_in_the_targets_own_ids(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        root = await s.net.say("racine", title="Réunion")
        await s.shown.until(1)
        await settled(s)
        await s.say("réponse", thread=["$ours1"], reply_to="$ours1")
        (sent,) = await s.net.shown.until(1)
        assert (sent.thread, sent.reply_to, sent.title) == ((root,), root, "Réunion")
        assert sent.answered.person == "bob"
        await s.net.say("suite", thread=(root, "net0"), reply_to="net0")
        shown = (await s.shown.until(2))[-1]
        assert (shown.thread, shown.reply_to) == (("$ours1",), "$u2")


async def test_what_came_by_mail_keeps_references_that_nobody_saw(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("tardif", id="c", thread=("a", "b"))
        await s.shown.until(1)
        await settled(s)
        await s.say("réponse", thread=["$ours1"], reply_to="$ours1")
        (sent,) = await s.net.shown.until(1)
        assert sent.thread == ("a", "b", "c")


async def test_a_late_parent_joins_the_thread_marked(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("réponse", id="b", thread=("a",))
        await s.net.say("question", id="a")
        reply, parent = await s.shown.until(2)
        assert (reply.thread, reply.late) == ((), False)
        assert parent.thread == ("$ours1",)
        assert parent.late


async def test_an_answer_has_the_title_of_a_conversation_that_nobody_saw_begin(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.net.say("réponse", id="b", thread=("a",), title="Re: Salle")
        await s.net.say("suite", id="c", thread=("a", "b"), title="Re: Salle")
        await s.net.say("question", id="a", title="Salle")
        log = await s.shown.until(3)
        assert [one.title for one in log] == ["Re: Salle", None, "Salle"]


async def test_times_are_those_of_the_house(tmp_path: Path) -> None:
    """A network that says a time in words says the one that its readers' clocks show."""
    async with stage(tmp_path, nets=("net", "bis"), zone=ZoneInfo("Europe/Paris")) as s:
        await s.link("#c", net="bis")
        summer = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
        await s.net.say("en été", at=summer)
        (shown,) = await s.nets["bis"].shown.until(1)
        assert shown.at == summer
        assert f"{shown.at:%d/%m %H:%M}" == "02/07 00:30"
        await s.net.say("à la fin des temps", at=datetime.max.replace(tzinfo=UTC))
        assert len(await s.nets["bis"].shown.until(2)) == 2


async def test_replies_only(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.REPLIES

    async with stage(tmp_path, prepare=prepare) as s:
        await s.say("ok")  # must not reach five hundred subscribers
        await s.net.say("question")
        await s.shown.until(1)
        await settled(s)
        await s.say("dans le fil", thread=["$ours1"], reply_to="$ours1")
        await s.net.shown.until(1)
        await settled(s)
        assert s.net.shown.texts == ["dans le fil"]


async def test_a_plain_reply_that_stays_is_told_once(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.REPLIES

    async with stage(tmp_path, prepare=prepare) as s:
        await s.net.say("question")
        await s.shown.until(1)
        await settled(s)
        first = await s.say("réponse simple", reply_to="$ours1")
        notice = (await s.shown.until(2))[-1]
        assert "répondez dans le fil" in notice.text.plain
        assert notice.reply_to == first
        await s.say("encore une", reply_to="$ours1")
        await settled(s)
        assert len(s.shown.log) == 2
        assert s.net.shown.texts == []


async def test_an_edit_before_its_original_waits_for_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.event("edit", target="$late", text="corrigé")
        await s.event("deletion", target="$later")
        await asyncio.sleep(0.05)
        assert s.net.shown.log == []
        await s.say("secret", id="$later")
        await s.say("originel", id="$late")
        await s.net.shown.until(1)
        await settled(s)
        assert [type(one) for one in s.net.shown.log] == [Outgoing]
        assert s.net.shown.texts == ["corrigé"]


async def test_deletion_and_reaction_cross(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        event = await s.say("à supprimer")
        await s.net.shown.until(1)
        await settled(s)
        reaction = await s.event("reaction", target=event, key="👍")
        log = await s.net.shown.until(2)
        assert isinstance(log[1], OutgoingReaction)
        assert (log[1].target, log[1].symbol, log[1].removed) == ("net0", "👍", False)
        await settled(s)
        await s.event("deletion", target=reaction)
        log = await s.net.shown.until(3)
        assert isinstance(log[2], OutgoingReaction)
        assert log[2].removed
        await s.event("deletion", target=event)
        log = await s.net.shown.until(4)
        assert isinstance(log[3], OutgoingDeletion)
        assert log[3].parts == ("net0",)


async def test_a_correction_within_the_grace_goes_into_the_message(tmp_path: Path) -> None:
    async with stage(tmp_path, grace=1.0) as s:
        event = await s.say("fote")
        await s.event("edit", target=event, text="faute")
        withdrawn = await s.say("rien")
        await s.event("deletion", target=withdrawn)
        await s.net.shown.until(1, seconds=4)
        await settled(s)
        assert s.net.shown.texts == ["faute"]
        assert len(s.net.shown.log) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Undeliverable("boîte pleine", remedy="Videz-la."), "⚠ Non remis à #c : boîte pleine. Videz-la."),
        (Undeliverable("coupure", certain=False), "⚠ Peut-être non remis à #c : coupure."),
        (Unsupported("Sends", "impossible"), "ℹ #c : impossible."),
        (RuntimeError("un bogue"), "⚠ Non remis à #c : erreur interne ; l'exploitant peut retenter l'envoi."),
    ],
)
async def test_a_failure_is_told_in_reply_and_holds_nothing_up(tmp_path: Path, error: Exception, words: str) -> None:
    async with stage(tmp_path) as s:
        s.net.shown.failures = [error]
        event = await s.say("perdu")
        await s.say("passe")
        (notice,) = await s.shown.until(1)
        assert notice.text.plain == words
        assert notice.reply_to == event
        assert notice.author is None
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["passe"]


async def test_a_poison_event_becomes_a_dead_letter_and_a_notice(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        events = [
            (f"$p{n}", b'{"kind": "broken"}' if n == 50 else b'{"kind": "message", "text": "%d"}' % n)
            for n in range(100)
        ]
        await s.kernel.inbox.take(events)
        await s.net.shown.until(99)
        await settled(s)
        assert s.net.shown.texts == [str(n) for n in range(100) if n != 50]
        assert [text for text in s.shown.texts if "n'a pas pu être lu" in text] != []
        async with s.db.snapshot() as tx:
            (dead,) = await tx.all("inbox_dead_list", limit=10)
        assert dead["error"] == "RuntimeError"  # its words may be somebody's


async def test_one_room_with_two_networks_is_a_hub(tmp_path: Path) -> None:
    async with stage(tmp_path, nets=("net", "autre")) as s:
        await s.say("!pont net #d via=autre")
        await s.shown.until(1)
        s.shown.log.clear()
        await s.nets["net"].say("de net")
        await s.shown.until(1)
        (crossed,) = await s.nets["autre"].shown.until(1)
        assert (crossed.text.plain, crossed.network, crossed.foreign) == ("de net", "réseau", True)
        await settled(s)
        assert s.nets["net"].shown.log == []  # what came from there never goes back


async def test_an_edit_knows_what_was_there_before(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        first = await s.say("un")
        await s.net.shown.until(1)
        await settled(s)
        await s.event("edit", target=first, text="deux")
        await s.event("edit", target=first, text="trois")
        await s.net.shown.until(3)
        assert [(one.before.plain, one.text.plain) for one in s.net.shown.log[1:]] == [
            ("un", "deux"),
            ("deux", "trois"),
        ]


async def test_an_answer_to_what_is_in_a_thread_is_in_the_thread(tmp_path: Path) -> None:
    """From a network that has no threads; in the room people choose."""
    async with stage(tmp_path) as s:
        root = await s.say("racine", id="$root")
        await s.say("dans le fil", thread=[root], id="$in")
        await s.net.shown.until(2)
        await settled(s)
        seen = [ids[0] for ids in s.net.shown.seen.values()]
        await s.net.say("réponse", reply_to=seen[1])
        (shown,) = await s.shown.until(1)
        assert (shown.thread, shown.reply_to, shown.in_thread) == ((root,), "$in", True)
        await s.say("hors du fil", reply_to="$in")
        (*_, outside) = await s.net.shown.until(3)
        assert (outside.reply_to, outside.in_thread) == (seen[1], False)


async def test_a_conversation_without_a_title_is_called_by_its_first_words(tmp_path: Path) -> None:
    async with stage(tmp_path, nets=("net", "autre")) as s:
        await s.link("#d", net="autre")
        first = await s.say("Qui vient demain à la journée portes ouvertes, et avec combien de personnes ?", id="$q")
        (asked,) = await s.net.shown.until(1)
        await s.nets["autre"].shown.until(1)
        await settled(s)
        seen = next(iter(s.net.shown.seen.values()))[0]
        await s.net.say("moi", reply_to=seen, id="n1")
        (_, answer) = await s.nets["autre"].shown.until(2)
        await settled(s)
        await s.say("avec qui ?", reply_to=list(s.shown.seen.values())[-1][0])
        (*_, again) = await s.nets["autre"].shown.until(3)
        assert asked.title is None
        assert answer.title == again.title == "Qui vient demain à la journée portes ouvertes, et avec …"
        assert first == "$q"
