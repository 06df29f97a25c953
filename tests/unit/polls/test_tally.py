"""Raw events of a room to what they decide."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bot_polls.model import Kind, Majority, Outcome, Result, Rules, Tie
from tchap_bot_polls.tally import count
from tests.unit.polls.room import Room

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "polls"
FILES = ("asking", "ending", "responses", "names", "deciding", "ranked", "dates")
CASES = [(file, case) for file in FILES for case in YAML(typ="safe").load(VECTORS / f"{file}.yaml")["cases"]]
TYPES = {"kind": Kind, "majority": Majority, "tie": Tie}


def rules_of(said: dict[str, Any]) -> Rules:
    return Rules(**{name: TYPES.get(name, lambda value: value)(value) for name, value in said.items()})


def told(result: Result) -> dict[str, Any]:
    """A result as the cases say it."""
    return {
        "outcome": result.outcome.value,
        "winners": list(result.winners),
        "counts": {one.option.id: one.votes for one in result.counts},
        "maybe": {one.option.id: one.maybe for one in result.counts},
        "voters": {one.option.id: list(one.voters) for one in result.counts},
        "voted": result.voted,
        "spoiled": result.spoiled,
        "unreadable": result.unreadable,
        "rounds": [
            {"votes": dict(one.votes)}
            | ({"out": list(one.out)} if one.out else {})
            | ({"exhausted": one.exhausted} if one.exhausted else {})
            for one in result.rounds
        ],
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{file}: {case['name']}") for file, case in CASES])
def test_raw_events(case):
    rules = rules_of(case.get("rules", {}))
    room = Room().hear(case["events"])
    found = told(room.result(rules, case.get("names")))
    expected = {"spoiled": 0, "unreadable": 0} | case["result"]
    assert {name: found[name] for name in expected} == expected
    ballots = room.ballots(rules)
    asked = {
        "question": ballots.poll.question,
        "options": {one.id: one.text for one in ballots.poll.options},
        "most": ballots.poll.most,
        "disclosed": ballots.poll.disclosed,
        "closed": ballots.closed,
    }
    assert {name: asked[name] for name in case.get("poll", {})} == case.get("poll", {})


def test_every_case_has_a_name_of_its_own():
    assert len({(file, case["name"]) for file, case in CASES}) == len(CASES) >= 80


def test_the_rules_of_a_result_are_those_of_the_poll():
    """An edit from one answer to two makes a poll of one one of several; the others stay what they are."""
    (case,) = [case for _, case in CASES if case["name"] == "more may be chosen"]
    room = Room().hear(case["events"])
    assert room.result(Rules()).rules == Rules(kind=Kind.SEVERAL, most=2)
    assert room.result(Rules(kind=Kind.RANKED, quorum=1)).rules == Rules(kind=Kind.RANKED, most=2, quorum=1)


def test_five_thousand_responses_in_overlapping_pages():
    """1,700 people vote three times each: for b, then for nothing they may, then for what counts; pages come newest
    first, each repeats the last events of the one before it, and 100 people had their last vote redacted."""
    question = CASES[0][1]["events"][0]
    votes = [
        {
            "event_id": f"${person:04}-{turn}",
            "type": ("org.matrix.msc3381.poll.response", "m.poll.response")[person % 2],
            "sender": f"@u{person}:x.fr",
            "origin_server_ts": 2_000 + 10_000 * turn + person,
            "content": {"m.relates_to": {"rel_type": "m.reference", "event_id": "$q"}, "m.selections": [answer]},
        }
        for turn in range(3)
        for person in range(1_700)
        for answer in [("b", "x", "a" if person < 1_000 else "c")[turn]]
    ]
    redactions = [
        {
            "event_id": f"$r{person}",
            "type": "m.room.redaction",
            "sender": "@alice:x.fr",
            "origin_server_ts": 50_000,
            "content": {"redacts": f"${person:04}-2"},
        }
        for person in range(100)
    ]
    newest_first = votes[::-1]
    pages = [newest_first[max(0, n - 5) : n + 100] for n in range(0, len(votes), 100)]
    assert sum(map(len, pages)) > len(votes) > 5_000
    events = [question, *redactions, *(event for page in pages for event in page)]
    expected = {"a": 900, "b": 0, "c": 700}
    for _ in range(2):
        result = Room().hear(events).result(Rules(majority=Majority.ABSOLUTE))
        assert {one.option.id: one.votes for one in result.counts} == expected
        assert (result.voted, result.spoiled, result.winners) == (1_600, 100, ("a",))
        assert result.outcome is Outcome.WON
        random.Random(1).shuffle(events)


def test_turnout_is_of_those_entitled():
    room = Room().hear(CASES[0][1]["events"])
    result = count(room.ballots(Rules()), Rules(), entitled=3)
    assert str(result.turnout) == "1/3"
    assert room.result(Rules()).turnout is None
