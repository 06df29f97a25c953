"""A recurrence said back: its days and its time."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

from tchap_bridges.dates.recurrence import LAST, WORKING, Daily, Monthly, MonthlyNth, Recurrence, Weekly, Yearly
from tchap_bridges.dates.saying import MONTHS, WEEKDAYS, said_date, said_time
from tchap_bridges.i18n import Language, Phrase, Translator, _

_NTHS: Final = {
    1: _("premier"),
    2: _("deuxième"),
    3: _("troisième"),
    4: _("quatrième"),
    LAST: _("dernier"),
}
_WORKING: Final = {5: _("chaque jour ouvré"), 6: _("chaque jour ouvrable")}


def say_recurrence(recurrence: Recurrence, language: Language = "fr") -> str:
    """ "toutes les 2 semaines le mardi à 14 h 00", "every 2 weeks on Tuesday at 14:00"."""
    return Translator(language)(said_recurrence(recurrence))


def said_recurrence(recurrence: Recurrence) -> Phrase:
    """The same, to be read in any language."""
    time = said_time(recurrence.at.hour, recurrence.at.minute)
    whole = _("{date} à {time}", date=_days(recurrence), time=time)
    if recurrence.since is None:
        return whole
    return _("{date}, à partir du {since}", date=whole, since=said_date(recurrence.since))


def _days(recurrence: Recurrence) -> Phrase:
    match recurrence.pattern:
        case Daily():
            return _every_days(recurrence.every)
        case Weekly() as week:
            return _week(week, recurrence.every)
        case Monthly(days=days) if max(days) > 28:
            return _("{days} de chaque mois qui en a un", days=_list([_date(day) for day in days]))
        case Monthly(days=days):
            return _month(_list([_date(day) for day in days]), recurrence.every)
        case MonthlyNth(nth=nth, weekday=weekday):
            name = _("jour ouvré") if weekday == WORKING else WEEKDAYS[weekday]
            return _month(_("le {nth} {weekday}", nth=_NTHS[nth], weekday=name), recurrence.every)
        case Yearly(month=2, day=29):
            return _("le 29 février des années bissextiles")
        case Yearly(month=month, day=number):
            day = _("1er") if number == 1 else str(number)
            return _("chaque année le {day} {month}", day=day, month=MONTHS[month - 1])


def _every_days(every: int) -> Phrase:
    return _("tous les {n} jours", n=str(every)) if every > 1 else _("tous les jours")


def _week(week: Weekly, every: int) -> Phrase:
    first, last, count = week.weekdays[0], week.weekdays[-1], len(week.weekdays)
    names = [WEEKDAYS[day] for day in week.weekdays]
    run = last - first == count - 1 and every == 1
    if run and not week.holidays and first == 0 and count in _WORKING:
        return _WORKING[count]
    if every > 1:
        each = [_("le {day}", day=name) for name in names]
        said = _("toutes les {n} semaines {days}", n=str(every), days=_list(each))
    elif count == 7:
        said = _("tous les jours")
    elif run and count > 2:
        said = _("du {first} au {last}", first=names[0], last=names[-1])
    else:
        said = _("chaque {days}", days=_list(names))
    return said if week.holidays else _("{days} sauf jours fériés", days=said)


def _month(days: str, every: int) -> Phrase:
    return (
        _("tous les {n} mois {days}", n=str(every), days=days) if every > 1 else _("{days} de chaque mois", days=days)
    )


def _date(day: int) -> Phrase:
    if day == LAST:
        return _("le dernier jour")
    return _("le 1er") if day == 1 else _("le {n}", n=str(day))


def _list(words: Sequence[str]) -> str:
    *before, last = words
    return _("{days} et {last}", days=reduce(_comma, before), last=last) if before else last


def _comma(words: str, word: str) -> Phrase:
    return _("{days}, {day}", days=words, day=word)
