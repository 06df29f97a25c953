"""Our bots pass the bots' contract suite, and do what they are for."""

from tchap_bot_echo import EchoBot
from tchap_bridges.bot import Bot, Power, Room, command
from tchap_bridges.testing.contract_bot import BotContract
from tchap_bridges.testing.room import FakeRoom


class TestEchoBot(BotContract):
    bot = EchoBot

    async def test_repeats(self) -> None:
        room = FakeRoom()
        assert await room.hears(EchoBot(), "!echo bonjour à tous") == ["bonjour à tous"]
        assert await room.hears(EchoBot(), "!Écho  <b>oui</b> ") == ["<b>oui</b>"]
        assert await room.hears(EchoBot(), "echo bonjour") == []
        assert await room.hears(EchoBot(), "!autre bonjour") == []

    async def test_says_how_it_is_used(self) -> None:
        assert "!echo" in (await FakeRoom().hears(EchoBot(), "!echo"))[0]


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
        assert await FakeRoom().hears(Guarded(), "!clear la file") == ["vidé : la file", "c'est tout"]
