"""An invitation as a card that can be read: text/calendar (RFC 5545, RFC 5546) to a few French lines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from icalendar import Calendar, Component
from icalendar.error import BrokenCalendarProperty

from tchap_bridge_email.charsets import printable
from tchap_bridge_email.headers import one_line
from tchap_bridge_email.message import Invitation

MAX_CHARS = 500_000

# Everything below that people read, in one place.
_TITLES = {
    "REQUEST": "Invitation",
    "PUBLISH": "Événement",
    "CANCEL": "Annulé",
    "REPLY": "Réponse à l'invitation",
    "COUNTER": "Autre date proposée",
    "REFRESH": "Invitation demandée de nouveau",
    "DECLINECOUNTER": "Autre date refusée",
}
_ANSWERS = {"ACCEPTED": "accepte", "DECLINED": "décline", "TENTATIVE": "accepte sous réserve", "DELEGATED": "délègue"}
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_DAY_CODES = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), _DAYS, strict=True))
_EVERY = {"DAILY": ("chaque jour", "jours"), "WEEKLY": ("chaque semaine", "semaines"),
          "MONTHLY": ("chaque mois", "mois"), "YEARLY": ("chaque année", "ans")}  # fmt: skip


def read_invitation(text: str, method: str = "") -> tuple[Invitation | None, str | None]:
    """The first event of a calendar, or None; and what was wrong with it, or None. Never raises.

    `method` is the one of the MIME part, used where the calendar names none (RFC 6047 2.4).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # the library warns where it guesses a time zone: the guess is what is wanted
            return _read(text[:MAX_CHARS].removeprefix("\ufeff"), method), None
    except Exception as error:  # noqa: BLE001  a library's reading of hostile text: whatever it raises is told, not hidden
        return None, f"calendar not understood ({type(error).__name__})"


def _read(text: str, method: str) -> Invitation | None:
    try:
        calendars = Calendar.from_ical(text, multiple=True)
    except ValueError:
        start = text.find("BEGIN:VEVENT")
        end = text.find("END:VEVENT", start)
        if start < 0 or end < 0:
            raise
        calendars = Calendar.from_ical(f"BEGIN:VCALENDAR\n{text[start:end]}END:VEVENT\nEND:VCALENDAR\n", multiple=True)
    for calendar in calendars:
        for event in calendar.walk("VEVENT"):
            return _invitation(calendar, event, method)
    return None


def _invitation(calendar: Component, event: Component, method: str) -> Invitation:
    action = (_words(calendar.get("METHOD")) or method).upper()
    cancelled = action == "CANCEL" or _words(event.get("STATUS")).upper() == "CANCELLED"
    start, end = _moment(event.get("DTSTART")), _end(event)
    summary = _words(event.get("SUMMARY")) or "(sans titre)"
    organizer = _person(event.get("ORGANIZER"))
    recurrence = _recurrence(event.get("RRULE"))
    location = _words(event.get("LOCATION"))
    sequence = _words(event.get("SEQUENCE"))
    title = _TITLES["CANCEL"] if cancelled else _TITLES.get(action, _TITLES["PUBLISH"])
    if not cancelled and action == "REQUEST" and sequence.isdigit() and int(sequence[:9]) > 0:
        title = "Invitation modifiée"
    card = [f"{title} : {summary}"]
    if start is not None:
        card.append(f"Quand : {_span(start, end)}")
    card += [f"{label} : {value}" for label, value in (
        ("Répétition", recurrence), ("Lieu", location), ("Organisation", organizer),
        ("Réponse", _answers(event, action)),
    ) if value]  # fmt: skip
    return Invitation(
        method=action,
        uid=_words(event.get("UID")),
        sequence=int(sequence[:9]) if sequence.isdigit() else 0,
        summary=summary,
        start=start.isoformat() if start else "",
        end=end.isoformat() if end else None,
        location=location,
        organizer=organizer,
        recurrence=recurrence,
        cancelled=cancelled,
        text="\n".join(card),
    )


def _words(value: Any) -> str:
    """A text property, a number, or the first of several."""
    first = value[0] if isinstance(value, list) and value else value
    return "" if first is None else one_line(printable(str(first)))[:1000]


def _moment(value: Any) -> date | None:
    """A date, or a date and time, aware where the calendar or the zone database knows the zone."""
    found = _plain_value(value)
    return found if isinstance(found, date) else None


def _plain_value(value: Any) -> Any:
    """Python's value of a date or a duration; None for a broken one: the rest of the event still says something."""
    first = value[0] if isinstance(value, list) and value else value
    try:
        return getattr(first, "dt", None)
    except BrokenCalendarProperty:
        return None


def _end(event: Component) -> date | None:
    end, start = _moment(event.get("DTEND")), _moment(event.get("DTSTART"))
    if end is not None or start is None:
        return end
    duration = _plain_value(event.get("DURATION"))
    return start + duration if isinstance(duration, timedelta) else None


def _person(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else value
    if first is None:
        return ""
    params = getattr(first, "params", {})
    name = one_line(str(params.get("CN", ""))) if isinstance(params, Mapping) else ""
    address = one_line(str(first))
    address = address[7:] if address.lower().startswith("mailto:") else address
    return f"{name} <{address}>" if name and name != address else address


def _answers(event: Component, action: str) -> str:
    if action != "REPLY":
        return ""
    value = event.get("ATTENDEE")
    said = []
    for one in value if isinstance(value, list) else [value]:
        status = str(getattr(one, "params", {}).get("PARTSTAT", "")).upper()
        if status in _ANSWERS:
            said.append(f"{_person(one)} {_ANSWERS[status]}")
    return ", ".join(said[:20])


def _span(start: date, end: date | None) -> str:
    if not isinstance(start, datetime):
        last = end - timedelta(days=1) if end and not isinstance(end, datetime) else None  # DTEND is exclusive
        return _day(start) if last is None or last <= start else f"du {_day(start)} au {_day(last)}"
    text = f"{_day(start)} à {_hour(start)}"
    if isinstance(end, datetime) and end.replace(tzinfo=None) != start.replace(tzinfo=None):
        same = end.date() == start.date()
        text = f"{_day(start)} de {_hour(start)} à {_hour(end)}" if same else f"du {text} au {_day(end)} à {_hour(end)}"
    zone = start.strftime("UTC%z").replace("UTC+0000", "UTC") if start.tzinfo else ""
    return (
        f"{text} ({start.tzinfo}, {zone})"
        if zone and str(start.tzinfo) not in ("UTC", zone)
        else f"{text} {zone}".strip()
    )


def _day(day: date) -> str:
    number = "1er" if day.day == 1 else str(day.day)
    return f"{_DAYS[day.weekday()]} {number} {_MONTHS[day.month - 1]} {day.year}"


def _hour(moment: datetime) -> str:
    return f"{moment.hour}h{moment.minute:02d}"


def _recurrence(value: Any) -> str:
    rule = value[0] if isinstance(value, list) and value else value
    if not isinstance(rule, Mapping):
        return ""
    frequency = _words(rule.get("FREQ")).upper()
    if frequency not in _EVERY:
        return frequency.lower()
    once, many = _EVERY[frequency]
    interval = _words(rule.get("INTERVAL"))
    words = f"{'toutes' if many == 'semaines' else 'tous'} les {interval} {many}" if interval not in ("", "1") else once
    days = [
        _DAY_CODES[code] for code in (str(day).upper()[-2:] for day in rule.get("BYDAY") or []) if code in _DAY_CODES
    ]
    if days:
        words += f", le {', '.join(days[:-1])} et {days[-1]}" if len(days) > 1 else f", le {days[0]}"
    if rule.get("COUNT"):
        words += f", {_words(rule.get('COUNT'))} fois"
    until = (rule.get("UNTIL") or [None])[0]
    return f"{words}, jusqu'au {_day(until)}" if isinstance(until, date) else words
