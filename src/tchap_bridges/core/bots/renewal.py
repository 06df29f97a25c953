"""When bots have changed, while we were away or in development, their schedules are those that they declare now."""

import asyncio
from collections.abc import Mapping

import structlog

from tchap_bridges.bot import Bot
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.core.bots.settings import Settings
from tchap_bridges.core.ports import Database, Tx
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.ids import RoomId
from tchap_bridges.logs import harmless

AT_ONCE = 200
"""Rooms that one transaction looks after."""
AGAIN = 20.0  # seconds

log = structlog.get_logger(__name__)


class Renewal:
    """Goes through the rooms where bots with schedules are on."""

    def __init__(self, db: Database, bots: Bots, settings: Settings) -> None:
        self._db = db
        self._bots = bots
        self._settings = settings
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        bots.watch(self._note)

    def _note(self, bot: str) -> None:
        self._changed.add(bot)
        self._news.set()

    async def open(self) -> None:
        await self._renew(self._bots)

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            names, self._changed = self._changed, set()
            try:
                await self._renew({name: self._bots[name] for name in names if name in self._bots})
            except NotReady as error:
                log.warning("bots.not_renewed", **harmless(error))
                self._changed |= names
                self._news.set()
                await asyncio.sleep(AGAIN)

    async def _renew(self, bots: Mapping[str, Bot]) -> None:
        """One that goes keeps its schedules, as it stays on, for the day that it comes back."""
        async with self._db.snapshot() as tx:
            scheduled = {(row["room"], row["bot"]) for row in await tx.all("timers_scheduled")}
            everywhere = [(RoomId(row["room"]), row["bot"]) for row in await tx.all("bots_everywhere")]
        pairs = [(room, bot) for room, bot in everywhere if bot in bots]
        pairs = [(room, bot) for room, bot in pairs if bots[bot].schedules or (room, bot) in scheduled]
        for n in range(0, len(pairs), AT_ONCE):
            async with self._db.transaction() as tx:
                for room, bot in pairs[n : n + AT_ONCE]:
                    await self._arrange(tx, room, bot)

    async def _arrange(self, tx: Tx, room: RoomId, bot: str) -> None:
        """What can never be, or cannot be read, stays as it was."""
        try:
            async with tx.savepoint():
                await self._settings.arrange(tx, room, bot)
        except NotReady:
            raise
        except Misconfigured as error:
            log.warning("bot.not_scheduled", room=room, bot=bot, where=error.where, **harmless(error))
        except Exception:  # one that cannot be read keeps no other from its start
            log.exception("bot.not_scheduled", room=room, bot=bot)
