"""One person's way through the questions: `said` takes where they are and what they type, and gives where they go.

No answer is lost but by « recommencer », or its own by « effacer »; nobody passes a question that has to be answered.
Pure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tchap_bot_surveys import answering
from tchap_bot_surveys.answering import Typed
from tchap_bot_surveys.model import Answer, Answers, Question
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _


class Word(StrEnum):
    """What somebody may say at any question, besides an answer."""

    BACK = "back"
    SKIP = "skip"
    CLEAR = "clear"
    RESTART = "restart"
    LATER = "later"
    SEND = "send"


WORDS: Final[Mapping[str, Word]] = {
    **dict.fromkeys(("retour", "précédent", "precedent", "back"), Word.BACK),
    **dict.fromkeys(("passer", "suivant", "skip", "next"), Word.SKIP),
    **dict.fromkeys(("effacer", "clear"), Word.CLEAR),
    **dict.fromkeys(("recommencer", "restart"), Word.RESTART),
    **dict.fromkeys(("plus tard", "later"), Word.LATER),
    **dict.fromkeys(("envoyer", "oui", "ok", "send", "yes"), Word.SEND),
}

_QUOTED: Final = re.compile(r"[\"“«]\s*(.*?)\s*[\"”»]", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """``at``: the question that is asked, from 0; one more than there are while all is shown once more, to be sent."""

    answers: Answers
    at: int = 0

    @property
    def reviews(self) -> bool:
        return self.at == len(self.answers)

    @property
    def complete(self) -> Sequence[Answer]:
        """Of a walk that is reviewed: then every question has been answered or skipped."""
        return [answer or () for answer in self.answers]


def begun(questions: Sequence[Question]) -> Walk:
    return Walk(answers=(None,) * len(questions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``word``: what was said, None for an answer, which ``answered`` then is the question of."""

    walk: Walk
    word: Word | None = None
    answered: int | None = None


def said(questions: Sequence[Question], walk: Walk, typed: Typed) -> Step:
    """Raises `Misconfigured` for what is no answer, and for a question that must not be skipped."""
    if walk.reviews:
        return _reviewed(walk, typed.words)
    question = questions[walk.at]
    word = _word(typed.words)
    quoted = _QUOTED.fullmatch(typed.words.strip())
    if quoted is not None and _word(quoted[1]) is not None:  # the answer is such a word
        typed, word = replace(typed, words=quoted[1]), None
    if word in {None, Word.SEND} or answering.chosen(question, typed.words) is not None:
        answer = answering.read(question, typed)
        return Step(walk=_on(_with(walk, answer)), answered=walk.at)
    return Step(walk=_moved(question, walk, word), word=word)


def _moved(question: Question, walk: Walk, word: Word | None) -> Walk:
    answer = walk.answers[walk.at]
    match word:
        case Word.BACK:
            return replace(walk, at=max(0, walk.at - 1))
        case Word.SKIP if answer is None:
            return _on(_with(walk, _skipped(question)))
        case Word.SKIP:  # it has been answered: it stays so
            return _on(walk)
        case Word.CLEAR:
            return _on(_with(walk, _skipped(question)))
        case Word.RESTART:
            return Walk(answers=(None,) * len(walk.answers))
        case _:
            return walk


def _reviewed(walk: Walk, words: str) -> Step:
    word = _word(words)
    match word:
        case Word.SEND | Word.LATER:
            return Step(walk=walk, word=word)
        case Word.BACK:
            return Step(walk=replace(walk, at=len(walk.answers) - 1), word=word)
        case Word.RESTART:
            return Step(walk=Walk(answers=(None,) * len(walk.answers)), word=word)
        case _ if re.fullmatch(r"[0-9]{1,2}", number := words.strip()) and 1 <= int(number) <= len(walk.answers):
            return Step(walk=replace(walk, at=int(number) - 1), word=Word.BACK)
        case _:
            raise Misconfigured(
                _("rien n'est encore envoyé"),
                remedy=_("Répondez « envoyer », ou le numéro d'une question pour en changer la réponse."),
            )


def _word(words: str) -> Word | None:
    return WORDS.get(words.strip().casefold().rstrip(".! "))


def _skipped(question: Question) -> Answer:
    if question.required:
        raise Misconfigured(
            _("cette question attend une réponse"), remedy=_("« plus tard » garde ce que vous avez déjà répondu.")
        )
    return ()


def _with(walk: Walk, answer: Answer) -> Walk:
    return replace(walk, answers=(*walk.answers[: walk.at], answer, *walk.answers[walk.at + 1 :]))


def _on(walk: Walk) -> Walk:
    """To the next question that has not been answered or skipped, from here round; to the review when there is none."""
    places = [*range(walk.at + 1, len(walk.answers)), *range(walk.at)]
    return replace(walk, at=next((n for n in places if walk.answers[n] is None), len(walk.answers)))
