"""What comes again: on which days, at which time of the clock on the wall; and when it comes next."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Final, Self
from zoneinfo import ZoneInfo

from tchap_bridges.dates.clock import instant
from tchap_bridges.dates.holidays import DAY, is_holiday, is_working
from tchap_bridges.dates.words import listed

WORKING: Final = 7
"""Any working day, Monday to Friday, where a weekday may stand (0 is Monday)."""
LAST: Final = -1
_DAYS: Final = listed("mo tu we th fr sa su work", 0)
_NAMES: Final = tuple(_DAYS)


@dataclass(frozen=True, slots=True)
class Daily:
    """Every day."""

    def period(self, day: date) -> int:
        return day.toordinal()

    def dates(self, period: int, *, alsace_moselle: bool) -> Iterator[date]:
        del alsace_moselle
        yield date.fromordinal(period)

    def __str__(self) -> str:
        return "day"


@dataclass(frozen=True, slots=True)
class Weekly:
    """Days of the week, Monday being 0, sorted; without ``holidays``: not on a public holiday."""

    weekdays: tuple[int, ...]
    holidays: bool = True

    def __post_init__(self) -> None:
        if not self.weekdays or sorted({*self.weekdays} & {*range(7)}) != [*self.weekdays]:
            raise ValueError(f"no weekdays: {self.weekdays}")

    def period(self, day: date) -> int:
        return (day.toordinal() - 1) // 7

    def dates(self, period: int, *, alsace_moselle: bool) -> Iterator[date]:
        for weekday in self.weekdays:
            day = date.fromordinal(period * 7 + 1 + weekday)
            if self.holidays or not is_holiday(day, alsace_moselle=alsace_moselle):
                yield day

    def __str__(self) -> str:
        return f"week:{','.join(_NAMES[one] for one in self.weekdays)}{'' if self.holidays else '-holidays'}"


@dataclass(frozen=True, slots=True)
class Monthly:
    """Days of the month, sorted, or the `LAST` one. A month that has no 31st is left out."""

    days: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.days != (LAST,) and (not self.days or sorted({*self.days} & {*range(1, 32)}) != [*self.days]):
            raise ValueError(f"no days of a month: {self.days}")

    def period(self, day: date) -> int:
        return day.year * 12 + day.month - 1

    def dates(self, period: int, *, alsace_moselle: bool) -> Iterator[date]:
        del alsace_moselle
        days = _month(period)
        yield from (days[one - 1] if one > 0 else days[one] for one in self.days if one <= len(days))

    def __str__(self) -> str:
        return f"month:{','.join(map(_nth, self.days))}"


@dataclass(frozen=True, slots=True)
class MonthlyNth:
    """The ``nth`` (1 to 4, or `LAST`) of a month's Mondays (0), …, Sundays, or `WORKING` days."""

    nth: int
    weekday: int

    def __post_init__(self) -> None:
        if self.nth not in {LAST, 1, 2, 3, 4} or not 0 <= self.weekday <= WORKING:
            raise ValueError(f"no day of a month: {self.nth}, {self.weekday}")

    def period(self, day: date) -> int:
        return day.year * 12 + day.month - 1

    def dates(self, period: int, *, alsace_moselle: bool) -> Iterator[date]:
        if self.weekday == WORKING:
            days = [day for day in _month(period) if is_working(day, alsace_moselle=alsace_moselle)]
        else:
            days = [day for day in _month(period) if day.weekday() == self.weekday]
        yield days[self.nth - 1] if self.nth > 0 else days[self.nth]

    def __str__(self) -> str:
        return f"month:{_nth(self.nth)}{_NAMES[self.weekday]}"


@dataclass(frozen=True, slots=True)
class Yearly:
    """A day of the year; 29 February in leap years only."""

    month: int
    day: int

    def __post_init__(self) -> None:
        date(2000, self.month, self.day)  # raises ValueError

    def period(self, day: date) -> int:
        return day.year

    def dates(self, period: int, *, alsace_moselle: bool) -> Iterator[date]:
        del alsace_moselle
        if self.day <= calendar.monthrange(period, self.month)[1]:
            yield date(period, self.month, self.day)

    def __str__(self) -> str:
        return f"year:{self.month:02}-{self.day:02}"


Pattern = Daily | Weekly | Monthly | MonthlyNth | Yearly


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """``at``: whole minutes of the clock on the wall. ``every``: each second, third… day, week or month only.

    ``since``: the first day it may fall on, whose day, week or month is the first that counts. Without it which week is
    "every second" is left to chance: set it with `starting`.
    """

    pattern: Pattern
    at: time
    every: int = 1
    since: date | None = None

    def __post_init__(self) -> None:
        seldom = isinstance(self.pattern, Yearly) or (isinstance(self.pattern, Monthly) and max(self.pattern.days) > 28)
        if not 1 <= self.every <= 999 or (seldom and self.every > 1):
            raise ValueError(f"such a recurrence might never come: {self}")
        if self.at.second or self.at.microsecond or self.at.tzinfo is not None:
            raise ValueError(f"no whole minutes of a local clock: {self.at}")

    def starting(self, day: date) -> Self:
        """The same, not before *day*."""
        return replace(self, since=day)

    def next(self, after: datetime, zone: ZoneInfo, *, alsace_moselle: bool = False) -> datetime:
        """The first time later than *after* (aware), in UTC. ``alsace_moselle``: whose public holidays count.

        A local time that clocks skip is the first moment after, one that comes twice is its first. ValueError after
        the year 9999.
        """
        day = after.astimezone(zone).date() - DAY
        if self.since is not None and self.since > day:
            day = self.since
        period, first = self.pattern.period(day), self.pattern.period(self.since) if self.since is not None else 0
        period += (first - period) % self.every
        while True:
            for day in self.pattern.dates(period, alsace_moselle=alsace_moselle):
                at = instant(datetime.combine(day, self.at), zone)
                if at > after.astimezone(UTC) and (self.since is None or day >= self.since):
                    return at
            period += self.every

    def __str__(self) -> str:
        """For the database; `parse` reads it: ``"week/2:tu 14:00 since 2026-12-01"``."""
        unit, colon, rest = str(self.pattern).partition(":")
        every = f"/{self.every}" if self.every > 1 else ""
        since = f" since {self.since}" if self.since is not None else ""
        return f"{unit}{every}{colon}{rest} {self.at:%H:%M}{since}"


_TEXT: Final = re.compile(
    r"(?P<unit>day|week|month|year)(?:/(?P<every>[0-9]{1,3}))?(?::(?P<what>[a-z0-9,-]+))? "
    r"(?P<at>[0-9]{2}:[0-9]{2})(?: since (?P<since>[0-9]{4}-[0-9]{2}-[0-9]{2}))?"
)


def parse(text: str) -> Recurrence:
    """What ``str()`` of a recurrence gave. ValueError for any other text."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"no recurrence: {text!r}")
    return Recurrence(
        pattern=_pattern(found["unit"], found["what"] or ""),
        at=time.fromisoformat(found["at"]),
        every=int(found["every"] or 1),
        since=date.fromisoformat(found["since"]) if found["since"] else None,
    )


def _pattern(unit: str, what: str) -> Pattern:
    if unit == "day" and not what:
        return Daily()
    if unit == "week" and (days := re.fullmatch(r"([a-z]{2}(?:,[a-z]{2})*)(-holidays)?", what)):
        return Weekly(tuple(_DAYS.get(name, WORKING) for name in days[1].split(",")), holidays=days[2] is None)
    if unit == "month" and (nth := re.fullmatch(rf"([1-4]|last)({'|'.join(_NAMES)})", what)):
        return MonthlyNth(LAST if nth[1] == "last" else int(nth[1]), _DAYS[nth[2]])
    if unit == "month" and re.fullmatch(r"last|[0-9]{1,2}(?:,[0-9]{1,2})*", what):
        return Monthly(tuple(LAST if one == "last" else int(one) for one in what.split(",")))
    if unit == "year" and (day := re.fullmatch(r"([0-9]{2})-([0-9]{2})", what)):
        return Yearly(int(day[1]), int(day[2]))
    raise ValueError(f"no days: {unit}:{what}")


def _nth(n: int) -> str:
    return "last" if n == LAST else str(n)


def _month(period: int) -> list[date]:
    year, month = divmod(period, 12)
    return [date(year, month + 1, day) for day in range(1, calendar.monthrange(year, month + 1)[1] + 1)]
