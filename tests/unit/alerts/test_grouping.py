"""What is said, edited and held, and when; and that nothing is lost or said twice."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bot_alerts.book import LARGEST, Book, Edit, Say, Step, Wait, dumped, loaded
from tchap_bot_alerts.grouping import FORGOTTEN, MOST, MOST_AT_ONCE, MOST_HELD, acknowledge, release, take, wake
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.policy import Hours, Policy
from tchap_bot_alerts.wording import SHOWN, reminder, span, worded
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator

SCENARIOS = Path(__file__).resolve().parents[2] / "vectors" / "hooks_grouping" / "scenarios.yaml"
PARIS = ZoneInfo("Europe/Paris")
FRENCH = Translator("fr")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STATES = {"fire": State.FIRING, "over": State.RESOLVED, "news": State.NONE}


def policy_of(said: dict[str, Any]) -> Policy:
    quiet = said.get("quiet")
    return Policy(
        window=timedelta(minutes=said.get("window", 0)),
        quiet=Hours(*map(time.fromisoformat, quiet)) if quiet else None,
        digest=tuple(map(time.fromisoformat, said.get("digest", []))),
        through=Severity(said["through"]) if "through" in said else None,
        repeat=timedelta(minutes=said["repeat"]) if "repeat" in said else None,
        unannounced=said.get("unannounced", True),
        muted=datetime.fromisoformat(said["muted"]) if "muted" in said else None,
        zone=PARIS,
    )


def notice_of(said: dict[str, Any]) -> Notice:
    (kind,) = said.keys() & STATES.keys()
    told = said[kind] if isinstance(said[kind], dict) else {"id": said[kind]}
    return Notice(
        kind="essai",
        title=told["id"],
        state=STATES[kind],
        fingerprint="" if kind == "news" else told["id"],
        group=told.get("group", ""),
        severity=Severity(told.get("severity", "none")),
        at=datetime.fromisoformat(told["since"]) if "since" in told else None,
    )


def stepped(book: Book, said: dict[str, Any], policy: Policy) -> Step:
    now = datetime.fromisoformat(said["at"])
    if "wake" in said:
        return wake(book, policy, now)
    if "ack" in said:
        return acknowledge(book, **said["ack"], policy=policy, now=now)
    if "release" in said:
        return release(book, **said["release"], policy=policy, now=now)
    notices = [notice_of(one) for one in said.get("all", [said])]
    return take(book, notices, policy, now, delivery=said.get("delivery", ""))


def written(action: Say | Edit | Wait) -> str:
    match action:
        case Wait(until):
            return f"wait {until:%Y-%m-%dT%H:%MZ}"
        case Say(key=key, shown=shown, reminds=reminds) if reminds:
            return f"remind {key} of {reminds}: " + reminder(shown, FRENCH, PARIS).plain.replace("\n", " / ")
        case Say(key=key, shown=shown):
            return f"say {key}: " + worded(shown, FRENCH, PARIS).plain.replace("\n", " / ")
        case Edit(key=key, shown=shown):
            return f"edit {key}: " + worded(shown, FRENCH, PARIS).plain.replace("\n", " / ")


@pytest.mark.parametrize("case", YAML(typ="safe").load(SCENARIOS), ids=lambda case: case["name"])
def test_scenarios(case):
    book, policy = Book(), policy_of(case.get("policy", {}))
    for said in case["steps"]:
        step = stepped(book, said, policy)
        assert [written(one) for one in step.actions] == said["do"], said["at"]
        book = loaded(dumped(step.book))
        assert book == step.book


def seconds_on(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


NOTICES = st.builds(
    Notice,
    kind=st.just("essai"),
    title=st.sampled_from("abc"),
    state=st.sampled_from(State),
    fingerprint=st.sampled_from(["a", "b", "c"]),
    group=st.sampled_from(["", "g", "h"]),
    severity=st.sampled_from(Severity),
    at=st.none() | st.integers(-100_000, 300_000).map(seconds_on),
)
POLICIES = st.builds(
    Policy,
    window=st.sampled_from([timedelta(0), timedelta(minutes=10), timedelta(hours=3)]),
    quiet=st.none() | st.builds(Hours, st.sampled_from([time(22), time(7)]), st.sampled_from([time(7), time(22)])),
    digest=st.sampled_from([(), (time(9),), (time(2, 30), time(23))]),
    through=st.none() | st.sampled_from(Severity),
    repeat=st.none() | st.sampled_from([timedelta(0), timedelta(minutes=30)]),
    unannounced=st.booleans(),
    zone=st.just(PARIS),
    muted=st.none() | st.integers(0, 200_000).map(seconds_on),
    crowded=st.booleans(),
)
MOVES = st.one_of(
    st.tuples(st.sampled_from(["", "", "d1", "d2", "d3"]), st.lists(NOTICES, max_size=3)),
    st.just("wake"),
    st.tuples(st.sampled_from(["ack", "release"]), st.integers(1, 9).map(str), st.sampled_from(["Zoé", "Max"])),
)


@settings(max_examples=400)
@given(POLICIES, st.lists(st.tuples(st.integers(0, 40_000), MOVES), max_size=20))
def test_nothing_is_lost_and_nothing_is_said_twice(policy, moves):
    book, now, said = Book(), NOW, set()
    for seconds, move in moves:
        now += timedelta(seconds=seconds)
        before = book
        match move:
            case "wake":
                step = wake(book, policy, now)
            case (str() as kind, key, who):
                step = (acknowledge if kind == "ack" else release)(book, key, who, policy, now)
            case (str() as delivery, notices):
                step = take(book, notices, policy, now, delivery=delivery)
        book = step.book
        assert loaded(dumped(book)) == book

        new = [one for one in step.actions if isinstance(one, Say)]
        edits = [one for one in step.actions if isinstance(one, Edit)]
        waits = [one for one in step.actions if isinstance(one, Wait)]
        assert len({one.key for one in new}) == len(new)
        assert not said & {one.key for one in new}
        assert {one.key for one in edits} <= said - {one.key for one in new}
        assert len({one.key for one in edits}) == len(edits)
        assert all(one.reminds in said | {said.key for said in new} for one in new if one.reminds)
        said |= {one.key for one in new}

        # Everything known stands in one message or waits, once.
        standing = [one for message in book.messages.values() for one in message.entries]
        assert sorted([*standing, *book.held]) == sorted(book.entries)
        assert [one.until for one in waits] == ([book.due] if book.held else [])
        assert all(one.until > now or before.held for one in waits)

        if policy.silent(now) is not None and new:
            loud = {entry.notice.fingerprint for one in new for entry in one.shown.entries}
            heard = [
                *(move[1] if isinstance(move[1], list) else ()),
                *(before.entries[one].notice for one in before.held),
            ]
            bad = {one.fingerprint for one in heard if policy.through and one.severity.rank >= policy.through.rank}
            assert loud <= bad
    while book.held:
        step = wake(book, policy, book.due)
        waiting = book.held
        book = step.book
        assert not book.held or book.due is not None
        if not book.held:
            (digest,) = (one for one in step.actions if isinstance(one, Say))
            assert len(digest.shown.entries) == len(waiting)


@given(
    st.builds(Hours, st.times(), st.times()),
    st.lists(st.times(), max_size=3),
    st.integers(-60 * 86400, 300 * 86400).map(seconds_on),
)
def test_what_waits_waits_for_a_time_that_comes_and_is_loud(quiet, digest, now):
    policy = Policy(quiet=quiet, digest=tuple(digest), zone=PARIS)
    until = policy.due(now)
    if until is None:
        assert not digest
        assert policy.silent(now) is None
    else:
        assert now < until <= now + timedelta(days=3)
        # In the hour that comes twice, an end is followed by its second coming.
        assert policy.silent(until) is None or until.date().month == 10


def test_books_do_not_grow_for_ever():
    book, policy = Book(), Policy(window=timedelta(hours=1))
    for n in range(2 * MOST):
        notice = Notice(kind="essai", title=str(n), state=State.FIRING, fingerprint=f"f{n}")
        book = take(book, [notice], policy, NOW, delivery=f"d{n}").book
    assert len(book.entries) == MOST
    assert f"f{2 * MOST - 1}" in book.entries
    assert len(book.deliveries) <= MOST
    assert len(dumped(book)) < 1_000_000


def test_what_one_step_says_is_said_however_much_it_is():
    many = [Notice(kind="essai", title=str(n), state=State.FIRING, fingerprint=f"f{n}") for n in range(MOST + 50)]
    step = take(Book(), many, Policy(), NOW)
    said = [entry.notice.title for one in step.actions for entry in one.shown.entries]
    assert said == [one.title for one in many]
    assert len(step.actions) == MOST_AT_ONCE
    later = take(step.book, [], Policy(), NOW).book
    assert len(later.entries) == MOST
    assert sum(len(one.entries) + one.dropped for one in later.messages.values()) == MOST + 50


def storm(n: int, *, seconds: float) -> list[Say | Edit]:
    """Each delivery one new trouble of no group, by and by."""
    book, done = Book(), []
    for each in range(n):
        now = NOW + timedelta(seconds=each * seconds)
        notice = Notice(kind="essai", title=str(each), state=State.FIRING, fingerprint=f"f{each}")
        step = take(book, [notice], Policy(), now)
        book = step.book
        done += [one for one in step.actions if not isinstance(one, Wait)]
    return done


def test_of_a_storm_most_is_added_to_the_last_message():
    done = storm(1000, seconds=0.01)
    assert len([one for one in done if isinstance(one, Say)]) == MOST_AT_ONCE
    text = worded(done[-1].shown, FRENCH, PARIS).plain
    assert text.startswith("991 messages, alertes en cours : ")
    assert text.endswith(f"\n… et {991 - SHOWN} autres")
    per_minute = len([one for one in storm(600, seconds=1) if isinstance(one, Say)]) / 10
    assert per_minute <= MOST_AT_ONCE + 1


def test_what_nobody_speaks_of_for_a_month_goes_on_no_more():
    notice = Notice(kind="essai", title="a", state=State.FIRING, fingerprint="a")
    book = take(Book(), [notice], Policy(), NOW).book
    assert wake(book, Policy(), NOW + FORGOTTEN - timedelta(seconds=1)).book.entries
    assert not wake(book, Policy(), NOW + FORGOTTEN).book.entries


def test_of_a_large_book_titles_stay():
    book, long = Book(), Text(plain="x" * 8000, html="x" * 24_000)
    for n in range(MOST):
        labels = {f"l{k}": "v" * 200 for k in range(40)}
        notice = Notice(kind="essai", title=f"t{n}", text=long, labels=labels, state=State.FIRING, fingerprint=f"f{n}")
        book = take(book, [notice], Policy(window=timedelta(hours=1)), NOW).book
    text = dumped(book)
    assert len(text) <= LARGEST + 100_000
    again = loaded(text)
    assert [one.notice.title for one in again.entries.values()] == [f"t{n}" for n in range(MOST)]
    assert again.messages == book.messages


def test_what_waits_does_not_grow_for_ever_and_the_rest_is_counted():
    book, policy = Book(), Policy(quiet=Hours(time(8), time(20)))
    for n in range(MOST_HELD + 7):
        book = take(book, [Notice(kind="essai", title=str(n))], policy, NOW).book
    assert len(book.held) == MOST_HELD
    (say,) = wake(book, policy, book.due).actions
    text = worded(say.shown, FRENCH, PARIS).plain
    assert text.startswith(f"{MOST_HELD + 7} nouvelles\n• 7\n")
    assert text.endswith(f"\n… et {MOST_HELD + 7 - SHOWN} autres")


def test_of_what_waits_the_worst_stays():
    book, policy = Book(), Policy(muted=NOW + timedelta(hours=1))
    bad = Notice(kind="essai", title="pire", state=State.FIRING, fingerprint="pire", severity=Severity.CRITICAL)
    book = take(book, [bad], policy, NOW).book
    for n in range(MOST_HELD + 7):
        notice = Notice(kind="essai", title=str(n), state=State.FIRING, fingerprint=f"f{n}", severity=Severity.WARNING)
        book = take(book, [notice], policy, NOW).book
    assert len(book.held) == MOST_HELD
    (say,) = wake(book, policy, book.due).actions
    assert worded(say.shown, FRENCH, PARIS).plain.split("\n")[1].startswith("🔴 pire")


def test_words():
    shown = Say(key="1", shown=take(Book(), [full()], Policy(), NOW).actions[0].shown).shown
    assert worded(shown, FRENCH, PARIS) == Text(
        plain="🟠 Disque & cie (https://ex.fr/d)\n97 %\ndepuis 10:00",
        html='🟠 <a href="https://ex.fr/d">Disque &amp; cie</a><br><b>97 %</b><br>depuis 10:00',
    )


def full() -> Notice:
    return Notice(
        kind="essai",
        title="Disque & cie",
        text=Text(plain="97 %", html="<b>97 %</b>"),
        url="https://ex.fr/d",
        severity=Severity.WARNING,
        state=State.FIRING,
        fingerprint="a",
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (-5, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 00"), (7500, "2 h 05"),
     (86400, "1 j 0 h"), (277200, "3 j 5 h")],
)  # fmt: skip
def test_spans(seconds, said):
    assert span(timedelta(seconds=seconds)) == said
