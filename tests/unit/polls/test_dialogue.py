"""``!sondage`` alone: the bot asks for everything, one thing after another."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import Bench, BenchRoom

ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"


@pytest_asyncio.fixture
async def room() -> AsyncIterator[BenchRoom]:
    async with Bench(PollsBot) as bench:
        yield await bench.room(PollsBot)


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


async def test_from_nothing_to_a_poll(room: BenchRoom) -> None:
    assert "Quelle est la question ?" in await room.say(ANA, "!sondage")
    assert "3. un classement" in await room.say(ANA, "On mange où ?")
    assert "Quelles réponses ?" in await room.say(ANA, "2")
    assert "Jusqu'à quand ?" in await room.say(ANA, "Cantine\nCrêperie\nPique-nique")
    said = await room.say(ANA, "vendredi 17h")
    (poll,) = room.polls
    assert (poll.text, [one.text for one in poll.options], poll.most) == (
        "On mange où ?",
        ["Cantine", "Crêperie", "Pique-nique"],
        3,
    )
    assert "vendredi 27 novembre 2026 à 17" in said


async def test_what_is_no_answer_is_said_again(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage")
    assert "trop long" in await room.say(ANA, "x" * 400)
    await room.say(ANA, "Réunion")
    assert "de 1 à 5" in await room.say(ANA, "9")
    await room.say(ANA, "4")
    assert "ne dit pas un moment" in await room.say(ANA, "lundi 9h / bientôt")
    await room.say(ANA, "24/12 9h, 28/12 9h")
    assert "ne dit pas un moment" in await room.say(ANA, "un jour")
    await room.say(ANA, "sans")
    assert plain(room.polls[0].options[0].text) == "jeudi 24 décembre 2026 à 9 h 00"


async def test_yes_or_no_and_in_secret(room: BenchRoom) -> None:
    for answer in ("!sondage", "On y va ?", "5", "oui/non", "non"):
        said = await room.say(ANA, answer)
    assert said.splitlines()[:3] == ["🗳 Vote secret — On y va ?", "1. Oui", "2. Non"]


async def test_it_can_be_given_up_and_others_talk_meanwhile(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage")
    assert await room.say(BOB, "On mange où ?") == ""
    await room.say(ANA, "On y va ?")
    assert "abandonné" in await room.say(ANA, "annuler")
    assert await room.say(ANA, "1") == ""
    assert not room.polls


async def test_it_speaks_english_to_whoever_began_in_english(room: BenchRoom) -> None:
    assert "What is the question?" in await room.say(ANA, "!poll")
    await room.say(ANA, "Shall we go?")
    await room.say(ANA, "1")
    await room.say(ANA, "yes/no")
    await room.say(ANA, "none")
    assert [one.text for one in room.polls[0].options] == ["Yes", "No"]
