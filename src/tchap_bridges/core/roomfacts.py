"""What rooms tell about themselves: noted at once where refusing depends on it, handed to the desk where work does."""

import json
from collections.abc import Callable

from tchap_bridges.core.directs import Directs
from tchap_bridges.core.inbox import Arrival
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import REVIEW, Outbox
from tchap_bridges.core.ports import (
    Database,
    Declined,
    GhostMoved,
    Gone,
    Invited,
    RoomChanged,
    RoomFact,
    Sealer,
    Tx,
    Upgraded,
)
from tchap_bridges.ids import RoomId


class RoomDesk:
    """Keeps the set of rooms known to be encrypted; every other fact becomes a row for the desk."""

    def __init__(
        self,
        outbox: Outbox,
        sealer: Sealer,
        links: Links,
        directs: Directs,
        *,
        forget_voice: Callable[[RoomId], None],
    ) -> None:
        self._outbox = outbox
        self._sealer = sealer
        self._forget_voice = forget_voice
        self._links = links
        self._directs = directs
        self._encrypted: set[str] = set()

    async def open(self, db: Database) -> None:
        async with db.snapshot() as tx:
            self._encrypted = {row["id"] for row in await tx.all("rooms_encrypted")}

    def is_encrypted(self, room: RoomId) -> bool:
        return room in self._encrypted

    async def encrypted(self, tx: Tx, room: RoomId) -> None:
        """Encryption is never taken back. Nothing of ours enters the room from here on, whatever becomes of ``tx``."""
        self._encrypted.add(room)
        await tx.run("room_encrypted", id=room)

    async def note(self, tx: Tx, arrival: Arrival, ordinal: int, fact: RoomFact) -> None:
        match fact:
            case Invited():
                action, facts = "join", {"by": fact.by, "encrypted": fact.encrypted, "direct": fact.direct}
            case Declined():
                await self._directs.moved(tx, fact.room, fact.user, present=False)
                return
            case Gone():
                await self._directs.out(tx, fact.room)
                action, facts = "gone", {"by": fact.by}
            case Upgraded():
                await self._links.stand_by(tx, fact.room, "moving")  # the old room is shut from now on
                action, facts = "follow", {"by": fact.by, "to": fact.to}
            case GhostMoved():
                if not fact.present:
                    await tx.run("ghost_room_remove", mxid=fact.ghost, room=fact.room)
                    tx.after_commit(lambda: self._forget_voice(fact.room))
                return
            case RoomChanged():
                if fact.what == "encryption":
                    await self.encrypted(tx, fact.room)
                    await self._directs.lost(tx, fact.room)
                tx.after_commit(lambda: self._forget_voice(fact.room))
                if not await self._links.of_room(tx, fact.room):
                    return
                if fact.what in {"encryption", "access"}:
                    await self._links.stand_by(tx, fact.room, "checking")  # nothing crosses before the rule is known
                action, facts = "refresh", {"by": fact.by, "what": fact.what}
        body = self._sealer.seal(json.dumps(facts).encode(), place="message.body")
        message = await self._outbox.message(tx, fact.room, fact.room, "fact", body)
        await self._outbox.add(tx, fact.room, REVIEW, message, action, cause=arrival.key, ordinal=ordinal)
