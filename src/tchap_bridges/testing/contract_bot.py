"""What every bot has to pass, ours and yours::

class TestEchoBot(BotContract):
    bot = EchoBot
"""

import inspect
import re
from contextlib import suppress

import pytest

from tchap_bridges.bot import Bot, Power
from tchap_bridges.errors import BridgeError
from tchap_bridges.testing.room import FakeRoom

HOSTILE = (
    "",
    " ",
    "x" * 100_000,
    "{0.__class__}",
    "%s%n",
    "a\0b\r\nc",
    "\ud800",
    "\u202e",
    "--help",
    '"',
    "=",
    "é" * 50,
)
_WORD = re.compile(r"[^\W_][\w-]*")


class BotContract:
    """Set ``bot``."""

    bot: type[Bot]

    def test_introduces_itself(self) -> None:
        assert self.bot.name == self.bot.name.lower()
        assert _WORD.fullmatch(self.bot.name), "the name is typed: !bot activer <name>"
        assert (self.bot.__doc__ or "").strip(), "the docstring of the class is its help"

    def test_commands_are_words_with_help(self) -> None:
        words = [word for command in self.bot.commands for word in command.words]
        assert words, "a bot without commands is never called"
        assert len(set(words)) == len(words), "two commands answer one word"
        for command in self.bot.commands:
            assert command.help, f"{command.handler}: its docstring is its help"
            assert command.who in set(Power)
            for word in command.words:
                assert word == word.lower()
                assert _WORD.fullmatch(word), f"!{word} could not be typed"

    def test_handlers_can_be_called(self) -> None:
        bot = self.bot()
        for command in bot.commands:
            handler = getattr(bot, command.handler)
            assert inspect.iscoroutinefunction(handler), f"{command.handler} has to be async"
            inspect.signature(handler).bind(FakeRoom(), "words")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("words", HOSTILE)
    async def test_any_words_are_survived(self, words: str) -> None:
        """An answer, none, or an error of the tree, which is told in the room; any other would only be logged."""
        bot = self.bot()
        for command in bot.commands:
            with suppress(BridgeError):
                answer = await getattr(bot, command.handler)(FakeRoom(), words)
                assert answer is None or isinstance(answer, str)

    @pytest.mark.asyncio
    async def test_power_is_asked(self) -> None:
        bot = self.bot()
        for command in bot.commands:
            if command.who > Power.MEMBER:
                with pytest.raises(BridgeError):
                    await FakeRoom(power=command.who - 1).hears(bot, f"!{command.words[0]}")
