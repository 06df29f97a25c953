"""In which language people read what nobody has typed a command for: that in which the poll was asked."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import ADMIN, Bench

BOB = "@bob:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(PollsBot) as bench:
        yield bench


async def test_a_poll_that_was_asked_in_english_reminds_and_ends_in_english(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ADMIN, """!poll Shall we go? until="today 5pm" reminder=2h minutes=yes""")
    await bench.clock.to("15:00")
    assert room.said[-1] == '🔔 Admin: your vote is awaited: "Shall we go?"'
    await bench.clock.to("17:00")
    assert "Nobody voted" in room.said[-3]
    assert "# Minutes of a vote" in room.timeline[-1].data[0].decode()


async def test_a_secret_vote_is_asked_for_in_the_language_of_the_poll(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ADMIN, "!poll Who? A / B secret=yes")
    await room.react(BOB, room.timeline[0], "🗳️")
    assert "Example: 2" in bench.direct(BOB).said[-1]
    assert "Your vote is counted" in await bench.direct(BOB).say(BOB, "2")


async def test_somebodys_own_poll_ends_in_the_language_of_its_deadline(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    poll = await room.ask(BOB, "Shall we go?", "Yes", "No")
    assert "This poll will end Monday 23 November 2026" in await room.say(ADMIN, "!close today 5pm", answers=poll)
    await bench.clock.to("17:00")
    assert "Nobody voted" in room.said[-2]


async def test_while_results_are_hidden_a_typed_vote_is_not_said_back(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ADMIN, "!sondage Qui ? A / B resultats=fin")
    assert await room.say(BOB, "!vote 2") == "✓ bob : vote compté"
