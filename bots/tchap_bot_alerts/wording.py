"""A message of alerts and news in words, for rooms that have no template of their own."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from tchap_bot_alerts.book import Entry, Shown
from tchap_bot_alerts.notice import Severity
from tchap_bot_alerts.words import bold, bounded, linked, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _, ngettext

NAMES: Final = frozenset((
    "kind", "title", "text", "html", "url", "severity", "state", "labels", "count", "since", "over", "span", "taken",
    "summary", "entries", "digest", "dropped",
))  # fmt: skip
"""What a template reads of a message; see `data_of`."""
SHOWN: Final = 30
"""Entries of one message that are listed."""
_MARKS: Final = {
    Severity.CRITICAL: "🔴",
    Severity.ERROR: "🔴",
    Severity.WARNING: "🟠",
    Severity.INFO: "🔵",
    Severity.NONE: "🔴",
}


def worded(shown: Shown, say: Translator, zone: tzinfo) -> Text:
    """What a message shows: one thing in full, several as a list."""
    if len(shown.entries) == 1 and not shown.digest and not shown.dropped:
        return bounded(_whole(shown.entries[0], say, zone))
    return bounded(_list(bold(_summary(shown, say)), shown.entries, say, zone, dropped=shown.dropped))


def reminder(shown: Shown, say: Translator, zone: tzinfo) -> Text:
    """That something still goes on."""
    if len(shown.entries) > 1:
        n = len(shown.entries)
        head = say(ngettext("🔴 Toujours en cours : {n} alerte", "🔴 Toujours en cours : {n} alertes", n))
        return bounded(_list(bold(head), shown.entries, say, zone))
    entry = shown.entries[0]
    since = entry.since or entry.last
    told = {"title": entry.notice.headline, "time": _time(since, entry.last, zone), "span": span(entry.last - since)}
    return bounded(words(say.gettext(_("🔴 Toujours en cours depuis {time} ({span}) : {title}"), **told)))


def ongoing(hook: str, entries: Sequence[Entry], say: Translator, zone: tzinfo) -> Text:
    """What goes on of a hook, and who sees to it, the worst first."""
    head = say(ngettext("{hook} : {n} alerte en cours", "{hook} : {n} alertes en cours", len(entries), hook=hook))
    return _list(bold(head), _sorted(entries), say, zone)


def data_of(shown: Shown, say: Translator, zone: tzinfo) -> dict[str, Any]:
    """A message as a template reads it: the names of its first entry, and all of them in ``entries``.

    Of an entry: ``kind title text html url severity state`` (``firing``, ``resolved``, ``none``) ``labels count since
    over span taken summary``. Times are those of the room's clock, "" for none; ``summary`` is what `worded` says of
    its state. Of the message: ``digest``, ``dropped``.
    """
    entries = [_data(one, say, zone) for one in shown.entries]
    return {**entries[0], "entries": entries, "digest": shown.digest, "dropped": shown.dropped}


def span(time: timedelta) -> str:
    """How long: ``45 s``, ``12 min``, ``2 h 05``, ``3 j 4 h``."""
    seconds = max(0, int(time.total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 60:
        return f"{seconds} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60:02}"
    return f"{hours // 24} j {hours % 24} h"


def _data(entry: Entry, say: Translator, zone: tzinfo) -> dict[str, Any]:
    notice = entry.notice
    near = max(entry.last, entry.said or entry.last)
    news = not entry.ongoing and entry.over is None
    return {
        "kind": notice.kind,
        "title": str(notice.title),
        "text": notice.text.plain,
        "html": notice.text.html or words(notice.text.plain).html or "",
        "url": notice.url,
        "severity": notice.severity.value,
        "state": "none" if news else "resolved" if entry.over is not None else "firing",
        "labels": dict(notice.labels),
        "count": entry.count,
        "since": _time(entry.since, near, zone) if entry.since is not None else "",
        "over": _time(entry.over, near, zone) if entry.over is not None else "",
        "span": span((entry.over or entry.last) - entry.since) if entry.since is not None else "",
        "taken": entry.taken.name if entry.taken is not None else "",
        "summary": "" if news else _state(entry, say, zone),
    }


def _whole(entry: Entry, say: Translator, zone: tzinfo) -> Text:
    notice = entry.notice
    title = linked(notice.url, notice.title) if notice.url and notice.title else bold(notice.title)
    if not entry.ongoing and entry.over is None:
        return stacked((title, notice.text))
    head = row(words(_mark(entry)), title if notice.title else notice.text)
    return stacked((head, notice.text if notice.title else Text(), words(_state(entry, say, zone))))


def _list(head: Text, entries: Sequence[Entry], say: Translator, zone: tzinfo, *, dropped: int = 0) -> Text:
    """Those that matter most, and how many more there are."""
    listed = [_line(one, say, zone) for one in (entries if len(entries) <= SHOWN else _sorted(entries)[:SHOWN])]
    if left := len(entries) - len(listed) + dropped:
        listed.append(words(say(ngettext("… et {n} autre", "… et {n} autres", left))))
    return stacked((head, *listed))


def _sorted(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda one: (not one.ongoing, -one.notice.severity.rank, one.since or one.last))


def _line(entry: Entry, say: Translator, zone: tzinfo) -> Text:
    notice = entry.notice
    headline = linked(notice.url, notice.headline) if notice.url else words(notice.headline)
    if not entry.ongoing and entry.over is None:
        return row(words("•"), headline)
    return row(words(_mark(entry)), headline, words(f"({_state(entry, say, zone)})"))


def _mark(entry: Entry) -> str:
    return "🟢" if entry.over is not None else _MARKS[entry.notice.severity]


def _state(entry: Entry, say: Translator, zone: tzinfo) -> str:
    """Since when, how often, who sees to it, or after how long it was over."""
    near = max(entry.last, entry.said or entry.last)
    if entry.over is not None:
        over = _time(entry.over, near, zone)
        if entry.since is None:
            return say.gettext(_("terminé à {time}"), time=over)
        return say.gettext(_("terminé à {time}, après {span}"), time=over, span=span(entry.over - entry.since))
    told = []
    if entry.since is not None:
        told.append(say.gettext(_("depuis {time}"), time=_time(entry.since, near, zone)))
    if entry.count > 1:
        told.append(say(ngettext("{n} fois", "{n} fois", entry.count)))
    if entry.taken is not None:
        at = _time(entry.taken.at, entry.taken.at, zone)
        told.append(say.gettext(_("✅ {who} s'en occupe depuis {time}"), who=entry.taken.name, time=at))
    return " · ".join(told)


def _summary(shown: Shown, say: Translator) -> str:
    alerts = [one for one in shown.entries if one.ongoing or one.over is not None]
    ongoing = sum(one.ongoing for one in alerts)
    n = len(shown.entries) + shown.dropped
    if not alerts:
        return say(ngettext("{n} nouvelle", "{n} nouvelles", n))
    return say(ngettext("{n} message, dont {ongoing} alerte en cours", "{n} messages, alertes en cours : {ongoing}",
                        n, ongoing=ongoing))  # fmt: skip


def _time(when: datetime, near: datetime, zone: tzinfo) -> str:
    """The time of the day, with its date unless it is that of *near*."""
    local, day = when.astimezone(zone), near.astimezone(zone).date()
    return f"{local:%H:%M}" if local.date() == day else f"{local:%d/%m %H:%M}"
