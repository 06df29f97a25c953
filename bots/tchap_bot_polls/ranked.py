"""The instant run-off: ballots that put options in an order, counted until one of two or a majority is left.

In every round a ballot counts for the first of its options that is still in. Nobody yet having what the majority asks
for, out go as many of the lowest as have together fewer votes than the next above them: however their votes moved, none
of them could have passed it. Only when the lowest are level, and matter, is there a choice to make: out goes the one
that had fewer votes in the latest earlier round where they differ, and of those that never differed the one that stands
last in the question. When all that are left are level nobody goes out: they are tied.

Nothing is left to chance, so the same ballots always give the same result. Sources of the method: the count of
Burlington, Vermont, 2009 (simultaneous drop "when mathematically inevitable", ties by the previous round).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import itemgetter

from tchap_bot_polls.model import Majority, Round

Votes = tuple[tuple[str, int], ...]


def run_off(
    options: Sequence[str], ballots: Mapping[tuple[str, ...], int], majority: Majority = Majority.PLURALITY
) -> tuple[Round, ...]:
    """The rounds, the last of which decides. ``ballots``: how many people gave each order, most wanted first.

    An order may leave options out. A plurality needs over half of the ballots that still count in a round, any other
    majority its share of all ballots; where it is never reached the last round has two options.
    """
    left = list(options)
    total = sum(ballots.values())
    rounds: list[Round] = []
    while True:
        piles: Counter[str | None] = Counter()
        for ballot, people in ballots.items():
            piles[standing(ballot, left)] += people
        votes = tuple((option, piles[option]) for option in left)
        out = () if _decided(votes, total, majority) else _lowest(votes) or _level(votes, rounds)
        rounds.append(Round(votes=votes, out=out, exhausted=piles[None]))
        if not out:
            return tuple(rounds)
        left = [option for option in left if option not in out]


def standing(ballot: Sequence[str], left: Sequence[str]) -> str | None:
    """What a ballot counts for among the options that are left; None when it is used up."""
    return next((option for option in ballot if option in left), None)


def _decided(votes: Votes, total: int, majority: Majority) -> bool:
    had = [n for _, n in votes]
    if len(had) <= 2 or min(had) == max(had):
        return True
    if majority is Majority.PLURALITY:
        return Majority.ABSOLUTE.reached(max(had), sum(had))
    return majority.reached(max(had), total)


def _lowest(votes: Votes) -> tuple[str, ...]:
    """As many as cannot win together, two being left; () when the two lowest are level."""
    ordered = sorted(votes, key=itemgetter(1))
    for many in range(len(ordered) - 2, 0, -1):
        if sum(n for _, n in ordered[:many]) < ordered[many][1]:
            lowest = {option for option, _ in ordered[:many]}
            return tuple(option for option, _ in votes if option in lowest)
    return ()


def _level(votes: Votes, rounds: Sequence[Round]) -> tuple[str, ...]:
    """The one of the lowest that goes out."""
    level = [option for option, _ in votes]
    for had in (dict(votes), *(dict(earlier.votes) for earlier in reversed(rounds))):
        fewest = min(had[option] for option in level)
        level = [option for option in level if had[option] == fewest]
    return (level[-1],)
