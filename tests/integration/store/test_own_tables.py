"""The tables of bots' own on both databases: once each, beside ours, and in every backup."""

import importlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tchap_bridges.store.backup import backup, restore
from tchap_bridges.store.database import Database
from tchap_bridges.store.errors import MigrationRefused

Opened = Callable[[object], Awaitable[Database]]
FIRST = "CREATE TABLE bot_notes_note (id {serial}, room TEXT NOT NULL, body {blob}, at {bigint}) {strict};"
SECOND = """
    ALTER TABLE bot_notes_note ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';
    CREATE UNIQUE INDEX bot_notes_note_at ON bot_notes_note (at);
"""
QUERIES = """
-- name: write
INSERT INTO bot_notes_note (room, body, at) VALUES (:room, :body, :at) ON CONFLICT (at) DO NOTHING

-- name: names
SELECT room AS name, body, at FROM bot_notes_note WHERE room = :room ORDER BY at
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., type]]:
    """A package of these migrations, and the class of the bot in it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, *steps: str, queries: str = QUERIES) -> type:
        folder = tmp_path / f"own_{name}"
        (folder / "migrations").mkdir(parents=True, exist_ok=True)
        for old in (folder / "migrations").iterdir():
            old.unlink()
        for number, step in enumerate(steps, 1):
            (folder / "migrations" / f"{number:04}_step.sql").write_text(step)
        (folder / "queries.sql").write_text(queries)
        (folder / "__init__.py").write_text("class Own: ...\n")
        sys.modules.pop(folder.name, None)
        importlib.invalidate_caches()
        found: type = importlib.import_module(folder.name).Own
        return found

    yield make
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


async def _rows(db: Database) -> list[tuple[str, bytes, int]]:
    async with db.snapshot() as view:
        return [(row["name"], row["body"], row["at"]) for row in await view.all("bot:notes names", room="!r")]


async def test_each_step_once_and_a_version_for_each_bot(place, opened: Opened, made: Callable[..., type]) -> None:
    other = FIRST.replace("notes", "other")
    for steps in ((FIRST,), (FIRST,), (FIRST, SECOND), (FIRST, SECOND)):
        db = await opened(place)
        queries = QUERIES if len(steps) > 1 else QUERIES.replace(" ON CONFLICT (at) DO NOTHING", "")
        bots = {"notes": made("notes", *steps, queries=queries), "other": made("other", other, queries="")}
        await db.adopt(bots)
        assert db.queries_of("notes").keys() == {"write", "names"}
        assert set(db.queries_of("notes")["write"]) == {"room", "body", "at"}
        assert db.queries_of("other") == db.queries_of("nobody") == {}
    async with db.transaction() as tx:
        for at in (2, 1, 2):
            await tx.run("bot:notes write", room="!r", body=b"x", at=at)
    assert await _rows(db) == [("!r", b"x", 1), ("!r", b"x", 2)]


async def test_a_bot_from_the_future_or_with_another_past_is_refused(
    place, opened: Opened, made: Callable[..., type]
) -> None:
    db = await opened(place)
    await db.adopt({"notes": made("notes", FIRST, SECOND)})
    with pytest.raises(MigrationRefused, match=r"robot notes .*0002_step"):
        await db.adopt({"notes": made("notes", FIRST)})
    with pytest.raises(MigrationRefused, match="0001_step of the bot notes"):
        await db.adopt({"notes": made("notes", FIRST.replace("body", "words"), SECOND)})


async def test_what_breaks_leaves_nothing(place, opened: Opened, made: Callable[..., type]) -> None:
    db = await opened(place)
    with pytest.raises(Exception, match=r"nosuch"):
        await db.adopt({"notes": made("notes", FIRST + "INSERT INTO bot_notes_note (nosuch) VALUES (1)")})
    await db.adopt({"notes": made("notes", FIRST)})
    assert await _rows(db) == []


async def test_names_that_could_be_another_s_are_refused(place, opened: Opened, made: Callable[..., type]) -> None:
    db = await opened(place)
    more = FIRST.replace("bot_notes_note", "bot_notes_more_note")
    with pytest.raises(MigrationRefused, match="mêmes noms"):
        await db.adopt({"notes": made("notes", FIRST), "notes-more": made("more", more, queries="")})


async def test_a_backup_holds_them(
    place, opened: Opened, made: Callable[..., type], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    db = await opened(place)
    bots = {"notes": made("notes", FIRST, SECOND)}
    await db.adopt(bots)
    async with db.transaction() as tx:
        await tx.run("bot:notes write", room="!r", body=b"kept", at=1)
    await backup(place.url, tmp_path / "backup.tar")
    if db.dialect == "sqlite":
        url = f"sqlite:///{tmp_path}/another.db"
    else:
        url = request.getfixturevalue("postgres").create_database()
    await restore(tmp_path / "backup.tar", url, overwrite=True)
    again = await opened(type(place)(url, place.migrations, place.queries))
    await again.adopt(bots)
    assert await _rows(again) == [("!r", b"kept", 1)]
