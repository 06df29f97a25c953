"""Words for a moment, understood: never guessed, never in the past.

A phrase is made of pieces in any order (a day, a weekday, a part of the day, an hour), and means what all of them mean
together. More than one moment is left: one must ask. None is left: they contradict each other, or all is past.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bridges.dates import hours
from tchap_bridges.dates.candidates import LONGEST, Days, Today, no_such_day, too_far
from tchap_bridges.dates.clock import instants, is_twice, wall, whole_minute
from tchap_bridges.dates.holidays import DAY
from tchap_bridges.dates.hours import NOON, PartOfDay
from tchap_bridges.dates.outcomes import Ambiguous, Moment, Refused
from tchap_bridges.dates.phrases import Found, contradiction, phrases
from tchap_bridges.dates.saying import said
from tchap_bridges.dates.words import CLOSING, EDGES, WORD, fold
from tchap_bridges.i18n import Phrase, _

Understood = Moment | Ambiguous[Moment] | Refused

MORNING: Final = time(9)
"""The hour of a day that is said without one."""
READ: Final = 160
"""No phrase for a moment is longer, in characters."""

_AND: Final = re.compile(r"\s*,?\s(?:et|and)\s")
_RANGE: Final = re.compile(r"\s?(?:-|\sa|\sto|\sjusqu'a)\s?(?=[0-9])")
_OR: Final = re.compile(r"\s*,?\s(?:ou|or)\s(?:bien\s)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Who asks: when, where, and what they mean by a day alone."""

    now: datetime
    zone: ZoneInfo
    hour: time
    today: Today


def understand(
    words: str, *, now: datetime, zone: ZoneInfo, hour: time = MORNING, alsace_moselle: bool = False
) -> Understood | None:
    """The moment that *words*, all of them, mean; None when they are not about a moment.

    ``now`` is aware. ``hour``: when a day is said and no hour. ``alsace_moselle``: whose holidays are no working days.
    """
    words = unicodedata.normalize("NFC", words)
    asked = _asked(words, now, zone, hour, alsace_moselle=alsace_moselle)
    text = fold(words)
    found = _choices(text, 0, asked) if len(text) <= READ else []
    if not found or CLOSING.fullmatch(text, found[-1].end) is None:
        return None
    return _either(found, words.strip(), asked)


def split(
    words: str, now: datetime, zone: ZoneInfo, *, hour: time = MORNING, alsace_moselle: bool = False
) -> tuple[Understood, str] | None:
    """The longest phrase for a moment that begins *words*, or else that ends them; and the rest of them.

    "vendredi réunion à 14h": the hour may belong to the moment or to the rest, so that it is `Ambiguous`.
    """
    words = unicodedata.normalize("NFC", words)
    asked = _asked(words, now, zone, hour, alsace_moselle=alsace_moselle)
    text = fold(words)
    leading, trailing = _choices(text[:READ], 0, asked), _trailing(text, asked)
    end = leading[-1].end if leading else 0
    leading += [replace(day, hour=hour.hour) for day in leading for hour in trailing if _takes_hour(day, hour)]
    if outcome := _either(leading, words[:end].strip(), asked):
        return outcome, words[end:].strip(EDGES)
    if trailing and (outcome := _either(trailing, words[trailing[0].start :].strip(), asked)):
        return outcome, words[: trailing[0].start].strip(EDGES)
    return None


def _trailing(text: str, asked: _Asked) -> list[Found]:
    """The longest phrase that ends the text."""
    for start in WORD.finditer(text, max(0, len(text) - READ)):
        found = _choices(text, start.start(), asked)
        if any(one.day or one.hour or one.span or one.refused for one in found) and CLOSING.fullmatch(
            text, found[-1].end
        ):
            return found
    return []


def _choices(text: str, start: int, asked: _Asked) -> list[Found]:
    """The longest phrase that begins there, and those that follow after "ou"."""
    found = phrases(text, start, asked.today)
    while found and (other := _OR.match(text, found[-1].end)):
        more = phrases(text, other.end(), asked.today)
        if not more:
            break
        last = found[-1]
        found = [_completed(one, more[0]) for one in found] + [_completed(one, last) for one in more]
    other = _AND.match(text, found[-1].end) if found else None
    if other is None and found and found[-1].hour is not None:
        other = _RANGE.match(text, found[-1].end)
    if other is not None and (more := phrases(text, other.end(), asked.today)):
        end = more[0].end
        reason = _("« {words} » dit plusieurs moments : un seul à la fois.", words=asked.today.words[start:end].strip())
        found.append(Found(other.end(), end, refused=reason))
    return found


def _completed(one: Found, other: Found) -> Found:
    """ "samedi ou dimanche à 10h", "demain 9h ou 10h": what is said once is said of both."""
    if any(found.span is not None or found.refused is not None for found in (one, other)):
        return one
    hour = other.hour if one.hour is None and one.part is None else one.hour
    return replace(one, day=one.day or other.day, hour=hour)


def _takes_hour(day: Found, hour: Found) -> bool:
    day_alone = day.day is not None and day.hour is None and day.span is None and day.refused is None
    return day_alone and hour.hour is not None and hour.day is None and hour.refused is None


def _either(ways: list[Found], words: str, asked: _Asked) -> Understood | None:
    """What a phrase means that has several parts joined by "ou", or that can be taken apart in several ways.

    One way of a part is enough to understand it; a part that none understands is refused.
    """
    readings: dict[datetime, Moment] = {}
    why: Phrase | None = None
    for start in dict.fromkeys(one.start for one in ways):
        outcomes = [_outcome(one, words, asked) for one in ways if one.start == start]
        understood = [one for one in outcomes if isinstance(one, Moment | Ambiguous)]
        refused = next((one for one in outcomes if isinstance(one, Refused)), None)
        if refused is not None and not understood:
            return refused
        for meant in understood:
            readings |= {one.at: one for one in (meant.readings if isinstance(meant, Ambiguous) else (meant,))}
            why = why or (meant.why if isinstance(meant, Ambiguous) else None)
    ordered = tuple(readings[at] for at in sorted(readings))
    if len(ordered) < 2:
        return ordered[0] if ordered else None
    return Ambiguous(readings=ordered, words=words, why=why)


def _asked(words: str, now: datetime, zone: ZoneInfo, hour: time, *, alsace_moselle: bool) -> _Asked:
    return _Asked(
        now=now.astimezone(UTC),
        zone=zone,
        hour=hour,
        today=Today(now.astimezone(zone).date(), words, alsace_moselle=alsace_moselle),
    )


def _outcome(found: Found, words: str, asked: _Asked) -> Understood | None:
    """What the pieces mean together; None when they name no moment."""
    if found.refused is not None:
        return Refused(reason=found.refused, words=words)
    if found.day is None and found.hour is None and found.span is None:
        return None
    try:
        return _span(found.span, words, asked) if found.span is not None else _day(found, words, asked)
    except OverflowError:
        return Refused(reason=too_far(words), words=words)


def _span(span: timedelta, words: str, asked: _Asked) -> Understood:
    if not span:
        return Refused(reason=no_such_day(words), words=words)
    if span > LONGEST * 366 * DAY:
        return Refused(reason=too_far(words), words=words)
    return Moment(at=whole_minute(asked.now + span), words=words)


def _day(found: Found, words: str, asked: _Asked) -> Understood:
    day = found.day or Days((asked.today.date, asked.today.date + DAY), first=True)
    part = found.part or day.part
    if found.part is not None and day.part not in {None, found.part}:
        return Refused(reason=contradiction(words), words=words)
    minutes = _minutes(found, day, part, asked.hour)
    if not minutes:
        return Refused(reason=_no_hour(words) if found.hour is None else contradiction(words), words=words)
    if max(day.dates).year > asked.today.date.year + LONGEST:
        return Refused(reason=too_far(words), words=words)
    walls = sorted({wall(one, minute) for one in _dates(day) for minute in minutes})
    if day.first:
        walls = _first(walls, minutes, found, asked)
    to_come = _to_come(walls, found.summer, asked)
    if not to_come:
        if found.hour is None and part is None and walls[-1].date() == asked.today.date:
            return Refused(reason=_no_hour(words), words=words)
        over = Moment(at=instants(walls[-1], asked.zone)[-1], words=words)
        reason = _("C'est déjà passé : {date}.", date=said(over, asked.now, asked.zone))
        return Refused(reason=reason, words=words)
    readings = tuple(Moment(at=at, words=words, hour_said=found.hour is not None) for at in to_come)
    if len(readings) == 1:
        return readings[0]
    return Ambiguous(readings=readings, words=words, why=_why(walls, asked.zone))


def _no_hour(words: str) -> Phrase:
    return _("« {words} » ne dit pas l'heure.", words=words)


def _dates(day: Days) -> tuple[date, ...]:
    """A week of which no day was named: its working days are asked about."""
    return tuple(one for one in day.dates if not day.week or one.weekday() < 5)


def _minutes(found: Found, day: Days, part: PartOfDay | None, default: time) -> tuple[int, ...]:
    """The readings of the hour; () for none."""
    if found.hour is not None:
        minutes = found.hour.within(part) if part is not None else found.hour.minutes
        if part is PartOfDay.NIGHT and found.day is not None:
            # "samedi, dans la nuit, à 2h": before that day for some, after it for others.
            minutes += tuple(one + hours.DAY for one in minutes if one < part.end)
        return minutes
    if part is not None:
        return () if part.default is None else (part.default,)
    for closing in (day.closing, found.closing):
        if closing is not None:
            return (closing,)
    return (default.hour * 60 + default.minute,)


def _first(walls: list[datetime], minutes: tuple[int, ...], found: Found, asked: _Asked) -> list[datetime]:
    """Of each hour the first time to come. "8h", when it is past: the evening's too."""
    kept: set[datetime] = set()
    for minute in minutes:
        one = next((local for local in walls if _is(local, minute) and _to_come([local], None, asked)), None)
        if one is None:
            continue
        kept.add(one)
        evening = wall(asked.today.date, minute + NOON)
        loose = found.hour is not None and found.hour.loose and found.part is None and len(minutes) == 1
        if loose and one.date() > asked.today.date and found.day is None and _to_come([evening], None, asked):
            kept.add(evening)
    return sorted(kept)


def _is(local: datetime, minute: int) -> bool:
    return local.hour * 60 + local.minute == minute % (24 * 60)


def _to_come(walls: list[datetime], summer: bool | None, asked: _Asked) -> list[datetime]:
    """Instants after now; where clocks are put back, the one that "heure d'été" or "heure d'hiver" names."""
    found: set[datetime] = set()
    for local in walls:
        there = instants(local, asked.zone)
        if summer is not None and is_twice(local, asked.zone):
            there = there[:1] if summer else there[1:]
        found.update(there)
    return sorted(at for at in found if at > asked.now)


def _why(walls: list[datetime], zone: ZoneInfo) -> Phrase | None:
    for local in walls:
        if is_twice(local, zone):
            return _("On change d'heure ce jour-là : cette heure a lieu deux fois.")
        if len(instants(local, zone)) > 1:
            return _("On change d'heure ce jour-là : cette heure n'existe pas.")
    return None
