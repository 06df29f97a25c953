"""The time of day, in the one unit the store keeps."""

import time
from contextlib import suppress
from datetime import UTC, datetime, tzinfo


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def local(at: datetime, zone: tzinfo) -> datetime:
    """The same moment by the clocks of ``zone``; as it is at the ends of the calendar, where there is no other."""
    with suppress(OverflowError):
        return at.astimezone(zone)
    return at


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
