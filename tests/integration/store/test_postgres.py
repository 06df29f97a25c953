"""What only PostgreSQL does: going away, coming back, and refusing in its own words."""

# ruff: noqa: PT012  (the block of a transaction is what raises)

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import pytest

from tchap_bridges.store import postgres as engine
from tchap_bridges.store.database import Database, IntegrityViolation, StoreCorrupt, StoreError, StoreUnavailable
from tchap_bridges.testing.postgres import PostgresServer, start_postgres

Opened = Callable[[object], Awaitable[Database]]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of our own, to be killed."""
    with start_postgres() as server:
        yield server


async def put(db: Database, name: str) -> None:
    async with db.transaction() as tx:
        await tx.run("put", name=name, size=0)


async def names(db: Database) -> list[str]:
    async with db.snapshot() as view:
        return [row["name"] for row in await view.all("names")]


async def test_a_killed_server_is_unavailable_until_it_is_back(
    server: PostgresServer, make_place, opened: Opened
) -> None:
    place = make_place(server.create_database())
    db = await opened(place)
    await asyncio.gather(*(put(db, f"before{n}") for n in range(8)))  # the pool is full
    with pytest.raises(StoreUnavailable):
        async with db.transaction() as tx:
            await tx.run("put", name="lost", size=0)
            server.kill()
            await tx.run("put", name="lost too", size=0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await put(db, "lost")
        with pytest.raises(StoreUnavailable):
            await names(db)
    with pytest.raises(StoreUnavailable):
        await place.open()
    await asyncio.to_thread(server.start)
    await asyncio.gather(*(put(db, f"after{n}") for n in range(8)))
    assert await names(db) == [f"after{n}" for n in range(8)] + [f"before{n}" for n in range(8)]


async def test_a_server_killed_before_the_commit(server: PostgresServer, make_place, opened: Opened) -> None:
    db = await opened(make_place(server.create_database()))
    called: list[str] = []
    with pytest.raises(StoreUnavailable):
        async with db.transaction() as tx:
            await tx.run("put", name="lost", size=0)
            tx.after_commit(lambda: called.append("lost"))
            server.kill()
    await asyncio.to_thread(server.start)
    assert await names(db) == []
    assert called == []


async def test_a_restart_between_two_transactions_is_not_noticed(
    server: PostgresServer, make_place, opened: Opened
) -> None:
    db = await opened(make_place(server.create_database()))
    await asyncio.gather(*(put(db, f"before{n}") for n in range(8)))
    server.stop()
    server.start()  # the loop has not run meanwhile: the pool knows nothing
    await asyncio.gather(*(put(db, f"after{n}") for n in range(8)))
    assert len(await names(db)) == 16


async def test_a_connection_cut_by_the_administrator(postgres: PostgresServer, make_place, opened: Opened) -> None:
    place = make_place(postgres.create_database())
    db = await opened(place)
    admin = await asyncpg.connect(place.url)
    with pytest.raises(StoreUnavailable):
        async with db.transaction() as tx:
            await tx.run("put", name="lost", size=0)
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.05)
            await tx.run("put", name="lost too", size=0)
    await admin.close()
    await put(db, "after")
    assert await names(db) == ["after"]


async def test_a_busy_pool_is_waited_for_and_not_for_ever(
    postgres: PostgresServer, make_place, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await opened(make_place(postgres.create_database()))
    await asyncio.gather(*(put(db, str(n)) for n in range(100)))
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.05)
    release = asyncio.Event()

    async def hold() -> None:
        async with db.transaction():
            await release.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(engine.CONNECTIONS):
            group.create_task(hold())
        await asyncio.sleep(0.05)
        with pytest.raises(StoreUnavailable, match="ne répond pas"):
            await put(db, "late")
        release.set()
    await put(db, "after")


async def test_two_who_wait_for_each_other_are_told_to_try_again(
    postgres: PostgresServer, make_place, opened: Opened
) -> None:
    place = make_place(postgres.create_database())
    (place.queries / "lock.sql").write_text("-- name: touch\nUPDATE item SET size = size + 1 WHERE name = :name")
    db = await opened(place)
    await put(db, "a")
    await put(db, "b")
    barrier = asyncio.Barrier(2)

    async def touch(first: str, second: str) -> None:
        async with db.transaction() as tx:
            await tx.run("touch", name=first)
            await barrier.wait()
            await tx.run("touch", name=second)

    outcomes = await asyncio.gather(touch("a", "b"), touch("b", "a"), return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [StoreUnavailable]
    async with db.snapshot() as view:
        assert await view.value("sum", low=1, high=1) == 2


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("53100", StoreUnavailable),
        ("57P01", StoreUnavailable),
        ("57014", StoreUnavailable),
        ("40001", StoreUnavailable),
        ("25006", StoreUnavailable),
        ("58030", StoreUnavailable),
        ("23505", IntegrityViolation),
        ("XX001", StoreCorrupt),
        ("42601", StoreError),
        ("28P01", StoreError),
        ("25001", StoreError),
    ],
)
def test_each_error_has_its_kind(sqlstate: str, kind: type[StoreError]) -> None:
    error = asyncpg.PostgresError.new({"C": sqlstate, "M": "words"})
    with pytest.raises(StoreError, match=f"words .{sqlstate}") as caught, engine.translated():
        raise error
    assert type(caught.value) is kind


async def test_a_server_that_does_not_let_us_in(postgres: PostgresServer) -> None:
    url = postgres.create_database()
    for wrong in (f"{url}_missing", url.replace("tchap@", "nobody@"), "postgresql://[half"):
        with pytest.raises(StoreError) as caught:
            await Database.open(wrong)
        assert type(caught.value) is StoreError
