"""Words for a recurrence: "tous les lundis à 9h", "chaque jour ouvré à 8h45", "le premier lundi du mois"."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import time
from typing import Final

from tchap_bridges.dates import cycles, days, hours
from tchap_bridges.dates.candidates import no_day, no_such_day
from tchap_bridges.dates.cycles import Cycle, Fault
from tchap_bridges.dates.hours import DAY, Hour, PartOfDay
from tchap_bridges.dates.moments import MORNING, READ
from tchap_bridges.dates.outcomes import Ambiguous, Refused
from tchap_bridges.dates.phrases import blank, contradiction
from tchap_bridges.dates.recurrence import Daily, Pattern, Recurrence, Weekly
from tchap_bridges.dates.words import CLOSING, EDGES, END, MONTH, WORD, fold
from tchap_bridges.i18n import Phrase, _

Recurring = Recurrence | Ambiguous[Recurrence] | Refused


@dataclass(frozen=True, slots=True)
class _Except:
    """Days left out: ``weekdays``, and public holidays."""

    weekdays: frozenset[int]
    holidays: bool


_EXCEPT: Final = re.compile(
    rf"(?:sauf|except)\s(?:(?:le|les|on|the)\s)?(?:{cycles.DAYS}|(?P<weekend>week-?\s?ends?)"
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
    found = _phrase(text, words, hour) if len(text) <= READ else None
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


_Piece = Cycle | Hour | PartOfDay | _Except | Phrase


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
        before = pieces.get(Cycle)
        if isinstance(piece, Cycle) and isinstance(before, Cycle):
            piece = replace(piece, part=before.part)
        pieces[type(piece)] = piece
    said = words[:end].strip()
    refused, cycle = pieces.get(Phrase), pieces.get(Cycle)
    if isinstance(cycle, Cycle) and _goes_on(text, end):
        said, end = words.strip(), len(text)
        refused = refused or _("« {words} » dit plus que des jours et une heure.", words=said)
    if isinstance(refused, Phrase):
        return Refused(reason=refused, words=said), end
    return (_meaning(cycle, pieces, said, hour), end) if isinstance(cycle, Cycle) else None


def _candidates(text: str, words: str, at: int, pieces: dict[type, _Piece]) -> Iterator[tuple[int, _Piece]]:
    cycle = pieces.get(Cycle)
    # "chaque matin, du lundi au vendredi": every day, but then which.
    open_yet = cycle is None or (isinstance(cycle, Cycle) and cycle.patterns == (Daily(),) and cycle.every == 1)
    for pattern, read in cycles.RULES if open_yet else ():
        if (one := pattern.match(text, at)) and (found := read(one)) is not None:
            quoted = words[at : one.end()].strip()
            yield one.end(), _fault(found, quoted) if isinstance(found, Fault) else found
    for rule, reader in hours.RULES if Hour not in pieces else ():
        if one := rule.match(text, at):
            yield one.end(), reader(one) or _("« {words} » n'est pas une heure.", words=words[at : one.end()].strip())
    if PartOfDay not in pieces and (one := _PART.match(text, at)):
        yield one.end(), hours.PARTS[one["part"]]
    if _Except not in pieces and (one := _EXCEPT.match(text, at)):
        out = frozenset((5, 6) if one["weekend"] else cycles.weekdays(one["days"] or ""))
        yield one.end(), _Except(out, holidays=one["holidays"] is not None)


def _goes_on(text: str, end: int) -> bool:
    """Whether more is said about time than was understood: another hour, a first or a last day."""
    more = _MORE.match(text, end)
    if more is None:
        return False
    at = more.end()
    rules = (
        *(rule for rule, _read in cycles.RULES),
        *(rule for rule, _read in hours.RULES),
        *(rule for rule, _read in days.RULES),
    )
    return any(rule.match(text, at) for rule in (*rules, _PART, _MONTH))


def _fault(fault: Fault, words: str) -> Phrase:
    match fault:
        case Fault.VAGUE:
            return no_day(words)
        case Fault.IMPOSSIBLE:
            return no_such_day(words)
        case Fault.OTHER:
            return _("« {words} » : seuls des jours, des semaines, des mois ou des années reviennent ici.", words=words)


def _length(candidate: tuple[int, object]) -> int:
    return candidate[0]


def _meaning(cycle: Cycle, pieces: dict[type, _Piece], words: str, default: time) -> Recurring:
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
