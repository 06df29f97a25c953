"""Polls for a date: of each one a person says yes, if need be, or no.

An answer is the date's id and a sign: nothing for yes, ``?`` for if need be, ``!`` for no. A native poll offers the
first two for every date, and what is not chosen there is no. Whoever says two things of one date has said the last.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from tchap_bot_polls.model import Count
from tchap_bridges.events import Option
from tchap_bridges.i18n import _


class Answer(StrEnum):
    """What is said of a date; the value is the sign after its id."""

    YES = ""
    MAYBE = "?"
    NO = "!"


def offered(dates: Iterable[Option], translate: Callable[[str], str] = str) -> tuple[Option, ...]:
    """What a native poll asks: every date twice, so at most ten; one person may choose all of it."""
    return tuple(
        Option(id=f"{date.id}{answer}", text=text)
        for date in dates
        for answer, text in (
            (Answer.YES, date.text),
            (Answer.MAYBE, translate(_("{date} (si besoin)", date=date.text))),
        )
    )


def dates_of(options: Sequence[Option]) -> tuple[Option, ...]:
    """The dates of a poll, asked twice or once."""
    twice = {f"{option.id}{answer}" for option in options for answer in (Answer.MAYBE, Answer.NO)}
    return tuple(option for option in options if option.id not in twice)


def known(dates: Iterable[Option]) -> Mapping[str, tuple[str, Answer]]:
    """Every answer that can be given, and of which date it says what."""
    return {f"{date.id}{answer}": (date.id, answer) for date in dates for answer in Answer}


def said(answers: Iterable[str], dates: Iterable[Option]) -> Mapping[str, Answer]:
    """What a ballot says of the dates that it names. Raises KeyError for an answer that is not `known`."""
    meaning = known(dates)
    return dict(meaning[answer] for answer in answers)


def best(counts: Iterable[Count]) -> tuple[str, ...]:
    """The date with the most yes, of these the most if need be, of these the first; () when nobody can at any."""
    able = [count for count in counts if count.votes or count.maybe]
    return (max(able, key=_strength).option.id,) if able else ()


def _strength(count: Count) -> tuple[int, int]:
    return count.votes, count.maybe
