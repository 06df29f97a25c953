"""The polls bot on the bench: what people type, choose and read."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import ADMIN, START, Bench, BenchRoom

ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"


@pytest_asyncio.fixture
async def room() -> AsyncIterator[BenchRoom]:
    async with Bench(PollsBot) as bench:
        yield await bench.room(PollsBot)


@pytest.mark.parametrize(
    ("typed", "question", "options"),
    [
        ("On y va ?", "On y va ?", ["Oui", "Non"]),
        ("On mange où ? Cantine / Crêperie", "On mange où ?", ["Cantine", "Crêperie"]),
        ("On mange où ? Cantine | Crêperie", "On mange où ?", ["Cantine", "Crêperie"]),
        ("On mange où ? | Cantine / bar | Crêperie", "On mange où ?", ["Cantine / bar", "Crêperie"]),
        ("On mange où | Cantine | Ailleurs ?", "On mange où", ["Cantine", "Ailleurs ?"]),
        ("Quel jour\n- lundi\n- mardi", "Quel jour", ["lundi", "mardi"]),
        ("Quel jour ?\n1. lundi / matin\n2. mardi", "Quel jour ?", ["lundi / matin", "mardi"]),
        ("Couleur ? rouge, bleu, vert", "Couleur ?", ["rouge", "bleu", "vert"]),
        ("Couleur / rouge / bleu", "Couleur", ["rouge", "bleu"]),
    ],
)
async def test_what_is_asked(room: BenchRoom, typed: str, question: str, options: list[str]) -> None:
    await room.say(ANA, f"!sondage {typed}")
    (poll,) = room.polls
    assert (poll.text, [one.text for one in poll.options]) == (question, options)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("?", "il manque la question"),
        ("Qui ? moi", "ne laisse pas de choix"),
        ("Qui ? moi / Moi", "deux fois"),
        ("Qui ? " + "/".join(map(str, range(21))), "20 au plus"),
        ("Qui ? a / b majorite=énorme", "deux-tiers"),
        ("Qui ? a / b choix=zéro", "nombre"),
        ("Qui ? a / b couleur=bleu", "couleur"),
        ("x" * 400, "trop long"),
    ],
)
async def test_what_cannot_be_asked_is_said_with_a_remedy(room: BenchRoom, typed: str, answer: str) -> None:
    assert answer in await room.say(ANA, f"!sondage {typed}")
    assert not room.polls


async def test_every_way_to_vote_is_one_tally() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage Qui vient ? moi / pas moi / peut-être")
        (poll,) = room.polls
        await room.vote(ANA, poll, "1")
        await room.react(BOB, poll, "2️⃣")
        assert "✓ zoe : peut-être" in await room.say("@zoe:exemple.fr", "!vote 3")
        await room.vote("@eve:exemple.fr", poll, "9")  # spoils
        await bench.clock.forward(seconds=1)
        await room.say(BOB, "!vote 1")  # thinks again
        result = (await room.say(ANA, "!clore")).replace("\u202f", " ").splitlines()
        assert [line for line in result if "voix" in line] == [
            "███████░░░ ✓ moi — 2 voix (67 %)",
            "░░░░░░░░░░ pas moi — 0 voix (0 %)",
            "███░░░░░░░ peut-être — 1 voix (33 %)",
        ]
        assert result[-1] == "3 votants sur 5 (60 %), 1 vote nul"  # the admin did not
        assert poll.ended is not None


async def test_what_was_said_after_the_end_does_not_count_though_it_was_heard_before() -> None:
    """We were away at the end; what waited is heard, and then the end comes."""
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, """!sondage On y va ? fin="aujourd'hui 17h\"""")
        await room.vote(BOB, room.polls[0], "1")
        bench.clock.at = START.replace(hour=18)
        await room.vote(ANA, room.polls[0], "2")
        await bench.settle()
        assert room.said[-2].splitlines()[-1].startswith("1 votant sur 3")


async def test_of_one_who_takes_a_vote_back_the_one_before_it_counts(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage A ou B ? A / B")
    (poll,) = room.polls
    await room.vote(ANA, poll, "1")
    later = await room.vote(ANA, poll, "2")
    await room.redact(ANA, later)
    assert "✓ A — 1 voix" in await room.say(ANA, "!clore")


async def test_who_may_ask_and_end(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage A ou B ? A / B")
    assert "peut le clore" in await room.say(BOB, "!clore")
    await room.end(BOB, room.polls[0])
    assert room.polls[0].ended is None
    room.as_power(BOB, 50)
    await room.end(BOB, room.polls[0])
    assert room.polls[0].ended is not None
    assert "aucun sondage" in await room.say(ADMIN, "!clore")


async def test_where_only_moderators_may_ask() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot, everybody=False)
        assert "qui modère" in await room.say(ANA, "!sondage On y va ?")
        await room.say(ADMIN, "!sondage On y va ?")
        assert room.polls


async def test_a_poll_ends_by_itself_at_the_time_that_was_said_back() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        said = await room.say(ANA, '!sondage On y va ? fin="demain 17h"')
        assert "mardi 24 novembre 2026 à 17" in said
        await room.vote(BOB, room.polls[0], "1")
        await bench.clock.to("16:59")
        await bench.clock.forward(days=1)
        assert room.polls[0].ended is None
        await bench.clock.forward(minutes=1)
        assert room.polls[0].ended is not None
        assert "1 voix" in "\n".join(room.said)


async def test_a_poll_that_was_ended_by_hand_does_not_end_again() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage On y va ?")
        assert "vendredi 27 novembre 2026" in await room.say(ANA, "!clore vendredi 17h")
        await room.say(ANA, "!clore")
        told = len(room.said)
        await bench.clock.forward(days=10)
        assert len(room.said) == told
