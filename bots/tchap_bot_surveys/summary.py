"""What all have answered, question by question. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from statistics import median
from typing import Final

from tchap_bot_surveys.model import Answer, Kind, Question
from tchap_bridges.dates import said_date

STEPS: Final = 11
"""A scale of more steps has a mean and a median, and no bar for each of them."""

Entry = Sequence[Answer]
"""What one person answered: an answer for each question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many gave this answer."""

    text: str
    votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    mean: Fraction
    median: Fraction
    least: Fraction
    most: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """``answered``: so many people did. ``counts``: of a choice or a scale in its order, of dates from the first on.

    ``texts``: of words, sorted. ``numbers``: of a scale or a number that somebody answered.
    """

    question: Question
    answered: int
    skipped: int
    counts: tuple[Count, ...] = ()
    numbers: Numbers | None = None
    texts: tuple[str, ...] = ()


def summaries(questions: Sequence[Question], entries: Sequence[Entry]) -> list[Summary]:
    """One for each question."""
    return [_summary(question, [entry[n] for entry in entries]) for n, question in enumerate(questions)]


def _summary(question: Question, answers: Sequence[Answer]) -> Summary:
    given = [answer for answer in answers if answer]
    times = Counter(one for answer in given for one in answer)
    numeric = question.kind in {Kind.SCALE, Kind.NUMBER}
    return Summary(
        question=question,
        answered=len(given),
        skipped=len(answers) - len(given),
        counts=tuple(Count(text=text, votes=times[key]) for key, text in _rows(question, times)),
        numbers=_numbers([Fraction(answer[0]) for answer in given]) if numeric and given else None,
        texts=tuple(sorted((answer[0] for answer in given), key=str.casefold)) if question.kind is Kind.TEXT else (),
    )


def _rows(question: Question, times: Counter[str]) -> list[tuple[str, str]]:
    """The answers that have a bar: as kept, and as shown."""
    match question.kind:
        case Kind.ONE | Kind.SEVERAL:
            return [(str(n), option) for n, option in enumerate(question.options, 1)]
        case Kind.SCALE if question.high - question.low < STEPS:
            return [(str(n), str(n)) for n in range(question.low, question.high + 1)]
        case Kind.DATE:
            return [(day, said_date(date.fromisoformat(day))) for day in sorted(times)]
        case _:
            return []


def _numbers(given: Sequence[Fraction]) -> Numbers:
    return Numbers(mean=sum(given, Fraction(0)) / len(given), median=median(given), least=min(given), most=max(given))
