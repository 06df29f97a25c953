"""Our bots pass the bots' contract suite, and do what they are for."""

from tchap_bot_alerts import AlertsBot
from tchap_bot_echo import EchoBot
from tchap_bot_feeds.bot import FeedsBot
from tchap_bot_polls import PollsBot
from tchap_bot_questions import QuestionsBot
from tchap_bot_reminders import RemindersBot
from tchap_bot_surveys import SurveysBot
from tchap_bridges.bot import Bot, Power, Room, command
from tchap_bridges.testing.bench import ADMIN, Bench
from tchap_bridges.testing.contract_bot import BotContract


class TestAlertsBot(BotContract):
    bot = AlertsBot


class TestPollsBot(BotContract):
    bot = PollsBot


class TestQuestionsBot(BotContract):
    bot = QuestionsBot


class TestFeedsBot(BotContract):
    bot = FeedsBot


class TestRemindersBot(BotContract):
    bot = RemindersBot


class TestSurveysBot(BotContract):
    bot = SurveysBot


class TestEchoBot(BotContract):
    bot = EchoBot

    async def test_repeats(self) -> None:
        async with Bench(EchoBot) as bench:
            room = await bench.room(EchoBot)
            assert await room.say(ADMIN, "!echo bonjour à tous") == "bonjour à tous"
            assert await room.say(ADMIN, "!Écho  <b>oui</b> ") == "<b>oui</b>"
            assert await room.say(ADMIN, "echo bonjour") == ""

    async def test_says_how_it_is_used(self) -> None:
        async with Bench(EchoBot) as bench:
            assert "!echo" in await (await bench.room(EchoBot)).say(ADMIN, "!echo")


class Guarded(Bot):
    """Ne répond qu'aux modérateurs."""

    name = "gardé"

    @command("vider", "clear", who=Power.MODERATOR)
    async def clear(self, room: Room, words: str) -> None:
        """Vide ce qu'on lui nomme."""
        await room.say(f"vidé : {words}")
        await room.say("c'est tout")


class TestGuarded(BotContract):
    bot = Guarded

    async def test_says_more_than_once(self) -> None:
        async with Bench(Guarded) as bench:
            room = await bench.room(Guarded)
            assert await room.say(ADMIN, "!clear la file") == "vidé : la file\nc'est tout"
