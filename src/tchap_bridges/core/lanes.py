"""Lanes: one for each destination of each room. First in, first out within one; side by side among them.

A lane that has something to send stands in its pool's queue (a pool is everything that leaves through one connection),
where a bounded number of workers serve it. A row that must wait gives the worker back, so that a slow or limited
destination delays no other; a connection that is down closes its pool's gate, and nobody waits behind it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.ports import Database, Row
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import RoomId
from tchap_bridges.logs import harmless

TURN = 20  # rows a worker sends before the next lane has its turn
SWEEP = 20.0  # seconds between looks at the store for rows that somebody else made due again
POISON = 30.0  # seconds before a lane whose row broke us is tried again
LONGEST = 6 * 3600 * 1000  # milliseconds: nothing is told to wait for so long, but by a clock that was wrong
STOP = 10.0  # seconds that sends in flight are given at a graceful stop

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Lane:
    """A lane in memory, only as long as it has rows to send."""

    id: int
    room: RoomId
    target: str
    pool: "Pool"
    queued: bool = False
    serving: bool = False
    woken: bool = False
    eager: bool = False  # the connection is back: a row that only backed off is due now
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class Pool:
    """Everything that leaves through one connection. ``gate`` is open while the connection is up."""

    name: str
    workers: int
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    ready: deque[Lane] = field(default_factory=deque)
    news: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))


Overdue = Callable[[], Awaitable[None]]
"""Tells of what has waited too long, also behind a closed gate."""
Deliver = Callable[[Lane, Row], Awaitable[float | None]]
"""Sends one row and settles it; returns how many seconds until it is due again, or None when it is final."""
PoolOf = Callable[[RoomId, str], Awaitable[str | None]]
"""None: its rows wait until somebody moves them."""


class Lanes:
    """Wakes lanes, serves them, and stops without cutting a send in two."""

    def __init__(
        self, db: Database, deliver: Deliver, pool_of: PoolOf, pools: Iterable[Pool], overdue: Overdue
    ) -> None:
        self._db = db
        self._deliver = deliver
        self._pool_of = pool_of
        self._overdue = overdue
        self._pools = {pool.name: pool for pool in pools}
        self._lanes: dict[int, Lane] = {}
        self._fresh: deque[tuple[int, RoomId, str]] = deque()
        self._freshened = asyncio.Event()
        self._stopping = asyncio.Event()
        self._serving = 0
        self._idle = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._idle.set()

    @property
    def active(self) -> int:
        return len(self._lanes)

    @property
    def busy(self) -> int:
        """How many are served now or are about to be: not those that wait for a time."""
        return sum([lane.timer is None for lane in self._lanes.values()])

    def look_again(self) -> None:
        """The clock has leapt: whoever waits for a time looks at it once more."""
        for lane in [lane for lane in self._lanes.values() if lane.timer is not None]:
            self._queue(lane)

    def wake(self, lane: int, room: RoomId, target: str) -> None:
        """A row was committed to this lane."""
        self._fresh.append((lane, room, target))
        self._freshened.set()

    def add(self, pool: Pool) -> None:
        """One more way out, unless there is one of its name; its gate is still shut."""
        if pool.name not in self._pools:
            self._pools[pool.name] = pool
            if self._group is not None:
                self._staff(self._group, pool)

    def open(self, pool: str) -> None:
        """The connection is up: what waited for it leaves now, whatever its back-off said."""
        self._pools[pool].gate.set()
        for lane in list(self._lanes.values()):
            if lane.pool.name == pool:
                lane.eager = True
                self._queue(lane)

    def close(self, pool: str) -> None:
        self._pools[pool].gate.clear()

    async def run(self) -> None:
        """Serve until cancelled; `drain` first for a graceful stop."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep())
            group.create_task(self._admit())
            for pool in self._pools.values():
                self._staff(group, pool)
            self._group = group

    def _staff(self, group: asyncio.TaskGroup, pool: Pool) -> None:
        for _ in range(pool.workers):
            group.create_task(self._work(pool))

    async def drain(self) -> None:
        """Begin nothing new; wait for what is in flight."""
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP):
                await self._idle.wait()
        except TimeoutError:
            log.warning("lanes.cut", in_flight=self._serving)

    async def _sweep(self) -> None:
        while True:
            try:
                async with self._db.snapshot() as tx:
                    for row in await tx.all("lanes_pending"):
                        if row["id"] not in self._lanes:
                            self.wake(row["id"], row["room"], row["target"])
                await self._overdue()
            except Exception as error:  # noqa: BLE001 - whatever one look met, the next one comes
                log.warning("lanes.sweep_failed", **harmless(error))
            await asyncio.sleep(SWEEP)

    async def _admit(self) -> None:
        while True:
            await self._freshened.wait()
            self._freshened.clear()
            while self._fresh:
                id_, room, target = self._fresh.popleft()
                lane = self._lanes.get(id_)
                if lane is None:
                    try:
                        name = await self._pool_of(room, target)
                    except NotReady as error:
                        log.warning("lanes.not_admitted", lane=id_, **harmless(error))
                        continue  # the next sweep finds it
                    except Exception:  # one lane that cannot be read stops no other
                        log.exception("lanes.not_admitted", lane=id_)
                        continue
                    if name is None:
                        continue
                    if name not in self._pools:
                        log.warning("lanes.no_connection", lane=id_, connection=name)
                        continue  # its rows wait on disk for the day the connection is configured again
                    lane = self._lanes.setdefault(id_, Lane(id_, room, target, self._pools[name]))
                self._queue(lane)

    def _queue(self, lane: Lane) -> None:
        if lane.serving:
            lane.woken = True
        elif not lane.queued:
            if lane.timer is not None:
                lane.timer.cancel()
                lane.timer = None
            lane.queued = True
            lane.pool.ready.append(lane)
            lane.pool.news.release()

    async def _work(self, pool: Pool) -> None:
        while True:
            await pool.news.acquire()
            lane = pool.ready.popleft()
            lane.queued = False
            lane.serving = True  # before anything is awaited: two workers never serve one lane
            await pool.gate.wait()
            if self._stopping.is_set():
                await asyncio.Event().wait()  # nothing new begins; cancelled with everything else
            lane.woken = False
            self._serving += 1
            self._idle.clear()
            try:
                again = await self._serve(lane)
            except NotReady as error:  # the store is away
                log.warning("lanes.wait", lane=lane.id, **harmless(error))
                again = error.retry_after or 1.0
            except Exception:  # a poison row holds its own lane, and no other
                log.exception("lanes.poison", lane=lane.id)
                again = POISON
            finally:
                lane.serving = False
                self._serving -= 1
                if not self._serving:
                    self._idle.set()
            self._put_back(lane, again)

    def _put_back(self, lane: Lane, again: float | None) -> None:
        if lane.woken or again == 0:
            self._queue(lane)
        elif again is None:
            del self._lanes[lane.id]
        else:
            lane.timer = asyncio.get_running_loop().call_later(again, self._due, lane)

    def _due(self, lane: Lane) -> None:
        lane.timer = None
        self._queue(lane)

    async def _serve(self, lane: Lane) -> float | None:
        """Send what is due; returns when to come back: None when the lane is empty, 0 for another turn."""
        async with self._db.snapshot() as tx:
            rows = await tx.all("outbox_head", lane=lane.id, limit=TURN)
        eager, lane.eager = lane.eager, False
        for row in rows:
            early: float = row["due_at"] - clock.now()
            stepped_back = row["created_at"] > clock.now() or early > LONGEST
            if early > 0 and not stepped_back and not (eager and row["attempts"]):
                return early / 1000
            if self._stopping.is_set() or not lane.pool.gate.is_set():
                return 0
            again = await self._deliver(lane, row)
            if again is not None:
                return again
        return 0 if len(rows) == TURN else None
