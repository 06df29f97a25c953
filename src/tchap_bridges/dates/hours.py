"""The hour of a day: "9h30", "18 h 30", "midi", "9:30", "9 pm", "neuf heures et demie"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tchap_bridges.dates.words import END, NUMBER, number

NOON: Final = 12 * 60
DAY: Final = 24 * 60


class PartOfDay(Enum):
    """``(first, end, default)``, in minutes since midnight; None: no hour that anybody would agree on."""

    MORNING = (0, NOON, 9 * 60)
    AFTERNOON = (NOON, 19 * 60, 14 * 60)
    EVENING = (17 * 60, DAY + 1, 18 * 60)
    NIGHT = (20 * 60, 7 * 60, None)
    SOME_TIME = (0, DAY + 1, None)

    def __init__(self, first: int, end: int, default: int | None) -> None:
        self.first, self.end, self.default = first, end, default

    def has(self, minutes: int) -> bool:
        if self.end < self.first:
            return minutes >= self.first or minutes < self.end
        return self.first <= minutes < self.end


@dataclass(frozen=True, slots=True)
class Hour:
    """``minutes`` since the midnight that begins the day, one for each reading.

    ``loose``: "8h", of which people also mean the evening; not so "08h", nor "8:00".
    """

    minutes: tuple[int, ...]
    loose: bool = False

    def within(self, part: PartOfDay) -> tuple[int, ...]:
        """The readings that fall into a part of the day: "8h" of the evening is 20 h."""
        halves = [*self.minutes, *(one + NOON for one in self.minutes if self.loose and one < NOON)]
        return tuple(sorted({one for one in halves if part.has(one)}))


Reader = Callable[[re.Match[str]], Hour | None]
"""None: there is no such hour."""

_PAST: Final = r"(?P<past>\set\sdemie?|\set\squart|\smoins\sle\squart|\squinze|\strente|\squarante-cinq)"
_UNITS: Final = r"h|k?m|min|mn|minutes?|jours?|days?|personnes?|people|euros?"
"""After a number they tell that it is no hour: "à 10 personnes"."""
_AM_PM: Final = r"(?P<half>[ap])\.?\s?m\.?"
_PAST_MINUTES: Final = {"demi": 30, "demie": 30, "quart": 15, "quinze": 15, "trente": 30, "quarante-cinq": 45}


def _french(found: re.Match[str]) -> Hour | None:
    word, minute = found["hour"], found["glued"] or found["spaced"] or found["lone"] or "0"
    hour = number(word)
    if found["glued"] and len(minute) == 1:
        return None
    minutes = hour * 60 + int(minute)
    if past := found["past"]:
        minutes += -15 if "moins" in past else _PAST_MINUTES[past.split()[-1]]
    if hour > 24 or int(minute) > 59 or not 0 <= minutes <= DAY:
        return None
    return Hour((minutes,), loose=1 <= hour <= 11 and not word.startswith("0"))


def _colon(found: re.Match[str]) -> Hour | None:
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour * 60 + minute > DAY or minute > 59:
        return None
    return Hour((hour * 60 + minute,))


def _half(found: re.Match[str]) -> Hour | None:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if not 1 <= hour <= 12 or minute > 59:
        return None
    return Hour((hour % 12 * 60 + minute + (NOON if found["half"] == "p" else 0),))


def _bare(found: re.Match[str]) -> Hour | None:
    hour = int(found["hour"])
    if hour > 24:
        return None
    return Hour((hour * 60, hour * 60 + NOON), loose=True) if 1 <= hour <= 11 else Hour((hour * 60,))


def _named(found: re.Match[str]) -> Hour:
    more = int(found["digits"] or 0)
    if past := found["past"]:
        more = -15 if "moins" in past else _PAST_MINUTES[past.split()[-1]]
    if found["name"] in {"midi", "noon"}:
        return Hour((NOON + more,))
    return Hour((more, DAY + more))  # the midnight that begins a day or the one that ends it


RULES: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = tuple(
    (re.compile(rf"(?:{pattern}){END}(?:\s(?:pile|precises?|sharp){END})?"), reader)
    for pattern, reader in (
        (
            # "9h 30" ends there: "9h 30 personnes" has no minutes, "9 h 30 personnes" has.
            (
                rf"(?P<hour>[0-9]{{1,2}}|{NUMBER})(?:\s(?:h|heures?)\s(?P<spaced>[0-9]{{2}})"
                r"|(?:h|heures?)\s(?P<lone>[0-9]{2})(?=\s*(?:$|[,.;:!?()]))"
                rf"|\s?(?:h|heures?)(?:(?P<glued>(?<=h)[0-9]{{1,2}})|{_PAST})?)"
            ),
            _french,
        ),
        (r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::00)?(?!:)", _colon),
        (rf"(?P<hour>[0-9]{{1,2}})(?::(?P<minute>[0-9]{{2}}))?\s?{_AM_PM}", _half),
        (rf"(?:at|a)\s(?P<hour>[0-9]{{1,2}})(?![:.,/]?[0-9])(?!\s?(?:%|€|(?:{_UNITS})(?![a-z])))", _bare),
        (rf"(?P<name>midi|noon|minuit|midnight)s?(?:{_PAST}|\s(?P<digits>[1-5][05]))?", _named),
    )
)

PARTS: Final = {
    "matin": PartOfDay.MORNING,
    "matinee": PartOfDay.MORNING,
    "mat": PartOfDay.MORNING,
    "morning": PartOfDay.MORNING,
    "apres-midi": PartOfDay.AFTERNOON,
    "apres midi": PartOfDay.AFTERNOON,
    "aprem": PartOfDay.AFTERNOON,
    "afternoon": PartOfDay.AFTERNOON,
    "soir": PartOfDay.EVENING,
    "soiree": PartOfDay.EVENING,
    "evening": PartOfDay.EVENING,
    "nuit": PartOfDay.NIGHT,
    "night": PartOfDay.NIGHT,
}
PART: Final = rf"(?P<part>{'|'.join(sorted(PARTS, key=len, reverse=True))})"
VAGUE: Final = re.compile(
    r"(?:en\s|a\sla\s|au\s)?(?:fin|debut|milieu)\s(?:de\s(?:la\s)?|d'|de\sl')"
    rf"(?:journee|matinee|soiree|apres[- ]midi|nuit){END}"
)
"""Parts of the day whose hour everybody sees elsewhere."""
