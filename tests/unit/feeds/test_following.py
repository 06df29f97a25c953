"""What is new and what has changed, whatever a feed does to its entries."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tchap_bot_feeds.following import MOST_EDITS, MOST_SEEN, compare
from tchap_bot_feeds.model import Entry, Seen

Memory = dict[str, Seen]


def entry(id_: str, title: str = "", *, link: str | None = None, summary: str = "", day: int | None = None) -> Entry:
    at = datetime(2026, 11, day, tzinfo=UTC) if day else None
    link = f"https://e.fr/{id_}" if link is None else link
    return Entry(id=id_, title=title or f"T{id_}", link=link, summary=summary, at=at)


def titles(entries: Sequence[Entry]) -> list[str]:
    return [one.title for one in entries]


def follow(memory: Memory, *entries: Entry) -> tuple[list[str], list[str], Memory]:
    """New, changed, and what is remembered, each entry as if it had been said."""
    news = compare(memory, entries)
    seen = {key: one._replace(said="said") if key in news.new else one for key, one in news.seen.items()}
    return titles([*news.new.values()]), titles([*news.changed.values()]), seen


def test_the_oldest_comes_first() -> None:
    assert follow({}, entry("3"), entry("2"), entry("1"))[0] == ["T1", "T2", "T3"], "feeds begin with the newest"
    assert follow({}, entry("1", day=1), entry("3", day=3), entry("2", day=2))[0] == ["T1", "T2", "T3"]
    assert follow({}, entry("b", day=2), entry("a", day=2), entry("0", day=1))[0] == ["T0", "Ta", "Tb"]
    assert follow({}, entry("2", day=1), entry("1"))[0] == ["T1", "T2"], "one without a date: none counts"


def test_known_by_guid_else_by_link_else_by_words() -> None:
    _new, _changed, memory = follow({}, entry("g", "A"), entry("", "B", link="https://e.fr/b"), entry("", "C", link=""))
    new, changed, _ = follow(
        memory,
        entry("g", "A 2", link="https://e.fr/moved"),
        entry("", "B 2", link="https://e.fr/b"),
        entry("", "C 2", link=""),
    )
    assert (new, changed) == (["C 2"], ["A 2", "B 2"])


def test_a_guid_given_to_all_tells_nothing() -> None:
    one, two, three = (entry("same", f"T{n}", link=f"https://e.fr/{n}") for n in (1, 2, 3))
    new, changed, memory = follow({}, two, one)
    assert (new, changed) == (["T1", "T2"], [])
    new, changed, memory = follow(memory, three, two, one)
    assert (new, changed) == (["T3"], [])
    new, changed, memory = follow(memory, three)
    assert (new, changed) == ([], []), "alone, it is still the one that it was"


def test_a_guid_that_a_second_entry_takes() -> None:
    one, two = entry("same", "T1", link="https://e.fr/1"), entry("same", "T2", link="https://e.fr/2")
    _, _, memory = follow({}, one)
    new, changed, memory = follow(memory, two, one)
    assert (new, changed) == (["T2"], []), "the first is not told again"
    assert follow(memory, two)[:2] == ([], [])


def test_one_entry_twice_is_one() -> None:
    assert follow({}, entry("1"), entry("1"))[0] == ["T1"]


def test_what_vanishes_and_returns_is_not_new() -> None:
    _, _, memory = follow({}, entry("2"), entry("1"))
    new, changed, memory = follow(memory, entry("3"))
    assert new == ["T3"]
    new, changed, memory = follow(memory)
    assert (new, changed) == ([], []), "an empty feed"
    assert follow(memory, entry("3"), entry("2"), entry("1"))[:2] == ([], [])


def test_what_has_vanished_is_edited_no_more() -> None:
    _, _, memory = follow({}, entry("1"))
    _, _, memory = follow(memory)
    news = compare(memory, [entry("1", "changed")])
    assert titles([*news.changed.values()]) == ["changed"]
    assert [one.said for one in news.seen.values()] == [""]


def test_ten_thousand_and_what_is_forgotten() -> None:
    entries = [entry(str(n)) for n in range(10_000)]
    began = time.perf_counter()
    new, _, memory = follow({}, *entries)
    shuffled = random.Random(1).sample(entries, len(entries))
    assert len(new) == 10_000
    assert follow(memory, *shuffled)[:2] == ([], [])
    assert time.perf_counter() - began < 3
    for start in range(10_000, 30_000, 5_000):
        later = [entry(str(n)) for n in range(start, start + 5_000)]
        new, _, memory = follow(memory, *later)
        assert len(new) == 5_000
        assert len(memory) <= MOST_SEEN
        assert follow(memory, *later)[:2] == ([], [])


_entries = st.lists(
    st.builds(
        Entry,
        id=st.sampled_from(["", "a", "b", "c"]),
        title=st.sampled_from(["x", "y"]),
        link=st.sampled_from(["", "https://e.fr/1", "https://e.fr/2"]),
        summary=st.just(""),
        at=st.none() | st.integers(1, 3).map(lambda day: datetime(2026, 1, day, tzinfo=UTC) + timedelta()),
    ),
    max_size=8,
)


@given(_entries, st.randoms(use_true_random=False))
def test_the_same_entries_are_never_new_twice(entries: list[Entry], chance: random.Random) -> None:
    once = compare({}, entries)
    assert [*once.new] == [*dict.fromkeys(once.new)]
    again = compare(once.seen, entries)
    assert not again.new
    assert not again.changed
    assert again.seen == once.seen
    assert not compare(once.seen, chance.sample(entries, len(entries))).new, "nor in another order"


@given(_entries, _entries)
def test_what_was_announced_is_never_announced_again_while_it_is_there(first: list[Entry], second: list[Entry]) -> None:
    memory = compare({}, first).seen
    both = compare(memory, [*second, *first])
    assert not compare(both.seen, [*second, *first]).new


def test_what_changes_without_end_is_edited_a_few_times() -> None:
    """« il y a 5 minutes », at every fetch."""
    _, _, memory = follow({}, entry("1"))
    edits = 0
    for n in range(30):
        news = compare(memory, [entry("1", f"il y a {n} minutes")])
        edits += len([key for key in news.changed if news.seen[key].said])
        memory = dict(news.seen)
    assert edits == MOST_EDITS
