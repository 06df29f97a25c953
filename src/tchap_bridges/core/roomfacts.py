"""What rooms tell about themselves: noted at once where refusing depends on it, handed to the desk where work does.

Events come in order, and a message is judged by the rule that is in force at it. So what links hang on is kept as the
events routed so far have told it (`policy.Standing`): the homeserver, when asked, answers for now, which may be later.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from tchap_bridges.core import clock, policy
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.inbox import MATRIX, Arrival
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import REVIEW, Outbox
from tchap_bridges.core.policy import Standing
from tchap_bridges.core.ports import (
    Database,
    Declined,
    GhostMoved,
    Gone,
    Invited,
    RoomChanged,
    RoomFact,
    RoomFacts,
    Sealer,
    Tx,
    Upgraded,
)
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.verdicts import Verdicts
from tchap_bridges.core.words import encrypted_words, newcomer_words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator
from tchap_bridges.ids import PersonId, RoomId, UserId

QUIET = 60_000
"""Milliseconds without a change after which what the homeserver says of a room is what its events have told."""


class RoomDesk:
    """Keeps how rooms stand; what takes work becomes a row for the desk. ``guests``: patterns of users."""

    def __init__(
        self,
        outbox: Outbox,
        sealer: Sealer,
        links: Links,
        directs: Directs,
        secrets: Secrets,
        *,
        release: Callable[[Tx, str], Awaitable[bool]],
        rules: policy.Rules,
        guests: Sequence[str],
        forget_voice: Callable[[RoomId], None],
        words: Translator,
    ) -> None:
        self._outbox = outbox
        self._sealer = sealer
        self._forget_voice = forget_voice
        self._links = links
        self._directs = directs
        self._secrets = secrets
        self.verdicts = Verdicts(links, outbox, release=release, speaks=self.may_speak, words=words)
        self._rules = rules
        self._guests = guests
        self._words = words
        self._encrypted: set[str] = set()
        self._changes: dict[RoomId, tuple[int, int]] = {}
        self._since = clock.now()

    async def open(self, db: Database) -> None:
        async with db.snapshot() as tx:
            self._encrypted = {row["id"] for row in await tx.all("rooms_encrypted")}

    def is_encrypted(self, room: RoomId) -> bool:
        return room in self._encrypted

    def may_speak(self, room: RoomId) -> bool:
        """Whether anything of ours may be said there at all."""
        return self._rules.encrypts or not self.is_encrypted(room)

    async def encrypted(self, tx: Tx, room: RoomId) -> None:
        """Encryption is never taken back. Nothing of ours enters the room from here on, whatever becomes of ``tx``."""
        self._encrypted.add(room)
        await tx.run("room_encrypted", id=room)
        self._links.changed(tx)

    def _guest(self, user: UserId) -> str:
        """The opaque id of a guest; '' for anybody else."""
        return self._secrets.person(MATRIX, PersonId(user)) if policy.is_guest(user, self._guests) else ""

    # How a room stands

    def changes(self, room: RoomId) -> int:
        """How often what its links hang on has changed: whoever asked the homeserver meanwhile asks again."""
        return self._changes.get(room, (0, 0))[0]

    def _is_quiet(self, room: RoomId) -> bool:
        """Nothing has changed for so long that the homeserver's answer is no news of what is still to be routed."""
        return clock.now() - max(self._changes.get(room, (0, 0))[1], self._since) > QUIET

    def stands(self, facts: RoomFacts) -> Standing:
        """As the homeserver says."""
        return policy.standing(facts, filter(None, map(self._guest, facts.present)))

    async def standing(self, tx: Tx, room: RoomId) -> Standing | None:
        """As its events have told; None when nobody has asked the homeserver before (`adopt`)."""
        kept = await tx.value("room_standing", id=room)
        if kept is None:
            return None
        known: dict[str, Any] = json.loads(kept)
        known["guests"] = frozenset(known["guests"])
        return Standing(**known, encrypted=self.is_encrypted(room))

    async def judge(self, tx: Tx, facts: RoomFacts, tie: policy.Tie) -> policy.Decision:
        """The homeserver's word is of now, what the events routed so far have told is of then: both must allow."""
        known = await self.standing(tx, facts.room)
        if known is None or self._is_quiet(facts.room):
            known = await self.adopt(tx, facts)
        decision = policy.may_link(self.stands(facts), tie, self._rules)
        return policy.may_link(known, tie, self._rules) if decision.allowed else decision

    async def forget(self, tx: Tx, room: RoomId) -> None:
        """We are out of it, and are told nothing more."""
        await tx.run("room_stands", id=room, standing=None)

    async def adopt(self, tx: Tx, facts: RoomFacts) -> Standing:
        """Take the homeserver's word for a room, until its next events."""
        if facts.encrypted and not self.is_encrypted(facts.room):
            await self.encrypted(tx, facts.room)
        found = self.stands(facts)
        await self._keep(tx, facts.room, found)
        return found

    @staticmethod
    async def _keep(tx: Tx, room: RoomId, found: Standing) -> None:
        known = {
            "rule": found.rule,
            "public": found.public,
            "federates": found.federates,
            "guests": sorted(found.guests),
        }
        await tx.run("room_stands", id=room, standing=json.dumps(known))

    async def _changed(self, tx: Tx, room: RoomId, by: UserId, cause: str, **new: Any) -> bool:
        """Judge every link by what is so from now on. Whether there are any links."""
        self._changes[room] = self.changes(room) + 1, clock.now()
        known = await self.standing(tx, room)
        if known is not None and new:
            known = replace(known, **new)
            await self._keep(tx, room, known)
        links = await self._links.of_room(tx, room)
        for link in links:
            decision = policy.may_link(known, link.tie, self._rules) if known is not None else None
            if decision is not None and not decision.allowed:
                if link.held != "suspended":
                    await self.verdicts.suspend(tx, link, decision, by, cause)
            elif link.held == "":  # nothing crosses before the homeserver has said the same
                await self._links.hold(tx, link, "checking")
        return bool(links)

    # What is told

    async def moved(self, tx: Tx, arrival: Arrival, ordinal: int, room: RoomId, user: UserId, *, present: bool) -> None:
        """Somebody came or went: a guest may change what is allowed, a newcomer has to know where words go."""
        if guest := self._guest(user):
            known = await self.standing(tx, room)
            there = known.guests if known is not None else frozenset()
            new = {"guests": there | {guest} if present else there - {guest}} if known is not None else {}
            if await self._changed(tx, room, user, arrival.key, **new):
                await self._ask(tx, arrival, ordinal, room, "refresh", by=user, what="guests")
        if present and self.is_encrypted(room):
            leaving = [link for link in await self._links.of_room(tx, room) if link.state == "active" and link.consent]
            if leaving:
                await self._say(tx, arrival, ordinal, room, newcomer_words(leaving, self._rules.operator))

    async def note(self, tx: Tx, arrival: Arrival, ordinal: int, fact: RoomFact) -> None:
        match fact:
            case Invited():
                asked: dict[str, object] = {"by": fact.by, "encrypted": fact.encrypted, "direct": fact.direct}
                await self._ask(tx, arrival, ordinal, fact.room, "join", **asked)
            case Declined():
                await self._directs.moved(tx, fact.room, fact.user, present=False)
            case Gone():
                await self._directs.out(tx, fact.room)
                await self._ask(tx, arrival, ordinal, fact.room, "gone", by=fact.by)
            case Upgraded():
                await self._links.stand_by(tx, fact.room, "moving")  # the old room is shut from now on
                await self._ask(tx, arrival, ordinal, fact.room, "follow", by=fact.by, to=fact.to)
            case GhostMoved():
                if not fact.present:
                    await tx.run("ghost_room_remove", mxid=fact.ghost, room=fact.room)
                    tx.after_commit(lambda: self._forget_voice(fact.room))
            case RoomChanged():
                await self._room_changed(tx, arrival, ordinal, fact)

    async def _room_changed(self, tx: Tx, arrival: Arrival, ordinal: int, fact: RoomChanged) -> None:
        tx.after_commit(lambda: self._forget_voice(fact.room))
        new: dict[str, object] = {}
        if fact.what == "encryption":
            news = not self.is_encrypted(fact.room)
            await self.encrypted(tx, fact.room)
            if not self._rules.encrypts:
                await self._directs.lost(tx, fact.room)
            elif news:
                await self._tell_encrypted(tx, arrival, ordinal, fact.room)
        elif fact.what == "access" and fact.value is not None:
            new = {"rule": fact.value}
        elif fact.what == "join" and fact.value is not None:
            new = {"public": fact.value == "public"}
        if fact.what == "power":  # no link hangs on it; whether one of us was raised does
            linked = bool(await self._links.of_room(tx, fact.room))
        else:
            linked = await self._changed(tx, fact.room, fact.by, arrival.key, **new)
        if linked:
            await self._ask(tx, arrival, ordinal, fact.room, "refresh", by=fact.by, what=fact.what)

    async def _tell_encrypted(self, tx: Tx, arrival: Arrival, ordinal: int, room: RoomId) -> None:
        """From now on nothing leaves but by consent."""
        muted = [link for link in await self._links.of_room(tx, room) if link.state == "active" and link.muted]
        if muted:
            await self._say(tx, arrival, ordinal, room, encrypted_words(muted))

    async def _say(self, tx: Tx, arrival: Arrival, ordinal: int, room: RoomId, text: Phrase) -> None:
        await self._outbox.notice(tx, room, Text(plain=self._words(text)), cause=f"{arrival.key} fact", ordinal=ordinal)

    async def _ask(self, tx: Tx, arrival: Arrival, ordinal: int, room: RoomId, action: str, **facts: object) -> None:
        """A row for the desk."""
        body = self._sealer.seal(json.dumps(facts).encode(), place="message.body")
        message = await self._outbox.message(tx, room, room, "fact", body)
        await self._outbox.add(tx, room, REVIEW, message, action, cause=arrival.key, ordinal=ordinal)
