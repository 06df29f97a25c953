"""From a clock on the wall to instants: at the two changes of the year a local time has two, or belongs to none."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)


def wall(day: date, minutes: int) -> datetime:
    """A day and minutes since its midnight, 1440 being the next one, without a zone."""
    return datetime.combine(day, time()) + timedelta(minutes=minutes)


def instants(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants, in UTC, that a local time may mean, soonest first.

    Two when clocks are put back over it (``fold``, PEP 495). Two as well when they are put forward over it, since it
    then does not exist: what it would be before the change and after.
    """
    return tuple(sorted({local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}))


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The one instant, in UTC, of a recurrence: the first of two; the first moment after the gap that swallows it.

    So cron does (its manual, under "daylight saving time"). RFC 5545, 3.3.5, would have it an hour later, by the offset
    before the gap; that is how it is for a day that does not exist at all.
    """
    after = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if after.astimezone(zone).replace(tzinfo=None) == local:
        return after
    found = _change(local.replace(tzinfo=zone, fold=1).astimezone(UTC), after, zone)
    return found if found.astimezone(zone).date() == local.date() else after


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When, to the second, the clocks of *zone* are changed between the two."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def is_twice(local: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks are put back over this local time."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())


def whole_minute(at: datetime) -> datetime:
    """In UTC; begun minutes are completed: never early."""
    at = at.astimezone(UTC)
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
