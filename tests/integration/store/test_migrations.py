"""The schema's steps: once each, whole or not at all, and never against a database from the future."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tchap_bridges.store.database import Database, IntegrityViolation, StoreError
from tchap_bridges.store.errors import MigrationRefused

Opened = Callable[[object], Awaitable[Database]]

MORE = """
    CREATE TABLE step (number {bigint} NOT NULL);
    INSERT INTO step VALUES (1);
    ALTER TABLE item ADD COLUMN colour TEXT;
    INSERT INTO item (name, size, colour) VALUES ('semi;colon', 1, 'blue');
    INSERT INTO step VALUES (2);
"""
STEPS = "-- name: applied\nSELECT number, name FROM migration ORDER BY number\n-- name: steps\nSELECT number FROM step"

DIES = """
import asyncio, os, signal, sys
from pathlib import Path
from tchap_bridges.store.database import Database
from tchap_bridges.store.postgres import PostgresSession
from tchap_bridges.store.sqlite import SQLiteSession

left = int(sys.argv[4])

def deadly(method):
    async def wrapper(*args):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return await method(*args)
    return wrapper

for session in (SQLiteSession, PostgresSession):
    for name in ("execute", "run", "commit"):
        setattr(session, name, deadly(getattr(session, name)))
asyncio.run(Database.open(sys.argv[1], migrations=Path(sys.argv[2]), queries=Path(sys.argv[3])))
"""


async def applied(db: Database) -> list[tuple[int, str]]:
    async with db.snapshot() as view:
        return [(row["number"], row["name"]) for row in await view.all("applied")]


async def test_steps_are_applied_once(place, opened: Opened) -> None:
    (place.queries / "steps.sql").write_text(STEPS)
    place.migrate("0002_more.sql", MORE)
    for _ in range(2):
        db = await opened(place)
        assert await applied(db) == [(1, "items"), (2, "more")]
        async with db.snapshot() as view:
            assert [row["number"] for row in await view.all("steps")] == [1, 2]
    place.migrate("0003_last.sql", "CREATE TABLE last (a TEXT)")
    assert await applied(await opened(place)) == [(1, "items"), (2, "more"), (3, "last")]


async def test_a_variant_serves_its_database(place, opened: Opened) -> None:
    (place.queries / "steps.sql").write_text(STEPS)
    place.migrate("0002_step.sql", "CREATE TABLE step (number {bigint}); INSERT INTO step VALUES (0)")
    place.migrate("0002_step.postgresql.sql", "CREATE TABLE step (number {bigint}); INSERT INTO step VALUES (1)")
    place.migrate("0003_only.sqlite.sql", "INSERT INTO step VALUES (2)")
    db = await opened(place)
    async with db.snapshot() as view:
        expected = {"sqlite": [0, 2], "postgresql": [1]}[db.dialect]
        assert [row["number"] for row in await view.all("steps")] == expected
    assert await applied(db) == [(1, "items"), (2, "step"), (3, "only")]


@pytest.mark.parametrize("deadly", range(0, 14, 2))
async def test_kill_9_in_a_migration_leaves_it_done_or_undone(place, opened: Opened, deadly: int) -> None:
    (place.queries / "steps.sql").write_text(STEPS)
    place.migrate("0002_more.sql", MORE)
    arguments = [place.url, str(place.migrations), str(place.queries), str(deadly)]
    assert subprocess.run([sys.executable, "-c", DIES, *arguments], check=False).returncode == -signal.SIGKILL
    db = await opened(place)
    assert await applied(db) == [(1, "items"), (2, "more")]
    async with db.snapshot() as view:
        assert [row["number"] for row in await view.all("steps")] == [1, 2]
        assert await view.one("get", name="semi;colon") is not None


async def test_a_failing_step_leaves_nothing_of_itself(place, opened: Opened) -> None:
    (place.queries / "steps.sql").write_text(STEPS)
    place.migrate("0002_more.sql", f"{MORE}; INSERT INTO nowhere VALUES (1)")
    with pytest.raises(StoreError, match="nowhere"):
        await place.open()
    place.migrate("0002_more.sql", MORE)
    assert await applied(await opened(place)) == [(1, "items"), (2, "more")]


async def test_starters_wait_for_each_other(place, opened: Opened) -> None:
    (place.queries / "steps.sql").write_text(STEPS)
    place.migrate("0002_more.sql", MORE)
    databases = await asyncio.gather(*(opened(place) for _ in range(6)))
    assert [await applied(db) for db in databases] == [[(1, "items"), (2, "more")]] * 6


async def test_a_database_from_the_future_is_refused(place, opened: Opened) -> None:
    place.migrate("0002_more.sql", MORE)
    await opened(place)
    (place.migrations / "0002_more.sql").unlink()
    with pytest.raises(MigrationRefused, match=r"plus récent \(migration 0002_more\).*restaurez la sauvegarde"):
        await place.open()


async def test_an_edited_step_is_refused(place, opened: Opened) -> None:
    await opened(place)
    path = place.migrations / "0001_items.sql"
    path.write_text(path.read_text() + "-- an afterthought")
    with pytest.raises(MigrationRefused, match="write a new migration"):
        await place.open()


async def test_rebuilding_a_table_keeps_what_refers_to_it(sqlite_place, opened: Opened) -> None:
    rebuild = "CREATE TABLE new (id {serial}, name TEXT); INSERT INTO new SELECT id, name FROM box; DROP TABLE box;"
    sqlite_place.migrate(
        "0002_boxed.sql", "INSERT INTO box VALUES (1, 'b'); INSERT INTO item VALUES (1, 1, 'a', 0, NULL)"
    )
    sqlite_place.migrate("0003_rebuilt.sql", f"{rebuild} ALTER TABLE new RENAME TO box")
    db = await opened(sqlite_place)
    with pytest.raises(IntegrityViolation):
        async with db.transaction() as tx:
            await tx.run("put_in_box", name="b", box=2)
    sqlite_place.migrate("0004_dangling.sql", "DELETE FROM box")
    with pytest.raises(IntegrityViolation, match="rows of item would refer to nothing in box"):
        await sqlite_place.open()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("0003_gap.sql", "", "without a gap"),
        ("0001_other.sql", "", "the number is taken"),
        ("1_short.sql", "", "named like"),
        ("0002_token.sql", "CREATE TABLE t (a {text})", r"0002_token\.sql: unknown token \{text\}"),
    ],
)
async def test_a_faulty_file_is_named(sqlite_place, name: str, text: str, message: str) -> None:
    sqlite_place.migrate(name, text)
    with pytest.raises(StoreError, match=message):
        await sqlite_place.open()


async def test_a_missing_folder_is_named(sqlite_place) -> None:
    for migrations, queries in ((Path("/nowhere"), sqlite_place.queries), (sqlite_place.migrations, Path("/nowhere"))):
        with pytest.raises(StoreError, match="/nowhere: the installation is incomplete"):
            await Database.open(sqlite_place.url, migrations=migrations, queries=queries)


WRITES = """
import asyncio, sys
from pathlib import Path
from tchap_bridges.store.database import Database

async def main():
    db = await Database.open(sys.argv[1], migrations=Path(sys.argv[2]), queries=Path(sys.argv[3]))
    async def write(writer):
        for turn in range(100_000):
            async with db.transaction() as tx:
                await tx.run("put", name=f"{writer}.{turn}", size=0)
                await asyncio.sleep(0)
                await tx.run("put", name=f"{writer}.{turn}+", size=0)
            print(f"{writer}.{turn}", flush=True)
    await asyncio.gather(*(write(writer) for writer in range(5)))

asyncio.run(main())
"""


async def test_kill_9_in_a_transaction_keeps_what_was_promised_and_no_half(place, opened: Opened) -> None:
    arguments = [place.url, str(place.migrations), str(place.queries)]
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITES, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    promised = [(await writer.stdout.readline()).decode().strip() for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    promised += (await writer.stdout.read()).decode().splitlines()
    await writer.wait()
    db = await opened(place)
    async with db.snapshot() as view:
        found = {row["name"] for row in await view.all("names")}
    assert set(promised) <= found
    assert {name for name in found if not name.endswith("+")} == {name[:-1] for name in found if name.endswith("+")}
