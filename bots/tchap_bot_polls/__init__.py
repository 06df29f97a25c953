"""Polls: a question in a room, counted the same way however people answer.

What is said to it, in the order of a poll's life::

    bot.py        the commands, and what is heard
    asking.py     what ``!sondage …`` asks for, with settings.py; dialogue.py: when it says nothing
    starting.py   the question in the room
    voting.py     votes typed, chosen, by keycap, by number; secret.py: in the direct conversation
    reminding.py  calls those who have not voted
    others.py     a deadline for somebody's own poll
    ending.py     the result; papers.py: minutes and table

What it is made of::

    model.py      what a poll and its result are
    keeping.py    what is kept of a room's polls
    counting.py   from what was heard to a result, by tally.py with ranked.py and dates.py
    wording.py    the words of a result: bars.py (text), chart.py (picture), minutes.py, table.py
"""

from tchap_bot_polls.bot import PollsBot

__all__ = ["PollsBot"]
