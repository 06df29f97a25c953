"""The days that words may mean, and why they can mean none."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from tchap_bridges.dates.hours import PartOfDay
from tchap_bridges.i18n import Phrase, _

LONGEST: Final = 100
"""Years ahead; whoever asks for more has slipped."""
DAY_END: Final = 24 * 60 - 1
"""The last minute of a day."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days that words may mean, soonest first.

    ``weekday``: a weekday alone, that any other word for a day may make certain. ``week``: seven days of which one must
    be named. ``closing``: minutes since midnight when no hour is said. ``first``: the first to come of them is meant.
    """

    dates: tuple[date, ...]
    weekday: int | None = None
    week: bool = False
    part: PartOfDay | None = None
    closing: int | None = None
    first: bool = False

    def both(self, other: "Days") -> "Days | None":
        """The days that both mean; None: they contradict each other."""
        if self.weekday is not None:
            return other.both(self) if other.weekday is None else None
        if other.weekday is not None:
            dates = tuple(day for day in self.dates if day.weekday() == other.weekday)
        else:
            dates = tuple(day for day in self.dates if day in other.dates)
        part, closing = self.part or other.part, self.closing if self.closing is not None else other.closing
        return replace(self, dates=dates, week=False, part=part, closing=closing) if dates else None


@dataclass(frozen=True, slots=True)
class Today:
    """Where in time *words* are said; the words as they were written."""

    date: date
    words: str = ""
    alsace_moselle: bool = False

    def quote(self, found: re.Match[str]) -> str:
        return self.words[found.start() : found.end()].strip()


Reader = Callable[[re.Match[str], Today], Days | Phrase]


def said(found: re.Match[str], name: str) -> str:
    """A part of the words; "" when it is not there."""
    return found.groupdict().get(name) or ""


def no_day(words: str) -> Phrase:
    return _("« {words} » ne dit pas quel jour.", words=words)


def no_such_day(words: str) -> Phrase:
    return _("« {words} » n'existe pas.", words=words.strip())


def too_far(words: str) -> Phrase:
    return _("« {words} » est trop loin.", words=words.strip())
