"""What one network cannot show: told to whoever did it, once in a conversation, and to nobody else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.events import Author, Deletion, Edit, Event, Form, Reaction, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction

from .homeserver import WHEN
from .stage import Stage, stage

BOB = Author(person=PersonId("bob"), name="Bob")


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    """A room, ``net`` which shows everything, and ``mail`` which shows messages."""

    def prepare(found: Stage) -> None:
        found.nets["mail"].deaf = True

    async with stage(tmp_path, nets=("net", "mail"), prepare=prepare) as found:
        await found.link("#liste", net="mail")
        found.shown.log.clear()
        yield found


async def quiet(play: Stage) -> None:
    """Everything that is to leave has left."""
    async with asyncio.timeout(10):
        while True:
            async with play.db.snapshot() as tx:
                rows = await tx.all("lanes_pending")
                unread = await tx.value("inbox_waiting")
            if not rows and not unread:
                return
            await asyncio.sleep(0.01)


async def happens(play: Stage, event: Event, key: str) -> None:
    assert play.net.host is not None
    await play.net.host.receive(event, key=key)


def notices(play: Stage) -> list[str]:
    return [one.text.plain for one in play.shown.log if getattr(one, "form", None) is Form.NOTICE]


def edit_of(target: str, text: str, **more: Any) -> Edit:
    return Edit(
        id=MessageId(f"e-{target}-{text}"),
        chat=ChatId("#c"),
        author=BOB,
        at=WHEN,
        target=MessageId(target),
        text=Text(plain=text),
    )


async def test_an_author_reads_once_in_a_conversation_that_edits_stay_here(play: Stage) -> None:
    first, second = await play.say("un"), await play.say("deux")
    in_thread = await play.say("dans le fil", thread=[second])
    await play.net.shown.until(3)
    await quiet(play)
    for target in (first, second, first):
        await play.event("edit", target=target, text=f"corrigé {target}")
    await quiet(play)
    assert len(notices(play)) == 1
    assert "#liste : ce qui est parti ne peut plus y être modifié" in notices(play)[0]
    await play.event("edit", target=in_thread, text="corrigé dans le fil")
    await play.event("edit", target=in_thread, text="et encore")
    await quiet(play)
    assert len(notices(play)) == 2, "a thread is another conversation"
    await play.say("de bruno", by="@bruno:test", id="$b")
    await quiet(play)
    await play.event("edit", target="$b", text="corrigé", by="@bruno:test")
    await quiet(play)
    assert len(notices(play)) == 3, "somebody else has not read it"
    assert len([one for one in play.net.shown.log if isinstance(one, OutgoingEdit)]) == 6


async def test_who_edits_elsewhere_says_nothing_to_the_room(play: Stage) -> None:
    await play.net.say("un", id="n1")
    await quiet(play)
    await happens(play, edit_of("n1", "deux"), "e1")
    await quiet(play)
    assert notices(play) == []
    assert isinstance(play.shown.log[-1], OutgoingEdit)
    assert play.nets["mail"].shown.texts == ["un"]


async def test_what_is_gone_here_and_not_there_is_told(play: Stage) -> None:
    for n in range(3):
        await play.net.say(f"secret {n}", id=f"n{n}")
    await quiet(play)
    for n in range(3):
        event = Deletion(id=MessageId(f"d{n}"), chat=ChatId("#c"), author=BOB, at=WHEN, target=MessageId(f"n{n}"))
        await happens(play, event, f"d{n}")
    await quiet(play)
    assert ["#liste" in notice and "supprimé" in notice for notice in notices(play)] == [True]
    assert len([one for one in play.shown.log if isinstance(one, OutgoingDeletion)]) == 3


async def test_reactions_are_told_once_and_only_where_they_were_meant_to_be_seen(play: Stage) -> None:
    await play.nets["mail"].say("un courriel", chat="#liste", id="m1")
    own = await play.say("du salon")
    await quiet(play)
    here = play.shown.seen
    (shown,) = (ids[0] for ids in list(here.values())[-1:])
    for symbol in "👍🎉🚀":
        await play.event("reaction", target=own, key=symbol)
    await quiet(play)
    assert notices(play) == [], "to whoever reads the mail nothing is missing"
    for symbol in "👍🎉🚀":
        await play.event("reaction", target=shown, key=symbol)
    await quiet(play)
    assert ["les réactions n'y sont pas montrées" in notice for notice in notices(play)] == [True]
    assert len([one for one in play.net.shown.log if isinstance(one, OutgoingReaction)]) == 6


async def test_a_reaction_is_taken_back_before_it_was_set(play: Stage) -> None:
    """Networks promise no order among events."""
    await play.net.say("un", id="n1")
    await quiet(play)

    def reaction(key: str, *, removed: bool) -> Reaction:
        id_ = MessageId(f"r-{key}-{removed}")
        return Reaction(
            id=id_, chat=ChatId("#c"), author=BOB, at=WHEN, target=MessageId("n1"), key=key, removed=removed
        )

    await happens(play, reaction("👍", removed=True), "r1")
    await happens(play, reaction("🎉", removed=False), "r2")
    await quiet(play)
    assert [one.symbol for one in play.shown.log if isinstance(one, OutgoingReaction)] == ["🎉"]
    await happens(play, reaction("👍", removed=False), "r3")
    log = await play.shown.until(4)
    assert [(one.symbol, one.removed) for one in log if isinstance(one, OutgoingReaction)] == [
        ("🎉", False),
        ("👍", False),
        ("👍", True),
    ]


async def test_an_edit_and_a_deletion_before_their_original(play: Stage) -> None:
    await happens(play, edit_of("n1", "corrigé"), "e1")
    gone = Deletion(id=MessageId("d"), chat=ChatId("#c"), author=BOB, at=WHEN, target=MessageId("n2"))
    await happens(play, gone, "d")
    await quiet(play)
    assert play.shown.log == []
    await play.net.say("brouillon", id="n1")
    await play.net.say("trop tôt", id="n2")
    await play.net.say("après", id="n3")
    await play.shown.until(2)
    await quiet(play)
    assert [type(one) for one in play.shown.log] == [Outgoing, Outgoing], "who withdrew it in time is not quoted"
    assert play.shown.texts == ["corrigé", "après"]


async def test_one_account_reacts_for_many(play: Stage) -> None:
    """In a room where the bot speaks for all its 👍 stays until the last of those behind it has taken theirs back."""
    play.shown.one_account = True
    await play.net.say("un", id="n1")
    await quiet(play)

    async def reacts(who: str, *, removed: bool = False) -> None:
        author = Author(person=PersonId(who), name=who)
        event = Reaction(
            id=MessageId(f"r-{who}-{removed}"),
            chat=ChatId("#c"),
            author=author,
            at=WHEN,
            target=MessageId("n1"),
            key="👍",
            removed=removed,
        )
        await happens(play, event, event.id)
        await quiet(play)

    for who in ("ana", "bob", "zoe"):
        await reacts(who)
    for who in ("ana", "zoe"):
        await reacts(who, removed=True)
    shown = [one for one in play.shown.log if isinstance(one, OutgoingReaction)]
    assert [(one.author.name if one.author else "", one.removed) for one in shown] == [("ana", False)]
    await reacts("bob", removed=True)
    shown = [one for one in play.shown.log if isinstance(one, OutgoingReaction)]
    assert [one.removed for one in shown] == [False, True]
    assert shown[1].reaction is not None
