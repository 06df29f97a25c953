"""Housekeeping: what waited in vain is let go, what is final and old enough is emptied."""

import asyncio

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.ports import Database
from tchap_bridges.errors import BridgeError

EVERY = 60.0  # seconds
DAY = 86_400_000  # milliseconds
SEEN_DAYS = 90  # for so long after its content a row still tells that something came before

log = structlog.get_logger(__name__)


class Upkeep:
    """``content_days``: for how many days bodies are kept once they are final everywhere."""

    def __init__(self, db: Database, inbox: Inbox, *, content_days: int) -> None:
        self._db = db
        self._inbox = inbox
        self._days = content_days

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._inbox.give_up()
                await self.empty()
            except BridgeError as error:
                log.warning("upkeep.later", reason=str(error))

    async def empty(self) -> dict[str, int]:
        """Returns how many rows lost their content, by table."""
        before = clock.now() - self._days * DAY
        async with self._db.transaction() as tx:
            removed = {
                "inbox": await tx.run("inbox_empty", before=before),
                "message": await tx.run("message_empty", before=before),
                "outbox": await tx.run("outbox_forget", before=before),
            }
            await tx.run("inbox_pieces_empty", before=before)
            await tx.run("inbox_forget", before=before - SEEN_DAYS * DAY)
        if any(removed.values()):
            log.info("upkeep.emptied", **removed)
        return removed
