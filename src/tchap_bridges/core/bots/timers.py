"""Calls that bots have ordered for later: each once, when its time has come, however long we were away."""

import asyncio
import json
from collections.abc import Callable

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.bots import TARGET, TIMER
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Row, Sealer, Tx
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import RoomId
from tchap_bridges.logs import harmless

LOOK = 20.0  # seconds between two looks at the clock: it may leap
LATER = 24 * 3600 * 1000  # milliseconds

log = structlog.get_logger(__name__)


class Timers:
    """Moves what is due into the lanes of the bots."""

    def __init__(self, db: Database, sealer: Sealer, outbox: Outbox) -> None:
        self._db = db
        self._sealer = sealer
        self._outbox = outbox
        self._set = asyncio.Event()

    @property
    def nudge(self) -> Callable[[], None]:
        """To be called when a time was set: it may be the next."""
        return self._set.set

    async def run(self) -> None:
        while True:
            self._set.clear()
            wait = LOOK
            try:
                wait = await self._fire()
            except Exception as error:  # noqa: BLE001 - the store is away, or one row broke: the next look comes
                log.warning("timers.look_failed", **harmless(error))
            try:
                async with asyncio.timeout(wait):
                    await self._set.wait()
            except TimeoutError:
                continue

    async def _fire(self) -> float:
        """Seconds until the next look."""
        async with self._db.transaction() as tx:
            for row in await tx.all("timers_due", now=clock.now()):
                try:
                    async with tx.savepoint():
                        await self._due(tx, row)
                except NotReady:
                    raise
                except Exception:  # one that cannot be read stops no other; it stays, for a look at it tomorrow
                    log.exception("timers.poison", bot=row["bot"])
                    await tx.run(
                        "timer_postpone", room=row["room"], bot=row["bot"], key=row["key"], at=clock.now() + LATER
                    )
        async with self._db.snapshot() as tx:
            due: int | None = await tx.value("timer_next")
        return LOOK if due is None else min(LOOK, max(0.0, (due - clock.now()) / 1000))

    async def _due(self, tx: Tx, row: Row) -> None:
        room = RoomId(row["room"])
        words = self._sealer.open(row["words"], place="timer.words").decode()
        body = json.dumps({"handler": row["handler"], "words": words, "at": row["due_at"]}).encode()
        sealed = self._sealer.seal(body, place="message.body")
        call = await self._outbox.message(tx, room, "timer", "timer", sealed)
        cause = f"timer {row['bot']} {row['key']} {row['due_at']}"
        await self._outbox.add(tx, room, f"{TARGET}{row['bot']}", call, TIMER, cause=cause)
        await tx.run("timer_delete", room=room, bot=row["bot"], key=row["key"])
