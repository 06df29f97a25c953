"""Taking part: whoever has asked to is asked one question after another, in their direct conversation."""

from dataclasses import replace
from datetime import datetime

from tchap_bot_surveys import walk, wording
from tchap_bot_surveys.answering import Typed
from tchap_bot_surveys.keeping import Part, Surveys
from tchap_bot_surveys.model import State, Survey
from tchap_bot_surveys.walk import Step, Walk, Word
from tchap_bridges.bot import Room
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, Translator, _

HANDLER = "answered"
"""Of the bot, which `answer` is what it does."""


def key_of(number: int) -> str:
    """By which its questions can be withdrawn."""
    return f"survey {number}"


async def begin(room: Room, survey: Survey) -> None:
    """Whoever calls begins, or goes on where they were. The room is not told: five hundred may do so at once.

    Raises `Misconfigured` before it has done anything.
    """
    _open(survey, room.when)
    if room.network:
        raise Misconfigured(_("une enquête se remplit en conversation directe : il faut être soi-même dans le salon"))
    surveys, person = Surveys(room.kv), room.caller.person
    if survey.anonymous and person in await surveys.roll(survey.number):
        raise Misconfigured(_("vous avez déjà répondu, et vos réponses ne portent plus votre nom"))
    part = await surveys.part(survey.number, person)
    at = part.walk if part is not None else walk.begun(survey.questions)
    if part is None:
        await surveys.check_room(survey.number)
    if not await _ask(room, survey, at, first=True):
        raise Misconfigured(
            _("je ne peux pas vous écrire : vous avez décliné notre conversation directe, ou l'avez quittée"),
            remedy=_("Écrivez !bot prive, puis !repondre {n}", n=survey.number),
        )
    if part is None:
        await surveys.begin(survey.number, Part(person=person, name=room.caller.name, walk=at))


async def withdraw(room: Room, survey: Survey) -> Phrase:
    """Nothing is left of whoever calls, but what is anonymous."""
    surveys, person = Surveys(room.kv), room.caller.person
    part = await surveys.part(survey.number, person)
    if part is None:
        raise Misconfigured(_("je n'ai aucune réponse à votre nom dans l'enquête n° {n}", n=survey.number))
    await surveys.withdraw(survey.number, part)
    await room.withdraw(key_of(survey.number), of=person)
    return _("✓ Je n'ai plus rien de vous dans l'enquête n° {n}.", n=survey.number)


async def answer(room: Room, typed: str, number: int) -> Phrase | None:
    """What somebody answers in their conversation. Raises `Misconfigured`: then they are heard again."""
    surveys = Surveys(room.kv)
    survey = await surveys.get(number)
    part = await surveys.part(number, room.caller.person)
    if survey is None or part is None or not _is_open(survey, room.when):
        return _("Cette enquête est close.")
    said = Typed(words=typed, when=room.when, zone=room.zone, language=room.language, exact=survey.anonymous)
    step = walk.said(survey.questions, part.walk, said)
    if step.word is Word.SEND:
        await surveys.send(survey, replace(part, walk=step.walk))
        return wording.sent(survey)
    await surveys.keep_part(number, replace(part, walk=step.walk))
    if step.word is Word.LATER:
        return _("✓ C'est gardé. Pour reprendre où vous en êtes : !repondre {n} dans le salon.", n=number)
    await _ask(room, survey, step.walk, heard=_heard(room, survey, step))
    return None


def _heard(room: Room, survey: Survey, step: Step) -> Phrase | str:
    """The answer said back. What we say is kept: of an anonymous survey, no words of theirs are in it."""
    if step.answered is None or survey.anonymous:
        return ""
    given = step.walk.answers[step.answered] or ()
    return _("✓ {answer}", answer=wording.told(survey.questions[step.answered], given, Translator(room.language)))


async def _ask(room: Room, survey: Survey, at: Walk, *, heard: Phrase | str = "", first: bool = False) -> bool:
    words = Translator(room.language)
    if at.reviews:
        text = wording.review(survey, at, words, heard=heard)
    else:
        text = wording.question(survey, at, words, heard=heard, first=first)
    number = survey.number
    return await room.ask(text, HANDLER, str(number), private=True, secret=survey.anonymous, key=key_of(number))


def _open(survey: Survey, when: datetime) -> None:
    if not _is_open(survey, when):
        raise Misconfigured(_("l'enquête n° {n} est close", n=survey.number))


def _is_open(survey: Survey, when: datetime) -> bool:
    """``when``: it was said; one of which the end is due takes none any more."""
    return survey.state is State.OPEN and (survey.closes is None or when < survey.closes)
