"""What is posted, in either database: kept once, in order, and handed to its bot in the same commit."""

import asyncio

import pytest
import pytest_asyncio

from tchap_bridges.core import clock
from tchap_bridges.core.bots.deliveries import WAITING, Deliveries, Outcome, State
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.hooks import AGAIN_WITHIN, Identity
from tchap_bridges.ids import RoomId
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

KEY = bytes(range(32))
ROOM = RoomId("!r:t")
BYTES = Identity(kind="bytes", id="a" * 64, lasting=False)


@pytest_asyncio.fixture
async def db(db: Database) -> Database:
    """With a hook in it."""
    async with db.transaction() as tx:
        names = {"room": ROOM, "bot": "fil", "handler": "came", "name": "n", "scheme": "path", "by": "@a:t"}
        await tx.run("hook_add", id="h", at=1, secret=b"", **names)
    return db


@pytest.fixture
def deliveries(db: Database) -> Deliveries:
    sealer = Sealer([KEY])
    return Deliveries(db, sealer, Secrets(KEY), Outbox(sealer, lambda lane, room, target: None))


async def keep(deliveries: Deliveries, id_: str, body: bytes = b"{}") -> Outcome:
    return await deliveries.keep("h", ROOM, "fil", Identity(kind="body", id=id_), {"x-a": "b"}, body)


async def handed(db: Database) -> int:
    """How many calls of the bot were ordered."""
    async with db.snapshot() as tx:
        return sum([row["depth"] for row in await tx.all("lanes_depth") if row["target"] == "bot:fil"])


async def test_many_at_once_are_kept_once_each_in_an_order_without_gaps(db: Database, deliveries: Deliveries) -> None:
    assert set(await asyncio.gather(*(keep(deliveries, str(n % 20)) for n in range(100)))) == {Outcome.TAKEN}
    async with db.snapshot() as tx:
        rows = await tx.all("deliveries_last", hook="h", limit=99)
        (hook,) = await tx.all("hooks_of", room=ROOM)
    assert [row["n"] for row in rows] == [*range(20, 0, -1)]
    assert (hook["deliveries"], hook["repeated"]) == (20, 80)
    assert await handed(db) == 20


async def test_the_bytes_tell_for_a_while(
    db: Database, deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    for minutes in (0, 9, 11, 19, 31):
        monkeypatch.setattr(clock, "now", lambda at=now + minutes * 60_000: at)
        assert await deliveries.keep("h", ROOM, "fil", BYTES, {}, b"x") is Outcome.TAKEN
    assert AGAIN_WITHIN.total_seconds() == 600
    assert await handed(db) == 3


@pytest.mark.parametrize(("between", "times"), [(0, 1), (1, 2)])
async def test_what_comes_back_after_something_else_is_said_again(
    db: Database, deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch, between: int, times: int
) -> None:
    """Rouge, vert, rouge: a sender without times says the third as it said the first."""
    now = clock.now()
    for second, same in ((0, True), (5, True), *((10 + n, False) for n in range(between)), (50, True), (70, True)):
        monkeypatch.setattr(clock, "now", lambda at=now + second * 1000: at)
        identity = BYTES if same else Identity(kind="bytes", id=f"{second}" * 32, lasting=False)
        assert await deliveries.keep("h", ROOM, "fil", identity, {}, b"x") is Outcome.TAKEN
    assert await handed(db) == times + between


async def test_what_is_kept_is_read_back_newest_first_as_far_as_it_is_there(
    db: Database, deliveries: Deliveries
) -> None:
    for n in range(3):
        await keep(deliveries, f"id{n}", f"n{n}\n".encode())
    last = await deliveries.last(ROOM, "fil", 2)
    assert [(one.id, one.number, one.hook, one.headers, one.body) for one in last] == [
        ("id2", 3, "n", {"x-a": "b"}, b"n2\n"),
        ("id1", 2, "n", {"x-a": "b"}, b"n1\n"),
    ]
    assert await deliveries.last(ROOM, "autre", 2) == []
    async with db.transaction() as tx:
        row = await tx.one("delivery_find", hook="h", n=1)
        assert row is not None
        await deliveries.again(tx, ROOM, "fil", row["id"], cause="replay")
    assert await handed(db) == 4
    async with db.transaction() as tx:
        await deliveries.ended(row["id"], State.REFUSED, "non")(tx)
    async with db.snapshot() as tx:
        row = await tx.one("delivery_find", hook="h", n=1)
    assert row is not None
    assert deliveries.reason(row) == "non"


async def test_with_the_hook_goes_all_that_was_posted(db: Database, deliveries: Deliveries) -> None:
    await keep(deliveries, "a")
    async with db.transaction() as tx:
        row = await tx.one("delivery_find", hook="h", n=1)
        assert row is not None
        await tx.run("hook_remove", id="h")
    assert await deliveries.get(row["id"]) is None
    assert await keep(deliveries, "b") is Outcome.FORGED
    assert await handed(db) == 1


async def test_no_more_than_a_few_wait_for_the_bot_and_repeats_are_no_more(
    db: Database, deliveries: Deliveries
) -> None:
    outcomes = await asyncio.gather(*(keep(deliveries, str(n)) for n in range(WAITING + 20)))
    assert outcomes.count(Outcome.TAKEN) == WAITING
    assert outcomes.count(Outcome.TOO_MANY) == 20
    assert [await keep(deliveries, "0")] == [Outcome.TAKEN]
    assert await handed(db) == WAITING
    async with db.transaction() as tx:
        row = await tx.one("delivery_find", hook="h", n=1)
        assert row is not None
        await deliveries.ended(row["id"], State.DONE)(tx)
    assert [await keep(deliveries, f"later {n}") for n in range(2)] == [Outcome.TAKEN, Outcome.TOO_MANY]


async def test_nothing_is_taken_for_a_room_that_the_bridge_has_left(db: Database, deliveries: Deliveries) -> None:
    for joined, outcome in ((1, Outcome.TAKEN), (0, Outcome.OFF), (1, Outcome.TAKEN)):
        async with db.transaction() as tx:
            await tx.run("room_joined", id=ROOM, joined=joined)
        assert await keep(deliveries, "a" if joined else "b") is outcome
    assert await handed(db) == 1
