"""Next occurrences, asked of another way to the same answer: one after the other, from the first."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tchap_bridges.bot import CatchUp
from tchap_bridges.core import clock
from tchap_bridges.core.bots.schedules import LATE, MOST, Every, Plan, is_schedule, key_of, ordered
from tchap_bridges.dates import Recurrence, parse

PARIS = ZoneInfo("Europe/Paris")
ZONES = [PARIS, ZoneInfo("Pacific/Apia"), ZoneInfo("America/Cayenne"), ZoneInfo("Australia/Lord_Howe")]
zones = st.sampled_from(ZONES)
catch_ups = st.sampled_from(CatchUp)
moments = st.integers(1_577_836_800_000, 2_051_222_400_000).map(clock.moment)  # 2020 to 2035
texts = ["day", "week:mo,we", "week:mo,tu,we,th,fr-holidays", "month:1,31", "month:last", "month:2tu", "month:1work"]
texts += ["year:02-29", "week/2:su", "day/15"]
recurrences = st.builds(
    lambda text, minute: parse(f"{text} {minute // 60:02}:{minute % 60:02}"),
    st.sampled_from(texts),
    st.integers(0, 1439) | st.integers(120, 180),
)
spans = st.builds(lambda ms: Every(timedelta(milliseconds=ms)), st.integers(300, 10**9))
plans = st.builds(Plan, rule=recurrences | spans, catch_up=catch_ups)
away = st.timedeltas(timedelta(), timedelta(days=40)) | st.timedeltas(timedelta(), timedelta(days=4000))


@given(plans, moments, away, zones)
@example(Plan(rule=parse("day 02:30"), catch_up=CatchUp.ALL), datetime(2027, 3, 20, tzinfo=UTC), timedelta(9), PARIS)
@example(Plan(rule=parse("day 02:30"), catch_up=CatchUp.ONCE), datetime(2026, 10, 24, tzinfo=UTC), timedelta(2), PARIS)
def test_what_comes_is_one_of_those_to_come(plan: Plan, first: datetime, away: timedelta, zone: ZoneInfo) -> None:
    due = plan.first(first, zone)
    now = due + away
    if isinstance(plan.rule, Every) and away / plan.rule.span > 5000:
        return  # asked one by one it takes too long
    missed = list(takewhile(lambda at: at <= now, _one_by_one(plan, due, zone)))
    later = plan.next(missed[-1], zone)
    coming = plan.coming(due, now, zone)
    match plan.catch_up:
        case CatchUp.ALL:
            assert coming == missed[-MOST:][0]
        case CatchUp.ONCE:
            assert coming == missed[-1]
        case CatchUp.NONE:
            assert coming == next(at for at in (*missed, later) if at >= now - LATE)
    assert plan.coming(later, now, zone) == later > now


def _one_by_one(plan: Plan, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    while True:
        yield at
        at = plan.next(at, zone)


@given(plans, st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30), moments, zones)
def test_none_is_called_for_twice_wherever_the_clock_leaps(
    plan: Plan, leaps: list[int], now: datetime, zone: ZoneInfo
) -> None:
    called, due = [], plan.first(now, zone)
    for leap in leaps:
        now += timedelta(milliseconds=leap)
        for _look in range(3):
            due = plan.coming(due, now, zone)
            if due <= now:
                called.append(due)
                due = plan.next(due, zone)
    assert all(before < after for before, after in pairwise([*called, due]))


@given(recurrences, moments, st.lists(st.integers(0, 10**9), max_size=20), zones)
def test_all_loses_none(rule: Recurrence, now: datetime, steps: list[int], zone: ZoneInfo) -> None:
    plan = Plan(rule=rule, catch_up=CatchUp.ALL)
    begun = due = plan.first(now, zone)
    called = []
    for step in steps:
        now += timedelta(milliseconds=step)
        while (due := plan.coming(due, now, zone)) <= now:
            called.append(due)
            due = plan.next(due, zone)
    assert called == list(takewhile(lambda at: at <= now, _one_by_one(plan, begun, zone)))


@given(plans, moments, zones)
def test_a_plan_survives_the_store(plan: Plan, now: datetime, zone: ZoneInfo) -> None:
    begun = plan.starting(now, zone)
    assert Plan.read(str(begun)) == begun
    assert begun.same(plan)
    assert begun.starting(now + timedelta(days=8), zone).same(begun)


@pytest.mark.parametrize("text", ["", "once", "twice day 09:00", "once every", "once every x", "all day 25:00"])
def test_any_other_text_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Plan.read(text)


def test_after_a_life_away_it_is_found_at_once() -> None:
    plan = Plan(rule=parse("day 09:00"), catch_up=CatchUp.ALL)
    due, now = datetime(1970, 1, 1, 8, tzinfo=UTC), datetime(2400, 1, 1, tzinfo=UTC)
    assert plan.coming(due, now, PARIS) == datetime(2399, 9, 23, 7, tzinfo=UTC)


@given(st.text() | st.text(alphabet="@ab"), st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True))
def test_keys_of_schedules_and_of_orders_never_meet(key: str, handler: str) -> None:
    assert is_schedule(key_of(handler))
    assert not is_schedule(ordered(key))


@given(st.text(alphabet="@ab"), st.text(alphabet="@ab"))
def test_two_orders_stay_two(key: str, other: str) -> None:
    assert (ordered(key) == ordered(other)) == (key == other)


@given(st.integers(0, 253402300799999))
def test_milliseconds_come_back_as_they_were(at: int) -> None:
    assert clock.milliseconds(clock.moment(at)) == at


def test_a_day_is_as_long_as_it_is() -> None:
    plan = Plan(rule=Recurrence(pattern=parse("day 00:00").pattern, at=time(12)), catch_up=CatchUp.ALL)
    at = plan.first(datetime(2027, 3, 27, tzinfo=UTC), PARIS)
    assert plan.next(at, PARIS) - at == timedelta(hours=23)
