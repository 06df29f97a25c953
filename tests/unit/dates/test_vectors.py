"""Words and what they mean, from the tables in tests/vectors/dates."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from tchap_bridges.dates import (
    Ambiguous,
    Moment,
    Recurrence,
    Recurring,
    Refused,
    Understood,
    holidays,
    parse,
    recurrence,
    split,
    split_recurrence,
    understand,
)
from tchap_bridges.dates.holidays import easter

VECTORS = Path(__file__).parents[2] / "vectors" / "dates"
PARIS = ZoneInfo("Europe/Paris")
THURSDAY = datetime(2026, 11, 26, 10, 15, tzinfo=PARIS)


def load(name: str) -> Any:
    """All scalars as text: nothing that looks like a date becomes one unseen."""
    return YAML(typ="base").load((VECTORS / name).read_text("utf-8"))


def phrases() -> Iterator[Any]:
    for group in load("fr.yaml"):
        for words, expected in group["phrases"].items():
            yield pytest.param(group, words, expected, id=f"{group['about']}-{words}")


def instant(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def wanted(expected: Any, zone: ZoneInfo) -> Any:
    """What a vector says, as `told` tells it."""
    if expected == "null":
        return None
    if isinstance(expected, list):
        return [instant(one, zone) for one in expected]
    return dict(expected) if isinstance(expected, dict) else instant(expected, zone)


def told(outcome: Understood | None) -> Any:
    match outcome:
        case Moment(at=at):
            return at
        case Ambiguous(readings=readings):
            return [one.at for one in readings]
        case Refused(reason=reason):
            return {"refused": reason}
    return None


@pytest.mark.parametrize(("group", "words", "expected"), list(phrases()))
def test_words_for_a_moment(group: Any, words: str, expected: Any) -> None:
    zone = ZoneInfo(group.get("zone", "Europe/Paris"))
    hour = time.fromisoformat(group.get("hour", "09:00"))
    alsace_moselle = "alsace_moselle" in group
    now = instant(group["now"], zone)

    outcome = understand(words, now=now, zone=zone, hour=hour, alsace_moselle=alsace_moselle)

    assert told(outcome) == wanted(expected, zone)


def test_there_are_enough_of_them() -> None:
    assert len(list(phrases())) >= 150


@pytest.mark.parametrize(("words", "expected", "rest"), [(*row, None)[:3] for row in load("split.yaml")])
def test_words_that_go_on(words: str, expected: Any, rest: str | None) -> None:
    found = split(words, THURSDAY, PARIS)

    assert told(found and found[0]) == wanted(expected, PARIS)
    assert (found[1] if found else None) == rest


def test_the_words_used_are_told_as_they_were_written() -> None:
    found = split("Demain à 9 h 30, appeler Ana", THURSDAY, PARIS)
    assert found is not None
    assert found[0].words == "Demain à 9 h 30"


def test_a_long_text_is_no_phrase() -> None:
    assert understand("demain" + " ou demain" * 100, now=THURSDAY, zone=PARIS) is None
    assert recurrence("chaque lundi" + " et lundi" * 100) is None


@pytest.mark.parametrize(("words", "said"), [("vendredi", False), ("vendredi 9h", True), ("demain soir", False)])
def test_a_default_hour_is_told(words: str, said: bool) -> None:
    outcome = understand(words, now=THURSDAY, zone=PARIS)
    assert isinstance(outcome, Moment)
    assert outcome.hour_said is said


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("28 mars 2027", "On change d'heure ce jour-là : cette heure n'existe pas."),
        ("31 octobre 2027", "On change d'heure ce jour-là : cette heure a lieu deux fois."),
        ("semaine prochaine", None),
    ],
)
def test_the_change_of_clocks_is_told(day: str, why: str | None) -> None:
    outcome = understand(f"{day} à 2h30", now=THURSDAY, zone=PARIS)
    assert isinstance(outcome, Ambiguous)
    assert outcome.why == why


def texts(outcome: Recurring | None) -> Any:
    match outcome:
        case Recurrence():
            return str(outcome)
        case Ambiguous(readings=readings):
            return [str(one) for one in readings]
        case Refused(reason=reason):
            return {"refused": reason}
    return "null"


@pytest.mark.parametrize(("words", "expected"), list(load("recurrences.yaml")["words"].items()))
def test_words_for_a_recurrence(words: str, expected: Any) -> None:
    assert texts(recurrence(words)) == expected


@pytest.mark.parametrize(("words", "expected", "rest"), [(*row, None)[:3] for row in load("recurrences.yaml")["split"]])
def test_a_recurrence_among_words(words: str, expected: Any, rest: str | None) -> None:
    found = split_recurrence(words)
    assert texts(found and found[0]) == expected
    assert (found[1] if found else None) == rest


@pytest.mark.parametrize("case", load("recurrences.yaml")["next"], ids=str)
def test_when_it_comes_next(case: Any) -> None:
    zone = ZoneInfo(case.get("zone", "Europe/Paris"))
    found = parse(case["text"])
    assert str(found) == case["text"]
    after = instant(case["after"], zone)
    for expected in case["times"]:
        after = found.next(after, zone, alsace_moselle="alsace_moselle" in case)
        assert after == instant(expected, zone)


@pytest.mark.parametrize("text", load("recurrences.yaml")["unreadable"])
def test_no_other_text_is_a_recurrence(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whichever part is wrong
        parse(text)


def test_french_public_holidays() -> None:
    known = load("recurrences.yaml")["holidays"]
    assert [easter(int(day[:4])).isoformat() for day in known["easter"]] == known["easter"]
    france = {date.fromisoformat(day) for day in known["2026"]}
    alsace_moselle = {date.fromisoformat(day) for day in known["alsace_moselle"]}
    assert holidays(2026) == france
    assert holidays(2026, alsace_moselle=True) == france | alsace_moselle


def test_a_rhythm_is_anchored() -> None:
    found = recurrence("toutes les 2 semaines le mardi à 14h")
    assert isinstance(found, Recurrence)
    times = [found.starting(date(2026, 12, day)).next(THURSDAY, PARIS).day for day in (1, 8)]
    assert times == [1, 8]
