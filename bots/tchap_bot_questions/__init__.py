"""Question time: people ask, in the room or alone with the bot; 👍 ranks, moderators approve, take the next, merge.

1. ``model.py``    what a question is, and a session of them
2. ``keeping.py``  what is kept of a room's session
3. ``alike.py``    which questions may be the same
4. ``rules.py``    who may do what, and what may be asked
5. ``showing.py``  how questions are shown; ``table.py`` what is exported
6. ``bot.py``      the command, and what is heard
"""

from tchap_bot_questions.bot import QuestionsBot

__all__ = ["QuestionsBot"]
