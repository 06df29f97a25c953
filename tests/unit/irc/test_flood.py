"""In which order and how fast."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc.flood import Bucket, Priority, Queue


def test_a_burst_and_then_the_rate():
    queue: Queue[int] = Queue(burst=3, rate=0.5)
    for n in range(6):
        queue.put(n)
    assert queue.due(0.0) == 0.0
    assert queue.take(0.0) == [0, 1, 2]
    assert queue.due(0.0) == 2.0
    assert queue.take(1.9) == []
    assert queue.take(2.0) == [3]
    assert queue.take(60.0) == [4, 5]
    assert queue.due(60.0) is None


def test_what_is_urgent_goes_first_and_targets_take_turns():
    queue: Queue[str] = Queue(burst=10, rate=1)
    queue.put("who", priority=Priority.LATE)
    for n in range(3):
        queue.put(f"a{n}", "#a")
    queue.put("b0", "#b")
    queue.put("c0", "#c")
    queue.put("pong", priority=Priority.URGENT)
    assert queue.take(0.0) == ["pong", "a0", "b0", "c0", "a1", "a2", "who"]


def test_what_waits_can_be_taken_back():
    queue: Queue[str] = Queue(burst=1, rate=1)
    queue.put("a", "#a")
    queue.put("b", "#b")
    queue.put("late", "#a", Priority.LATE)
    assert queue.drop("#a") == ["a", "late"]
    assert len(queue) == 1
    assert queue.clear() == ["b"]
    assert queue.take(0.0) == []


@pytest.mark.parametrize(("burst", "rate"), [(0, 1), (1, 0), (1, -1)])
def test_a_rate_that_is_none(burst: int, rate: float):
    with pytest.raises(ValueError, match="burst"):
        Bucket(burst, rate)


def test_a_clock_that_goes_back_gives_nothing():
    bucket = Bucket(1, 1)
    assert bucket.take(10.0)
    assert not bucket.take(0.0)
    assert not bucket.take(10.5)
    assert bucket.take(11.0)


PUTS = st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc"), st.sampled_from(Priority)), max_size=60)


@given(PUTS, st.integers(1, 6), st.floats(0.05, 5))
def test_never_faster_never_lost_never_out_of_order(puts: list[tuple[float, str, Priority]], burst: int, rate: float):
    queue: Queue[tuple[int, str, Priority]] = Queue(burst, rate)
    left: list[tuple[float, tuple[int, str, Priority]]] = []
    for n, (now, target, priority) in enumerate(sorted(puts)):
        queue.put((n, target, priority), target, priority)
        left += [(now, item) for item in queue.take(now)]
    now, wakings = 30.0, 0
    while (due := queue.due(now)) is not None:
        now = due
        left += [(now, item) for item in queue.take(now)]
        wakings += 1
        assert wakings <= len(puts) + 1
    assert len(left) == len(puts)
    for first in range(len(left)):
        for last in range(first, len(left)):
            assert last - first + 1 <= burst + (left[last][0] - left[first][0]) * rate + 1e-6
    for target in "abc":
        for priority in Priority:
            order = [n for _at, (n, to, rank) in left if (to, rank) == (target, priority)]
            assert order == sorted(order)
