"""What a room's raw events say of a poll, as whoever keeps polls would gather it: read, and sorted by what they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tchap_bot_polls.model import Result, Rules
from tchap_bot_polls.tally import Ballots, End, Response, collect, count
from tchap_bridges.bridge import Item
from tchap_bridges.events import Deletion, PollEnded, PollStarted, PollVote
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.polls import redact_level
from tchap_bridges.matrix.read import read

OURS = Namespace(server="x.fr", prefix="_pont_", bot="@_pont_bot:x.fr", secret=b"s" * 32)
ARRIVED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Room:
    """The poll ``$q`` of a room."""

    started: list[PollStarted] = field(default_factory=list)
    votes: list[PollVote] = field(default_factory=list)
    ended: list[tuple[PollEnded, bool]] = field(default_factory=list)
    redacted: set[str] = field(default_factory=set)
    powers: Mapping[str, Any] = field(default_factory=dict)
    unreadable: int = 0

    def hear(self, events: Iterable[Mapping[str, Any]]) -> Room:
        for event in events:
            self._hear(event)
        return self

    def ballots(self, rules: Rules) -> Ballots:
        (poll,) = [one for one in self.started if one.edits is None]
        ends = [
            End(id=one.id, sender=one.author.person, at=ms(one.at), may_redact=may, redacted=one.id in self.redacted)
            for one, may in self.ended
        ]
        edits = [one for one in self.started if one.edits and one.id not in self.redacted]
        return collect(poll, rules, self.responses(), ends=ends, edits=edits)

    def responses(self) -> Sequence[Response]:
        return [
            Response(
                id=one.id,
                sender=one.author.person,
                at=ms(one.at),
                answers=one.answers,
                redacted=one.id in self.redacted,
            )
            for one in self.votes
        ]

    def result(self, rules: Rules, names: Mapping[str, str] | None = None) -> Result:
        return count(self.ballots(rules), rules, names=names, unreadable=self.unreadable)

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["type"] == "m.room.encrypted":
            self.unreadable += 1
        if event["type"] == "m.room.power_levels":
            self.powers = event["content"]
        raw = json.dumps({"room_id": "!salon:x.fr", **event}).encode()
        for one in read(Item(key=event["event_id"], raw=raw, meta={}, received_at=ARRIVED), OURS):
            match one:
                case PollStarted():
                    self.started.append(one)
                case PollVote() if one.poll == "$q":
                    self.votes.append(one)
                case PollEnded() if one.poll == "$q":
                    self.ended.append((one, self._may_redact(one.author.person)))
                case Deletion():
                    self.redacted.add(one.target)

    def _may_redact(self, who: str) -> bool:
        level = self.powers.get("users", {}).get(who, self.powers.get("users_default", 0))
        return level >= redact_level(self.powers)


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
