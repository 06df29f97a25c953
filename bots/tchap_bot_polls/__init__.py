"""Polls: a question in a room, counted the same way however people answer.

``model.py`` is what a poll and its result are; ``tally.py`` counts, with ``ranked.py`` and ``dates.py``.
"""
