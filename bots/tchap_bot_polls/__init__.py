"""Polls: a question in a room, counted the same way however people answer.

1. ``model.py``    what a poll and its result are
2. ``asking.py``   what ``!sondage …`` asks for
3. ``keeping.py``  what is kept of a room's polls
4. ``tally.py``    counts, with ``ranked.py`` and ``dates.py``
5. ``bot.py``      the commands, and what is heard
"""

from tchap_bot_polls.bot import PollsBot

__all__ = ["PollsBot"]
