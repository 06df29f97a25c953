"""From all that was said about a poll to its result."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tchap_bot_polls import secret
from tchap_bot_polls.keeping import Kept, Polls, Voice
from tchap_bot_polls.model import Outcome, Result
from tchap_bot_polls.signs import clean
from tchap_bot_polls.tally import Ballots, End, Response, closed_at, collect, count
from tchap_bridges.bot import Member, Room
from tchap_bridges.events import PollEnded, PollStarted, PollVote
from tchap_bridges.ids import MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """``poll``: as it was asked. ``roll``: who has voted in a secret poll, whose ``voices`` are nobody's.

    ``closed``: when somebody who may has ended it, None while nobody has.
    """

    poll: PollStarted
    voices: Sequence[Voice]
    members: Sequence[Member]
    roll: Sequence[str] = ()
    edits: Sequence[PollStarted] = ()
    closed: int | None = None
    unreadable: int = 0


async def hear(room: Room, poll: Kept) -> Heard:
    """Votes that we have kept, and of somebody else's poll those that the homeserver has."""
    members = await room.members()
    if poll.rules.secret:
        voted = await secret.roll(room.kv, poll.id)
        return Heard(poll=poll.asked(), voices=await secret.voices(room.kv, poll), members=members, roll=voted)
    voices = await Polls(room.kv).votes(poll.id)
    if not poll.foreign:
        return Heard(poll=poll.asked(), voices=voices, members=members)
    related = await room.related(MessageId(poll.id))
    asked = related.message if isinstance(related.message, PollStarted) else poll.asked()
    names = {one.person: one.name for one in members}
    theirs = [
        Voice(
            response=Response(id=one.id, sender=one.author.person, at=_ms(one.at), answers=one.answers),
            name=names.get(one.author.person, one.author.person),
        )
        for one in related.events
        if isinstance(one, PollVote)
    ]
    may = {one.person for one in members if one.may_redact}
    ends = [
        End(id=one.id, sender=one.author.person, at=_ms(one.at), may_redact=one.author.person in may)
        for one in related.events
        if isinstance(one, PollEnded)
    ]
    return Heard(
        poll=asked,
        voices=[*voices, *theirs],
        members=members,
        edits=[one for one in related.events if isinstance(one, PollStarted)],
        closed=closed_at(asked, ends),
        unreadable=related.unreadable,
    )


def ballots(poll: Kept, heard: Heard, closed: int | None) -> Ballots:
    """Those that count until then."""
    ends = [End(id="", sender=heard.poll.author.person, at=closed)] if closed is not None else []
    return collect(heard.poll, poll.rules, [one.response for one in heard.voices], ends=ends, edits=heard.edits)


def result(poll: Kept, heard: Heard, closed: int, *, named: bool) -> Result:
    """``named``: it tells who chose what, but for a secret poll. Of one without its quorum nothing is told."""
    found = ballots(poll, heard, closed)
    names = distinct(heard.voices) if named and not poll.rules.secret else None
    entitled = _entitled(heard, voters(poll, heard, found))
    counted = count(found, poll.rules, names=names, unreadable=heard.unreadable, entitled=entitled)
    hidden = poll.rules.secret and counted.outcome is Outcome.NO_QUORUM
    return replace(counted, counts=(), rounds=()) if hidden else counted


def voters(poll: Kept, heard: Heard, found: Ballots) -> frozenset[str]:
    """Who has voted, validly or not."""
    return frozenset(heard.roll) if poll.rules.secret else frozenset(found.chosen) | found.spoiled


def _entitled(heard: Heard, voted: frozenset[str]) -> int | None:
    """Who is in the room, and who voted and has gone since. Nobody knows how many people a network has."""
    if any(one.network for one in heard.voices):
        return None
    return len({one.person for one in heard.members if not one.ghost} | voted)


def distinct(voices: Iterable[Voice]) -> Mapping[str, str]:
    """What to call each sender, so that no two are called the same."""
    last = {one.response.sender: one for one in voices}
    called = {sender: clean(one.name) or one.network or sender for sender, one in last.items()}
    shared = {name for name, times in Counter(called.values()).items() if times > 1}
    found: dict[str, str] = {}
    taken = set(called.values()) - shared
    for sender, name in sorted(called.items()):
        told = f"{name} ({last[sender].network or sender})" if name in shared else name
        wanted, n = told, 1
        while name in shared and told in taken:
            n += 1
            told = f"{wanted} {n}"
        taken.add(told)
        found[sender] = told
    return found


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
