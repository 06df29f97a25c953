"""Housekeeping: what waited in vain is let go, what is final, or undecided for too long, is emptied."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.bots.deliveries import KNOWN
from tchap_bridges.core.bots.deliveries import MOST as MOST_POSTED
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.ports import Database
from tchap_bridges.logs import harmless

EVERY = 60.0  # seconds
EMPTY_EVERY = 3600.0  # seconds: retention reads whole tables
DAY = 86_400_000  # milliseconds
SEEN_DAYS = 90  # for so long after its content a row still tells that something came before
POSTED_DAYS = 7  # for so long a delivery to a webhook is still known when it comes again
UNDECIDED_DAYS = 14  # for so long after its time, what is held or has failed still waits for somebody to decide

log = structlog.get_logger(__name__)


class Upkeep:
    """``review`` looks after links whose check was forgotten.

    ``content_days``: for how many days bodies are kept once they are final everywhere.
    """

    def __init__(self, db: Database, inbox: Inbox, review: Callable[[], Awaitable[None]], *, content_days: int) -> None:
        self._db = db
        self._inbox = inbox
        self._review = review
        self._days = content_days

    async def run(self) -> None:
        emptied = -EMPTY_EVERY
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._inbox.give_up()
                await self._review()
                if time.monotonic() - emptied >= EMPTY_EVERY:
                    await self.empty()
                    emptied = time.monotonic()
                else:
                    await self._run("upkeep_pieces_empty")  # of what was refused or given up since
                await self._db.fold()
            except Exception as error:  # noqa: BLE001 - whatever one turn met, the next one comes
                log.warning("upkeep.later", **harmless(error))

    async def empty(self) -> dict[str, int]:
        """Returns how many rows were closed undecided, and how many lost their content, by table.

        Each step is a transaction of its own: writers wait for one of them at most, and any can be done again.
        """
        before = clock.now() - self._days * DAY
        late = before - UNDECIDED_DAYS * DAY
        removed = {
            "closed_in": await self._run("upkeep_inbox_close", late=late),
            "strangers": await self._run("upkeep_senders_forget"),
            "closed_out": await self._run("upkeep_outbox_close", late=late),
            "untold": await self._run("upkeep_waiting_close", before=before),
            "inbox": await self._run("upkeep_inbox_empty", before=before),
            "message": await self._run("upkeep_message_empty", before=before),
            "outbox": await self._run("upkeep_outbox_forget", before=before),
            "posted": await self._run("upkeep_deliveries_empty", before=before, late=late, most=MOST_POSTED),
        }
        await self._run("upkeep_deliveries_forget", before=before - POSTED_DAYS * DAY, most=KNOWN)
        await self._run("upkeep_pieces_empty")
        await self._run("upkeep_inbox_forget", before=before - SEEN_DAYS * DAY)
        if any(removed.values()):
            log.info("upkeep.emptied", **removed)
        return removed

    async def _run(self, query: str, **values: int) -> int:
        async with self._db.transaction() as tx:
            return await tx.run(query, **values)
