"""What every bot has to pass, ours and yours::

class TestEchoBot(BotContract):
    bot = EchoBot
"""

import inspect
import re

import pytest

from tchap_bridges.bot import Bot, Power
from tchap_bridges.core.bots import schedules
from tchap_bridges.testing.bench import ADMIN, Bench

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
_WORD = re.compile(r"[^\W\d_][\w-]*")


class BotContract:
    """Set ``bot``."""

    bot: type[Bot]

    def test_introduces_itself(self) -> None:
        assert self.bot.name == self.bot.name.lower()
        assert _WORD.fullmatch(self.bot.name), "the name is typed: !bot activer <name>"
        assert (self.bot.__doc__ or "").strip(), "the docstring of the class is its help"

    def test_commands_are_words_with_help(self) -> None:
        words = [word for command in self.bot.commands for word in command.words]
        assert words or self.bot.listeners or self.bot.schedules or self.bot.webhooks, "nothing ever calls it"
        assert len(set(words)) == len(words), "two commands answer one word"
        for command in self.bot.commands:
            assert command.help, f"{command.handler}: its docstring is its help"
            assert command.who in set(Power)
            for word in command.words:
                assert word == word.lower()
                assert all(map(_WORD.fullmatch, word.split(" "))), f"!{word} could not be typed"

    def test_handlers_can_be_called(self) -> None:
        """Those that are named in words, for `Room.at` and `Room.ask`, cannot be looked at."""
        bot = self.bot()
        calls = [(one.handler, ("room", *(each.label for each in one.parameters))) for one in bot.commands]
        calls += [(one.handler, ("room", "event")) for one in bot.listeners]
        calls += [(one.handler, ("room",)) for one in bot.schedules]
        calls += [(one.handler, ("room", "body")) for one in bot.webhooks]
        for name, arguments in calls:
            handler = getattr(bot, name)
            assert inspect.iscoroutinefunction(handler), f"{name} has to be async"
            try:
                inspect.signature(handler).bind(*arguments)
            except TypeError as error:
                pytest.fail(f"{name} is called as {name}({', '.join(arguments)}): {error}")

    def test_schedules_come(self) -> None:
        """A time is one, or a setting that is one; a recurrence is understood, or a setting that holds its words."""
        schedules.check(self.bot)

    def test_every_setting_has_a_default_and_a_label(self) -> None:
        self.bot.Config()
        for name, field in self.bot.Config.model_fields.items():
            assert field.title, f"{name}: field(…, label=…) is what people read"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("words", HOSTILE)
    async def test_any_words_are_survived(self, words: str) -> None:
        """An answer, none, or an error of the tree, which is told; any other is the bot's own."""
        async with Bench(self.bot) as bench:
            room = await bench.room(self.bot)
            for command in self.bot.commands:
                said = await room.say(ADMIN, f"!{command.words[0]} {words}")
                assert "erreur interne" not in said, f"!{command.words[0]} {words[:40]!r} raised"
                assert "à temps" not in said, f"!{command.words[0]} {words[:40]!r} took too long"

    @pytest.mark.asyncio
    async def test_power_is_asked(self) -> None:
        async with Bench(self.bot) as bench:
            room = await bench.room(self.bot)
            for command in self.bot.commands:
                if command.who > Power.MEMBER:
                    room.as_power("@membre:exemple.fr", command.who - 1)
                    assert (await room.say("@membre:exemple.fr", f"!{command.words[0]}")).startswith("✗")
