"""A small schema on both databases."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.store.database import Database
from tchap_bridges.testing.postgres import PostgresServer, start_postgres

SCHEMA = """
    CREATE TABLE box (id {serial}, name TEXT NOT NULL UNIQUE) {strict};
    CREATE TABLE item (
        id {serial},
        box {bigint} REFERENCES box (id),
        name TEXT NOT NULL UNIQUE,
        size {bigint} NOT NULL CHECK (size >= 0),
        body {blob}
    ) {strict};
    CREATE INDEX item_size ON item (size);
"""
QUERIES = """
    -- name: add
    -- Written body first: SQLite takes $2, $1 by appearance and swaps the values.
    INSERT INTO item (body, name, size) VALUES (:body, :name, :size) ON CONFLICT (name) DO NOTHING

    -- name: put
    INSERT INTO item (name, size) VALUES (:name, :size)

    -- name: put_in_box
    INSERT INTO item (name, size, box) VALUES (:name, 0, :box)

    -- name: add_returning
    INSERT INTO item (name, size) VALUES (:name, :size) RETURNING id, name

    -- name: get
    SELECT id, name, size, body FROM item WHERE name = :name

    -- name: names
    SELECT name FROM item ORDER BY name

    -- name: names_slowly [slow]
    SELECT name FROM item ORDER BY name

    -- name: sum
    SELECT COUNT(*) AS count FROM item WHERE size >= :low AND size <= :high

    -- name: grow
    UPDATE item SET size = size + :by WHERE size >= :low

    -- name: clear
    DELETE FROM item

    -- name: dialect [sqlite]
    SELECT 'sqlite' AS dialect

    -- name: dialect [postgresql]
    SELECT 'postgresql' AS dialect
"""


@dataclass(frozen=True)
class Place:
    """An empty database, and the folders that `Database.open` reads."""

    url: str
    migrations: Path
    queries: Path

    def migrate(self, name: str, text: str) -> None:
        (self.migrations / name).write_text(text)

    async def open(self) -> Database:
        return await Database.open(self.url, migrations=self.migrations, queries=self.queries)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with start_postgres() as server:
        yield server


@pytest.fixture
def make_place(tmp_path: Path) -> Callable[[str], Place]:
    def make(url: str) -> Place:
        place = Place(url, tmp_path / "migrations", tmp_path / "queries")
        place.migrations.mkdir()
        place.queries.mkdir()
        place.migrate("0001_items.sql", SCHEMA)
        (place.queries / "items.sql").write_text("\n".join(line.strip() for line in QUERIES.splitlines()))
        return place

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, make_place: Callable[[str], Place]) -> Place:
    """On both databases in turn."""
    if request.param == "sqlite":
        return make_place(f"sqlite:///{tmp_path}/store.db")
    return make_place(request.getfixturevalue("postgres").create_database())


@pytest.fixture
def sqlite_place(tmp_path: Path, make_place: Callable[[str], Place]) -> Place:
    return make_place(f"sqlite:///{tmp_path}/store.db")


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[[Place], Awaitable[Database]]]:
    """Opens databases, and closes them at the end."""
    databases: list[Database] = []

    async def open_(place: Place) -> Database:
        databases.append(await place.open())
        return databases[-1]

    yield open_
    for database in databases:
        await database.close()


@pytest_asyncio.fixture
async def db(place: Place, opened: Callable[[Place], Awaitable[Database]]) -> Database:
    return await opened(place)


@pytest_asyncio.fixture
async def sqlite_db(sqlite_place: Place, opened: Callable[[Place], Awaitable[Database]]) -> Database:
    return await opened(sqlite_place)
