"""Counts a poll, by the rules of MSC3381 where it has them, so that every client and we say the same. Pure.

1. Of a poll of an unknown kind nothing is shown before its end; one person chooses 1 option unless it says more; only
   its first 20 options exist. (Seen to where events are read.)
2. It is ended by whoever asked it or by who may remove others' messages. The earliest such end counts.
3. Responses later than the end are dropped; one of the same moment is kept, and so is one from before the question.
4. Of one person the latest response counts, valid or not. Of the same moment: the smaller event id was first.
5. An unknown answer spoils the vote, wherever it stands. Then as many answers count as one person may choose, from the
   first on, and of these each once.
6. No answers take the vote back. A redacted response was never given, so that the one before it counts again.
7. All responses are needed, in any order, and any of them may come twice; how many nobody could read is told.
8. What was asked is edited only by whoever asked it, and only before the first response that counts in time.
9. To hide how a vote stands is the display's business: nothing is counted otherwise.

Moments are ``origin_server_ts``, milliseconds since 1970. People of linked networks are people like others.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tchap_bot_polls import dates
from tchap_bot_polls.model import Count, Kind, Outcome, Result, Round, Rules, Tie
from tchap_bot_polls.ranked import run_off, standing
from tchap_bridges.events import PollStarted


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What somebody chose, and when. ``redacted``: it was removed since."""

    id: str
    sender: str
    at: int
    answers: tuple[str, ...] = ()
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Somebody ended the poll. ``may_redact``: they could remove others' messages when they did."""

    id: str
    sender: str
    at: int
    may_redact: bool = False
    redacted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballots:
    """What people have said that counts. ``poll``: as it was asked in the end. ``closed``: when, None while it is open.

    ``chosen``: by sender, at least one answer each. ``spoiled``: whose vote is invalid.
    """

    poll: PollStarted
    chosen: Mapping[str, tuple[str, ...]]
    spoiled: frozenset[str] = frozenset()
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where the options stand: who leads, in the question's order, and by how many votes."""

    counts: tuple[Count, ...]
    leaders: Sequence[str]
    votes: int
    rounds: tuple[Round, ...] = ()


def tally(
    poll: PollStarted,
    rules: Rules,
    responses: Collection[Response],
    *,
    ends: Iterable[End] = (),
    edits: Iterable[PollStarted] = (),
    names: Mapping[str, str] | None = None,
    unreadable: int = 0,
    entitled: int | None = None,
) -> Result:
    """`collect`, then `count`."""
    ballots = collect(poll, rules, responses, ends=ends, edits=edits)
    return count(ballots, rules, names=names, unreadable=unreadable, entitled=entitled)


def collect(
    poll: PollStarted,
    rules: Rules,
    responses: Collection[Response],
    *,
    ends: Iterable[End] = (),
    edits: Iterable[PollStarted] = (),
) -> Ballots:
    """The ballots among all that was said about a poll, in any order; ``edits`` without those that were redacted.

    How many answers one person may give is the poll's own ``most``, for that is what every client cuts by: a ranked
    poll needs as many as it has options, and so does one for a date.
    """
    closed = closed_at(poll, ends)
    redacted = {one.id for one in responses if one.redacted}
    kept = sorted(
        (one for one in responses if one.id not in redacted and (closed is None or one.at <= closed)), key=_moment
    )
    poll = _as_asked(poll, edits, kept[0] if kept else None)
    known = _known(poll, rules.kind)
    chosen: dict[str, tuple[str, ...]] = {}
    spoiled: set[str] = set()
    for sender, last in {one.sender: one for one in kept}.items():
        if not known.issuperset(last.answers):
            spoiled.add(sender)
        elif last.answers:
            chosen[sender] = tuple(dict.fromkeys(last.answers[: poll.most]))
    return Ballots(poll=poll, chosen=chosen, spoiled=frozenset(spoiled), closed=closed)


def closed_at(poll: PollStarted, ends: Iterable[End]) -> int | None:
    """When the poll ended; None while nobody has ended it who may."""
    return min(
        (one.at for one in ends if not one.redacted and (one.may_redact or one.sender == poll.author.person)),
        default=None,
    )


def count(
    ballots: Ballots,
    rules: Rules,
    *,
    names: Mapping[str, str] | None = None,
    unreadable: int = 0,
    entitled: int | None = None,
) -> Result:
    """What the ballots decide. ``names``: of senders, for eyes, to tell who chose what; a secret poll never tells."""
    rules = _as_counted(rules, ballots.poll)
    named = None if rules.secret else names
    voted = len(ballots.chosen)
    found = _COUNTS[rules.kind](ballots, rules, named)
    outcome, winners = _decide(found, voted, rules)
    return Result(
        question=ballots.poll.question,
        rules=rules,
        counts=found.counts,
        voted=voted,
        spoiled=len(ballots.spoiled),
        unreadable=unreadable,
        entitled=entitled,
        outcome=outcome,
        winners=winners,
        rounds=found.rounds,
    )


def _moment(one: Response) -> tuple[int, str]:
    return one.at, one.id


def _as_asked(poll: PollStarted, edits: Iterable[PollStarted], first: Response | None) -> PollStarted:
    """The poll with its last edit that counts, under its own id and in its author's name."""
    theirs = {
        _asked(edit): edit
        for edit in edits
        if edit.edits == poll.id and edit.author.person == poll.author.person
        if first is None or _asked(edit) < _moment(first)
    }
    if not theirs:
        return poll
    last = theirs[max(theirs)]
    return replace(poll, question=last.question, options=last.options, most=last.most, disclosed=last.disclosed)


def _asked(edit: PollStarted) -> tuple[int, str]:
    return round(edit.at.timestamp() * 1000), edit.id


def _known(poll: PollStarted, kind: Kind) -> frozenset[str]:
    if kind is Kind.DATE:
        return frozenset(dates.known(dates.dates_of(poll.options)))
    return frozenset(option.id for option in poll.options)


def _as_counted(rules: Rules, poll: PollStarted) -> Rules:
    """The rules with what the poll itself says: an edit may let people choose more."""
    kind = rules.kind
    if kind in {Kind.SINGLE, Kind.SEVERAL}:
        kind = Kind.SINGLE if poll.most == 1 else Kind.SEVERAL
    return replace(rules, kind=kind, most=poll.most)


def _decide(found: _Standing, voted: int, rules: Rules) -> tuple[Outcome, tuple[str, ...]]:
    if not voted:
        return Outcome.NO_VOTE, ()
    if voted < rules.quorum:
        return Outcome.NO_QUORUM, ()
    if not found.leaders or not rules.majority.reached(found.votes, voted):
        return Outcome.NO_MAJORITY, ()
    if len(found.leaders) > 1 and rules.tie is Tie.SHARED:
        return Outcome.TIED, tuple(found.leaders)
    return Outcome.WON, (found.leaders[0],)


def _choices(ballots: Ballots, rules: Rules, names: Mapping[str, str] | None) -> _Standing:
    del rules
    by_option: dict[str, list[str]] = {option.id: [] for option in ballots.poll.options}
    for sender, answers in ballots.chosen.items():
        for answer in answers:
            by_option[answer].append(sender)
    return _standing(ballots, by_option, names)


def _orders(ballots: Ballots, rules: Rules, names: Mapping[str, str] | None) -> _Standing:
    if not ballots.chosen:
        return _choices(ballots, rules, names)
    rounds = run_off([option.id for option in ballots.poll.options], Counter(ballots.chosen.values()), rules.majority)
    left = [option for option, _ in rounds[-1].votes]
    by_option: dict[str, list[str]] = {option.id: [] for option in ballots.poll.options}
    for sender, answers in ballots.chosen.items():
        if (option := standing(answers, left)) is not None:
            by_option[option].append(sender)
    return replace(_standing(ballots, by_option, names), rounds=rounds)


def _standing(ballots: Ballots, by_option: Mapping[str, Sequence[str]], names: Mapping[str, str] | None) -> _Standing:
    counts = tuple(
        Count(option=option, votes=len(by_option[option.id]), voters=_named(by_option[option.id], names))
        for option in ballots.poll.options
    )
    most = max((one.votes for one in counts), default=0)
    return _Standing(counts, [one.option.id for one in counts if one.votes == most], most)


def _dates(ballots: Ballots, rules: Rules, names: Mapping[str, str] | None) -> _Standing:
    del rules
    asked = dates.dates_of(ballots.poll.options)
    said = {sender: dates.said(answers, asked) for sender, answers in ballots.chosen.items()}
    counts = []
    for date in asked:
        can = [sender for sender, of in said.items() if of.get(date.id) is dates.Answer.YES]
        maybe = sum(of.get(date.id) is dates.Answer.MAYBE for of in said.values())
        counts.append(Count(option=date, votes=len(can), maybe=maybe, voters=_named(can, names)))
    best = dates.best(counts)
    votes = next((one.votes for one in counts if one.option.id in best), 0)
    return _Standing(tuple(counts), best, votes)


def _named(senders: Iterable[str], names: Mapping[str, str] | None) -> tuple[str, ...]:
    """In the order of the alphabet, which says nothing of when anybody voted."""
    return () if names is None else tuple(sorted((names.get(one, one) for one in senders), key=str.casefold))


_COUNTS: Mapping[Kind, Callable[[Ballots, Rules, Mapping[str, str] | None], _Standing]] = {
    Kind.SINGLE: _choices,
    Kind.SEVERAL: _choices,
    Kind.RANKED: _orders,
    Kind.DATE: _dates,
}
