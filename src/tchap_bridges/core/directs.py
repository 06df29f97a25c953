"""Direct conversations of the bridge with one person each, and whether they want any.

The bridge invites somebody once, when there is something to tell them; what is told waits until they have come in.
Whoever declines or leaves wants none, and is not invited again: they may open it themselves, or ask for it. What waits
stands in a lane of its own, named after the person, from which nothing is sent.
"""

from collections.abc import Callable, Collection
from typing import Final

import structlog

from tchap_bridges.core.outbox import REVIEW, Outbox, discard
from tchap_bridges.core.ports import Database, Sealer, Tx
from tchap_bridges.ids import RoomId, UserId

WAITING: Final = "direct:"
"""What the name of such a lane begins with; the user id follows."""
OPEN, INVITE = "direct", "direct_invite"
"""What the review lane is to do: make the room, ask the person in."""
_WANTED, _ASKED, _OPEN, _CLOSED = "wanted", "asked", "open", "closed"

log = structlog.get_logger(__name__)


class Directs:
    """``admits`` says whom the operator lets use the bridge, ``drop`` what becomes of what they were asked."""

    def __init__(self, outbox: Outbox, sealer: Sealer, admits: Callable[[UserId], bool]) -> None:
        self._outbox = outbox
        self._sealer = sealer
        self._admits = admits
        self._whose: dict[RoomId, UserId] = {}

    async def open(self, db: Database) -> None:
        async with db.snapshot() as tx:
            self._whose = {RoomId(row["room"]): UserId(row["person"]) for row in await tx.all("directs_open")}

    def whose(self, room: RoomId) -> UserId | None:
        """With whom the bridge speaks there; None for a room that is no direct conversation."""
        return self._whose.get(room)

    def may_be(self, person: str) -> bool:
        """Whether there can be such a conversation: with a user whom the operator admits, not with a ghost."""
        return person.startswith("@") and self._admits(UserId(person))

    async def wanted(self, tx: Tx, person: UserId) -> RoomId | None:
        """Where to tell them something: their room, or the lane in which it waits. None when they want nothing."""
        known = await tx.one("direct_of", person=person)
        if known is None:
            await tx.run("direct_set", person=person, room=None, state=_WANTED)
            await self._work(tx, person, OPEN)
        elif known["state"] == _CLOSED:
            return None
        elif known["state"] == _OPEN:
            return RoomId(known["room"])
        return RoomId(f"{WAITING}{person}")

    async def ask_again(self, tx: Tx, person: UserId) -> None:
        """They want it, by their own word: an invitation that they have let pass is made again."""
        known = await tx.one("direct_of", person=person)
        if known is not None and known["state"] != _OPEN:
            await tx.run("direct_forget", person=person)

    async def made(self, tx: Tx, person: UserId, room: RoomId) -> None:
        """There is a room now, and nobody in it."""
        await tx.run("direct_set", person=person, room=room, state=_ASKED)
        await tx.run("room_joined", id=room, joined=1)
        await self._work(tx, person, INVITE)

    async def opened(self, tx: Tx, person: UserId, room: RoomId) -> None:
        """They are there: what waited is said. An older room is theirs no more."""
        known = await tx.one("direct_of", person=person)
        if known is not None and known["room"] is not None:
            self._whose.pop(RoomId(known["room"]), None)
        await tx.run("direct_set", person=person, room=room, state=_OPEN)
        self._whose[room] = person
        await self._outbox.move(tx, RoomId(f"{WAITING}{person}"), room)

    async def moved(self, tx: Tx, room: RoomId, person: UserId, *, present: bool) -> None:
        """Somebody came into a room, or is out of it. In a conversation of two a third ends it."""
        known = await tx.one("direct_in", room=room)
        if known is None:
            return
        whose = UserId(known["person"])
        if person == whose and present:
            await self.opened(tx, whose, room)
        elif person == whose:
            await self._close(tx, whose, room)
        elif present:
            await self.lost(tx, room)

    async def lost(self, tx: Tx, room: RoomId) -> None:
        """Nothing can be told there any more; what is next to be told opens another."""
        known = await tx.one("direct_in", room=room)
        if known is not None:
            self._whose.pop(room, None)
            await tx.run("direct_forget", person=known["person"])
            log.warning("directs.lost", room=room)

    async def out(self, tx: Tx, room: RoomId) -> None:
        """The bridge was sent out of the room."""
        known = await tx.one("direct_in", room=room)
        if known is not None:
            await self._close(tx, UserId(known["person"]), room)

    async def refused(self, tx: Tx, person: UserId) -> None:
        """They cannot be invited."""
        await self._close(tx, person, None)

    async def follow(self, tx: Tx, old: RoomId, new: RoomId, others: Collection[UserId]) -> None:
        """The room was replaced. ``others`` are in the new one, besides the bridge: a third ends the conversation."""
        known = await tx.one("direct_in", room=old)
        if known is None:
            return
        await tx.run("direct_move", old=old, new=new)
        self._whose.pop(old, None)
        person = UserId(known["person"])
        if set(others) - {person}:
            await self.lost(tx, new)
        elif known["state"] == _OPEN:
            self._whose[new] = person

    async def _close(self, tx: Tx, person: UserId, room: RoomId | None) -> None:
        if room is not None:
            self._whose.pop(room, None)
        await tx.run("direct_set", person=person, room=None, state=_CLOSED)
        await tx.run("questions_forget", person=person)
        for row in await tx.all("rows_waiting", room=f"{WAITING}{person}"):
            await discard(tx, row["lane"], row["seq"])

    async def _work(self, tx: Tx, person: UserId, action: str) -> None:
        where = RoomId(f"{WAITING}{person}")
        body = self._sealer.seal(b"{}", place="message.body")
        message = await self._outbox.message(tx, where, "core", "fact", body)
        await self._outbox.add(tx, where, REVIEW, message, action, cause=f"{action} {person} {message}")
