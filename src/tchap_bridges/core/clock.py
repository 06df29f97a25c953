"""The time of day, in the one unit the store keeps."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def local(at: datetime, zone: tzinfo) -> datetime:
    """The same moment by the clocks of ``zone``; as it is at the ends of the calendar, where there is no other."""
    with suppress(OverflowError):
        return at.astimezone(zone)
    return at


def milliseconds(at: datetime) -> int:
    """Of an aware moment; what `moment` gave comes back as it was."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
