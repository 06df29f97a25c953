"""The store's door: transactions and snapshots on SQLite or PostgreSQL, spoken to in named queries.

    db = await Database.open("sqlite:////var/lib/tchap-bridges/store.db")
    async with db.transaction() as tx:
        if await tx.run("inbox_add", source="smtp", key=key, raw=sealed):
            tx.after_commit(router.wake)

Leaving the block commits; what was written is then on disk. Any exception, a cancellation too, rolls back. A commit
under way is not interrupted by a cancellation: it ends, the callbacks run, and the cancellation follows.

Where the two databases differ, they are made alike: rows are dicts; a failed statement condemns its transaction unless
a savepoint catches it (PostgreSQL would otherwise turn the COMMIT into a ROLLBACK without a word, SQLite would commit
the rest); errors are those of `errors`. Transactions are for the store: to await a network inside one is to make
every other writer wait.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Protocol, Self, TypeVar

from . import migrations as migrating
from . import own, sql
from .engine import Engine, Row, Session, settle
from .errors import IntegrityViolation, QueryMisused, StoreCorrupt, StoreError, StoreUnavailable
from .postgres import PostgresEngine
from .sql import Dialect, Query
from .sqlite import SQLiteEngine

__all__ = [
    "Database",
    "IntegrityViolation",
    "QueryMisused",
    "Reader",
    "Row",
    "StoreCorrupt",
    "StoreError",
    "StoreUnavailable",
    "Transaction",
]

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Reader(Protocol):
    """What a snapshot offers; a transaction offers it too."""

    async def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The query's first row, as a mapping from column to value."""

    async def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """The query's rows."""

    async def value(self, name: str, /, **parameters: Any) -> Any:
        """The first column of the first row; None when there is no row."""


class Transaction:
    """A transaction in progress, for one task. Every method raises StoreErrors only."""

    def __init__(self, session: Session, queries: Mapping[str, Query]) -> None:
        self._session = session
        self._queries = queries
        self._callbacks: list[Callable[[], object]] = []
        self._over: str | None = None  # why no more can be asked of it
        self._cause: BaseException | None = None

    async def __aenter__(self) -> Self:
        """The database's own business, as is the exit: see Database.transaction."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Commit, and see it through, when the block was left in peace."""
        try:
            if error is None:
                await settle(self._commit())
        finally:
            self._over = "the block of this transaction has been left"

    async def run(self, name: str, /, **parameters: Any) -> int:
        """Run a query for its effect; returns how many rows it touched."""
        query = self._query(name)
        values = query.bind(parameters)
        return await self._do(self._session.run(query, values))

    async def run_many(self, name: str, rows: Sequence[Mapping[str, Any]], /) -> int:
        """Run a query once for each row of parameters; returns how many rows were touched in all."""
        query = self._query(name)
        bound = [query.bind(row) for row in rows]
        return sum([await self._do(self._session.run(query, values)) for values in bound])

    async def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The query's first row, as a mapping from column to value."""
        query = self._query(name)
        values = query.bind(parameters)
        return await self._do(self._session.one(query, values))

    async def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """The query's rows."""
        query = self._query(name)
        values = query.bind(parameters)
        return await self._do(self._session.all(query, values))

    async def value(self, name: str, /, **parameters: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        row = await self.one(name, **parameters)
        return None if row is None else next(iter(row.values()))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that can fail alone: an exception undoes it, callbacks included, and is raised again."""
        self._assert_sound()
        callbacks = len(self._callbacks)
        # One name serves at every depth: the innermost savepoint of that name is the one that is meant.
        await self._do(self._session.execute("SAVEPOINT part"))
        try:
            yield
            self._assert_sound()
        except BaseException:
            del self._callbacks[callbacks:]
            await settle(self._undo_part())
            raise
        await self._do(self._session.execute("RELEASE SAVEPOINT part"))

    def after_commit(self, callback: Callable[[], object], /) -> None:
        """Call back once the commit is on disk, in the order given. What a callback raises is logged, no more."""
        self._callbacks.append(callback)

    async def _commit(self) -> None:
        self._assert_sound()
        await self._session.commit()
        for callback in self._callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001  (the commit is done; to raise now would say that it is not)
                _log.exception("a callback after a commit failed")

    async def _do(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except BaseException as error:
            self._condemn(error)
            raise

    async def _undo_part(self) -> None:
        try:
            await self._session.execute("ROLLBACK TO SAVEPOINT part")
            await self._session.execute("RELEASE SAVEPOINT part")
        except StoreError as error:
            self._condemn(error)  # the caller hears of what failed in the part; all the rest is lost with it
        else:
            self._over = self._cause = None

    def _condemn(self, error: BaseException) -> None:
        self._cause = error
        self._over = (
            "a statement of this transaction has failed, nothing of it will be committed: "
            "let the exception leave the block, or put what may fail in a savepoint"
        )

    def _query(self, name: str) -> Query:
        self._assert_sound()
        try:
            return self._queries[name]
        except KeyError:
            raise QueryMisused(f"there is no query named {name}") from None

    def _assert_sound(self) -> None:
        if self._over is not None:
            raise QueryMisused(self._over) from self._cause


class Database:
    """One open database. Made by `open`; safe to share between tasks."""

    def __init__(self, engine: Engine, queries: Mapping[str, Query]) -> None:
        self._engine = engine
        self._queries = queries
        self._own: dict[str, Mapping[str, Query]] = {}

    @classmethod
    async def open(
        cls, url: str, *, migrations: Traversable | None = None, queries: Traversable | None = None
    ) -> "Database":
        """Open the database and bring its schema up to date.

        *url* is `sqlite:////absolute/path.db` or `postgresql://user@host/name`; *migrations* and *queries* are folders
        of .sql files, the package's own by default. Raises StoreUnavailable when the database cannot be reached,
        MigrationRefused when its schema does not fit, QueryMisused for a faulty .sql file.
        """
        package = resources.files(__package__)
        engine: Engine
        if sql.dialect_of(url) == "sqlite":
            engine = await SQLiteEngine.open(url)
        else:
            engine = await PostgresEngine.open(url)
        try:
            catalogue = sql.load(queries or package / "queries", engine.dialect)
            await migrating.migrate(engine, migrating.load(migrations or package / "migrations", engine.dialect))
        except BaseException:
            await engine.close()
            raise
        return cls(engine, catalogue)

    async def adopt(self, bots: Mapping[str, type]) -> None:
        """Bring the tables of these bots' own up to date, and know their queries, as ``"bot:<name> <query>"``.

        Raises MigrationRefused and QueryMisused, naming the bot.
        """
        folders = {name: folder for name, bot in bots.items() if (folder := own.folder_of(bot)) is not None}
        found = {name: own.read(name, folder, self.dialect) for name, folder in folders.items()}
        own.check_apart([name for name, each in found.items() if each.migrations])
        for bot, each in found.items():
            if each.migrations:
                await migrating.migrate(self._engine, each.migrations, bot)
            self._own[bot] = each.queries
        named = {f"bot:{bot} {name}": query for bot, each in found.items() for name, query in each.queries.items()}
        self._queries = {**self._queries, **named}

    def queries_of(self, bot: str) -> Mapping[str, Collection[str]]:
        """The queries of a bot's own, and their parameters."""
        return {name: query.parameters for name, query in self._own.get(bot, {}).items()}

    @property
    def dialect(self) -> Dialect:
        """Which of the two databases this is."""
        return self._engine.dialect

    async def fold(self) -> None:
        """Leave nothing of what was erased, or written over, in a log beside the database, as far as that is ours."""
        await self._engine.fold()

    async def close(self) -> None:
        """Close every connection. Transactions must have ended."""
        await self._engine.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A read-write transaction: on SQLite alone of its kind, on PostgreSQL READ COMMITTED."""
        async with self._engine.writing() as session, Transaction(session, self._queries) as transaction:
            yield transaction

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """A read-only view of one moment, which waits for no writer."""
        return self._snapshot()

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Transaction]:
        async with self._engine.reading() as session:
            yield Transaction(session, self._queries)
