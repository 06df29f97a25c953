"""The rows of orders and schedules on both databases: due, under way, called, stranded, moved and left."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tchap_bridges.bot import CatchUp
from tchap_bridges.core import clock
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.schedules import Plan
from tchap_bridges.core.bots.timers import UNDER_WAY, Timers
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.dates import parse
from tchap_bridges.ids import RoomId
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

OLD, NEW = RoomId("!old:x"), RoomId("!new:x")
PLAN = Plan(rule=parse("day 09:00"), catch_up=CatchUp.ONCE)


def ms(*when: int) -> int:
    return clock.milliseconds(datetime(*when, tzinfo=UTC))


NINE = ms(2026, 11, 24, 8)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    now = {"now": ms(2026, 11, 23, 12)}
    monkeypatch.setattr(clock, "now", lambda: now["now"])
    return now


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(Sealer([bytes(32)]), lambda *_any: None)


@pytest.fixture
def timers(db: Database, outbox: Outbox) -> Timers:
    return Timers(db, Sealer([bytes(32)]), outbox, ZoneInfo("Europe/Paris"))


async def _due(db: Database, room: RoomId = OLD) -> list[int]:
    async with db.snapshot() as tx:
        return [row["due_at"] for row in await tx.all("timers_of", room=room, bot="b")]


async def _waiting(db: Database, room: RoomId = OLD) -> list[tuple[int, int]]:
    async with db.snapshot() as tx:
        return [(row["lane"], row["seq"]) for row in await tx.all("lane_waiting", room=room, target="bot:b")]


async def test_from_one_time_to_the_next(db: Database, timers: Timers, at: dict[str, int]) -> None:
    async with db.transaction() as tx:
        await timers.arrange(tx, OLD, "b", {"m": PLAN})
    assert await _due(db) == [NINE]
    assert await timers._fire() == 20
    at["now"] = NINE
    for _look in range(3):
        await timers._fire()
    assert await _due(db) == [UNDER_WAY + NINE]
    assert len(await _waiting(db)) == 1
    async with db.transaction() as tx:
        await timers.called(tx, OLD, "b", "m", NINE - 1)
        assert (await _due(db)) == [UNDER_WAY + NINE]
        await timers.called(tx, OLD, "b", "m", NINE)
    assert await _due(db) == [ms(2026, 11, 25, 8)]


async def test_one_whose_call_is_lost_goes_on(db: Database, timers: Timers, at: dict[str, int]) -> None:
    async with db.transaction() as tx:
        await timers.arrange(tx, OLD, "b", {"m": PLAN})
    at["now"] = NINE
    await timers._fire()
    at["now"] += 60_000
    await timers._fire()
    assert await _due(db) == [UNDER_WAY + NINE], "its call still waits"
    async with db.transaction() as tx:
        ((lane, seq),) = await _waiting(db)
        await tx.run("outbox_dead", lane=lane, seq=seq, error="on purpose")
    await timers._fire()
    assert await _due(db) == [UNDER_WAY + NINE], "not at every look"
    at["now"] += 60_000
    await timers._fire()
    assert await _due(db) == [ms(2026, 11, 25, 8)]


async def test_a_room_that_is_replaced_and_one_that_is_left(
    db: Database, timers: Timers, outbox: Outbox, at: dict[str, int]
) -> None:
    hearing = Hearing({}, outbox, db.queries_of)
    async with db.transaction() as tx:
        for room, plans in (
            (OLD, {"m": PLAN, "n": PLAN}),
            (NEW, {"n": Plan(rule=parse("day 10:00"), catch_up=CatchUp.ALL)}),
        ):
            await tx.run("room_bot_add", room=room, bot="b", by="@a:x")
            await tx.run("kv_set", space=f"bot:b {room}", key="k", value=room.encode())
            await timers.arrange(tx, room, "b", plans)
    await hearing.open(db)
    at["now"] = NINE
    await timers._fire()
    async with db.transaction() as tx:
        await hearing.move(tx, OLD, NEW)
    assert (await _due(db), sorted(await _due(db, NEW))) == ([], [ms(2026, 11, 24, 9), UNDER_WAY + NINE])
    assert (len(await _waiting(db)), len(await _waiting(db, NEW))) == (0, 2)
    assert (hearing.is_on(OLD, "b"), hearing.is_on(NEW, "b")) == (False, True)
    async with db.snapshot() as tx:
        assert await tx.value("kv_get", space=f"bot:b {NEW}", key="k") == NEW.encode()
    async with db.transaction() as tx:
        assert await hearing.leave(tx, NEW) == ["b"]
    assert (await _due(db, NEW), hearing.is_on(NEW, "b")) == ([], False)
