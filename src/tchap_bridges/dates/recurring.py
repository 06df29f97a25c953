"""Words for a recurrence: "tous les lundis à 9h", "chaque jour ouvré à 8h45", "le premier lundi du mois"."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import time
from enum import Enum, auto
from typing import Final

from tchap_bridges.dates import days, hours
from tchap_bridges.dates.days import no_day, no_such_day
from tchap_bridges.dates.hours import DAY, Hour, PartOfDay
from tchap_bridges.dates.moments import MORNING, READ
from tchap_bridges.dates.outcomes import Ambiguous, Refused
from tchap_bridges.dates.phrases import blank, contradiction
from tchap_bridges.dates.recurrence import (
    LAST,
    WORKING,
    Daily,
    Monthly,
    MonthlyNth,
    Pattern,
    Recurrence,
    Weekly,
    Yearly,
)
from tchap_bridges.dates.words import CLOSING, EDGES, END, MONTH, NUMBER, WEEKDAYS, WORD, fold, listed, month, number
from tchap_bridges.i18n import Phrase, _

Recurring = Recurrence | Ambiguous[Recurrence] | Refused


@dataclass(frozen=True, slots=True)
class _Cycle:
    """The days, in as many readings as the words have."""

    patterns: tuple[Pattern, ...]
    every: int = 1
    part: PartOfDay | None = None


@dataclass(frozen=True, slots=True)
class _Except:
    """Days left out: ``weekdays``, and public holidays."""

    weekdays: frozenset[int]
    holidays: bool


class _Fault(Enum):
    """Why words for a recurrence mean none."""

    VAGUE = auto()
    IMPOSSIBLE = auto()
    OTHER = auto()


Reader = Callable[[re.Match[str]], _Cycle | _Fault | None]

_WEEK: Final = tuple(range(5))
_FULL_NAMES: Final = "|".join(name for name in WEEKDAYS if not name.endswith("."))
_DAY: Final = rf"(?:{_FULL_NAMES})s?"
_DAYS: Final = rf"(?P<days>{_DAY}(?:(?:\s?,\s?|\s(?:et|and)\s)(?:(?:les?|tous\sles|chaque|on|every)\s)?{_DAY}{END})*)"
_NUMBERED: Final = r"(?:[0-9]{1,2}|premier)(?:er|st|nd|rd|th)?"
_DATES: Final = rf"(?P<dates>{_NUMBERED}(?:(?:\s?,\s?|\s(?:et|and)\s)(?:(?:le|the|day)\s)?{_NUMBERED}{END})*)"
_NTHS: Final = (
    listed("premier deuxieme troisieme quatrieme", 1)
    | listed("premiers deuxiemes troisiemes quatriemes", 1)
    | listed("first second third fourth", 1)
    | listed("1er 2e 3e 4e", 1)
    | listed("1st 2nd 3rd 4th", 1)
    | listed("1ers 2eme 3eme 4eme", 1)
    | {"second": 2, "seconds": 2, "dernier": LAST, "derniers": LAST, "last": LAST}
)
_NTH: Final = rf"(?P<nth>{'|'.join(sorted(_NTHS, key=len, reverse=True))})"
_ALL: Final = r"(?:tous\sles|toutes\sles|chaque|every|each)"
_OF_MONTH: Final = r"(?:du\smois|de\schaque\smois|de\stous\sles\smois|of\s(?:the|each|every)\smonth)"
_SOME: Final = rf"(?:(?P<count>{NUMBER}|other)\s)?"


def _daily(found: re.Match[str]) -> _Cycle:
    return _Cycle((Daily(),), every=_count(found))


def _count(found: re.Match[str]) -> int:
    word = found.groupdict().get("count") or "1"
    return 2 if word == "other" or found.groupdict().get("half") else number(word)


def _parts(found: re.Match[str]) -> _Cycle:
    return _Cycle((Daily(),), part=hours.PARTS[found["part"]])


def _working(found: re.Match[str]) -> _Cycle:
    return _Cycle((Weekly(tuple(range(6)) if re.search("ouvrable|saturday", found[0]) else _WEEK, holidays=False),))


def _on_week(_found: re.Match[str]) -> _Cycle:
    return _Cycle((Weekly(_WEEK),))


def _range(found: re.Match[str]) -> _Cycle | None:
    first, last = WEEKDAYS[found["first"]], WEEKDAYS[found["last"]]
    if (first, last) == (0, 6):
        return _Cycle((Daily(),))
    return _Cycle((Weekly(tuple(range(first, last + 1))),)) if first < last else None


def _weekend(_found: re.Match[str]) -> _Cycle:
    return _Cycle((Weekly((5,)), Weekly((6,)), Weekly((5, 6))))


def _weekdays(words: str) -> tuple[int, ...]:
    return tuple(sorted({WEEKDAYS[name.removesuffix("s")] for name in re.findall(rf"{_DAY}{END}", words)}))


def _weekly(found: re.Match[str]) -> _Cycle | _Fault:
    if found["days"] is None:
        return _Fault.VAGUE
    return _Cycle((Weekly(_weekdays(found["days"])),), every=_count(found))


def _one_in_two(found: re.Match[str]) -> _Cycle:
    name = found["day"]
    return _Cycle((Daily(),) if name in {"jour", "day"} else (Weekly(_weekdays(name)),), every=2)


def _two_rhythms(_found: re.Match[str]) -> _Fault:
    return _Fault.VAGUE  # "every second Tuesday": of two weeks, or of a month


def _too_often(_found: re.Match[str]) -> _Fault:
    return _Fault.OTHER


def _monthly_nth(found: re.Match[str]) -> _Cycle:
    nth, day = _NTHS[found["nth"]], found["day"]
    if day in {"jour", "day"}:
        return _Cycle((Monthly((nth,)),), every=_count(found))
    return _Cycle((MonthlyNth(nth, WEEKDAYS.get(day.removesuffix("s"), WORKING)),), every=_count(found))


def _monthly(found: re.Match[str]) -> _Cycle | _Fault:
    if found["dates"] is None:
        return _Fault.VAGUE
    days = tuple(sorted({number(one) for one in re.findall(r"[0-9]{1,2}|premier", found["dates"])}))
    if not all(1 <= day <= 31 for day in days):
        return _Fault.IMPOSSIBLE
    # "le 31 de chaque mois": for some only of those that have one, for others the last day.
    either = len(days) == 1 and days[0] > 28 and not found.groupdict().get("own")
    ends: tuple[Pattern, ...] = (Monthly((LAST,)),) if either else ()
    return _Cycle((Monthly(days), *ends), every=_count(found))


def _yearly(found: re.Match[str]) -> _Cycle | _Fault:
    day, wanted = number(re.sub(r"(?<=[0-9])[a-z]+", "", found["day"])), month(found["month"])
    try:
        there = Yearly(wanted, day)
    except ValueError:
        return _Fault.IMPOSSIBLE
    leap = (wanted, day) == (2, 29) and not found.groupdict().get("leap")
    return _Cycle((there, Yearly(2, 28)) if leap else (there,))


_A_YEAR: Final = r"(?:tous\sles\sans|toutes\sles\sannees|chaque\sannee|every\syear|each\syear)"
_DATE: Final = rf"(?P<day>{_NUMBERED})\s(?:of\s)?(?P<month>{MONTH})"
_NTH_DAY: Final = (
    rf"{_NTH}\s(?P<day>{_DAY}|jours?\souvres?|(?:working|business)\sday|(?:(?<=dernier\s)jour|(?<=last\s)day))"
)

RULES: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = tuple(
    (re.compile(pattern + END), reader)
    for pattern, reader in (
        (rf"(?:{_ALL}\s{_SOME}(?:jours?|days?)|daily)", _daily),
        (rf"{_ALL}\s(?P<part>matin|soir|apres-midi|morning|afternoon|evening)s?", _parts),
        (rf"{_ALL}\s(?:jours?\s(?:ouvres?|ouvrables?)|(?:working|business)\sday(?:\sincluding\ssaturday)?)", _working),
        (r"(?:en\ssemaine|every\sweekday)", _on_week),
        (rf"(?:du|from)\s(?P<first>{_FULL_NAMES})\s(?:au|to)\s(?P<last>{_FULL_NAMES})", _range),
        (rf"(?:{_ALL}|les)\sweek-?\s?ends?", _weekend),
        (rf"(?:{_ALL}|les)\s{_DAYS}", _weekly),
        (
            (
                rf"(?:{_ALL}\s{_SOME}(?:semaines?|weeks?)|(?P<half>une\ssemaine\ssur\sdeux))"
                rf"(?:,?\s(?:(?:le|les|on)\s)?{_DAYS})?"
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
_EXCEPT: Final = re.compile(
    rf"(?:sauf|except)\s(?:(?:le|les|on|the)\s)?(?:{_DAYS}|(?P<weekend>week-?\s?ends?)"
    rf"|(?P<holidays>(?:jours\s)?feries|(?:public\s)?holidays)){END}"
)
_MORE: Final = re.compile(
    r"\s*,?\s(?:(?:et|and|ou|or|puis|jusqu'au?|until|en|de|du|a\spartir\sd[eu]|from|depuis)\s)?(?:(?:le|a|at)\s)?"
)
_MONTH: Final = re.compile(rf"{MONTH}{END}")
_PART: Final = re.compile(rf"{hours.PART}{END}")
_JOINT: Final = re.compile(r"[\s,]*(?:(?:a|vers|le|la|de|du|au|on|at|et|and|in\sthe)\s|de\sl')?\s*")


def recurrence(words: str, *, hour: time = MORNING) -> Recurring | None:
    """The recurrence that *words*, all of them, mean; None when they mean none. ``hour``: when they say no hour."""
    words = unicodedata.normalize("NFC", words)
    text = fold(words)
    found = _phrase(text, words, hour)
    return found[0] if found is not None and CLOSING.fullmatch(text, found[1]) else None


def split_recurrence(words: str, *, hour: time = MORNING) -> tuple[Recurring, str] | None:
    """The longest phrase for a recurrence that begins *words*, or else that ends them; and the rest of them.

    "chaque lundi réunion à 14h": the hour may belong to the recurrence or to the rest, so that it is `Ambiguous`.
    """
    words = unicodedata.normalize("NFC", words)
    text = fold(words)
    if found := _phrase(text[:READ], words[:READ], hour):
        outcome, end = found
        return _or_with_hour(outcome, words, end, hour), words[end:].strip(EDGES)
    for start in WORD.finditer(text, max(0, len(text) - READ)):
        at = start.start()
        found = _phrase(text[at:], words[at:], hour)
        if found is not None and CLOSING.fullmatch(text[at:], found[1]):
            return found[0], words[:at].strip(EDGES)
    return None


def _or_with_hour(outcome: Recurring, words: str, end: int, hour: time) -> Recurring:
    """The same, or as well at the hour that ends the words."""
    text = fold(words)
    if not isinstance(outcome, Recurrence):
        return outcome
    for start in WORD.finditer(text, max(end, len(text) - READ)):
        at = start.start()
        if any((one := rule.match(text, at)) and CLOSING.fullmatch(text, one.end()) for rule, _read in hours.RULES):
            other = recurrence(f"{words[:end]} {words[at:]}", hour=hour)
            readings = other.readings if isinstance(other, Ambiguous) else (other,)
            more = (one for one in readings if isinstance(one, Recurrence))
            both = tuple(dict.fromkeys((outcome, *more)))
            return Ambiguous(readings=both, words=words[:end].strip()) if len(both) > 1 else outcome
    return outcome


_Piece = _Cycle | Hour | PartOfDay | _Except | Phrase


def _phrase(text: str, words: str, hour: time) -> tuple[Recurring, int] | None:
    """The recurrence that begins the text, and where it ends."""
    pieces: dict[type, _Piece] = {}
    end = 0
    while True:  # a piece at a time
        joint = _JOINT.match(text, end)
        places = {blank(text, end): None, joint.end() if joint else end: None}
        candidates = [one for at in places if at > end or at == 0 for one in _candidates(text, words, at, pieces)]
        if not candidates:
            break
        end, piece = max(candidates, key=_length)
        before = pieces.get(_Cycle)
        if isinstance(piece, _Cycle) and isinstance(before, _Cycle):
            piece = replace(piece, part=before.part)
        pieces[type(piece)] = piece
    said = words[:end].strip()
    refused, cycle = pieces.get(Phrase), pieces.get(_Cycle)
    if isinstance(cycle, _Cycle) and _goes_on(text, end):
        said, end = words.strip(), len(text)
        refused = refused or _("« {words} » dit plus que des jours et une heure.", words=said)
    if isinstance(refused, Phrase):
        return Refused(reason=refused, words=said), end
    return (_meaning(cycle, pieces, said, hour), end) if isinstance(cycle, _Cycle) else None


def _candidates(text: str, words: str, at: int, pieces: dict[type, _Piece]) -> Iterator[tuple[int, _Piece]]:
    cycle = pieces.get(_Cycle)
    # "chaque matin, du lundi au vendredi": every day, but then which.
    open_yet = cycle is None or (isinstance(cycle, _Cycle) and cycle.patterns == (Daily(),) and cycle.every == 1)
    for pattern, read in RULES if open_yet else ():
        if (one := pattern.match(text, at)) and (found := read(one)) is not None:
            quoted = words[at : one.end()].strip()
            yield one.end(), _fault(found, quoted) if isinstance(found, _Fault) else found
    for rule, reader in hours.RULES if Hour not in pieces else ():
        if one := rule.match(text, at):
            yield one.end(), reader(one) or _("« {words} » n'est pas une heure.", words=words[at : one.end()].strip())
    if PartOfDay not in pieces and (one := _PART.match(text, at)):
        yield one.end(), hours.PARTS[one["part"]]
    if _Except not in pieces and (one := _EXCEPT.match(text, at)):
        out = frozenset((5, 6) if one["weekend"] else _weekdays(one["days"] or ""))
        yield one.end(), _Except(out, holidays=one["holidays"] is not None)


def _goes_on(text: str, end: int) -> bool:
    """Whether more is said about time than was understood: another hour, a first or a last day."""
    more = _MORE.match(text, end)
    if more is None:
        return False
    at = more.end()
    rules = (
        *(rule for rule, _read in RULES),
        *(rule for rule, _read in hours.RULES),
        *(rule for rule, _read in days.RULES),
    )
    return any(rule.match(text, at) for rule in (*rules, _PART, _MONTH))


def _fault(fault: _Fault, words: str) -> Phrase:
    match fault:
        case _Fault.VAGUE:
            return no_day(words)
        case _Fault.IMPOSSIBLE:
            return no_such_day(words)
        case _Fault.OTHER:
            return _("« {words} » : seuls des jours, des semaines, des mois ou des années reviennent ici.", words=words)


def _length(candidate: tuple[int, object]) -> int:
    return candidate[0]


def _meaning(cycle: _Cycle, pieces: dict[type, _Piece], words: str, default: time) -> Recurring:
    hour, part, but = pieces.get(Hour), pieces.get(PartOfDay, cycle.part), pieces.get(_Except)
    minutes: tuple[int, ...] = (default.hour * 60 + default.minute,)
    if isinstance(part, PartOfDay):
        minutes = hour.within(part) if isinstance(hour, Hour) else () if part.default is None else (part.default,)
    elif isinstance(hour, Hour):
        minutes = hour.minutes
    try:
        patterns = [_without(one, but) if isinstance(but, _Except) else one for one in cycle.patterns]
        found = {
            Recurrence(pattern=_moved(pattern, minute), at=time(*divmod(minute % DAY, 60)), every=cycle.every): None
            for pattern in patterns
            for minute in minutes
        }
    except ValueError:
        return Refused(reason=contradiction(words), words=words)
    readings = tuple(found)
    if not readings:
        return Refused(reason=contradiction(words), words=words)
    return readings[0] if len(readings) == 1 else Ambiguous(readings=readings, words=words)


def _without(pattern: Pattern, but: _Except) -> Pattern:
    """ValueError when days of the month or of the year should be left out."""
    if isinstance(pattern, Daily):
        pattern = Weekly(tuple(range(7)))
    if isinstance(pattern, Weekly):
        weekdays = tuple(day for day in pattern.weekdays if day not in but.weekdays)
        return Weekly(weekdays, holidays=pattern.holidays and not but.holidays)
    raise ValueError(f"leaves out days: {pattern}")


def _moved(pattern: Pattern, minute: int) -> Pattern:
    """The midnight that ends a day begins the next one. ValueError where the next one is no such pattern."""
    if minute < DAY or isinstance(pattern, Daily):
        return pattern
    if not isinstance(pattern, Weekly) or not pattern.holidays:
        raise ValueError(f"midnight after: {pattern}")
    return Weekly(tuple(sorted((day + 1) % 7 for day in pattern.weekdays)))
