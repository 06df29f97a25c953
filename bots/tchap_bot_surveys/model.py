"""A survey, and what one person answers, as plain data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import count
from string import ascii_lowercase
from typing import Final

from tchap_bridges.i18n import Language

MOST_QUESTIONS: Final = 20
MOST_OPTIONS: Final = 20
MOST_PEOPLE: Final = 1000
"""Who may take part in one survey: what one call reads and writes stays small."""
MOST_BYTES: Final = 4_000_000
"""Of all that is sent in to one survey; files for the owner are parts of it."""
LONGEST: Final = 300
"""Characters of a title, a question or an option."""
LONGEST_ANSWER: Final = 2000
FEWEST: Final = 3
"""So many answers an anonymous survey needs before anything is told of them."""

_FIRST: Final = re.compile(r"\w+")


class Kind(StrEnum):
    """What may be answered: one option, several, a whole number between two, any number, a date, or words."""

    ONE = "one"
    SEVERAL = "several"
    SCALE = "scale"
    NUMBER = "number"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``options``: of a choice. ``low`` and ``high``: of a scale, both ends included."""

    text: str
    kind: Kind
    options: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    required: bool = False


Answer = tuple[str, ...]
"""Options by their place ("1" is the first), a number with a point, a date as of ISO 8601, or words; () for none."""
Answers = tuple[Answer | None, ...]
"""One for each question; None where it was not yet answered or skipped."""


class State(StrEnum):
    """A draft can be asked otherwise, an open survey answered, and a closed one read."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """``number``: in its room, 0 of a draft. ``by``: the owner. ``language``: in which its results are told.

    ``announced``: the message that it can be answered by. ``closes``: when, None for no end of its own. ``ended``: when
    it was closed.
    ``nudged``: when people were last asked to go on.
    """

    title: str
    questions: tuple[Question, ...]
    by: str
    name: str
    anonymous: bool = False
    closes: datetime | None = None
    number: int = 0
    state: State = State.DRAFT
    language: Language = "fr"
    announced: str = ""
    ended: datetime | None = None
    nudged: datetime | None = None


def labels(options: Sequence[str]) -> tuple[str, ...]:
    """By which each option is chosen: 1, 2, 3; or a, b, c, where an option begins with the number of another.

    Of « 0 / 1 / 2 », "1" must not be the first.
    """
    firsts = [found[0] if (found := _FIRST.search(option.casefold())) else "" for option in options]
    for mark in count():
        made = [_label(mark, n) for n in range(len(options))]
        if all(first not in made or made.index(first) == n for n, first in enumerate(firsts)):
            return tuple(made)
    raise AssertionError("an option begins with one label only, so that there is always another kind of label")


def _label(mark: int, n: int) -> str:
    return f"{'r' * (mark - 1)}{n + 1}" if mark != 1 else ascii_lowercase[n]
