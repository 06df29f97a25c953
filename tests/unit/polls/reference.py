"""Polls counted a second time, slowly, sentence by sentence of the rules: nothing here is taken from what it checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Said:
    """Anything said of a poll: ``what`` is a response's answers, an edit's answers and selections, or whether the one
    who ends it may redact others."""

    id: str
    sender: str
    at: int
    what: tuple
    redacted: bool = False


@dataclass(frozen=True)
class Poll:
    creator: str
    answers: tuple[str, ...]
    selections: int
    responses: Sequence[Said] = ()
    ends: Sequence[Said] = ()
    edits: Sequence[Said] = ()


def after(one: Said, other: Said) -> bool:
    """Later by the clock; of the same moment, the one with the greater id."""
    if one.at == other.at:
        return one.id > other.id
    return one.at > other.at


def ended(poll: Poll) -> int | None:
    """Rule 2: the earliest end from the creator or someone who may redact others."""
    moments = []
    for end in poll.ends:
        if end.redacted:
            continue
        if end.sender == poll.creator:
            moments.append(end.at)
        if end.what == (True,):
            moments.append(end.at)
    return min(moments) if moments else None


def counted(poll: Poll) -> list[Said]:
    """Rules 3 and 6: what was not redacted, and is not later than the end."""
    end = ended(poll)
    found = []
    for response in poll.responses:
        if response.redacted:
            continue
        if end is not None and response.at > end:
            continue
        found.append(response)
    return found


def asked(poll: Poll) -> tuple[tuple[str, ...], int]:
    """Rules 1 and 8: the first twenty answers of the last edit by the creator that is before every vote."""
    answers, selections = poll.answers, poll.selections
    good = []
    for edit in poll.edits:
        theirs = edit.sender == poll.creator and not edit.redacted
        if theirs and all(after(vote, edit) for vote in counted(poll)):
            good.append(edit)
    for edit in good:
        if not any(after(other, edit) for other in good):
            answers, selections = edit.what
    return answers[:20], max(selections, 1)


def votes(poll: Poll) -> tuple[dict[str, list[str]], set[str]]:
    """Rules 4 to 6: who chose what, and whose vote is spoiled."""
    answers, selections = asked(poll)
    chose: dict[str, list[str]] = {}
    spoiled = set()
    for response in counted(poll):
        if any(other.sender == response.sender and after(other, response) for other in counted(poll)):
            continue
        if any(answer not in answers for answer in response.what):
            spoiled.add(response.sender)
            continue
        cut = [answer for place, answer in enumerate(response.what) if place < selections]
        once = [answer for place, answer in enumerate(cut) if answer not in cut[:place]]
        if once:
            chose[response.sender] = once
    return chose, spoiled


def decided(
    votes_of: dict[str, int], voters: int, *, majority: str = "plurality", tie: str = "shared", quorum: int = 0
) -> tuple[str, list[str]]:
    """Outcome and winners; ``votes_of`` in the order of the question."""
    if voters == 0:
        return "no_vote", []
    if voters < quorum:
        return "no_quorum", []
    lead = [one for one in votes_of if all(votes_of[one] >= n for n in votes_of.values())]
    share = votes_of[lead[0]] / voters
    if majority == "absolute" and not share > 0.5:
        return "no_majority", []
    if majority == "two_thirds" and votes_of[lead[0]] < -(-2 * voters // 3):
        return "no_majority", []
    if len(lead) == 1:
        return "won", lead
    return ("tied", lead) if tie == "shared" else ("won", [lead[0]])


def runs_off(
    options: Sequence[str], ballots: Sequence[Sequence[str]], enough: Callable[[int, int], bool]
) -> list[dict[str, int]]:
    """The rounds; ``enough(most, counting)`` ends them."""
    rounds: list[dict[str, int]] = []
    out: set[str] = set()
    while True:
        piles = {option: 0 for option in options if option not in out}
        for ballot in ballots:
            for option in ballot:
                if option in piles:
                    piles[option] += 1
                    break
        rounds.append(piles)
        if len(piles) <= 2 or len(set(piles.values())) == 1 or enough(max(piles.values()), sum(piles.values())):
            return rounds
        out |= hopeless(piles) or {weakest(piles, rounds, options)}


def hopeless(piles: dict[str, int]) -> set[str]:
    """The largest set that all together has fewer votes than anybody else, two others at least."""
    for size in range(len(piles) - 2, 0, -1):
        for some in combinations(piles, size):
            together = sum(piles[one] for one in some)
            if all(together < n for one, n in piles.items() if one not in some):
                return set(some)
    return set()


def weakest(piles: dict[str, int], rounds: Sequence[dict[str, int]], options: Sequence[str]) -> str:
    """Fewest votes; then fewest in the round before, and so on; then last in the question."""
    return min(piles, key=lambda one: ([had[one] for had in reversed(rounds)], -options.index(one)))
