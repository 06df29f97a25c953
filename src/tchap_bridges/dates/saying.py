"""A moment said back: always the weekday, the day, the month, the year and the time, so that a mistake is seen."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bridges.dates.clock import is_twice
from tchap_bridges.dates.outcomes import Ambiguous, Moment
from tchap_bridges.i18n import Language, Phrase, Translator, _

WEEKDAYS: Final = (_("lundi"), _("mardi"), _("mercredi"), _("jeudi"), _("vendredi"), _("samedi"), _("dimanche"))
MONTHS: Final = (
    *(_("janvier"), _("février"), _("mars"), _("avril"), _("mai"), _("juin")),
    *(_("juillet"), _("août"), _("septembre"), _("octobre"), _("novembre"), _("décembre")),
)
_NEAR: Final = (_("aujourd'hui"), _("demain"), _("après-demain"))


def say(moment: Moment, now: datetime, zone: ZoneInfo, language: Language = "fr") -> str:
    """ "vendredi 27 novembre 2026 à 9 h 30 (demain)", "Friday 27 November 2026 at 9:30 (tomorrow)"."""
    return Translator(language)(said(moment, now, zone))


def said(moment: Moment, now: datetime, zone: ZoneInfo) -> Phrase:
    """The same, to be read in any language."""
    local = moment.at.astimezone(zone)
    date = _("{date} à {time}", date=said_date(local), time=said_time(local.hour, local.minute))
    days = (local.date() - now.astimezone(zone).date()).days
    near = _NEAR[days] if 0 <= days < len(_NEAR) else None
    season = None
    naive = local.replace(tzinfo=None)
    if is_twice(naive, zone):
        season = _("heure d'hiver") if local.fold else _("heure d'été")
    if near is not None and season is not None:
        return _("{date} ({near}, {season})", date=date, near=near, season=season)
    more = near or season
    return date if more is None else _("{date} ({more})", date=date, more=more)


def said_date(day: date) -> Phrase:
    """ "mardi 1er décembre 2026"; "Tuesday 1 December 2026"."""
    return _(
        "{weekday} {day} {month} {year}",
        weekday=WEEKDAYS[day.weekday()],
        day=_("1er") if day.day == 1 else str(day.day),
        month=MONTHS[day.month - 1],
        year=str(day.year),
    )


def said_time(hour: int, minute: int) -> Phrase:
    """ "9 h 30" with spaces that do not break; "9:30"."""
    minutes = f"{minute:02}"
    return _("{hour} h {minute}", hour=str(hour), minute=minutes)


def ask(question: Ambiguous[Moment], now: datetime, zone: ZoneInfo, language: Language = "fr") -> list[str]:
    """The readings to choose from, each said back; what people may not know of them stands in ``question.why``."""
    return [say(one, now, zone, language) for one in question.readings]
