"""The Echo bot: the smallest useful bot, to copy when you start your own. ``bot.py`` is all of it."""

from tchap_bot_echo.bot import EchoBot

__all__ = ["EchoBot"]
