"""SQLite behind the store: one writer, a few readers, all in write-ahead mode.

Where the work runs is measured, not guessed. A statement that goes by an index takes about 10 µs, handing it to a
thread and back ten times that: statements run on the event loop. What waits for the disk does not: COMMIT (an fsync,
0.3 ms on a good disk, tens on a bad one), queries marked `[slow]`, and all of a migration run in a worker thread. A
busy database (another process is writing: `queue retry` beside the running bridge) is waited for on the loop, without
a thread and open to cancellation, by asking again.

Writers take turns under a fair lock, because SQLite has one anyway and its own queue is a lottery. Whoever has written
queues once more to commit, and then commits for all those who wrote in between: under load many transactions share one
fsync, at rest none waits for another. (So no constraint may be DEFERRED: it would fail a whole batch.) Readers have
their own connections, and in write-ahead mode see the last commit without waiting.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tchap_bridges import system
from tchap_bridges.i18n import _

from .engine import Row, settle
from .errors import IntegrityViolation, StoreError, StoreUnavailable
from .sql import Dialect, Query
from .sqlite_file import BUSY_SECONDS, TRANSLATED, connect, path_of, translated, translation

T = TypeVar("T")

MIGRATION_BUSY_SECONDS = 300.0
READERS = 4


@dataclass(slots=True)
class _Batch:
    """Transactions that one COMMIT puts on disk together. The first is the batch itself, the others savepoints."""

    connection: sqlite3.Connection
    members: int = 0  # those that are written, and wait for the commit
    failure: StoreError | None = None


class SQLiteEngine:
    """One database file."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._batch: _Batch | None = None  # the one that is open on the writer; all its members queue for a turn
        self._writer: sqlite3.Connection | None = None
        self._seats = asyncio.Semaphore(READERS)
        self._readers: list[sqlite3.Connection] = []
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-writer")
        self._closed = False

    @classmethod
    async def open(cls, url: str) -> "SQLiteEngine":
        """Open the file, made with mode 0600 when it is new. Raises StoreUnavailable or StoreCorrupt."""
        engine = cls(path_of(url))
        try:
            await engine._in_worker(engine._create)
            await engine._writing_connection()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def close(self) -> None:
        """Close every connection, once those in use are back; the last one folds the log into the file."""
        async with self._alone(), AsyncExitStack() as seats:
            for _ in range(READERS):
                await seats.enter_async_context(self._seats)
            connections = [*self._readers, self._writer] if self._writer else self._readers
            self._writer, self._readers = None, []
            for connection in connections:
                with suppress(StoreError):
                    await self._in_worker(connection.close)
            self._closed = True
            self._worker.shutdown(wait=False)

    async def fold(self) -> None:
        """Bring the log into the file and empty it. Where somebody reads an older state, the next time does."""
        async with self._alone():
            connection = await self._writing_connection()
            await self._in_worker(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["SQLiteSession"]:
        """A transaction that holds the write lock from its start: it never fails half-way for want of it."""
        await self._turn.acquire()
        at_turn = True

        async def commit() -> None:
            nonlocal at_turn
            with translated():
                if batch.members:
                    batch.connection.execute("RELEASE SAVEPOINT member")
            batch.members += 1
            at_turn = False
            self._turn.release()
            # The lock is fair: those who waited write now, into our batch, and one COMMIT will serve us all.
            async with self._turn:
                await self._flush(batch)

        try:
            batch = self._batch or await self._begin_batch()
            with translated():
                if batch.members:
                    batch.connection.execute("SAVEPOINT member")
            yield SQLiteSession(batch.connection, self._worker, commit)
        finally:
            if at_turn:
                self._undo_turn()
                self._turn.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["SQLiteSession"]:
        """A transaction on the last commit."""
        async with self._seats:
            connection = self._readers.pop() if self._readers else await self._connect(readonly=True)
            try:
                with translated():
                    connection.execute("BEGIN")
                yield SQLiteSession(connection, None)
            finally:
                if _rolled_back(connection):
                    self._readers.append(connection)

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator["SQLiteSession"]:
        """A transaction in which tables may be rebuilt: foreign keys are checked at its end instead of throughout.

        https://www.sqlite.org/lang_altertable.html#otheralter
        """
        async with self._alone():
            connection = await self._writing_connection()

            def check_and_commit() -> None:
                if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
                    raise IntegrityViolation(f"rows of {broken[0]} would refer to nothing in {broken[2]}")
                connection.execute("COMMIT")

            with translated():
                connection.execute("PRAGMA foreign_keys = OFF")
            try:
                await _begin_immediate(connection, MIGRATION_BUSY_SECONDS)
                yield SQLiteSession(connection, self._worker, lambda: self._in_worker(check_and_commit), slow=True)
            finally:
                self._end(connection)
                if self._writer is not None:
                    with translated():
                        connection.execute("PRAGMA foreign_keys = ON")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        async with self._turn:
            if self._batch is not None:
                with suppress(StoreError):  # its members will hear of it
                    await self._flush(self._batch)
            yield

    async def _begin_batch(self) -> _Batch:
        connection = await self._writing_connection()
        await _begin_immediate(connection, BUSY_SECONDS)
        self._batch = _Batch(connection)
        return self._batch

    async def _flush(self, batch: _Batch) -> None:
        """Commit the batch unless another member has; raises what became of it. The caller is at turn."""
        if self._batch is batch:
            self._batch = None
            try:
                await self._in_worker(lambda: batch.connection.execute("COMMIT"))
            except StoreError as error:
                batch.failure = error
            finally:
                self._end(batch.connection)
        if batch.failure is not None:
            raise type(batch.failure)(*batch.failure.args) from batch.failure

    def _undo_turn(self) -> None:
        """Undo what the task at turn has written, and nothing of those that wait for their commit."""
        if (batch := self._batch) is None:
            return
        if batch.members:
            try:
                batch.connection.execute("ROLLBACK TO SAVEPOINT member")
                batch.connection.execute("RELEASE SAVEPOINT member")
            except sqlite3.Error as error:  # the disk is full or broken, and SQLite has undone all of the batch
                why = translation(error).args[0]
                batch.failure = StoreUnavailable(
                    _("une autre transaction de la même écriture a échoué ({said})", said=why)
                )
            else:
                return
        self._batch = None
        self._end(batch.connection)

    def _end(self, connection: sqlite3.Connection) -> None:
        """Roll back what was not committed; a connection that cannot even do that is replaced."""
        if not _rolled_back(connection):
            self._writer = None

    async def _writing_connection(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = await self._connect(readonly=False)
        return self._writer

    async def _connect(self, *, readonly: bool) -> sqlite3.Connection:
        connection = await self._in_worker(lambda: connect(self._path, readonly=readonly))
        connection.execute("PRAGMA busy_timeout = 0")  # nobody blocks the loop waiting; see _begin_immediate
        return connection

    def _create(self) -> None:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreUnavailable(
                _(
                    "la base {path} ne s'ouvre pas ({reason}) : son dossier doit exister et être au compte du pont",
                    path=self._path,
                    reason=system.reason(error),
                )
            ) from error

    async def _in_worker(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreUnavailable(_("la base {path} est fermée", path=self._path))
        with translated():
            return await settle(asyncio.get_running_loop().run_in_executor(self._worker, work))


class SQLiteSession:
    """One transaction on one connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        worker: ThreadPoolExecutor | None,
        commit: Callable[[], Awaitable[object]] | None = None,
        *,
        slow: bool = False,
    ) -> None:
        self._connection = connection
        self._worker = worker  # None: the loop's own threads, which delay no commit
        self._commit = commit  # None: a snapshot, which has nothing to commit
        self._slow = slow

    async def execute(self, statement: str) -> None:
        """Run one statement without parameters."""
        await self._do(self._run, statement, (), slow=False)

    async def run(self, query: Query, values: Sequence[Any]) -> int:
        """Run the query and return how many rows it touched."""
        return await self._do(self._run, query.text, values, slow=query.slow)

    async def all(self, query: Query, values: Sequence[Any]) -> list[Row]:
        """Run the query and return its rows."""
        return await self._do(self._all, query.text, values, slow=query.slow)

    async def one(self, query: Query, values: Sequence[Any]) -> Row | None:
        """Run the query and return its first row."""
        return await self._do(self._one, query.text, values, slow=query.slow)

    async def commit(self) -> None:
        """Return once the write-ahead log is on disk."""
        if self._commit is not None:
            await self._commit()

    async def _do(self, work: Callable[[str, Sequence[Any]], T], text: str, values: Sequence[Any], *, slow: bool) -> T:
        # Some errors (disk full, I/O) roll the whole transaction back; what followed would commit by itself.
        if not self._connection.in_transaction:
            raise StoreUnavailable(_("SQLite a annulé cette transaction"))
        try:  # as `translated`, which costs a tenth of a statement
            if slow or self._slow:
                loop = asyncio.get_running_loop()
                return await settle(loop.run_in_executor(self._worker, work, text, values))
            return work(text, values)
        except TRANSLATED as error:
            raise translation(error) from error

    def _run(self, text: str, values: Sequence[Any]) -> int:
        cursor = self._connection.execute(text, values)
        if cursor.description is not None:
            cursor.fetchall()  # a RETURNING that is not read to its end keeps its statement open
        return cursor.rowcount

    def _all(self, text: str, values: Sequence[Any]) -> list[Row]:
        cursor = self._connection.execute(text, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _one(self, text: str, values: Sequence[Any]) -> Row | None:
        cursor = self._connection.execute(text, values)
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description or ()]
        cursor.close()
        return None if row is None else dict(zip(names, row, strict=True))


async def _begin_immediate(connection: sqlite3.Connection, patience: float) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    pause = 0.001
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or asyncio.get_running_loop().time() > deadline:
                raise translation(error) from error
        except sqlite3.Error as error:
            raise translation(error) from error
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.05)


def _rolled_back(connection: sqlite3.Connection) -> bool:
    """Whether the connection is out of any transaction and fit for the next one; it is closed if not."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.close()
        return False
    return True
