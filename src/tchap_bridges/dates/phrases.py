"""A phrase for a moment, taken apart: its pieces in any order, a day, a weekday, a part of the day, an hour."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tchap_bridges.dates import days, hours, spans
from tchap_bridges.dates.candidates import DAY_END, Days, Today
from tchap_bridges.dates.hours import Hour, PartOfDay
from tchap_bridges.dates.saying import said_date
from tchap_bridges.dates.words import END
from tchap_bridges.i18n import Phrase, _

_LEAD: Final = re.compile(
    r"\s*(?:(?P<lead>d'ici\sa|d'ici|avant|jusqu'a|jusqu'au|au\splus\stard|by|before|until|pour|for|des)\s)?"
    r"(?:(?:le|la|l'|au|the)(?=\s))?\s*"
)
_BETWEEN: Final = "a|vers|le|la|de|du|au|en|avant|d'ici|des|jusqu'a|dans la|on|at|in the|of|the|before|by".replace(
    " ", r"\s"
)
_JOINT: Final = re.compile(rf"[\s,()]*(?:de\sl'|dans\sl'|(?:{_BETWEEN})\s|t(?=[0-9]))?\s*")
_PART: Final = re.compile(rf"{hours.PART}{END}")
_SEASON: Final = re.compile(rf"(?:(?P<summer>heure\sd'ete|summer\stime)|heure\sd'hiver|winter\stime){END}")
_LEADS: Final = {
    **dict.fromkeys(("d'ici", "d'ici a", "jusqu'a", "jusqu'au", "au plus tard", "by", "until"), DAY_END),
    **dict.fromkeys(("avant", "before"), 0),
}
"""The hour of a day without one: "d'ici vendredi" includes Friday, "avant vendredi" does not."""


@dataclass(slots=True)
class Found:
    """The pieces of a phrase so far."""

    start: int
    end: int
    day: Days | None = None
    hour: Hour | None = None
    part: PartOfDay | None = None
    summer: bool | None = None
    span: timedelta | None = None
    closing: int | None = None
    refused: Phrase | None = None
    bare: bool = False
    """The last piece was a weekday alone."""


def phrases(text: str, start: int, today: Today) -> list[Found]:
    """The longest phrase that begins there, in each way it can be taken apart: "d'ici 2h" is an hour, or a span."""
    begun = _LEAD.match(text, start)
    closing = _LEADS.get(begun["lead"]) if begun is not None and begun["lead"] else None
    starts = _starts(text, start, begun)
    ways = [one for at in starts if (one := _pieces(text, at, Found(start, start, closing=closing), today)) is not None]
    longest = [one for one in ways if one.end == max(map(_reach, ways))]
    # Whoever writes "d'ici 2 heures" in full means how long, not when.
    spans_only = [one for one in longest if one.span is not None and "heure" in text[start : one.end]]
    return spans_only or longest


def _starts(text: str, start: int, begun: re.Match[str] | None) -> list[int]:
    """Where the first piece may begin: at once, or after a preposition, which "le 5" and "d'ici 3 jours" keep."""
    places = [blank(text, start)]
    if begun is not None:
        places += [blank(text, begun.end("lead"))] if begun["lead"] else []
        places.append(begun.end())
    joint = _JOINT.match(text, places[-1])
    return sorted({*places, joint.end() if joint else start})


def _pieces(text: str, at: int, found: Found, today: Today) -> Found | None:
    """The phrase whose first piece begins there, as long as it goes on; None when none begins."""
    if not _piece(text, at, found, today):
        return None
    while found.span is None:
        joint = _JOINT.match(text, found.end)
        places = {joint.end() if joint else found.end: None, blank(text, found.end): None}
        if not any(place > found.end and _piece(text, place, found, today) for place in places):
            break
    if text.count("(", found.start, found.end) > text.count(")", found.start, found.end):
        found.end += text[found.end : found.end + 1] == ")"
    return found


def _reach(found: Found) -> int:
    return found.end


def blank(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


_Piece = Days | Hour | PartOfDay | Phrase | timedelta | bool
"""What a word of a phrase means; a `Phrase`: why it can mean nothing; a bool: whether it is summer time."""


def _piece(text: str, at: int, found: Found, today: Today) -> bool:
    """Take the longest piece that begins there and may still come."""
    candidates = list(_candidates(text, at, found, today))
    found.bare = False
    if not candidates:
        return False
    found.end, piece = max(candidates, key=_length)
    match piece:
        case Hour():
            found.hour = piece
        case PartOfDay():
            found.part = piece
        case bool():
            found.summer = piece
        case timedelta():
            found.span = piece
        case Phrase():
            found.refused = found.refused or piece
        case Days():
            found.bare = piece.weekday is not None
            both = piece if found.day is None else found.day.both(piece)
            if both is None:
                day = next((one.dates[0] for one in (piece, found.day) if one and one.weekday is None), None)
                found.refused = found.refused or contradiction(today.words[found.start : found.end], day)
            found.day = both or piece
    return True


def _candidates(text: str, at: int, found: Found, today: Today) -> Iterator[tuple[int, _Piece]]:
    """Where each piece that may begin there ends, and what it means."""
    if found.day is None and found.hour is None and (span := spans.read(text, at)):
        yield span[1], span[0]
    for pattern, read in (*days.RULES, *(((days.BARE_DAY, days.bare_day),) if found.bare else ())):
        if one := pattern.match(text, at):
            yield one.end(), read(one, today)
    for rule, reader in hours.RULES if found.hour is None else ():
        if one := rule.match(text, at):
            words = today.quote(one)
            yield one.end(), reader(one) or _("« {words} » n'est pas une heure.", words=words)
    if found.part is None and (one := _PART.match(text, at)):
        yield one.end(), hours.PARTS[one["part"]]
    if found.part is None and (one := hours.VAGUE.match(text, at)):
        yield one.end(), PartOfDay.SOME_TIME
    if found.summer is None and (one := _SEASON.match(text, at)):
        yield one.end(), one["summer"] is not None


def _length(candidate: tuple[int, object]) -> int:
    return candidate[0]


def contradiction(words: str, day: date | None = None) -> Phrase:
    words = words.strip()
    if day is None:
        return _("« {words} » se contredit.", words=words)
    return _("« {words} » se contredit : c'est le {date}.", words=words, date=said_date(day))
