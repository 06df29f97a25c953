"""Those who have not voted, called by the bot on the bench."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, EVE = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr"
GHOST = "@pont_irc_zed:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(PollsBot) as bench:
        yield bench


async def with_people(bench: Bench) -> BenchRoom:
    room = await bench.room(PollsBot)
    for who in (ANA, BOB, EVE, GHOST):
        room.called(who, who[1:4].capitalize())
    return room


async def test_who_has_not_voted_is_called_once_and_nobody_else(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, "!sondage On y va ?")
    (poll,) = room.polls
    await room.vote(ANA, poll, "1")
    await room.vote(BOB, poll, "1")
    await room.vote(BOB, poll)  # took it back
    assert await room.say(ANA, "!relancer") == "🔔 Admin, Bob, Eve : votre vote est attendu : « On y va ? »"
    html = room.timeline[-1].html or ""
    assert [
        who
        for who in (ADMIN, ANA, BOB, EVE, GHOST)
        if f'href="person:{who.replace("@", "%40").replace(":", "%3A")}"' in html
    ] == [
        ADMIN,
        BOB,
        EVE,
    ]
    assert "qu'une fois" in await room.say(ANA, "!relancer")


async def test_whoever_left_is_not_called(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, "!sondage On y va ?")
    await room.leaves(BOB)
    await room.leaves(EVE)
    assert await room.say(ANA, "!relancer") == "🔔 Admin, Ana : votre vote est attendu : « On y va ? »"


@pytest.mark.parametrize(
    ("settings", "before", "at"),
    [
        ('fin="aujourd\'hui 17h" rappel=2h', 5.4, 5.5),
        ("rappel=30min", 0.4, 0.5),
        ('rappel=1j fin="mercredi 9h30"', 23.9, 24),
    ],
)
async def test_a_reminder_comes_so_long_before_the_end_or_after_the_question(
    bench: Bench, settings: str, before: float, at: float
) -> None:
    room = await with_people(bench)
    said = await room.say(ANA, f"!sondage On y va ? {settings}")
    assert "🔔 Qui n'aura pas voté sera relancé" in said
    told = len(room.said)
    await bench.clock.forward(hours=before)
    assert len(room.said) == told
    await bench.clock.forward(hours=at - before)
    assert room.said[told:] == ["🔔 Admin, Ana, Bob, Eve : votre vote est attendu : « On y va ? »"]
    await bench.clock.forward(minutes=1)
    assert len(room.said) == told + 1


async def test_a_poll_that_is_over_reminds_nobody(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, "!sondage On y va ? rappel=1h")
    await room.say(ANA, "!clore")
    told = len(room.said)
    await bench.clock.forward(hours=2)
    assert len(room.said) == told


async def test_a_reminder_by_hand_is_not_made_again_by_itself(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, "!sondage On y va ? rappel=1h")
    await room.say(ANA, "!relancer")
    told = len(room.said)
    await bench.clock.forward(hours=2)
    assert len(room.said) == told


async def test_where_everybody_has_voted_nobody_is_called(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ADMIN, "!sondage On y va ?")
    await room.say(ADMIN, "!vote 1")
    assert await room.say(ADMIN, "!relancer") == "✓ Tout le monde a voté."


async def test_many_are_called_by_twenties_and_very_many_only_counted(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    for n in range(24):
        room.called(f"@p{n:02}:exemple.fr", f"P{n:02}")
    await room.say(ADMIN, "!sondage On y va ?")
    said = (await room.say(ADMIN, "!relancer")).splitlines()
    assert [line.count(",") + 1 for line in said] == [20, 5]
    for n in range(24, 61):
        room.called(f"@p{n:02}:exemple.fr", f"P{n:02}")
    await room.say(ADMIN, "!sondage On y va ?")
    assert await room.say(ADMIN, "!relancer") == "🔔 62 personnes n'ont pas encore voté : « On y va ? »"


async def test_only_who_asked_or_moderates_reminds(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, "!sondage On y va ?")
    assert "peut relancer" in await room.say(BOB, "!relancer")
    assert "🔔" in await room.say(ADMIN, "!relancer")


async def test_a_name_and_a_question_are_no_markup(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    room.called(ANA, "<b>Ana</b>")
    await room.say(ADMIN, "!sondage <i>On y va</i> {names} ?")
    await room.say(ADMIN, "!relancer")
    assert "<b>" not in (room.timeline[-1].html or "")
    assert "<i>" not in (room.timeline[-1].html or "")
    assert "{names}" in room.said[-1]


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ("rappel=demain", "n'est pas une durée"),
        ("rappel=0h", "n'est pas une durée"),
        ('rappel=3h fin="aujourd\'hui 11h"', "avant maintenant"),
    ],
)
async def test_a_reminder_that_cannot_be(bench: Bench, settings: str, answer: str) -> None:
    room = await with_people(bench)
    assert answer in await room.say(ANA, f"!sondage On y va ? {settings}")
    assert not room.polls


async def test_a_reminder_moves_with_the_end(bench: Bench) -> None:
    room = await with_people(bench)
    await room.say(ANA, """!sondage On y va ? fin="aujourd'hui 12h" rappel=1h""")
    await room.say(ANA, "!clore aujourd'hui 17h")
    told = len(room.said)
    await bench.clock.to("15:59")
    assert len(room.said) == told
    await bench.clock.to("16:00")
    assert "votre vote est attendu" in room.said[told]
    await room.say(ANA, """!sondage Et là ? fin="demain 12h" rappel=1h""")
    await room.say(ANA, "!clore aujourd'hui 16h30")  # no hour is left
    told = len(room.said)
    await bench.clock.to("16:29")
    assert len(room.said) == told
