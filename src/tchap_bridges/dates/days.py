"""The day of a moment: "demain", "mardi en huit", "le 14/07", "1er mars", "fin de semaine", "dans 3 jours ouvrés"."""

import calendar
import re
from datetime import date
from typing import Final

from tchap_bridges.dates import ahead
from tchap_bridges.dates.candidates import LONGEST, Days, Reader, Today, no_day, no_such_day, said, too_far
from tchap_bridges.dates.holidays import DAY, SATURDAY, SUNDAY
from tchap_bridges.dates.hours import PART, PARTS, PartOfDay
from tchap_bridges.dates.words import END, MONTH, NUMBER, WEEKDAY, WEEKDAYS, month, number
from tchap_bridges.i18n import Phrase, _

_CLOSE: Final = 18 * 60
"""When weeks, months and years end, where no hour is said."""


def _past(found: re.Match[str], today: Today) -> Phrase:
    return _("« {words} », c'est passé.", words=today.quote(found))


def _vague(found: re.Match[str], today: Today) -> Phrase:
    return no_day(today.quote(found))


def _near(found: re.Match[str], today: Today) -> Days:
    word = found["near"]
    ahead = 2 if word.startswith(("apres", "the day", "day")) else int(word in {"demain", "tomorrow"})
    weeks = {"huit": 7, "quinze": 14}.get(said(found, "later"), 0)
    return Days((today.date + (ahead + weeks) * DAY,))


def _this(found: re.Match[str], today: Today) -> Days:
    part = PARTS[said(found, "part")] if said(found, "part") else PartOfDay.EVENING  # "tonight"
    if part is PartOfDay.NIGHT:
        return Days((today.date, today.date + DAY), part=part, first=True)
    return Days((today.date,), part=part)


def _weekday(found: re.Match[str], today: Today) -> Days | Phrase:
    wanted, before, after = WEEKDAYS[found["day"]], said(found, "before"), said(found, "after")
    ahead = (wanted - today.date.weekday()) % 7
    coming = today.date + ahead * DAY
    week = coming + 7 * DAY
    if after in {"dernier", "passe"} or before == "last":
        return _past(found, today)
    if after in {"semaine prochaine", "next week"}:
        return Days((_monday(today.date) + (7 + wanted) * DAY,))
    if later := re.search("huit|quinze", after):
        weeks = (1 if later[0] == "huit" else 2) * 7 * DAY
        # "mardi en huit", on a Tuesday: a week from today, or from the Tuesday to come.
        return Days((coming + weeks, week + weeks) if ahead == 0 else (coming + weeks,))
    if after or before == "next":
        if ahead == 0:
            return Days((week,))
        # "vendredi prochain" of a week that still has its Friday: this one for some, the next one for others.
        this_week = coming <= _monday(today.date) + 6 * DAY
        return Days((coming, week) if this_week or ahead == 1 else (coming,))
    if before:
        return Days((coming,))
    return Days((coming, week) if ahead == 0 else (coming,), weekday=wanted)


def _week(found: re.Match[str], today: Today) -> Days:
    monday = _monday(today.date) + (0 if said(found, "this") else 7) * DAY
    return Days(tuple(monday + n * DAY for n in range(7)), week=True)


def _monday(day: date) -> date:
    return day - day.weekday() * DAY


def _end_of_week(found: re.Match[str], today: Today) -> Days:
    monday = _monday(today.date) + (7 if said(found, "next") else 0) * DAY
    ends = tuple(monday + n * DAY for n in (4, SUNDAY))  # France ends it on Friday, Québec means Sunday
    return Days(tuple(day for day in ends if day >= today.date), closing=_CLOSE)


def _weekend(found: re.Match[str], today: Today) -> Days:
    saturday = _monday(today.date) + SATURDAY * DAY
    this, after = (saturday, saturday + DAY), (saturday + 7 * DAY, saturday + 8 * DAY)
    days = (*this, *after) if re.search("next|prochain", found[0]) else this
    return Days(tuple(day for day in days if day >= today.date))


def _end_of_month(found: re.Match[str], today: Today) -> Days | Phrase:
    year, this = today.date.year, today.date.month
    if name := said(found, "month"):
        wanted = month(name)
        year += wanted < this
    elif said(found, "year"):
        wanted = 12
    else:
        wanted = this + (re.search("next|prochain", found[0]) is not None)
        year, wanted = (year + 1, 1) if wanted > 12 else (year, wanted)
    return Days((date(year, wanted, calendar.monthrange(year, wanted)[1]),), closing=_CLOSE)


def _of_month(found: re.Match[str], today: Today) -> Days | Phrase:
    """ "le 5": of this month or the next that has one; today, or the next, when today is the 5th."""
    day, where = number(found["day"]), said(found, "of")
    if not 1 <= day <= 31:
        return no_such_day(today.quote(found))
    first = today.date.replace(day=1)
    months = [first]
    while len(months) < 4:
        months.append((months[-1] + 31 * DAY).replace(day=1))
    if "ce" in where.split() or "this" in where.split():
        months = months[:1]
    elif where:
        months = months[1:2]
    days = [one.replace(day=day) for one in months if day <= calendar.monthrange(one.year, one.month)[1]]
    if not days:
        return no_such_day(today.quote(found))
    coming = [one for one in days if one >= today.date] or days
    return Days(tuple(coming[:2] if coming[0] == today.date and not where else coming[:1]))


def _dated(found: re.Match[str], today: Today) -> Days | Phrase:
    day, wanted = number(found["day"]), found["month"]
    in_words = not wanted[0].isdecimal()
    return _date(found, day, month(wanted) if in_words else int(wanted), said(found, "year"), today)


def _date(found: re.Match[str], day: int, wanted: int, year_said: str, today: Today) -> Days | Phrase:
    year = today.date.year
    if year_said:
        year = int(year_said) + (2000 if len(year_said) == 2 else 0)
    elif 1 <= wanted <= 12 and (wanted, day) < (today.date.month, today.date.day):
        year += 1
    if year > today.date.year + LONGEST:
        return too_far(today.quote(found))
    try:
        there = date(year, wanted, day)
    except ValueError:
        if (wanted, day) == (2, 29) and not year_said:
            return _("Il n'y a pas de 29 février en {year}.", year=str(year))
        return no_such_day(today.quote(found))
    return _past(found, today) if there < today.date else Days((there,))


_DAY: Final = r"(?P<day>[0-9]{1,2}|premier)"
_NTH: Final = r"(?:er|st|nd|rd|th)?"
_NEXT: Final = r"prochaine?|suivante?|qui\svient"
_NOT_MORE: Final = r"(?!\s?(?:h|heures?|[ap]\.?m\.?|min|mn)(?![a-z])|[:/.,-]?[0-9]|\s?%|\s?€)"

RULES: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    *(
        (re.compile(rf"(?:{pattern}){END}"), reader)
        for pattern, reader in (
            (
                (
                    r"(?:d')?(?P<near>aujourd'?\s?hui|today|demain|tomorrow|apres[- ]demain"
                    r"|(?:the\s)?day\safter\stomorrow|ce\sjour|ce(?=\smidi))(?:\sen\s(?P<later>huit|quinze))?"
                ),
                _near,
            ),
            (r"(?:avant-)?hier|yesterday|(?:la\ssemaine|le\smois|l'annee)\sderniere?|last\s(?:week|month|year)", _past),
            (rf"(?:(?:ce|cet|cette|this)\s{PART}|tonight)", _this),
            (
                (
                    rf"(?:(?P<before>ce|this|next|last)\s)?(?P<day>{WEEKDAY})"
                    rf"(?:\s(?P<after>{_NEXT}|dernier|passe|en\s(?:huit|quinze)|semaine\sprochaine|next\sweek))?"
                ),
                _weekday,
            ),
            (r"(?:la\s)?semaine\s(?:prochaine|suivante|qui\svient)|next\sweek", _week),
            (r"(?P<this>cette\ssemaine|this\sweek)", _week),
            (
                (
                    r"(?:(?:en|a\sla|la|the)\s)?(?:fin\sde\s(?:la\s)?semaine|end\sof\s(?:the\s)?week)"
                    rf"(?P<next>\s(?:{_NEXT}))?"
                ),
                _end_of_week,
            ),
            (r"(?:ce|le|this|the|next)\sweek-?\s?end(?:\sprochain)?", _weekend),
            (
                (
                    r"(?:(?:en|a\sla|la|the)\s)?(?:fin|end)\s(?:(?:d'|de\sl'|of\s(?:the\s)?)(?P<year>annee|year)"
                    r"|(?:de\s|du\s|of\s(?:the\s|next\s)?)(?:mois|month)(?:\sprochain)?"
                    rf"|(?:de\s|d'|of\s)?(?P<month>{MONTH}))"
                ),
                _end_of_month,
            ),
            (
                (
                    rf"(?:le\s|the\s){_DAY}{_NTH}{_NOT_MORE}"
                    r"(?:\sprochain)?(?P<of>\s(?:du\smois\sprochain|de\sce\smois|of\snext\smonth|of\sthis\smonth))?"
                ),
                _of_month,
            ),
            (
                (
                    rf"(?P<day>{NUMBER}){_NTH}\s?(?:of\s)?(?P<month>{MONTH})"
                    r"(?:\sprochain|,?\s(?P<year>[0-9]{4}))?"
                ),
                _dated,
            ),
            (rf"(?P<month>{MONTH})\s(?P<day>[0-9]{{1,2}}){_NTH}{_NOT_MORE}(?:,?\s(?P<year>[0-9]{{4}}))?", _dated),
            (r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})(?:/(?P<year>[0-9]{4}|[0-9]{2}))?(?!/)", _dated),
            (r"(?P<day>[0-9]{1,2})(?P<mark>[.-])(?P<month>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})", _dated),
            (r"(?:le\smois\sprochain|l'(?:annee|an)\sprochaine?|next\s(?:month|year))", _vague),
        )
    ),
    (
        re.compile(
            r"(?P<year>[0-9]{4})(?P<mark>[/-])(?P<month>[0-9]{2})(?P=mark)(?P<day>[0-9]{2})(?=$|[^a-z0-9/-]|t[0-9])"
        ),
        _dated,
    ),
    *ahead.RULES,
)
BARE_DAY: Final = re.compile(rf"{_DAY}{_NTH}{_NOT_MORE}{END}")
"""A day of the month without an article, which only a weekday before it tells: "vendredi 27"."""
bare_day: Final[Reader] = _of_month
