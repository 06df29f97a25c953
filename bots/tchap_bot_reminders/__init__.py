"""Reminders: once, or again and again, at a time that is said in words. ``bot.py`` is all of it."""

from tchap_bot_reminders.bot import RemindersBot

__all__ = ["RemindersBot"]
