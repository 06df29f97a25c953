"""Opens SQLite files with the store's settings, and gives sqlite3's errors the store's names. Blocks."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from tchap_bridges.i18n import _

from .errors import IntegrityViolation, StoreCorrupt, StoreError, StoreUnavailable

BUSY_SECONDS = 10.0

# https://www.sqlite.org/rescode.html, primary codes
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
TRANSLATED = (sqlite3.Error, OverflowError, ValueError)
"""The errors that `translation` knows; the last two are an integer beyond 64 bits, and half a surrogate pair."""
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def path_of(url: str) -> Path:
    """The file that `sqlite:////absolute/path` (or `sqlite:///relative/path`) names. Raises StoreError."""
    path = unquote(url.removeprefix("sqlite:///"))
    if not url.startswith("sqlite:///") or path in {"", ":memory:"}:
        raise StoreError(_("{url} : écrivez sqlite:////chemin/absolu/du/fichier.db (quatre barres)", url=url))
    return Path(path)


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection with our settings. Blocks; raises sqlite3.Error and StoreError."""
    # Autocommit is ours to control: sqlite3 would otherwise open transactions by guessing at the statement.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        if (mode := _write_ahead(connection)) != "wal":
            raise StoreError(  # noqa: TRY301
                _(
                    "{path} ne peut pas avoir de journal WAL (mode {mode}) : mettez-la sur un disque local",
                    path=path,
                    mode=mode,
                )
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is nowhere in the file any more
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> str:
    """Switch to a write-ahead log; returns the mode that came of it. Waits, as SQLite here does not, for a lock."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


@contextmanager
def translated() -> Iterator[None]:
    """Raises sqlite3's errors as the store's."""
    try:
        yield
    except TRANSLATED as error:
        raise translation(error) from error


def translation(error: Exception) -> StoreError:
    """The store's name for an error of sqlite3."""
    code = getattr(error, "sqlite_errorcode", -1) & 0xFF
    kind = getattr(error, "sqlite_errorname", type(error).__name__)
    said = _("SQLite : {reason} ({kind})", reason=str(error), kind=kind)
    if code in _UNAVAILABLE:
        return StoreUnavailable(said)
    if code in _CORRUPT:
        return StoreCorrupt(_("{said} ; gardez le fichier pour l'examiner, et restaurez une sauvegarde", said=said))
    if code == sqlite3.SQLITE_CONSTRAINT:
        return IntegrityViolation(said)
    return StoreError(said)
