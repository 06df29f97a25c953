"""Polls that people ask with their own clients, and the deadline that the bot gives them."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.matrix import polls
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, EVE = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr"
BOT = "@pont:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(PollsBot) as bench:
        yield bench


@pytest_asyncio.fixture
async def room(bench: Bench) -> BenchRoom:
    found = await bench.room(PollsBot)
    found.as_power(BOT, 50)
    del found.names[BOT]
    return found


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


async def test_a_deadline_by_an_answer_to_it(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On mange où ?", "Cantine", "Crêperie")
    await room.vote(BOB, poll, "a")  # nobody has told the bot of it
    said = await room.say(ANA, "!clore aujourd'hui 17h", answers=poll)
    assert "sera clos lundi 23 novembre 2026 à 17" in said
    assert "Je n'ai pas le droit" not in said
    gone = await room.vote(BOB, poll, "b")
    await room.redact(BOB, gone)
    await room.vote(ANA, poll, "b")
    await room.say(EVE, "!vote 2")
    await bench.clock.to("17:00")
    result = plain(room.said[-2])
    assert "✓ Crêperie — 2 voix (67 %)" in result
    assert "Cantine — 1 voix" in result
    assert "3 votants sur 4 (75 %)" in result
    assert "Crêperie" in room.ended[poll]
    assert room.timeline[-2].answers == poll


async def test_where_the_bot_may_not_end_it_the_result_is_told_all_the_same(bench: Bench, room: BenchRoom) -> None:
    room.as_power(BOT, 0)
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    assert "Je n'ai pas le droit de clore" in await room.say(ANA, "!clore aujourd'hui 17h", answers=poll)
    await room.vote(BOB, poll, "a")
    await bench.clock.to("17:00")
    assert "✓ Oui — 1 voix" in plain(room.said[-2])
    assert poll not in room.ended


async def test_who_may_remove_messages_may_end_it_whatever_that_takes_in_the_room(
    bench: Bench, room: BenchRoom
) -> None:
    room.redact_level = 60
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    assert "Je n'ai pas le droit" in await room.say(ANA, "!clore demain 17h", answers=poll)
    await room.vote(EVE, poll, "b")
    room.as_power(BOB, 50)
    told = len(room.said)
    await room.end(BOB, poll)  # has not what it takes
    assert len(room.said) == told
    room.as_power(BOB, 60)
    await room.end(BOB, poll)
    assert "✓ Non — 1 voix" in plain(room.said[told])
    assert poll not in room.ended  # it was already
    await bench.clock.forward(days=2)
    assert len(room.said) == told + 2


async def test_its_creator_ends_it_before_time(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.say(ANA, "!clore demain 17h", answers=poll)
    await room.vote(BOB, poll, "a")
    await bench.clock.forward(hours=1)
    await room.end(ANA, poll)
    await bench.clock.forward(hours=1)
    await room.vote(EVE, poll, "b")  # too late
    assert "1 votant" in plain(room.said[-2])


async def test_an_end_before_the_bot_was_asked_is_the_end(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.vote(BOB, poll, "a")
    await bench.clock.forward(hours=1)
    await room.end(EVE, poll)  # may not
    await room.end(ANA, poll)
    await bench.clock.forward(hours=1)
    await room.vote(EVE, poll, "b")
    result = plain(await room.say(ANA, "!clore", answers=poll))
    assert "✓ Oui — 1 voix (100 %)" in result


async def test_only_its_creator_or_a_moderator_gives_it_a_deadline(room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    assert "peut le clore" in await room.say(BOB, "!clore demain 17h", answers=poll)
    assert "sera clos" in await room.say(ADMIN, "!clore demain 17h", answers=poll)


async def test_a_poll_that_was_edited_before_the_votes_is_counted_as_it_reads(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    new = polls.start(
        "Qui vient ?", [polls.Option(id="a", text="Moi"), polls.Option(id="b", text="Pas moi")], 1, disclosed=True
    )
    edit = {"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": poll}}
    await bench.clock.forward(minutes=1)
    await room.happens(ANA, polls.START, edit)
    await bench.clock.forward(minutes=1)
    await room.vote(BOB, poll, "a")
    result = await room.say(ANA, "!clore", answers=poll)
    assert result.startswith("Qui vient ?")
    assert "✓ Moi — 1 voix" in plain(result)


async def test_what_nobody_can_read_is_counted_and_told(room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.vote(BOB, poll, "a")
    for who in (ANA, EVE):
        sealed = {"ciphertext": "…", "m.relates_to": {"rel_type": "m.reference", "event_id": poll}}
        await room.happens(who, "m.room.encrypted", sealed)
    assert "2 votes illisibles" in plain(await room.say(ANA, "!clore", answers=poll))


async def test_who_has_not_voted_in_it_is_called(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.vote(ANA, poll, "a")
    await room.say(ANA, "!clore demain 17h", answers=poll)
    await room.vote(BOB, poll, "b")
    assert await room.say(ANA, "!relancer") == "🔔 Admin : votre vote est attendu : « On y va ? »"


async def test_what_was_removed_has_no_deadline(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.say(ANA, "!clore aujourd'hui 17h", answers=poll)
    told = len(room.said)
    await room.redact(ANA, poll)
    await bench.clock.to("17:00")
    assert len(room.said) == told


async def test_an_answer_to_a_poll_that_is_over_ends_no_other(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage A ?")
    (first,) = room.polls
    await room.say(ANA, "!clore")
    await room.say(ANA, "!sondage B ?")
    assert "déjà clos" in await room.say(ANA, "!clore", answers=first.id)
    assert "déjà clos" in await room.say(ANA, "!vote 1", answers=first.id)


async def test_typed_and_chosen_votes_are_one_tally_and_the_last_one_counts(bench: Bench, room: BenchRoom) -> None:
    poll = await room.ask(ANA, "On y va ?", "Oui", "Non")
    await room.say(ANA, "!clore demain 17h", answers=poll)
    await room.vote(BOB, poll, "a")
    await bench.clock.forward(seconds=1)
    assert "✓ bob : Non" in await room.say(BOB, "2", answers=poll) + await room.say(BOB, "!vote 2")
    await room.say(EVE, "!vote 1")
    await bench.clock.forward(seconds=1)
    await room.vote(EVE, poll, "b")
    await room.happens(
        ADMIN, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": poll, "key": "2️⃣"}}
    )
    assert "✓ Non — 3 voix (100 %)" in plain(await room.say(ANA, "!clore"))


async def test_an_answer_to_any_message_means_the_last_poll(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage A ?")
    word = await room.happens(BOB, "m.room.message", {"msgtype": "m.text", "body": "bonjour"})
    assert "Personne n'a voté" in plain(await room.say(ANA, "!clore", answers=word))
