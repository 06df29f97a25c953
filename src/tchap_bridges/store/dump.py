"""Dumps a database of either engine to a file while the bridge runs, and loads such a file back, whole or not at all.

SQLite's backup starts again whenever somebody writes, unless it holds a snapshot: it does. A loaded file takes its
place by a rename. PostgreSQL's own programs do the work there, in one transaction each.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from tchap_bridges.i18n import _

from .engine import settle
from .errors import BackupRefused, StoreCorrupt, StoreUnavailable
from .postgres import APPLICATION
from .postgres import translated as translated_postgres
from .sql import dialect_of
from .sqlite_file import BUSY_SECONDS, path_of
from .sqlite_file import translated as translated_sqlite

Progress = Callable[[int, int], object]

_PAGES = 1000  # SQLite pages between two reports of progress
_IN_USE = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = $1
"""
_HAS_TABLES = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')"
_EMPTY = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


def folder_of(url: str) -> Path | None:
    """The folder that a dump must lie in to be loaded by a rename; None when any will do."""
    return path_of(url).parent if dialect_of(url) == "sqlite" else None


async def dump(url: str, target: Path, progress: Progress | None = None) -> None:
    """Write the database as of now to the new file *target*; *progress* gets pages copied and their total (SQLite)."""
    if dialect_of(url) == "postgresql":
        await _run("pg_dump", url, "--no-owner", "--no-privileges", f"--file={target}")
        return
    loop = asyncio.get_running_loop()

    def report(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            loop.call_soon_threadsafe(partial(progress, total - remaining, total))

    await settle(asyncio.to_thread(_dump_sqlite, path_of(url), target, report))


async def check_free(url: str, *, overwrite: bool) -> None:
    """Raise BackupRefused when a database is there and not *overwrite*, StoreUnavailable when it is in use.

    (SQLite's is found to be in use only when it is replaced, in `load`.)
    """
    if dialect_of(url) == "sqlite":
        if path_of(url).exists() and not overwrite:
            raise BackupRefused(_("{path} existe déjà : déplacez-la, ou demandez à l'écraser", path=path_of(url)))
        return
    with translated_postgres():
        connection = await asyncpg.connect(url)
        try:
            has_tables = await connection.fetchval(_HAS_TABLES)
            in_use = await connection.fetchval(_IN_USE, APPLICATION)
        finally:
            await connection.close()
    if has_tables and not overwrite:
        raise BackupRefused(_("la base a déjà des tables : prenez-en une vide, ou demandez à l'écraser"))
    if in_use:
        raise StoreUnavailable(_("la base est en cours d'emploi : arrêtez d'abord le pont"))


async def load(made: Path, url: str) -> None:
    """Put the dump *made* in the place of whatever is at *url*; `check_free` comes first.

    Raises StoreCorrupt when the dump is damaged, StoreUnavailable when SQLite's file is in use.
    """
    if dialect_of(url) == "sqlite":
        await settle(asyncio.to_thread(_load_sqlite, made, path_of(url)))
    else:
        emptying = [f"--command={statement}" for statement in _EMPTY]
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction")
        await _run("psql", url, *options, *emptying, f"--file={made}")


def install(made: Path, target: Path) -> None:
    """Rename into place for good: on disk, readable by its owner alone, who is the folder's. Blocks."""
    made.chmod(0o600)
    if os.geteuid() == 0:
        folder = target.parent.stat()
        os.chown(made, folder.st_uid, folder.st_gid)
    _sync(made)
    if made.stat().st_dev != target.parent.stat().st_dev:
        near = target.with_name(f".{target.name}.new")
        shutil.copy2(made, near)
        install(near, target)
        return
    made.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump_sqlite(path: Path, target: Path, report: Callable[[int, int, int], None]) -> None:
    if not path.is_file():
        raise BackupRefused(_("il n'y a pas de base à {path}", path=path))
    with translated_sqlite(), closing(_connect(path)) as source, closing(_connect(target)) as copy:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot is taken by the first read
        source.backup(copy, pages=_PAGES, progress=report)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself


def _load_sqlite(made: Path, target: Path) -> None:
    with translated_sqlite(), closing(_connect(made)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        raise StoreCorrupt(_("la base de la sauvegarde est abîmée : {verdict}", verdict=verdict))
    if target.exists():
        _retire(target)
    install(made, target)


def _retire(path: Path) -> None:
    """Make sure that nobody uses the database, and remove its log: left behind, it would corrupt the next one."""
    with translated_sqlite(), closing(_connect(path)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(
                _("{path} est en cours d'emploi : arrêtez d'abord le pont ({reason})", path=path, reason=str(error))
            ) from error
        except sqlite3.DatabaseError:
            pass  # it is damaged, which may be why it is replaced
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)


async def _run(program: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs on the database. Raises BackupRefused when it is missing or fails."""
    if (found := shutil.which(program)) is None:
        raise BackupRefused(
            _("{program} n'est pas installé ; sur Debian : apt-get install postgresql-client", program=program)
        )
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, _colon, password = user.partition(":")
    bare = urlunsplit(parts._replace(netloc=f"{name}{at}{host}"))
    process = await asyncio.create_subprocess_exec(
        found,
        f"--dbname={bare}",
        *arguments,
        # Everyone may read a command line, so the password goes this way.
        env={**os.environ, "PGPASSWORD": unquote(password)} if password else None,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _out, complaint = await settle(process.communicate())
    if process.returncode:
        why = complaint.decode(errors="replace").strip()
        raise BackupRefused(_("{program} a échoué, rien n'a été changé : {reason}", program=program, reason=why))
