"""From an event in a room to the lanes of the bots that are on there and hear such events."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

from tchap_bridges.bot import Bot
from tchap_bridges.core.bots import EVENT, GUIDE, TARGET
from tchap_bridges.core.bots.kept import kept
from tchap_bridges.core.bots.tables import Queries
from tchap_bridges.core.bots.tables import move as move_tables
from tchap_bridges.core.inbox import PATIENCE, Arrival, Await
from tchap_bridges.core.outbox import ORIGIN, Outbox
from tchap_bridges.core.ports import Database, Snapshot, Tx
from tchap_bridges.events import Event, PollEnded, PollStarted, PollVote
from tchap_bridges.ids import MessageId, RoomId

_REFERENCES = ("target", "poll", "reply_to")  # fields that name another message


class Hearing:
    """Knows which bots are on in which rooms, without asking the store for each event."""

    def __init__(self, bots: Mapping[str, Bot], outbox: Outbox, queries_of: Callable[[str], Queries]) -> None:
        self._bots = bots
        self._outbox = outbox
        self._queries_of = queries_of
        self._on: dict[RoomId, set[str]] = defaultdict(set)

    async def open(self, db: Database) -> None:
        async with db.snapshot() as tx:
            for row in await tx.all("bots_everywhere"):
                self._on[RoomId(row["room"])].add(row["bot"])

    def switched(self, room: RoomId, bot: str, *, on: bool) -> None:
        """To be called once that is committed."""
        (self._on[room].add if on else self._on[room].discard)(bot)

    async def move(self, tx: Tx, old: RoomId, new: RoomId) -> None:
        """The room is replaced: its bots go on in the new one, with all that they keep, have ordered and are to do.

        What is there already of a bot that is on in the new one stays as it is.
        """
        names = sorted(self._on.get(old, ()))
        for name in names:
            await tx.run("kv_yield", old=kept(name, old), new=kept(name, new))
            await tx.run("kv_move", old=kept(name, old), new=kept(name, new))
            await move_tables(tx, name, self._queries_of(name), old, new)
            await self._outbox.carry(tx, old, new, f"{TARGET}{name}")
        for what in ("room_bots", "timers", "questions"):
            await tx.run(f"{what}_yield", old=old, new=new)
            await tx.run(f"{what}_move", old=old, new=new)
        for name in names:
            tx.after_commit(partial(self.switched, old, name, on=False))
            tx.after_commit(partial(self.switched, new, name, on=True))

    async def leave(self, tx: Tx, room: RoomId) -> Sequence[str]:
        """We are no longer in the room: its bots are off, and are called for nothing that is still to come there.

        Returns which they were.
        """
        names = sorted(self._on.get(room, ()))
        for what in ("room_bots", "timers", "questions"):
            await tx.run(f"{what}_leave", room=room)
        for name in names:
            tx.after_commit(partial(self.switched, room, name, on=False))
        return names

    def is_on(self, room: RoomId, bot: str) -> bool:
        return bot == GUIDE or bot in self._on.get(room, ())

    def listeners(self, room: RoomId, kind: type[Event]) -> Sequence[str]:
        """The bots that hear such events there."""
        return sorted(name for name in self._on.get(room, ()) if name in self._bots and self._bots[name].hears(kind))

    async def hear(
        self,
        tx: Tx,
        arrival: Arrival,
        ordinal: int,
        room: RoomId,
        target: str,
        event: Event,
        *,
        message: int | None = None,
        but: str | None = None,
    ) -> None:
        """``target`` is where it happened, ``message`` the row that keeps it already, ``but`` who hears it otherwise.

        Raises `inbox.Await` for a vote on a poll that is on its way.
        """
        names = [name for name in self.listeners(room, type(event)) if name != but]
        if not names:
            return
        if isinstance(event, PollVote | PollEnded):
            await self._awaited(tx, target, event.poll)
        if message is None:
            message = await self._outbox.message(tx, room, target, "heard", self._outbox.seal(event), inbox=arrival.id)
            if isinstance(event, PollStarted | PollVote):  # which can be withdrawn
                await tx.run("copy_add", message=message, target=target, part=0, remote=event.id, state=ORIGIN)
        for name in names:
            cause = f"{arrival.key} {target}"
            await self._outbox.add(tx, room, f"{TARGET}{name}", message, EVENT, cause=cause, ordinal=ordinal)

    @staticmethod
    async def _awaited(tx: Tx, target: str, poll: MessageId) -> None:
        known = await tx.one("copy_find", target=target, remote=poll)
        if known is None and await tx.value("copies_on_their_way", target=target):
            raise Await(f"{target} {poll}", PATIENCE)

    async def told(self, tx: Snapshot, target: str, event: Event) -> Event:
        """With the ids that bots know, for what they have said themselves."""
        names = {each.name for each in fields(event)}
        changes: dict[str, Any] = {}
        for name in _REFERENCES:
            id_ = getattr(event, name) if name in names else None
            found = await tx.one("copy_find", target=target, remote=id_) if id_ is not None else None
            if found is not None and (handle := await self._handle(tx, found["message"])) is not None:
                changes[name] = handle
        return replace(event, **changes) if changes else event

    @staticmethod
    async def _handle(tx: Snapshot, message: int) -> MessageId | None:
        found = await tx.value("said_handle", message=message)
        return MessageId(found) if found is not None else None
