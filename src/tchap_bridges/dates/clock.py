"""From a clock on the wall to instants: at the two changes of the year a local time has two, or belongs to none."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


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
    """The one instant, in UTC, of a recurrence: the first of two, or by the offset before the gap (RFC 5545, 3.3.5)."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def is_twice(local: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks are put back over this local time."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return (first.utcoffset() or timedelta()) > (second.utcoffset() or timedelta())


def whole_minute(at: datetime) -> datetime:
    """In UTC; begun minutes are completed: never early."""
    at = at.astimezone(UTC)
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
