"""Bots at work: who is on where, what each is called for, and what comes of a call.

1. ``switch.py``   ``!bot``: which bots are on in a room, and the words that call them; ``settings.py``: what is set,
   by ``guide.py`` in a direct conversation, by ``forms.py`` on a page
2. ``hearing.py``  from an event in a room to the lanes of the bots that hear it
3. ``questions.py`` what bots have asked people, and which words answer it
4. ``runner.py``   one row of such a lane: the handler is called, what it did is written
5. ``turn.py``     the room as a handler sees it: reads at once; ``effects.py``: what is written when it has ended well
6. ``timers.py``   calls that were ordered for later, and those of schedules; ``schedules.py``: when these come;
   ``renewal.py``: when bots have changed
7. ``hooks.py``    what others post to an address of the room; ``deliveries.py``: as it is kept; ``hook_words.py`` and
   beside it: what is typed of it
8. ``conduct.py``  how a bot behaves: ``limits.py`` judges, ``stops.py`` switches off, ``leash.py`` ends a call,
   ``watchdog.py`` names whoever holds the loop

``crew.py`` puts them together; ``registry.py`` knows which bots there are.

A bot has a lane in each room and a pool of its own, so that one which hangs, raises or talks too much keeps nobody else
waiting; and its row ends in the transaction that writes what it did, so that a crash changes nothing.
"""

TARGET = "bot:"
"""What the target of a bot's lane begins with."""
GUIDE = "reglages"
"""The bot by which others are set: it is on everywhere, and no other may be called so."""
EVENT, COMMAND, TIMER, ANSWER, HOOK = "event", "call", "timer", "answer", "hook"
"""Actions of its rows."""
