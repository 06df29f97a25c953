from tchap_bot_astreinte import DutyBot

from tchap_bridges.testing.bench import Bench
from tchap_bridges.testing.contract_bot import BotContract

ANA = "@ana:exemple.fr"


class TestDutyBot(BotContract):
    bot = DutyBot


async def test_remembers_who_it_is() -> None:
    async with Bench(DutyBot) as bench:
        room = await bench.room(DutyBot)
        assert await room.say(ANA, "!astreinte noter demain Ana") == "✓ 24/11 : Ana"
        await bench.clock.forward(days=1)
        assert await room.say(ANA, "!astreinte") == "24/11 : Ana"
        assert "n'est pas un jour" in await room.say(ANA, "!astreinte noter Ana")
