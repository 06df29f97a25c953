"""Alerts and news that other systems post to a webhook, told in a room.

A delivery goes one way: ``formats/`` reads it into notices, ``grouping.py`` decides what is said, edited or held, and
``wording.py`` or the room's own ``template.py`` writes it. All of that is pure. Around it, ``bot.py`` is what the room
calls, ``telling.py`` does what was decided, ``keeping.py`` keeps it, ``writing.py`` works beside the loop.
"""

from tchap_bot_alerts.bot import AlertsBot

__all__ = ["AlertsBot"]
