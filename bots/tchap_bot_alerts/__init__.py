"""Alerts and news that other systems post to a webhook, told in a room.

A delivery goes one way: ``formats/`` reads it into notices, ``grouping.py`` decides what is said, edited or held, and
``wording.py`` or the room's own ``template.py`` writes it. All of it is pure.
"""
