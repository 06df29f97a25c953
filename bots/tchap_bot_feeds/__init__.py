"""Feeds: what a site publishes (RSS, Atom), said in a room.

1. ``fetching.py``   bytes, from public addresses only; ``worker.py`` and ``reading.py``: what they say
2. ``following.py``  what is new, what has changed
3. ``keeping.py``    what is kept of a room's feeds; ``model.py`` its shapes
4. ``showing.py``    how entries are shown; ``settings.py`` what a room sets
5. ``bot.py``        the command, and what happens when a feed is due

Nothing is imported here: the process that reads starts with what it needs.
"""
