"""What holds of any words, any moment and any recurrence."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tchap_bridges.dates import (
    Ambiguous,
    Moment,
    Recurrence,
    Understood,
    is_working,
    parse,
    recurrence,
    say,
    say_recurrence,
    split,
    split_recurrence,
    understand,
    working_day,
)
from tchap_bridges.dates.holidays import easter, is_holiday
from tchap_bridges.dates.recurrence import LAST, WORKING, Daily, Monthly, MonthlyNth, Pattern, Weekly, Yearly
from tchap_bridges.i18n import Language

ZONES = [ZoneInfo(name) for name in ("Europe/Paris", "America/Martinique", "Pacific/Noumea", "Australia/Lord_Howe")]
PARIS = ZONES[0]
LANGUAGES: tuple[Language, ...] = get_args(Language)
YEAR_AHEAD = timedelta(days=366)
VOCABULARY = """
demain après-demain aujourd'hui hier ce cet cette soir matin nuit midi minuit à le la de du d'ici avant jusqu'à dans en
huit quinze lundi vendredi dimanche prochain prochaine dernier semaine fin mois 1er 5 29 30 31 32 00 24 février
mars décembre 2027 2028 9999 0000 14/07 31/12/99 9h 9h30 25h 2h30 24h 10:15 3am pm min heures heure et demie demi-heure
quart jours ouvrés ouvrables une un trois tous les chaque sauf fériés week-end sur deux premier jour an ans tomorrow at
in next every monday hours days the first of month ( ) , . : - T 999999 0
"""


def at_second(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


zones = st.sampled_from(ZONES)
nows = st.integers(946_684_800, 4_102_444_800).map(at_second)
nows |= st.builds(
    datetime, st.just(2026), st.just(10), st.sampled_from([24, 25]), st.integers(0, 23), st.integers(0, 59),
    tzinfo=st.just(PARIS), fold=st.sampled_from([0, 1]),
)  # fmt: skip
phrases = st.lists(st.sampled_from(VOCABULARY.split()), max_size=9).map(" ".join)
texts = phrases | st.text(max_size=40) | st.lists(phrases | st.text(max_size=4), max_size=4).map("".join)


def moments(outcome: Understood | None) -> tuple[Moment, ...]:
    match outcome:
        case Moment():
            return (outcome,)
        case Ambiguous(readings=readings):
            assert len(readings) >= 2
            return readings
    return ()


@given(texts, nows, zones)
@example("ß" * 200 + "İ demain 9h", datetime(2026, 11, 26, tzinfo=UTC), PARIS)
@example("dans 999999 ans", datetime(2026, 11, 26, tzinfo=UTC), PARIS)
def test_no_words_are_too_strange_and_none_mean_the_past(words: str, now: datetime, zone: ZoneInfo) -> None:
    found = moments(understand(words, now=now, zone=zone))
    parted = split(words, now, zone)
    found += moments(parted[0]) if parted else ()
    assert all(one.at > now and one.at.tzinfo is UTC and not one.at.second for one in found)
    recurrence(words)
    split_recurrence(words)


@given(texts, nows, zones)
def test_readings_differ_and_the_soonest_comes_first(words: str, now: datetime, zone: ZoneInfo) -> None:
    found = moments(understand(words, now=now, zone=zone))
    assert all(before.at < after.at for before, after in pairwise(found))


@given(phrases, st.sampled_from(["", "appeler Ana", "É 😀"]), nows)
def test_the_moment_and_the_rest_are_all_the_words(words: str, rest: str, now: datetime) -> None:
    whole = f"{words} {rest}"
    parted = split(whole, now, PARIS)
    if parted is not None:
        outcome, left = parted
        edges = whole.strip()
        assert outcome.words
        assert left in edges
        assert edges.startswith(outcome.words) or edges.endswith(outcome.words)


@given(nows, st.integers(1, 60 * 24 * 365 * 90), zones, st.sampled_from(LANGUAGES))
@example(datetime(2026, 10, 24, 12, tzinfo=UTC), 12 * 60 + 30, PARIS, "fr")  # 2 h 30, summer time
@example(datetime(2026, 10, 24, 12, tzinfo=UTC), 13 * 60 + 30, PARIS, "en")  # 2 h 30, winter time
@example(datetime(2026, 12, 31, 12, tzinfo=UTC), 11 * 60, PARIS, "fr")  # 0 h 00, tomorrow
def test_what_is_said_back_means_the_same(now: datetime, minutes: int, zone: ZoneInfo, language: Language) -> None:
    at = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    assume(at.astimezone(zone).year - now.astimezone(zone).year <= 100)
    back = say(Moment(at=at, words=""), now, zone, language)
    outcome = understand(back, now=now, zone=zone)
    assert isinstance(outcome, Moment), back
    assert outcome.at == at


@given(phrases, nows)
def test_every_reading_can_be_chosen_by_saying_it(words: str, now: datetime) -> None:
    for reading in moments(understand(words, now=now, zone=PARIS)):
        for language in LANGUAGES:
            chosen = understand(say(reading, now, PARIS, language), now=now, zone=PARIS)
            assert isinstance(chosen, Moment)
            assert chosen.at == reading.at


weekdays = st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple)
weekly = st.builds(Weekly, weekdays, holidays=st.booleans()).filter(lambda one: one != Weekly(tuple(range(7))))
often = st.just(Monthly((LAST,))) | st.sets(st.integers(1, 28), min_size=1, max_size=4).map(sorted).map(tuple).map(
    Monthly
)
nths = st.builds(MonthlyNth, st.sampled_from([1, 2, 3, 4, LAST]), st.integers(0, WORKING))
seldom = st.integers(29, 31).map(lambda day: Monthly((day,))) | st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(
    lambda day: Yearly(day.month, day.day)
)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
days = st.dates(date(2020, 1, 1), date(2040, 1, 1))
recurrences = st.builds(
    Recurrence,
    pattern=st.just(Daily()) | weekly | often | nths,
    at=times,
    every=st.integers(1, 5),
    since=st.none() | days,
) | st.builds(Recurrence, pattern=seldom, at=times, since=st.none() | days)


@given(recurrences)
def test_a_recurrence_survives_the_database(found: Recurrence) -> None:
    assert parse(str(found)) == found
    assert len(str(found)) < 60


@given(recurrences, st.sampled_from(LANGUAGES))
def test_a_recurrence_said_back_means_the_same(found: Recurrence, language: Language) -> None:
    plain = Recurrence(pattern=found.pattern, at=found.at, every=found.every)
    assert recurrence(say_recurrence(plain, language)) == plain


@given(recurrences, nows, zones)
@example(parse("day 02:00"), datetime(2027, 3, 27, 12, tzinfo=UTC), PARIS)
@example(parse("day 02:00"), datetime(2026, 10, 24, 12, tzinfo=UTC), PARIS)
@example(parse("day 02:15"), datetime(2027, 4, 2, 12, tzinfo=UTC), ZONES[-1])  # clocks go back half an hour
def test_next_goes_forward_at_the_time_of_the_clock(found: Recurrence, now: datetime, zone: ZoneInfo) -> None:
    at = [now]
    for _ in range(6):
        at.append(found.next(at[-1], zone))
        local = at[-1].astimezone(zone)
        naive = datetime.combine(local.date(), found.at)
        gap = naive.replace(tzinfo=zone).utcoffset() != naive.replace(tzinfo=zone, fold=1).utcoffset()
        assert local.time() == found.at or gap
        assert local.fold == 0
        assert found.since is None or local.date() >= found.since
    assert all(before < after for before, after in pairwise(at))


def falls_on(pattern: Pattern, day: date) -> bool:
    """Asked day by day: another way to the same answer."""
    month = [
        one for n in range(1, 32) if (one := date(day.year, day.month, 1) + timedelta(days=n - 1)).month == day.month
    ]
    match pattern:
        case Daily():
            return True
        case Weekly(weekdays=wanted, holidays=holidays):
            return day.weekday() in wanted and (holidays or not is_holiday(day))
        case Monthly(days=(-1,)):
            return day == month[-1]
        case Monthly(days=wanted):
            return day.day in wanted
        case MonthlyNth(nth=nth, weekday=weekday):
            same = [one for one in month if (is_working(one) if weekday == WORKING else one.weekday() == weekday)]
            return same[nth - 1 if nth > 0 else nth] == day
        case Yearly(month=in_month, day=in_day):
            return (day.month, day.day) == (in_month, in_day)


@given(st.just(Daily()) | weekly | often | nths | seldom, days)
def test_no_day_is_missed(pattern: Pattern, day: date) -> None:
    found = Recurrence(pattern=pattern, at=time(9))
    at = datetime(day.year, day.month, day.day, tzinfo=PARIS)
    there = [found.next(at, PARIS).astimezone(PARIS).date()]
    while there[-1] < day + YEAR_AHEAD:
        there.append(found.next(datetime.combine(there[-1], time(9), PARIS), PARIS).astimezone(PARIS).date())
    every_day = (day + timedelta(days=n) for n in range(367))
    assert [one for one in there if one <= day + YEAR_AHEAD] == [one for one in every_day if falls_on(pattern, one)]


@given(days, st.integers(1, 40), st.booleans(), st.booleans())
def test_working_days_are_counted(start: date, count: int, saturday: bool, alsace_moselle: bool) -> None:
    end = working_day(start, count, saturday=saturday, alsace_moselle=alsace_moselle)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    worked = [day for day in between if is_working(day, saturday=saturday, alsace_moselle=alsace_moselle)]
    assert len(worked) == count
    assert worked[-1] == end


def test_easter_agrees_with_another_computation() -> None:
    other = pytest.importorskip("dateutil.easter")
    years = range(1583, 4099)
    assert [easter(year) for year in years] == [other.easter(year) for year in years]
