"""The instant run-off against published counts, and what holds for any ballots."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bot_polls.model import Majority, Round
from tchap_bot_polls.ranked import run_off

PUBLISHED = YAML(typ="safe").load(Path(__file__).resolve().parents[2] / "vectors" / "polls" / "published_run_offs.yaml")


@pytest.mark.parametrize("election", PUBLISHED, ids=lambda election: election["name"])
def test_published_counts(election):
    ballots = {tuple(order): people for people, order in election["ballots"]}
    assert run_off(election["options"], ballots) == tuple(
        Round(votes=tuple(one["votes"].items()), out=tuple(one.get("out", ())), exhausted=one.get("exhausted", 0))
        for one in election["rounds"]
    )


OPTIONS = "abcde"
ballots_of_few = st.lists(
    st.permutations(OPTIONS).flatmap(lambda order: st.integers(0, 5).map(lambda many: tuple(order[:many]))), max_size=12
).map(Counter)


@given(ballots=ballots_of_few, majority=st.sampled_from(Majority))
def test_no_ballot_is_lost_and_nobody_comes_back(ballots, majority):
    rounds = run_off(OPTIONS, ballots, majority)
    for one in rounds:
        assert sum(n for _, n in one.votes) + one.exhausted == sum(ballots.values())
    for before, after in pairwise(rounds):
        assert before.out
        assert [name for name, _ in after.votes] == [name for name, _ in before.votes if name not in before.out]
        assert all(n >= dict(before.votes)[name] for name, n in after.votes)
        assert min(n for name, n in before.votes if name not in before.out) >= max(
            dict(before.votes)[o] for o in before.out
        )
    assert not rounds[-1].out
    assert len(rounds[-1].votes) >= 2


@given(ballots=ballots_of_few)
def test_who_loses_to_everybody_else_in_pairs_never_wins(ballots):
    """An instant run-off never elects a Condorcet loser: the last two are compared by all who name either."""

    def beats(one: str, other: str) -> bool:
        pairs = [next((name for name in order if name in {one, other}), None) for order in ballots.elements()]
        return pairs.count(one) > pairs.count(other)

    last = dict(run_off(OPTIONS, ballots)[-1].votes)
    lead = [name for name, n in last.items() if n == max(last.values())]
    for loser in OPTIONS:
        if lead == [loser]:
            assert not all(beats(other, loser) for other in OPTIONS if other != loser)


@given(ballots=ballots_of_few)
def test_the_order_of_the_ballots_is_nothing(ballots):
    assert run_off(OPTIONS, ballots) == run_off(OPTIONS, Counter(dict(reversed(ballots.items()))))


def test_two_options_are_one_round_and_none_are_level():
    assert run_off("ab", {("b",): 2, ("a", "b"): 1}) == (Round(votes=(("a", 1), ("b", 2))),)
    assert run_off("abc", {}) == (Round(votes=(("a", 0), ("b", 0), ("c", 0))),)
