"""Backups taken while writes go on, restored elsewhere and in place."""

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tchap_bridges.store.backup import backup, read_manifest, restore
from tchap_bridges.store.database import Database, StoreCorrupt, StoreUnavailable
from tchap_bridges.store.errors import BackupRefused

Opened = Callable[[object], Awaitable[Database]]


@pytest.fixture
def another(place, request: pytest.FixtureRequest, tmp_path: Path):
    """A second, empty database beside the first, for the same schema."""
    if place.url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}/another.db"
    else:
        url = request.getfixturevalue("postgres").create_database()
    return type(place)(url, place.migrations, place.queries)


@asynccontextmanager
async def writing(db: Database) -> AsyncIterator[list[int]]:
    """Pairs of rows are written meanwhile, as fast as they go; gives the numbers of those that are committed."""
    written: list[int] = []

    async def write() -> None:
        for number in range(1_000_000):
            async with db.transaction() as tx:
                await tx.run("put", name=f"{number}", size=number)
                await tx.run("add", name=f"{number}+", size=number, body=os.urandom(500))
            written.append(number)

    task = asyncio.create_task(write())
    try:
        while len(written) < 100:
            await asyncio.sleep(0.01)
        yield written
    finally:
        task.cancel()
        await asyncio.wait([task])


async def names(db: Database) -> set[str]:
    async with db.snapshot() as view:
        return {row["name"] for row in await view.all("names")}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
async def test_a_backup_is_of_one_moment(place, another, opened: Opened, tmp_path: Path, suffix: str) -> None:
    target, config = tmp_path / f"backup.{suffix}", tmp_path / "config.yaml"
    config.write_text("secret: 1")
    steps: list[tuple[int, int]] = []
    db = await opened(place)
    async with writing(db) as written:
        before = len(written)
        manifest = await backup(
            place.url, target, extra={"config": config}, progress=lambda done, total: steps.append((done, total))
        )
    assert target.stat().st_mode & 0o777 == 0o600
    assert (manifest.engine, list(manifest.files)) == (
        db.dialect,
        ["database.sqlite" if db.dialect == "sqlite" else "database.sql", "extra/config"],
    )
    assert read_manifest(target) == manifest
    assert [path.name for path in tmp_path.glob(".tchap*")] == []
    if db.dialect == "sqlite":
        assert steps[-1][0] == steps[-1][1] > 0

    assert await restore(target, another.url, extra={"config": tmp_path / "restored.yaml"}) == manifest
    assert (tmp_path / "restored.yaml").read_text() == "secret: 1"
    assert (tmp_path / "restored.yaml").stat().st_mode & 0o777 == 0o600
    found = await names(await opened(another))
    assert {str(number) for number in range(before)} <= found
    assert {name for name in found if not name.endswith("+")} == {name[:-1] for name in found if name.endswith("+")}
    async with (await opened(another)).transaction() as tx:
        assert await tx.run("put", name="goes on", size=0) == 1


async def test_nothing_is_overwritten_unless_asked(place, tmp_path: Path) -> None:
    target, config = tmp_path / "backup.tar", tmp_path / "config.yaml"
    config.write_text("first")
    db = await place.open()
    async with db.transaction() as tx:
        await tx.run("put", name="first", size=0)
    await backup(place.url, target, extra={"config": config})
    with pytest.raises(BackupRefused, match="existe déjà"):
        await backup(place.url, target)
    async with db.transaction() as tx:
        await tx.run("put", name="second", size=0)
    config.write_text("second")

    with pytest.raises(BackupRefused, match="déjà"):
        await restore(target, place.url, extra={"config": config})
    with pytest.raises(StoreUnavailable, match="en cours d'emploi : arrêtez d'abord le pont"):
        await restore(target, place.url, extra={"config": config}, overwrite=True)
    assert await names(db) == {"first", "second"}
    assert config.read_text() == "second"
    await db.close()

    for _ in range(2):
        await restore(target, place.url, extra={"config": config}, overwrite=True)
        db = await place.open()
        assert await names(db) == {"first"}
        assert config.read_text() == "first"
        await db.close()
        (tmp_path / "again.tar").unlink(missing_ok=True)
        await backup(place.url, tmp_path / "again.tar")  # a restored database can be backed up in its turn


async def test_a_restore_takes_a_newer_schema_away(place, tmp_path: Path) -> None:
    await (await place.open()).close()
    await backup(place.url, tmp_path / "backup.tar")
    place.migrate("0002_more.sql", "CREATE TABLE more (a TEXT)")
    await (await place.open()).close()
    await restore(tmp_path / "backup.tar", place.url, overwrite=True)
    await (await place.open()).close()  # which applies 0002 again


async def test_the_other_engine_is_refused(place, tmp_path: Path) -> None:
    await (await place.open()).close()
    await backup(place.url, tmp_path / "backup.tar")
    other = "postgresql://nobody@127.0.0.1:1/x" if place.url.startswith("sqlite") else f"sqlite:///{tmp_path}/x.db"
    with pytest.raises(BackupRefused, match="est une sauvegarde de"):
        await restore(tmp_path / "backup.tar", other)


async def test_a_damaged_archive_is_refused(place, another, opened: Opened, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    db = await opened(place)
    async with writing(db):
        await backup(place.url, target)
    whole = target.read_bytes()
    with tarfile.open(target) as archive:
        offset = archive.getmembers()[1].offset_data
    altered = whole[: offset + 5000] + bytes([whole[offset + 5000] ^ 1]) + whole[offset + 5001 :]
    for broken in (b"", b"garbage" * 1000, whole[:600], whole[: len(whole) // 2], altered):
        target.write_bytes(broken)
        with pytest.raises(BackupRefused):
            await restore(target, another.url)
    with pytest.raises(BackupRefused):
        await restore(tmp_path / "missing.tar", another.url)
    target.write_bytes(whole)
    with pytest.raises(BackupRefused, match="extra/config manque"):
        await restore(target, another.url, extra={"config": tmp_path / "config.yaml"})
    await restore(target, another.url)


async def test_a_damaged_database_can_be_replaced(sqlite_place, tmp_path: Path) -> None:
    await (await sqlite_place.open()).close()
    await backup(sqlite_place.url, tmp_path / "backup.tar")
    (tmp_path / "store.db").write_bytes(b"no database" * 1000)
    (tmp_path / "store.db-wal").write_bytes(b"no log" * 1000)
    with pytest.raises(StoreCorrupt):
        await backup(sqlite_place.url, tmp_path / "another.tar")
    await restore(tmp_path / "backup.tar", sqlite_place.url, overwrite=True)
    await (await sqlite_place.open()).close()


async def test_missing_things_are_named(place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackupRefused, match="/nowhere ne peut pas être ajouté sous le nom config"):
        await backup(place.url, tmp_path / "backup.tar", extra={"config": Path("/nowhere")})
    with pytest.raises(StoreUnavailable, match="/nowhere"):
        await backup(place.url, Path("/nowhere/backup.tar"))
    if place.url.startswith("sqlite"):
        with pytest.raises(BackupRefused, match="pas de base"):
            await backup(place.url, tmp_path / "backup.tar")
    else:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(BackupRefused, match="apt-get install postgresql-client"):
            await backup(place.url, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


async def test_a_password_is_not_shown_to_everyone(place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if place.url.startswith("sqlite"):
        return
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@ $PGPASSWORD" >&2; exit 1')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BackupRefused, match=r"postgresql://me@h/d .* p@ss$"):
        await backup("postgresql://me:p%40ss@h/d", tmp_path / "backup.tar")
