"""What only SQLite does: full disks, other processes' locks, shared commits, damaged files."""

# ruff: noqa: PT012  (the block of a transaction is what raises)

import asyncio
import os
import resource
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tchap_bridges.store import sqlite
from tchap_bridges.store.database import Database, StoreCorrupt, StoreError, StoreUnavailable

Opened = Callable[[object], Awaitable[Database]]
BIG = os.urandom(300_000)


def path_of(place) -> Path:
    return Path(place.url.removeprefix("sqlite:///"))


async def add(db: Database, name: str, body: bytes | None = None) -> None:
    async with db.transaction() as tx:
        await tx.run("add", name=name, size=0, body=body)


async def names(db: Database) -> list[str]:
    async with db.snapshot() as view:
        return [row["name"] for row in await view.all("names")]


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond *limit* bytes: a write beyond fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_fails_the_commit_and_nothing_after(sqlite_db: Database, sqlite_place) -> None:
    await add(sqlite_db, "before")
    log = path_of(sqlite_place).with_name("store.db-wal")
    with full_disk(log.stat().st_size + 100_000):
        for attempt in range(3):
            with pytest.raises(StoreUnavailable):
                await add(sqlite_db, f"lost{attempt}", BIG)
        await add(sqlite_db, "small")
        assert await names(sqlite_db) == ["before", "small"]
    await add(sqlite_db, "after", BIG)
    assert await names(sqlite_db) == ["after", "before", "small"]


async def test_a_full_disk_in_mid_statement_undoes_the_transaction(sqlite_db: Database) -> None:
    """SQLite rolls back by itself there; what the caller does next must not be committed alone."""
    await add(sqlite_db, "before")
    writer = sqlite_db._engine._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages + 10}")
    with pytest.raises(StoreError):
        async with sqlite_db.transaction() as tx:
            await tx.run("add", name="lost", size=0, body=None)
            with pytest.raises(StoreUnavailable, match="full"):
                await tx.run("add", name="lost too", size=0, body=BIG)
            await tx.run("add", name="lost as well", size=0, body=None)
    await add(sqlite_db, "small")
    writer.execute("PRAGMA max_page_count = 1000000")
    await add(sqlite_db, "after", BIG)
    assert await names(sqlite_db) == ["after", "before", "small"]


async def test_those_who_share_a_commit_share_its_failure(sqlite_db: Database, sqlite_place) -> None:
    log = path_of(sqlite_place).with_name("store.db-wal")
    with full_disk(log.stat().st_size + 100_000):
        outcomes = await asyncio.gather(*(add(sqlite_db, f"a{n}", BIG) for n in range(8)), return_exceptions=True)
    failed = [f"a{n}" for n, outcome in enumerate(outcomes) if isinstance(outcome, StoreUnavailable)]
    assert len(failed) == 8
    assert await names(sqlite_db) == []
    await asyncio.gather(*(add(sqlite_db, f"b{n}", BIG) for n in range(8)))
    assert await names(sqlite_db) == [f"b{n}" for n in range(8)]


async def test_queued_transactions_share_commits(sqlite_db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    flush = sqlite.SQLiteEngine._in_worker

    async def counted(engine, work):
        nonlocal commits
        commits += 1
        return await flush(engine, work)

    monkeypatch.setattr(sqlite.SQLiteEngine, "_in_worker", counted)
    await asyncio.gather(*(add(sqlite_db, f"a{n}") for n in range(40)))
    assert commits <= 3
    assert len(await names(sqlite_db)) == 40


async def test_another_process_is_waited_for(sqlite_db: Database, sqlite_place) -> None:
    other = sqlite3.connect(path_of(sqlite_place), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO item (name, size) VALUES ('other', 0)")
    waiting = asyncio.create_task(add(sqlite_db, "ours"))
    given_up = asyncio.create_task(add(sqlite_db, "given up"))
    await asyncio.sleep(0.1)
    assert await names(sqlite_db) == []
    given_up.cancel()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert await names(sqlite_db) == ["other", "ours"]


async def test_but_not_for_ever(sqlite_db: Database, sqlite_place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path_of(sqlite_place), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await add(sqlite_db, "ours")
    other.execute("COMMIT")
    other.close()
    await add(sqlite_db, "ours")


async def test_writers_take_turns_in_order(sqlite_db: Database) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with sqlite_db.transaction() as tx:
            await tx.run("put", name=str(number), size=0)
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(write(number) for number in range(20)))
    assert order == list(range(20))


async def test_the_loop_runs_on_during_a_commit(sqlite_db: Database) -> None:
    """A slow disk delays those who write, not those who talk to a network."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with sqlite_db.transaction() as tx:
        await tx.run("add", name="a", size=0, body=None)
        sqlite_db._engine._worker.submit(time.sleep, 0.2)
    assert ticks > 5
    ticking.cancel()
    await asyncio.wait([ticking])


async def test_the_settings_are_the_safe_ones(sqlite_db: Database, sqlite_place) -> None:
    writer = sqlite_db._engine._writer
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("temp_store", 2)):
        assert writer.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    async with sqlite_db.snapshot():
        pass
    for file in path_of(sqlite_place).parent.glob("store.db*"):
        assert file.stat().st_mode & 0o777 == 0o600


async def test_closing_folds_the_log_into_the_file(sqlite_place) -> None:
    db = await sqlite_place.open()
    await add(db, "a")
    assert await names(db) == ["a"]
    await db.close()
    assert [file.name for file in path_of(sqlite_place).parent.glob("store.db*")] == ["store.db"]
    with pytest.raises(StoreUnavailable, match="est fermée"):
        await add(db, "b")


async def test_a_damaged_file_is_recognised(sqlite_place, opened: Opened) -> None:
    path_of(sqlite_place).write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreCorrupt, match="restaurez une sauvegarde"):
        await sqlite_place.open()


async def test_a_missing_folder_is_named(sqlite_place) -> None:
    with pytest.raises(StoreUnavailable, match="son dossier doit exister"):
        await Database.open("sqlite:////nowhere/at/all/store.db")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/path", "mysql://h/d", ""]
)
async def test_a_wrong_url_is_explained(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:////"):
        await Database.open(url)


async def test_what_was_written_over_is_in_no_log_any_more(sqlite_db: Database, sqlite_place) -> None:
    folder = path_of(sqlite_place).parent

    def on_disk() -> bytes:
        return b"".join(file.read_bytes() for file in folder.glob("store.db*"))

    await add(sqlite_db, "before", b"first words")
    async with sqlite_db.snapshot() as view:
        await view.all("names")
        await add(sqlite_db, "later", b"second words")
        await sqlite_db.fold()  # somebody reads: nothing is lost, nobody waits
    async with sqlite_db.transaction() as tx:
        await tx.run("clear")
    assert b"first words" in on_disk()
    await sqlite_db.fold()
    assert b"words" not in on_disk()
    await add(sqlite_db, "after")
    assert await names(sqlite_db) == ["after"]
