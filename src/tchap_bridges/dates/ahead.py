"""Days counted from today: "dans 3 jours ouvrés", "d'ici 2 semaines", "sous quinzaine", "in 3 working days"."""

import calendar
import re
from datetime import date, timedelta
from typing import Final

from tchap_bridges.dates.candidates import DAY_END, LONGEST, Days, Reader, Today, no_day, said, too_far
from tchap_bridges.dates.holidays import DAY, working_day
from tchap_bridges.dates.words import END, NUMBER, number
from tchap_bridges.i18n import Phrase

_WEEKS: Final = {8: (7, 8), 15: (14, 15)}


def _ahead(found: re.Match[str], today: Today) -> Days | Phrase:
    """ "dans 3 jours": of people's "huit jours" and "quinze jours" one must ask whether they mean weeks."""
    count, unit = number(found["count"]), found["unit"]
    closing = DAY_END if said(found, "lead") in {"d'ici", "sous"} else None
    if said(found, "half"):
        return no_day(today.quote(found))
    if count > LONGEST * 366:
        return too_far(today.quote(found))
    if said(found, "working"):
        if count > 1000:
            return too_far(today.quote(found))
        saturday = said(found, "working").startswith("ouvrable")
        end = working_day(today.date, count, saturday=saturday, alsace_moselle=today.alsace_moselle)
        return Days((end,), closing=closing)
    if unit.startswith(("j", "d")):
        weeks = _WEEKS.get(count) if unit.startswith("j") else None
        return Days(tuple(today.date + n * DAY for n in weeks or (count,)), closing=closing)
    if unit.startswith(("s", "w")):
        return Days((today.date + timedelta(weeks=count),), closing=closing)
    return Days(_months_ahead(today.date, count * (12 if unit.startswith(("a", "y")) else 1)), closing=closing)


def _months_ahead(day: date, count: int) -> tuple[date, ...]:
    """The same day so many months later; of a month too short, its last day or the first of the next."""
    years, before = divmod(day.month - 1 + count, 12)
    first = date(day.year + years, before + 1, 1)
    longest = calendar.monthrange(first.year, first.month)[1]
    if day.day <= longest:
        return (first.replace(day=day.day),)
    return first.replace(day=longest), first + longest * DAY


def _week_hence(found: re.Match[str], today: Today) -> Days:
    return Days(tuple(today.date + n * DAY for n in _WEEKS[8 if found["count"] == "huitaine" else 15]), closing=DAY_END)


RULES: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = tuple(
    (re.compile(rf"(?:{pattern}){END}"), reader)
    for pattern, reader in (
        (
            (
                rf"(?P<lead>dans|d'ici|sous|in|within)\s(?P<count>{NUMBER})\s?"
                r"(?P<unit>j(?:ours?)?|semaines?|mois|an(?:nee)?s?|days?|weeks?|months?|years?)"
                r"(?:\s(?P<working>ouvres?|ouvrables?)|(?P<half>\set\sdemie?|\sand\sa\shalf))?"
            ),
            _ahead,
        ),
        (rf"(?P<lead>in|within)\s(?P<count>{NUMBER})\s(?P<working>working|business)\s(?P<unit>days?)", _ahead),
        (r"sous\s(?P<count>huitaine|quinzaine)", _week_hence),
    )
)
