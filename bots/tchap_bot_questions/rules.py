"""Who may do what, and what may be asked."""

from typing import Final

from tchap_bot_questions.alike import same
from tchap_bot_questions.model import Question, Session, State
from tchap_bot_questions.settings import QuestionsConfig
from tchap_bridges.bot import Power, Room
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.i18n import _

MOST: Final = 300
"""Questions of one session."""
LEAST_WORDS: Final = 3
"""Of what does not end with a question mark: less is a command that was mistyped."""
EXAMPLE: Final = _("Exemple : !qr Quand ouvre la cantine ?")


def check(room: Room[QuestionsConfig], session: Session, text: str) -> None:
    if not session.open:
        raise Misconfigured(_("les questions sont closes"))
    if len(text.split()) < LEAST_WORDS and not text.endswith("?"):
        raise Misconfigured(_("je ne vois pas de question"), remedy=EXAMPLE)
    if len(text) > room.config.longest:
        raise Misconfigured(_("c'est trop long : {n} caractères au plus", n=room.config.longest))
    if session.asked.get(who(room), 0) >= room.config.per_person:
        raise Misconfigured(_("vous avez déjà posé {n} questions, c'est le plus ici", n=room.config.per_person))
    if len(session.questions) >= MOST:
        raise Misconfigured(_("il y a déjà {n} questions, c'est le plus ici", n=MOST))
    if twin := same(text, session.in_state(State.SHOWN, State.STAGE)):
        raise Misconfigured(
            _("cette question est déjà posée : n° {n}", n=twin.number), remedy=_("Votez pour elle par 👍.")
        )


def meant(session: Session, number: str) -> Question:
    question = session.get(int(number)) if number.isdecimal() and len(number) < 5 else None
    if question is None or question.state is State.REMOVED:
        raise Misconfigured(_("il n'y a pas de question n° {n}", n=number[:20]), remedy=_("Voyez : !qr liste"))
    return question


def who(room: Room[QuestionsConfig]) -> str:
    """One person of one place: a nick of IRC is nobody's user id."""
    return f"{room.network} {room.caller.person}" if room.network else room.caller.person


async def moderates(room: Room[QuestionsConfig]) -> bool:
    """By a level of their own in the room, wherever they speak; somebody of a linked network has none."""
    here = () if room.network else await room.members()
    return any(one.person == room.caller.person and one.level >= Power.MODERATOR for one in here)


async def needs_moderator(room: Room[QuestionsConfig]) -> None:
    if not await moderates(room):
        raise NotAllowed(_("seule une personne qui modère le salon peut le faire"))


def key(session: Session, question: Question) -> str:
    """By which moderators are asked of it; the same number in a later session is another question."""
    return f"judge {session.era} {question.number}"
