"""Calls that are to come: what bots have ordered, and their schedules. Each once, however long we were away.

An order is a row until its time has come. A schedule is a row as long as its bot is on: it says when the handler is
called next, or, while that call is on its way, for which time it is (`UNDER_WAY`); the end of the call sets the next.
The times of a schedule only ever go forward from the one that was called for, wherever the clock leaps.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from zoneinfo import ZoneInfo

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.bots import TARGET, TIMER
from tchap_bridges.core.bots.schedules import Plan, is_schedule, key_of
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Row, Sealer, Tx
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import RoomId
from tchap_bridges.logs import harmless

LOOK = 20_000
"""Milliseconds between two looks at the clock: it may leap."""
LATER = 24 * 3600 * 1000  # milliseconds
UNDER_WAY = 2**50
"""Added to the time that a schedule is being called for: later than any, so that it is not due meanwhile."""
WORDS = "timer.words"

log = structlog.get_logger(__name__)


class Timers:
    """Moves what is due into the lanes of the bots."""

    def __init__(self, db: Database, sealer: Sealer, outbox: Outbox, zone: ZoneInfo) -> None:
        self._db = db
        self._sealer = sealer
        self._outbox = outbox
        self._zone = zone
        self._set = asyncio.Event()
        self._searched = 0

    @property
    def nudge(self) -> Callable[[], None]:
        """To be called when a time was set: it may be the next."""
        return self._set.set

    async def arrange(self, tx: Tx, room: RoomId, bot: str, plans: Mapping[str, Plan]) -> None:
        """From now on these are the schedules of a bot in a room, by handler, and no others.

        One that stays as it is goes on. What is due already, or being called for, is not lost by a change.
        """
        wanted = {key_of(handler): (handler, plan) for handler, plan in plans.items()}
        present = {row["key"]: row for row in await tx.all("timers_of", room=room, bot=bot) if is_schedule(row["key"])}
        for key in present.keys() - wanted.keys():
            await tx.run("timer_delete", room=room, bot=bot, key=key)
        now = clock.moment(clock.now())
        for key, (handler, declared) in wanted.items():
            row, plan = present.get(key), declared.starting(now, self._zone)
            if row is None:
                due = clock.milliseconds(plan.first(now, self._zone))
            elif self._plan(row).same(plan):
                continue
            elif row["due_at"] <= clock.now() or row["due_at"] >= UNDER_WAY:
                due = row["due_at"]
            else:
                due = clock.milliseconds(plan.first(now, self._zone))
            words = self._sealer.seal(str(plan).encode(), place=WORDS)
            await tx.run("timer_set", room=room, bot=bot, key=key, due_at=due, handler=handler, words=words)
            tx.after_commit(self.nudge)

    async def called(self, tx: Tx, room: RoomId, bot: str, handler: str, at: int) -> None:
        """The call for this time of a schedule has ended: the next comes, unless it was switched off or set anew."""
        row = await tx.one("timer_get", room=room, bot=bot, key=key_of(handler))
        if row is None or row["due_at"] != UNDER_WAY + at:
            return
        due = clock.milliseconds(self._plan(row).next(clock.moment(at), self._zone))
        await _put(tx, row, due)
        if due < clock.now() + LOOK:  # else the next look comes before it
            tx.after_commit(self.nudge)

    async def run(self) -> None:
        while True:
            self._set.clear()
            wait = LOOK / 1000
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
        if abs(clock.now() - self._searched) >= LOOK:
            await self._search()
            self._searched = clock.now()
        async with self._db.transaction() as tx:
            for row in await tx.all("timers_due", now=clock.now()):
                await self._each(tx, row, self._due)
        async with self._db.snapshot() as tx:
            due: int | None = await tx.value("timer_next")
        return (LOOK if due is None else min(LOOK, max(0, due - clock.now()))) / 1000

    async def _search(self) -> None:
        """Calls under way that have become dead letters: their schedules do not die with them."""
        async with self._db.snapshot() as tx:
            stranded = await tx.all("timers_stranded", under_way=UNDER_WAY)
        for row in stranded:
            log.warning("timers.stranded", bot=row["bot"], room=row["room"])
            async with self._db.transaction() as tx:
                await self._each(tx, row, self._go_on)

    @staticmethod
    async def _each(tx: Tx, row: Row, work: Callable[[Tx, Row], Awaitable[None]]) -> None:
        """One that cannot be read stops no other; it stays, for a look at it tomorrow."""
        try:
            async with tx.savepoint():
                await work(tx, row)
        except NotReady:
            raise
        except Exception:
            log.exception("timers.poison", bot=row["bot"])
            await _put(tx, row, clock.now() + LATER)

    async def _due(self, tx: Tx, row: Row) -> None:
        words = self._sealer.open(row["words"], place=WORDS).decode()
        if is_schedule(row["key"]):
            await self._scheduled(tx, row, Plan.read(words))
        else:
            await tx.run("timer_delete", room=row["room"], bot=row["bot"], key=row["key"])
            await self._call(tx, row, {"handler": row["handler"], "words": words, "at": row["due_at"]})

    async def _scheduled(self, tx: Tx, row: Row, plan: Plan) -> None:
        due, now = clock.moment(row["due_at"]), clock.moment(clock.now())
        at = plan.coming(due, now, self._zone)
        if at > due:
            log.warning("timers.missed", bot=row["bot"], room=row["room"], since=due.isoformat(), until=at.isoformat())
        if at > now:
            await _put(tx, row, clock.milliseconds(at))
        else:
            await _put(tx, row, UNDER_WAY + clock.milliseconds(at))
            await self._call(tx, row, {"handler": row["handler"], "at": clock.milliseconds(at)})

    async def _call(self, tx: Tx, row: Row, what: Mapping[str, object]) -> None:
        room = RoomId(row["room"])
        sealed = self._sealer.seal(json.dumps(what).encode(), place="message.body")
        call = await self._outbox.message(tx, room, "timer", "timer", sealed)
        await self._outbox.add(tx, room, f"{TARGET}{row['bot']}", call, TIMER, cause=f"timer {call}")

    async def _go_on(self, tx: Tx, row: Row) -> None:
        await self.called(tx, RoomId(row["room"]), row["bot"], row["handler"], row["due_at"] - UNDER_WAY)

    def _plan(self, row: Row) -> Plan:
        return Plan.read(self._sealer.open(row["words"], place=WORDS).decode())


async def _put(tx: Tx, row: Row, at: int) -> None:
    await tx.run("timer_postpone", room=row["room"], bot=row["bot"], key=row["key"], at=at)
