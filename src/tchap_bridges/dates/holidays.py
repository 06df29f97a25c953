"""French public holidays and working days.

Code du travail, article L3133-1 for all of France, L3134-13 for Haut-Rhin, Bas-Rhin and Moselle: Good Friday there only
where there is a Protestant church, which nobody's calendar tells apart.
"""

from datetime import date, timedelta
from functools import cache
from typing import Final

DAY: Final = timedelta(days=1)
SATURDAY: Final = 5
SUNDAY: Final = 6


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, after Meeus, Jones and Butcher (Astronomical Algorithms, chapter 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, odd = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - correction + 15) % 30
    to_sunday = (32 + 2 * odd + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def holidays(year: int, *, alsace_moselle: bool = False) -> frozenset[date]:
    """The public holidays of a year."""
    sunday = easter(year)
    found = {date(year, month, day) for month, day in _FIXED}
    found |= {sunday + n * DAY for n in (1, 39, 50)}  # Easter Monday, Ascension, Whit Monday
    if alsace_moselle:
        found |= {sunday - 2 * DAY, date(year, 12, 26)}
    return frozenset(found)


_FIXED: Final = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))


def is_holiday(day: date, *, alsace_moselle: bool = False) -> bool:
    return day in holidays(day.year, alsace_moselle=alsace_moselle)


def is_working(day: date, *, saturday: bool = False, alsace_moselle: bool = False) -> bool:
    """A "jour ouvré": Monday to Friday, no holiday. With *saturday* a "jour ouvrable": Saturday too."""
    return day.weekday() < (SUNDAY if saturday else SATURDAY) and not is_holiday(day, alsace_moselle=alsace_moselle)


def working_day(start: date, count: int, *, saturday: bool = False, alsace_moselle: bool = False) -> date:
    """The *count*-th working day after *start*, which itself does not count. OverflowError past the year 9999."""
    day = start
    while count > 0:
        day += DAY
        count -= is_working(day, saturday=saturday, alsace_moselle=alsace_moselle)
    return day
