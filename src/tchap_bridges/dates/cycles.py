"""The days of a recurrence: "tous les lundis", "chaque jour ouvré", "le premier lundi du mois"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tchap_bridges.dates import hours
from tchap_bridges.dates.hours import PartOfDay
from tchap_bridges.dates.recurrence import LAST, WORKING, Daily, Monthly, MonthlyNth, Pattern, Weekly, Yearly
from tchap_bridges.dates.words import END, MONTH, NUMBER, WEEKDAYS, listed, month, number


@dataclass(frozen=True, slots=True)
class Cycle:
    """The days, in as many readings as the words have."""

    patterns: tuple[Pattern, ...]
    every: int = 1
    part: PartOfDay | None = None


class Fault(Enum):
    """Why words for a recurrence mean none."""

    VAGUE = auto()
    IMPOSSIBLE = auto()
    OTHER = auto()


Reader = Callable[[re.Match[str]], Cycle | Fault | None]

_WEEK: Final = tuple(range(5))
_FULL_NAMES: Final = "|".join(name for name in WEEKDAYS if not name.endswith("."))
_DAY: Final = rf"(?:{_FULL_NAMES})s?"
DAYS: Final = rf"(?P<days>{_DAY}(?:(?:\s?,\s?|\s(?:et|and)\s)(?:(?:les?|tous\sles|chaque|on|every)\s)?{_DAY}{END})*)"
_NUMBERED: Final = r"(?:[0-9]{1,2}|premier)(?:er|st|nd|rd|th)?"
_DATES: Final = rf"(?P<dates>{_NUMBERED}(?:(?:\s?,\s?|\s(?:et|and)\s)(?:(?:le|the|day)\s)?{_NUMBERED}{END})*)"
_NTHS: Final = (
    listed("premier deuxieme troisieme quatrieme", 1)
    | listed("premiers deuxiemes troisiemes quatriemes", 1)
    | listed("first second third fourth", 1)
    | listed("1er 2e 3e 4e", 1)
    | listed("1st 2nd 3rd 4th", 1)
    | listed("1ers 2eme 3eme 4eme", 1)
    | {"seconds": 2, "dernier": LAST, "derniers": LAST, "last": LAST}
)
_NTH: Final = rf"(?P<nth>{'|'.join(sorted(_NTHS, key=len, reverse=True))})"
_ALL: Final = r"(?:tous\sles|toutes\sles|chaque|every|each)"
_OF_MONTH: Final = r"(?:du\smois|de\schaque\smois|de\stous\sles\smois|of\s(?:the|each|every)\smonth)"
_SOME: Final = rf"(?:(?P<count>{NUMBER}|other)\s)?"


def _daily(found: re.Match[str]) -> Cycle:
    return Cycle((Daily(),), every=_count(found))


def _count(found: re.Match[str]) -> int:
    word = found.groupdict().get("count") or "1"
    return 2 if word == "other" or found.groupdict().get("half") else number(word)


def _parts(found: re.Match[str]) -> Cycle:
    return Cycle((Daily(),), part=hours.PARTS[found["part"]])


def _working(found: re.Match[str]) -> Cycle:
    return Cycle((Weekly(tuple(range(6)) if re.search("ouvrable|saturday", found[0]) else _WEEK, holidays=False),))


def _on_week(_found: re.Match[str]) -> Cycle:
    return Cycle((Weekly(_WEEK),))


def _range(found: re.Match[str]) -> Cycle | None:
    first, last = WEEKDAYS[found["first"]], WEEKDAYS[found["last"]]
    if (first, last) == (0, 6):
        return Cycle((Daily(),))
    return Cycle((Weekly(tuple(range(first, last + 1))),)) if first < last else None


def _weekend(_found: re.Match[str]) -> Cycle:
    return Cycle((Weekly((5,)), Weekly((6,)), Weekly((5, 6))))


def weekdays(words: str) -> tuple[int, ...]:
    return tuple(sorted({WEEKDAYS[name.removesuffix("s")] for name in re.findall(rf"{_DAY}{END}", words)}))


def _weekly(found: re.Match[str]) -> Cycle | Fault:
    if found["days"] is None:
        return Fault.VAGUE
    return Cycle((Weekly(weekdays(found["days"])),), every=_count(found))


def _one_in_two(found: re.Match[str]) -> Cycle:
    name = found["day"]
    return Cycle((Daily(),) if name in {"jour", "day"} else (Weekly(weekdays(name)),), every=2)


def _two_rhythms(_found: re.Match[str]) -> Fault:
    return Fault.VAGUE  # "every second Tuesday": of two weeks, or of a month


def _too_often(_found: re.Match[str]) -> Fault:
    return Fault.OTHER


def _monthly_nth(found: re.Match[str]) -> Cycle:
    nth, day = _NTHS[found["nth"]], found["day"]
    if day in {"jour", "day"}:
        return Cycle((Monthly((nth,)),), every=_count(found))
    return Cycle((MonthlyNth(nth, WEEKDAYS.get(day.removesuffix("s"), WORKING)),), every=_count(found))


def _monthly(found: re.Match[str]) -> Cycle | Fault:
    if found["dates"] is None:
        return Fault.VAGUE
    days = tuple(sorted({number(one) for one in re.findall(r"[0-9]{1,2}|premier", found["dates"])}))
    if not all(1 <= day <= 31 for day in days):
        return Fault.IMPOSSIBLE
    # "le 31 de chaque mois": for some only of those that have one, for others the last day.
    either = len(days) == 1 and days[0] > 28 and not found.groupdict().get("own")
    ends: tuple[Pattern, ...] = (Monthly((LAST,)),) if either else ()
    return Cycle((Monthly(days), *ends), every=_count(found))


def _yearly(found: re.Match[str]) -> Cycle | Fault:
    day, wanted = number(re.sub(r"(?<=[0-9])[a-z]+", "", found["day"])), month(found["month"])
    try:
        there = Yearly(wanted, day)
    except ValueError:
        return Fault.IMPOSSIBLE
    leap = (wanted, day) == (2, 29) and not found.groupdict().get("leap")
    return Cycle((there, Yearly(2, 28)) if leap else (there,))


_A_YEAR: Final = r"(?:tous\sles\sans|toutes\sles\sannees|chaque\sannee|every\syear|each\syear)"
_DATE: Final = rf"(?P<day>{_NUMBERED})\s(?:of\s)?(?P<month>{MONTH})"
_NTH_DAY: Final = (
    rf"{_NTH}\s(?P<day>{_DAY}|jours?\souvres?|(?:working|business)\sday|(?:(?<=dernier\s)jour|(?<=last\s)day))"
)

RULES: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = tuple(
    (re.compile(rf"(?:{pattern}){END}"), reader)
    for pattern, reader in (
        (rf"(?:{_ALL}\s{_SOME}(?:jours?|days?)|daily)", _daily),
        (rf"{_ALL}\s(?P<part>matin|soir|apres-midi|morning|afternoon|evening)s?", _parts),
        (rf"{_ALL}\s(?:jours?\s(?:ouvres?|ouvrables?)|(?:working|business)\sday(?:\sincluding\ssaturday)?)", _working),
        (r"(?:en\ssemaine|every\sweekday)", _on_week),
        (rf"(?:du|from)\s(?P<first>{_FULL_NAMES})\s(?:au|to)\s(?P<last>{_FULL_NAMES})", _range),
        (rf"(?:{_ALL}|les)\sweek-?\s?ends?", _weekend),
        (rf"(?:{_ALL}|les)\s{DAYS}", _weekly),
        (
            (
                rf"(?:{_ALL}\s{_SOME}(?:semaines?|weeks?)|(?P<half>une\ssemaine\ssur\sdeux))"
                rf"(?:,?\s(?:(?:le|les|on)\s)?{DAYS})?"
            ),
            _weekly,
        ),
        (rf"un\s(?P<day>jour|{_DAY})\ssur\sdeux", _one_in_two),
        (rf"every\sother\s(?P<day>day|{_DAY})", _one_in_two),
        (rf"every\ssecond\s(?P<day>{_DAY})", _two_rhythms),
        (rf"{_ALL}(?=\smidis?{END})", _daily),
        (rf"{_ALL}\s{_SOME}(?:heures?|minutes?|hours?|(?:tri|se)mestres?|jours?\sferies?|quarters?)", _too_often),
        (rf"(?:(?:le|les|the)\s)?{_NTH_DAY}\s{_OF_MONTH}", _monthly_nth),
        (rf"{_ALL}\s{_NTH_DAY}(?:\s{_OF_MONTH})?", _monthly_nth),
        (rf"{_ALL}\s{_SOME}(?:mois|months?),?\s(?:(?:le|the|on\sthe)\s)?{_NTH_DAY}", _monthly_nth),
        (
            (
                rf"(?:(?:le|les|on\sthe|the|day|on\sday|{_ALL})\s)?{_DATES}\s{_OF_MONTH}"
                r"(?P<own>\s(?:qui\sen\sa\sun|that\shas\sone))?"
            ),
            _monthly,
        ),
        (rf"{_ALL}\s{_SOME}(?:mois|months?)(?:,?\s(?:le|on\sthe|on\sday)\s{_DATES}(?!\s?(?:h|:)))?", _monthly),
        (rf"{_A_YEAR},?\s(?:(?:le|on|the|on\sthe)\s)?{_DATE}", _yearly),
        (rf"{_ALL}\s{_DATE}", _yearly),
        (rf"(?:le\s)?{_DATE}(?P<leap>\s(?:des\sannees\sbissextiles|of\sleap\syears))", _yearly),
        (rf"(?:le\s)?{_DATE}\s(?:de\schaque\sannee|of\severy\syear)", _yearly),
    )
)
