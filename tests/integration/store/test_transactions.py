"""Transactions, savepoints and snapshots, the same on both databases."""

# ruff: noqa: PT012, TRY301  (the block of a transaction is what raises, and raising in it is what is tested)

import asyncio
import os
from itertools import count

import pytest

from tchap_bridges.store.database import Database, IntegrityViolation, QueryMisused, StoreError, Transaction


async def names(db: Database) -> list[str]:
    async with db.snapshot() as view:
        return [row["name"] for row in await view.all("names")]


async def test_a_query_of_each_kind(db: Database) -> None:
    async with db.transaction() as tx:
        assert await tx.run("add", name="a", size=2**40, body=b"\x00\xff") == 1
        assert await tx.run("add", name="a", size=1, body=None) == 0
        row = await tx.one("get", name="a")
        assert row is not None
        assert (row["size"], row["body"], set(row)) == (2**40, b"\x00\xff", {"id", "name", "size", "body"})
        assert await tx.one("get", name="b") is None
        assert await tx.run_many("put", [{"name": f"n{i}", "size": i} for i in range(5)]) == 5
        assert await tx.run_many("put", []) == 0
        assert await tx.run("grow", by=10, low=3) == 3
        assert await tx.value("sum", low=0, high=20) == 5
        assert await tx.value("get", name="b") is None
        assert await tx.value("dialect") == db.dialect
        created = await tx.one("add_returning", name="z", size=0)
        assert created is not None
        assert created["name"] == "z"
        assert await tx.run("add_returning", name="zz", size=0) == 1
    assert await names(db) == ["a", "n0", "n1", "n2", "n3", "n4", "z", "zz"]
    async with db.snapshot() as view:
        assert len(await view.all("names_slowly")) == 8


async def test_an_exception_rolls_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.run("put", name="a", size=1)
            raise ZeroDivisionError
    assert await names(db) == []


async def test_a_cancellation_rolls_back(db: Database) -> None:
    written = asyncio.Event()

    async def write() -> None:
        async with db.transaction() as tx:
            await tx.run("put", name="a", size=1)
            written.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(db) == []


async def test_a_failed_statement_condemns_its_transaction(db: Database) -> None:
    """PostgreSQL would turn COMMIT into ROLLBACK in silence, SQLite would commit the rest."""
    with pytest.raises(QueryMisused, match="savepoint"):
        async with db.transaction() as tx:
            await tx.run("put", name="a", size=1)
            with pytest.raises(IntegrityViolation):
                await tx.run("put", name="a", size=1)
    with pytest.raises(QueryMisused, match="savepoint"):
        async with db.transaction() as tx:
            with pytest.raises(IntegrityViolation):
                await tx.run("put", name="a", size=-1)
            await tx.run("put", name="b", size=1)
    assert await names(db) == []


async def test_a_constraint_of_each_kind(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run("put", name="a", size=1)
    for query, parameters in (
        ("put", {"name": "a", "size": 1}),
        ("put", {"name": "b", "size": -1}),
        ("put", {"name": None, "size": 1}),
        ("put_in_box", {"name": "b", "box": 404}),
    ):
        with pytest.raises(IntegrityViolation):
            async with db.transaction() as tx:
                await tx.run(query, **parameters)


async def test_a_value_of_the_wrong_type_is_refused(db: Database) -> None:
    for wrong in ("many", 2**63, object()):
        with pytest.raises(StoreError):
            async with db.transaction() as tx:
                await tx.run("put", name="a", size=wrong)
    with pytest.raises(StoreError):
        async with db.transaction() as tx:
            await tx.run("put", name="\ud800", size=0)
    assert await names(db) == []


async def test_queries_are_called_by_their_names_and_parameters(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(QueryMisused, match="no query named missing"):
            await tx.run("missing")
        with pytest.raises(QueryMisused, match="missing parameters: size"):
            await tx.run("put", name="a")
        with pytest.raises(QueryMisused, match="unknown parameters: colour"):
            await tx.run_many("put", [{"name": "a", "size": 1, "colour": 2}])


async def test_a_transaction_ends_with_its_block(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run("put", name="a", size=1)
    async with db.transaction():
        with pytest.raises(QueryMisused, match="has been left"):
            await tx.run("put", name="b", size=1)


async def test_a_savepoint_fails_alone(db: Database) -> None:
    called: list[str] = []
    async with db.transaction() as tx:
        tx.after_commit(lambda: called.append("outer"))
        await tx.run("put", name="a", size=1)
        with pytest.raises(IntegrityViolation):
            async with tx.savepoint():
                tx.after_commit(lambda: called.append("lost"))
                await tx.run("put", name="lost", size=1)
                await tx.run("put", name="a", size=1)
        async with tx.savepoint():
            await tx.run("put", name="b", size=1)
            tx.after_commit(lambda: called.append("part"))
            with pytest.raises(ZeroDivisionError):
                async with tx.savepoint():
                    await tx.run("put", name="lost", size=1)
                    raise ZeroDivisionError
            await tx.run("put", name="c", size=1)
        with pytest.raises(QueryMisused):
            async with tx.savepoint():
                with pytest.raises(IntegrityViolation):
                    await tx.run("put", name="a", size=1)
        await tx.run("put", name="d", size=1)
    assert await names(db) == ["a", "b", "c", "d"]
    assert called == ["outer", "part"]


async def test_savepoints_go_with_their_transaction(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            async with tx.savepoint():
                await tx.run("put", name="a", size=1)
            raise ZeroDivisionError
    assert await names(db) == []


async def test_callbacks_run_after_the_commit_only(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            tx.after_commit(lambda: called.append(0))
            raise ZeroDivisionError
    async with db.transaction() as tx:
        tx.after_commit(lambda: called.append(1))
        tx.after_commit(lambda: 1 / 0)
        tx.after_commit(lambda: called.append(2))
        assert called == []
    assert called == [1, 2]
    assert "a callback after a commit failed" in caplog.text


async def test_a_cancellation_during_the_commit_comes_after_it(db: Database) -> None:
    called: list[str] = []

    async def write() -> None:
        async with db.transaction() as tx:
            await tx.run("put", name="a", size=1)
            tx.after_commit(lambda: called.append("a"))
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(write())
    assert called == ["a"]
    assert await names(db) == ["a"]


async def test_a_cancellation_at_any_moment_leaves_all_or_nothing(db: Database) -> None:
    """At each step of the event loop in turn, among other writers; the row is there if and only if the callback ran."""
    called: set[str] = set()

    async def write(name: str) -> None:
        async with db.transaction() as tx:
            await tx.run("put", name=name, size=1)
            async with tx.savepoint():
                await tx.run("put", name=f"{name}+", size=1)
            tx.after_commit(lambda: called.add(name))

    cancelled = 0
    for steps in count():
        async with asyncio.TaskGroup() as group:
            group.create_task(write(f"before{steps}"))
            task = asyncio.create_task(write(f"at{steps}"))
            group.create_task(write(f"after{steps}"))
            for _ in range(steps):
                await asyncio.sleep(0 if steps < 20 else 0.0005)
            task.cancel()
            await asyncio.wait([task])
        cancelled += task.cancelled()
        if not task.cancelled() or steps > 100:
            break
    assert cancelled > 3
    assert set(await names(db)) == called | {f"{name}+" for name in called}


async def test_fifty_writers_lose_nothing(db: Database) -> None:
    called: list[str] = []

    async def write(writer: int) -> None:
        for turn in range(6):
            name = f"{writer}.{turn}"
            try:
                async with db.transaction() as tx:
                    await tx.run("add", name=name, size=writer, body=os.urandom(100))
                    tx.after_commit(lambda name=name: called.append(name))
                    await asyncio.sleep(0)
                    if (writer + turn) % 7 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                assert name not in called
            else:
                assert called.count(name) == 1
                async with db.snapshot() as view:
                    assert await view.one("get", name=name) is not None

    async with asyncio.TaskGroup() as group:
        for writer in range(50):
            group.create_task(write(writer))
    assert await names(db) == sorted(called)
    assert len(called) == 50 * 6 - sum((writer + turn) % 7 == 0 for writer in range(50) for turn in range(6))


async def test_a_snapshot_waits_for_no_writer_and_does_not_move(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run("put", name="a", size=1)
    async with db.snapshot() as view:
        assert await view.value("sum", low=0, high=9) == 1
        async with db.transaction() as tx:
            await tx.run("put", name="b", size=1)
            assert await names(db) == ["a"]
        assert await view.value("sum", low=0, high=9) == 1
    assert await names(db) == ["a", "b"]


async def test_a_snapshot_cannot_write(db: Database) -> None:
    with pytest.raises(StoreError):
        async with db.snapshot() as view:
            assert isinstance(view, Transaction)
            await view.run("put", name="a", size=1)
    assert await names(db) == []


async def test_many_snapshots_share_few_connections(db: Database) -> None:
    async def read() -> int:
        async with db.snapshot() as view:
            await asyncio.sleep(0)
            return int(await view.value("sum", low=0, high=9))

    assert await asyncio.gather(*(read() for _ in range(100))) == [0] * 100
