"""All that arrives, kept before it is acknowledged and routed afterwards, in order for each source.

``take`` and ``accept`` end with one commit. ``run`` then reads what is new (`bridge.Bridge.read`, or the homeserver's
``read``) and routes it; the row and everything it caused become durable together, so it is routed once. A row that
cannot be read or routed becomes a dead letter with its bytes still there, and the next one passes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from tchap_bridges.bridge import Item
from tchap_bridges.core import clock, codec
from tchap_bridges.core.pieces import Pieces
from tchap_bridges.core.ports import Database, RoomFact, Row, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.errors import BridgeError, NotReady, RemoteViolation
from tchap_bridges.events import Event
from tchap_bridges.logs import harmless

MATRIX = "matrix"
BATCH = 32
TOGETHER, PAUSE = 8, 0.02  # rows that are settled in one transaction, and for how many seconds the first waits for them
PATIENCE = 600.0  # for how many seconds what speaks of a message waits for it
SWEEP = 20.0  # seconds between looks at the store for rows that somebody else released

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One row of the inbox while it is routed. ``link``: it is for this one alone. ``last``: it has waited in vain."""

    id: int
    source: str
    key: str
    received_at: datetime
    link: int | None = None
    last: bool = False


class Await(Exception):
    """What was routed refers to ``remote`` on ``target``, which is not here yet: put it aside for ``seconds``."""

    def __init__(self, what: str, seconds: float, *, matters: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.seconds = seconds
        self.matters = matters  # somebody said it: when it waits in vain, it does not go without a word


class Hold(Exception):
    """Somebody has to decide before this goes on; the row waits under this name."""

    def __init__(self, what: str, then: Callable[[Tx], Awaitable[None]]) -> None:
        super().__init__(what)
        self.what = what
        self.then = then


Reading = Sequence[Event | RoomFact] | Exception
Read = Callable[[Item], Awaitable[Sequence[Event | RoomFact]]]
Route = Callable[[Tx, Arrival, int, Event | RoomFact], Awaitable[None]]
Tell = Callable[[Tx, Arrival, Item], Awaitable[None]]


class Inbox:
    """One queue for everything that comes in, on disk."""

    def __init__(
        self,
        db: Database,
        pieces: Pieces,
        secrets: Secrets,
        route: Route,
        tell: Tell,
        *,
        high: int = 10_000,
        low: int = 8_000,
    ) -> None:
        self._db = db
        self._pieces = pieces
        self._secrets = secrets
        self._route = route
        self._tell = tell
        self._high = high
        self._low = low
        self._full = False
        self._waiting = 0
        self._news: dict[str, asyncio.Event] = {}
        self._caught_up: dict[str, asyncio.Event] = {}

    @property
    def waiting(self) -> int:
        """How many rows are not routed yet."""
        return self._waiting

    async def open(self) -> None:
        """Count what an earlier run left."""
        async with self._db.snapshot() as tx:
            self._waiting = int(await tx.value("inbox_waiting") or 0)

    async def take(self, events: Sequence[tuple[str, bytes]]) -> int:
        """Keep room events, (event id, JSON) each; returns how many are new. The homeserver is never refused."""
        moment = clock.now()
        new = 0
        async with self._db.transaction() as tx:
            for key, raw in events:
                new += await self._add(tx, MATRIX, key, "raw", raw, {}, moment)
            tx.after_commit(lambda: self._added(MATRIX, new))
        return new

    async def accept(self, source: str, key: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        """Keep bytes to be read. Raises `NotReady` above the high-water mark or when the store refuses."""
        return await self._keep(source, key, "raw", raw, meta)

    async def receive(self, source: str, key: str, event: Event) -> bool:
        """Keep an event. Raises as `accept` does."""
        return await self._keep(source, key, "event", codec.dump(event), {"chat": event.chat})

    async def _keep(self, source: str, key: str, kind: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        self._full = self._waiting >= (self._low if self._full else self._high)
        if self._full:
            raise NotReady("the inbox is above its high-water mark", retry_after=10)
        async with self._db.transaction() as tx:
            new = await self._add(tx, source, key, kind, raw, meta, clock.now())
            tx.after_commit(lambda: self._added(source, new))
        return new > 0

    async def _add(self, tx: Tx, source: str, key: str, kind: str, raw: bytes, meta: Mapping[str, str], at: int) -> int:
        hashed = self._secrets.arrival(source, key)
        pieces = self._pieces.cut(raw)
        id_ = await tx.value(
            "inbox_add",
            source=source,
            key=hashed,
            kind=kind,
            received_at=at,
            meta=self._pieces.seal_meta(key, meta),
            raw=next(pieces),
            pieces=self._pieces.count(raw),
        )
        if id_ is None:
            return 0
        for n, data in enumerate(pieces, 1):
            await tx.run("inbox_piece_add", inbox=id_, n=n, data=data)
        return 1

    def _added(self, source: str, count: int) -> None:
        self._waiting += count
        self.wake(source)

    async def caught_up(self, source: str) -> None:
        """Returns once everything of this source that was kept before is routed."""
        event = self._caught_up.setdefault(source, asyncio.Event())
        event.clear()
        self.wake(source)
        await event.wait()

    def wake(self, source: str) -> None:
        """Look for new rows of this source now."""
        self._news.setdefault(source, asyncio.Event()).set()

    async def run(self, source: str, read: Read) -> None:
        """Route this source's rows for ever, oldest first."""
        news = self._news.setdefault(source, asyncio.Event())
        while True:
            news.clear()
            busy = True
            try:
                busy = await self._turn(source, read)
            except* NotReady as group:  # the store or a worker is away: what was acknowledged waits on its disk
                log.warning("inbox.waits", source=source, **harmless(group.exceptions[0]))
                await asyncio.sleep(random.uniform(0.1, 1))  # noqa: S311 - two that deadlocked part ways
            except* Exception:  # whatever it was, it must not end all that is routed after it
                log.exception("inbox.failed", source=source)
                await asyncio.sleep(1)
            if not busy:
                self._caught_up.setdefault(source, asyncio.Event()).set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP):
                        await news.wait()

    async def _turn(self, source: str, read: Read) -> bool:
        async with self._db.snapshot() as tx:
            rows = await tx.all("inbox_new", source=source, limit=BATCH)
        if not rows:
            return False
        try:
            async with asyncio.TaskGroup() as group:
                readings = [(row, group.create_task(self._read(row, read))) for row in rows]
                start = 0
                while start < len(readings):
                    await asyncio.wait([readings[start][1]])
                    if start + 1 < len(readings):  # there is more: some of it at one stroke costs less
                        await asyncio.wait([task for _row, task in readings[start : start + TOGETHER]], timeout=PAUSE)
                    end = start + 1
                    while end < len(readings) and readings[end][1].done():
                        end += 1
                    if not await self._settle(readings[start:end]):
                        break
                    start = end
        except ExceptionGroup as failed:  # a TaskGroup wraps even what its own block raises
            raise failed.exceptions[0] from failed
        return True

    async def _read(self, row: Row, read: Read) -> Reading:
        """What the row says, or what broke: a failure is the row's own."""
        try:
            if row["kind"] == "event":
                return (codec.load(await self._pieces.raw(row)),)
            async with self._pieces.item(row) as item:
                return await read(item)
        except NotReady:
            raise
        except Await as wait:  # as a route may have it; it ends nothing else that is read
            return wait
        except Exception as error:  # noqa: BLE001 - a stranger's bytes may break any reader; the row keeps them
            return error

    async def _settle(self, readings: Sequence[tuple[Row, asyncio.Task[Reading]]]) -> bool:
        """False when something older is new once more, released meanwhile: that comes first, and these again."""
        async with self._db.transaction() as tx:
            first = readings[0][0]
            if await tx.value("inbox_older", source=first["source"], id=first["id"]):
                return False
            settled = 0
            for row, reading in readings:
                settled += await self._settle_row(tx, row, reading.result())
            tx.after_commit(lambda: self._settled(settled))
        return True

    def _settled(self, count: int) -> None:
        self._waiting -= count

    async def _settle_row(self, tx: Tx, row: Row, reading: Reading) -> int:
        arrival = Arrival(
            row["id"],
            row["source"],
            row["key"],
            clock.moment(row["received_at"]),
            row["link"],
            row["due_at"] is not None,
        )
        if isinstance(reading, Exception) and not isinstance(reading, Await):
            log.warning("inbox.unreadable", source=arrival.source, inbox=arrival.id, **harmless(reading))
            return await self._dead(tx, arrival, row, _kept(reading))
        try:
            async with tx.savepoint():
                for ordinal, event in enumerate(_told(reading)):
                    await self._route(tx, arrival, ordinal, event)
                return await tx.run("inbox_done", id=arrival.id)
        except Await as wait:
            if arrival.last:
                log.info("inbox.never_came", source=arrival.source, inbox=arrival.id)
                if wait.matters:
                    return await self._dead(tx, arrival, row, "it waited too long for what it needs")
                return await tx.run("inbox_done", id=arrival.id)
            return await tx.run(
                "inbox_await", id=arrival.id, what=wait.what, due_at=clock.now() + int(wait.seconds * 1000)
            )
        except Hold as hold:
            await hold.then(tx)
            return await tx.run("inbox_hold", id=arrival.id, what=hold.what)
        except NotReady:
            raise
        except RemoteViolation as error:
            log.warning("inbox.violation", source=arrival.source, inbox=arrival.id, **harmless(error))
            return await self._dead(tx, arrival, row, str(error))
        except Exception as error:
            log.exception("inbox.dead", source=arrival.source, inbox=arrival.id)
            return await self._dead(tx, arrival, row, _kept(error))

    async def _dead(self, tx: Tx, arrival: Arrival, row: Row, error: str) -> int:
        """Keep the row with its bytes for an admin, and tell whom it concerns, as far as that can be read."""
        try:
            async with tx.savepoint():
                await self._tell(tx, arrival, await self._pieces.envelope(row))
        except NotReady:
            raise
        except Exception:  # it must not stop those behind it, nor the next start
            log.exception("inbox.untold", source=arrival.source, inbox=arrival.id)
        return await tx.run("inbox_dead", id=arrival.id, error=error.replace("\0", "")[:500])

    async def release(self, tx: Tx, what: str) -> bool:
        """What rows were put aside for has come: route them after this transaction. Whether there are any."""
        rows = await tx.all("inbox_release", what=what)
        for row in rows:
            tx.after_commit(partial(self._added, row["source"], 1))
        return bool(rows)

    async def give_up(self) -> None:
        """Rows that have waited long enough for a message get one last chance, and are let go if it never came."""
        async with self._db.transaction() as tx:
            for query, values in (("inbox_give_up", {"now": clock.now()}), ("inbox_strayed", {})):
                for row in await tx.all(query, **values):
                    tx.after_commit(partial(self._added, row["source"], 1))


def _told(reading: Sequence[Event | RoomFact] | Await) -> Sequence[Event | RoomFact]:
    """Raises what it waits for."""
    if isinstance(reading, Await):
        raise reading
    return reading


def _kept(error: Exception) -> str:
    """What may stand unsealed beside the row: our own words. Others' exceptions repeat what somebody has said."""
    return str(error) if isinstance(error, BridgeError) else ": ".join(harmless(error).values())
