"""The bot's read mark: how far everything said in a room has reached every place it was to reach.

Receipts are cumulative, so the mark stops before the first message that is still on its way. A lost one is made good by
the next; that is why none is kept on disk.
"""

import asyncio

import structlog

from tchap_bridges.core.ports import Database, Homeserver
from tchap_bridges.errors import BridgeError
from tchap_bridges.ids import MessageId, RoomId
from tchap_bridges.logs import harmless

QUIET = 0.2  # seconds: a burst gets one mark

log = structlog.get_logger(__name__)


class Receipts:
    """`settled` notes a room; `run` marks."""

    def __init__(self, db: Database, homeserver: Homeserver) -> None:
        self._db = db
        self._homeserver = homeserver
        self._rooms: dict[RoomId, None] = {}
        self._news = asyncio.Event()

    def settled(self, room: RoomId) -> None:
        self._rooms[room] = None
        self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(QUIET)
            self._news.clear()
            rooms, self._rooms = self._rooms, {}
            for room in rooms:
                try:
                    await self._mark(room)
                except BridgeError as error:
                    log.info("receipts.later", room=room, **harmless(error))
                except Exception:  # one room's trouble is no other's
                    log.exception("receipts.failed", room=room)

    async def _mark(self, room: RoomId) -> None:
        async with self._db.snapshot() as tx:
            row = await tx.one("read_upto", room=room)
        if row is None:
            return
        await self._homeserver.mark_read(room, MessageId(row["remote"]))
        async with self._db.transaction() as tx:
            await tx.run("room_read", id=room, upto=row["id"])
