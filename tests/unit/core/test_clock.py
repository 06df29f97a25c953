"""Moments as the operator's people read them, whatever the machine's own zone."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tchap_bridges.core import clock

AT = datetime(2025, 3, 12, 10, 42, tzinfo=UTC)
MOMENTS = [
    (AT, "Europe/Paris", "12/03/2025 11:42"),
    (AT, "Pacific/Noumea", "12/03/2025 21:42"),
    (datetime(2025, 7, 12, 22, 30, tzinfo=UTC), "Europe/Paris", "13/07/2025 00:30"),
    (datetime(1, 1, 1, tzinfo=UTC), "America/Cayenne", "01/01/1 00:00"),
    (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Paris", "31/12/9999 23:59"),
]


@pytest.mark.parametrize("machine", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize(("at", "zone", "shown"), MOMENTS)
def test_local(at: datetime, zone: str, shown: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        found = clock.local(at, ZoneInfo(zone))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (found, f"{found:%d/%m/%Y %H:%M}") == (at, shown)
