"""Surveys: several questions, answered in each one's own direct conversation.

1. ``model.py``     what a survey and an answer are
2. ``asking.py``    what ``!enquete …`` asks for
3. ``walk.py``      one person's way through the questions, with ``answering.py``
4. ``keeping.py``   what is kept, and for how long
5. ``summary.py``   what all have answered, shown by ``bars.py``, ``chart.py`` and ``table.py``
6. ``bot.py``       the commands; ``taking.py`` is the conversation
"""

from tchap_bot_surveys.bot import SurveysBot

__all__ = ["SurveysBot"]
