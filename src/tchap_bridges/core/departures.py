"""Who has left a chat leaves its rooms: after a while, one by one, and not at all if they are back before that.

A channel of thousands comes and goes without end, so what says so passes by the inbox: it is looked at once, and kept
only of those who have spoken, as few rows as there are ghosts to take out. To enter a room costs a homeserver more than
a message, and whoever has lost a connection is back in a minute.
"""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.links import Links
from tchap_bridges.core.ports import Database, Homeserver, Row, Tx
from tchap_bridges.errors import BridgeError, NotReady
from tchap_bridges.events import Membership, Message
from tchap_bridges.ids import ConnectionName, PersonId, RoomId, UserId
from tchap_bridges.logs import harmless

QUIET = 300.0  # seconds for which somebody is gone before their ghost is
PACE = 0.5  # seconds between two ghosts that leave: messages are not to wait for them
TURN = 50
EVERY = 10.0  # seconds between two looks at who is due
LATER = 60.0  # seconds after which one that could not leave is tried again
REMEMBERED = 20_000

log = structlog.get_logger(__name__)


class Departures:
    """``labels`` says how each connection's people are marked."""

    def __init__(
        self,
        *,
        db: Database,
        links: Links,
        homeserver: Homeserver,
        labels: Mapping[ConnectionName, str],
    ) -> None:
        self._db = db
        self._links = links
        self._homeserver = homeserver
        self._labels = labels
        self._leaving: set[tuple[str, str]] = set()
        self._spoken: dict[tuple[ConnectionName, PersonId], None] = {}

    async def open(self) -> None:
        async with self._db.snapshot() as tx:
            self._leaving = {(row["room"], row["mxid"]) for row in await tx.all("departures")}

    # What is heard

    def heard(self, connection: ConnectionName, event: Message) -> None:
        """Somebody speaks: their ghost may be about to enter, and is not there yet."""
        key = (connection, event.author.person)
        self._spoken.pop(key, None)
        self._spoken[key] = None
        if len(self._spoken) > REMEMBERED:
            self._spoken.pop(next(iter(self._spoken)))

    async def moved(self, connection: ConnectionName, event: Membership) -> bool:
        """Somebody came or went. On disk when it returns, as far as it matters; whether it does."""
        user = self._homeserver.ghost_of(self._labels[connection], event.author.person)
        async with self._db.snapshot() as tx:
            rooms = [link.room for link in await self._links.named(tx, connection, (event.chat,)) if link.brings_in]
            if event.present:
                rooms = [room for room in rooms if (room, user) in self._leaving]
            elif (connection, event.author.person) not in self._spoken:
                rooms = [room for room in rooms if await tx.one("ghost_in_room", room=room, mxid=user) is not None]
        if not rooms:
            return False
        now = clock.now()
        async with self._db.transaction() as tx:
            for room in rooms:
                if event.present:
                    await self._stays(tx, room, user, now)
                else:
                    due_at = now + int(QUIET * 1000)
                    await tx.run("departure_add", room=room, mxid=user, since=now, due_at=due_at)
                    tx.after_commit(partial(self._leaving.add, (room, user)))
        return True

    async def spoke(self, tx: Tx, room: RoomId, connection: ConnectionName, person: PersonId, at: int) -> None:
        """Somebody said something that arrived at ``at``, and is no longer leaving if that was after they left."""
        if not self._leaving:
            return
        user = self._homeserver.ghost_of(self._labels[connection], person)
        if (room, user) in self._leaving:
            await self._stays(tx, room, user, at - 1)  # in one millisecond, whoever leaves has spoken before

    async def _stays(self, tx: Tx, room: RoomId, user: UserId, at: int) -> None:
        if await tx.run("departure_remove", room=room, mxid=user, before=at):
            tx.after_commit(lambda: self._leaving.discard((room, user)))

    # What is done

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._round()
            except NotReady as error:  # the store or the homeserver is away
                log.info("departures.later", **harmless(error))
            except Exception as error:  # noqa: BLE001 - whatever one turn met, the next one comes
                log.warning("departures.later", **harmless(error))

    async def _round(self) -> None:
        while True:
            async with self._db.snapshot() as tx:
                rows = await tx.all("departures_due", now=clock.now(), limit=TURN)
            for row in rows:
                await self._leave(row)
            if len(rows) < TURN:
                return

    async def _leave(self, row: Row) -> None:
        room, user = RoomId(row["room"]), UserId(row["mxid"])
        if (room, user) not in self._leaving:
            return  # they are back since
        async with self._db.snapshot() as tx:
            inside = await tx.one("ghost_in_room", room=room, mxid=user) is not None
        if inside:
            try:
                await self._homeserver.depart(room, user)
            except NotReady:
                raise
            except BridgeError as error:  # the others do not wait for this one
                log.warning("departures.one_stays", **harmless(error))
                async with self._db.transaction() as tx:
                    due_at = clock.now() + int(LATER * 1000)
                    await tx.run("departure_later", room=room, mxid=user, due_at=due_at)
                return
            await asyncio.sleep(PACE)
        async with self._db.transaction() as tx:
            await self._stays(tx, room, user, row["since"])
