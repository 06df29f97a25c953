"""The same polls counted by the reference: 10,000 at random, all awkward cases close together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tchap_bot_polls.model import Kind, Majority, Rules, Tie
from tchap_bot_polls.tally import End, Response, closed_at, collect, count
from tchap_bridges.events import Author, Option, PollStarted
from tests.unit.polls import reference
from tests.unit.polls.reference import Poll, Said

GONE = (False, False, False, True)
ASKED = ((("1",), 1), (("1", "2"), 2), (("2", "3", "1"), 3), (("x", "1"), 1))


class Dice:
    """Choices made by bytes: cheap to draw ten thousand times, and still made small when something fails."""

    def __init__(self, thrown: bytes) -> None:
        self._thrown = iter(thrown)
        self._people = self.pick(("abc", "abcdefgh"))
        self._options = self.pick(("123", "12345"))

    def pick(self, among: Sequence[Any]) -> Any:
        return among[next(self._thrown, 0) % len(among)]

    def said(self, most: int, what: Callable[[], tuple]) -> list[Said]:
        """A few of one sort, by few people at few moments; ids are shuffled, as they decide between equal moments."""
        ids = [*"pqrstuvw"[:most]]
        return [
            Said(
                ids.pop(self.pick(range(len(ids)))),
                self.pick(self._people),
                self.pick(range(7)),
                what(),
                self.pick(GONE),
            )
            for _ in range(self.pick(range(most + 1)))
        ]

    def answers(self) -> tuple[str, ...]:
        return tuple(self.pick(self._options * 3 + "x") for _ in range(self.pick(range(5))))

    def may(self) -> tuple[bool]:
        return (self.pick((True, False)),)

    def asks(self) -> tuple[tuple[str, ...], int]:
        return self.pick(ASKED)

    def poll(self) -> Poll:
        return Poll(
            creator=self.pick("abc"),
            answers=self.pick((tuple(self._options), tuple(reversed(self._options)))),
            selections=self.pick((1, 2, 3, 4)),
            responses=self.said(8, self.answers),
            ends=self.said(2, self.may),
            edits=self.said(2, self.asks),
        )

    def rules(self) -> Rules:
        return Rules(
            kind=self.pick((Kind.SINGLE, Kind.SEVERAL, Kind.RANKED)),
            majority=self.pick(tuple(Majority)),
            tie=self.pick(tuple(Tie)),
            quorum=self.pick((0, 0, 1, 2)),
        )


def started(poll: Poll, edit: Said | None = None) -> PollStarted:
    answers, most = edit.what if edit else (poll.answers, poll.selections)
    return PollStarted(
        id=edit.id if edit else "$q",
        chat="!room",
        author=Author(person=edit.sender if edit else poll.creator, name=""),
        at=datetime.fromtimestamp((edit.at if edit else 3) / 1000, UTC),
        question="?",
        options=tuple(Option(id=answer, text=answer) for answer in answers),
        most=most,
        edits="$q" if edit else None,
    )


@settings(max_examples=10_000)
@given(thrown=st.binary(min_size=120, max_size=120))
def test_the_reference_agrees(thrown):
    dice = Dice(thrown)
    rules, poll = dice.rules(), dice.poll()
    note(f"{poll} {rules}")
    asked = started(poll)
    responses = [
        Response(id=s.id, sender=s.sender, at=s.at, answers=s.what, redacted=s.redacted) for s in poll.responses
    ]
    ends = [End(id=s.id, sender=s.sender, at=s.at, may_redact=s.what[0], redacted=s.redacted) for s in poll.ends]
    edits = [started(poll, edit) for edit in poll.edits if not edit.redacted]
    ballots = collect(asked, rules, responses, ends=ends, edits=edits)
    chose, spoiled = reference.votes(poll)
    assert closed_at(asked, ends) == ballots.closed == reference.ended(poll)
    assert {who: list(chosen) for who, chosen in ballots.chosen.items()} == chose
    assert ballots.spoiled == spoiled

    result = count(ballots, rules, names={})
    options, _ = reference.asked(poll)
    if rules.kind is Kind.RANKED and chose:
        rounds = reference.runs_off(options, list(chose.values()), enough(rules.majority, len(chose)))
        assert [dict(one.votes) for one in result.rounds] == rounds
        votes = dict.fromkeys(options, 0) | rounds[-1]
    else:
        votes = {option: sum(option in chosen for chosen in chose.values()) for option in options}
    assert {one.option.id: one.votes for one in result.counts} == votes
    assert all(len(one.voters) == one.votes for one in result.counts)
    assert (result.outcome.value, list(result.winners)) == reference.decided(
        votes, len(chose), majority=rules.majority.value, tie=rules.tie.value, quorum=rules.quorum
    )


def enough(majority: Majority, voted: int) -> Any:
    """What ends a run-off early: a plurality is over half of those that still count, the others are of all."""
    return {
        Majority.PLURALITY: lambda most, counting: most > counting / 2,
        Majority.ABSOLUTE: lambda most, _: most > voted / 2,
        Majority.TWO_THIRDS: lambda most, _: most * 3 >= voted * 2,
    }[majority]
