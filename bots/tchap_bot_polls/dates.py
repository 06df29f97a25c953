"""Polls for a date: of each one a person says yes, if need be, or no.

An answer is the date's id and a sign: nothing for yes, ``?`` for if need be, ``!`` for no. A native poll offers the
first two for every date, and what is not chosen there is no. Whoever says two things of one date has said the last.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bot_polls.model import Count
from tchap_bridges.dates import said as moment_said
from tchap_bridges.dates import said_date
from tchap_bridges.dates.meaning import meant
from tchap_bridges.events import Option
from tchap_bridges.i18n import Language, Translator, _

MOST_NATIVE: Final = 10
"""So many dates has a native poll: each is asked twice, and it has twenty options."""
_LONG_BEFORE: Final = timedelta(days=100)


class Answer(StrEnum):
    """What is said of a date; the value is the sign after its id."""

    YES = ""
    MAYBE = "?"
    NO = "!"


def proposed(words: Iterable[str], now: datetime, zone: ZoneInfo, language: Language) -> tuple[str, ...]:
    """The dates that people's words mean, said back whole. Raises `Misconfigured` for what means several, or none."""
    translate = Translator(language)
    moments = [meant(one, now, zone, language) for one in words]
    return tuple(
        translate(
            moment_said(one, one.at - _LONG_BEFORE, zone)  # "tomorrow" would be wrong tomorrow
            if one.hour_said
            else said_date(one.at.astimezone(zone))
        )
        for one in moments
    )


def offered(dates: Iterable[Option], translate: Callable[[str], str] = str) -> tuple[Option, ...]:
    """What a native poll asks: every date, then every one again, so at most ten; one person may choose all of it.

    So the number of a date is the same wherever people vote by number, and those behind say "if need be".
    """
    dates = tuple(dates)
    maybe = (
        Option(id=f"{date.id}{Answer.MAYBE}", text=translate(_("{date} (si besoin)", date=date.text))) for date in dates
    )
    return (*dates, *maybe)


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
