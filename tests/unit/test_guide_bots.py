"""The longer bot of the guides does what they say of it."""

import importlib.util
from pathlib import Path

import pytest

from tchap_bridges.testing.bench import ADMIN, Bench
from tchap_bridges.testing.contract_bot import BotContract

_FILE = Path(__file__).parents[1] / "vectors" / "bot_guide" / "merci" / "tchap_bot_merci.py"
_spec = importlib.util.spec_from_file_location("tchap_bot_merci", _FILE)
assert _spec is not None
assert _spec.loader is not None
merci = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(merci)

ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"


class TestThanksBot(BotContract):
    bot = merci.ThanksBot


async def test_it_thanks_asks_counts_and_tells() -> None:
    async with Bench(merci.ThanksBot) as bench:
        room = await bench.room(merci.ThanksBot)
        room.called(BOB, "Bob")
        assert await room.say(ANA, "!merci Bob pour la relecture") == "👏 Merci à Bob pour la relecture"
        await room.react(ADMIN, room.timeline[-1], "👏")
        await room.react(BOB, room.timeline[-1], "👎")
        assert "but what for?" in await room.say(ANA, "!thanks Bob")
        assert await room.say(ANA, "for everything") == "👏 Thanks to Bob for everything"
        assert "soi-même" in await room.say(BOB, "!merci Bob")
        await bench.clock.forward(days=4)
        await bench.clock.to("16:00")
        assert room.said[-1] == "Cette semaine : 3 mercis."
        before = len(room.said)
        await bench.clock.forward(days=7)
        assert len(room.said) == before, "nothing was said of nothing"


@pytest.mark.parametrize(("who", "left"), [(ADMIN, 1), (BOB, 2)])
async def test_a_moderator_has_the_one_that_is_answered_forgotten(who: str, left: int) -> None:
    async with Bench(merci.ThanksBot) as bench:
        room = await bench.room(merci.ThanksBot)
        room.called(BOB, "Bob")
        await room.say(ANA, "!merci Bob un")
        thanks = room.timeline[-1]
        await room.say(ANA, "!merci Bob deux")
        await room.say(who, "!merci oublier", answers=thanks.id)
        await bench.clock.forward(days=4)
        await bench.clock.to("16:00")
        assert room.said[-1] == f"Cette semaine : {left} mercis."
