"""PostgreSQL behind the store: a pool of connections that outlives the server's restarts.

A connection that died unnoticed shows at BEGIN, when nothing is lost yet: the pool is then renewed and BEGIN asked once
more. Later than that, the transaction fails with StoreUnavailable, as it does while the server is away.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from tchap_bridges.i18n import _

from .engine import Row, settle
from .errors import IntegrityViolation, StoreCorrupt, StoreError, StoreUnavailable
from .sql import Dialect, Query

APPLICATION = "tchap-bridges"
CONNECTIONS = 8
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 30  # the server's limit; ours is a little longer, for a network that swallows the answer
CLEANUP_SECONDS = 5.0
MIGRATION_SECONDS = 86_400.0

_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MIGRATE = (
    _WRITE,
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SELECT pg_advisory_xact_lock(8386658463105)",  # any number that only our migrations take
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html, by class or whole code; the longest wins
_BY_SQLSTATE: dict[str, type[StoreError]] = {
    "08": StoreUnavailable,  # connection
    "23": IntegrityViolation,
    "25006": StoreUnavailable,  # read-only: a standby before its promotion
    "25P03": StoreUnavailable,  # idle in transaction for too long
    "40": StoreUnavailable,  # deadlock, serialisation
    "53": StoreUnavailable,  # disk full, out of memory, too many connections
    "55P03": StoreUnavailable,  # lock not had in time
    "57": StoreUnavailable,  # shutting down, starting up, statement timeout
    "58": StoreUnavailable,  # I/O
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
}

_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class PostgresEngine:
    """One database on a server."""

    dialect: Dialect = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> "PostgresEngine":
        """Connect. Raises StoreUnavailable when the server does not answer, StoreError when it does not let us in."""
        with translated():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS + CLEANUP_SECONDS,
                statement_cache_size=1000,  # every named query stays prepared
                max_cached_statement_lifetime=0,
                reset=_keep_as_is,
                server_settings={
                    "application_name": APPLICATION,
                    "statement_timeout": f"{STATEMENT_SECONDS}s",
                    "idle_in_transaction_session_timeout": f"{2 * STATEMENT_SECONDS}s",
                    "jit": "off",  # these queries end before a compilation would
                },
            )
        return cls(pool)

    async def fold(self) -> None:
        """Nothing: the server sees to its log and its dead rows itself."""

    async def close(self) -> None:
        """Close every connection, once those in use are back."""
        with translated():
            await self._pool.close()

    def writing(self) -> AbstractAsyncContextManager["PostgresSession"]:
        """A READ COMMITTED transaction."""
        return self._begun(_WRITE)

    def reading(self) -> AbstractAsyncContextManager["PostgresSession"]:
        """A read-only transaction on one snapshot."""
        return self._begun(_READ)

    def migrating(self) -> AbstractAsyncContextManager["PostgresSession"]:
        """A transaction without time limits, under an advisory lock that lasts as long as it."""
        return self._begun(*_MIGRATE, limit=MIGRATION_SECONDS)

    @asynccontextmanager
    async def _begun(self, *beginning: str, limit: float | None = None) -> AsyncIterator["PostgresSession"]:
        session = await self._begin(beginning, limit)
        try:
            yield session
        finally:
            await settle(self._take_back(session.connection))

    async def _begin(self, beginning: Sequence[str], limit: float | None, *, again: bool = True) -> "PostgresSession":
        with translated():
            connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        session = PostgresSession(connection, limit)
        try:
            for statement in beginning:
                await session.execute(statement)
        except BaseException as error:
            _drop(connection)  # nothing is lost with it, and it may be in any state
            await settle(self._take_back(connection))
            if not again or not isinstance(error, StoreUnavailable):
                raise
        else:
            return session
        with translated():
            await self._pool.expire_connections()
        return await self._begin(beginning, limit, again=False)

    async def _take_back(self, connection: Any) -> None:
        """End what was not committed; a connection that cannot even do that is replaced."""
        try:
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=CLEANUP_SECONDS)
        except _DRIVER_ERRORS:
            _drop(connection)
        with suppress(*_DRIVER_ERRORS):  # the pool then throws it away by itself
            await self._pool.release(connection, timeout=CLEANUP_SECONDS)


class PostgresSession:
    """One transaction on one connection."""

    def __init__(self, connection: Any, limit: float | None) -> None:
        self.connection = connection
        self._limit = limit

    async def execute(self, statement: str) -> None:
        """Run one statement without parameters."""
        with translated():
            await self.connection.execute(statement, timeout=self._limit)

    async def run(self, query: Query, values: Sequence[Any]) -> int:
        """Run the query and return how many rows it touched."""
        with translated():
            tag: str = await self.connection.execute(query.text, *values, timeout=self._limit)
        count = tag.rpartition(" ")[2]  # as in "INSERT 0 1" and "UPDATE 3"
        return int(count) if count.isdecimal() else 0

    async def all(self, query: Query, values: Sequence[Any]) -> list[Row]:
        """Run the query and return its rows."""
        with translated():
            return [dict(row) for row in await self.connection.fetch(query.text, *values, timeout=self._limit)]

    async def one(self, query: Query, values: Sequence[Any]) -> Row | None:
        """Run the query and return its first row."""
        with translated():
            row = await self.connection.fetchrow(query.text, *values, timeout=self._limit)
        return None if row is None else dict(row)

    async def commit(self) -> None:
        """Return once the server has the transaction on disk."""
        await self.execute("COMMIT")


def _drop(connection: Any) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool has noticed before us
        connection.terminate()


async def _keep_as_is(_connection: Any) -> None:
    """Instead of the pool's RESET ALL, a round trip per transaction: we only ever SET LOCAL."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises asyncpg's errors as the store's."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _translation(error) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # The bare classes are said of connections that are gone; their children, of what was asked of them.
        bare = type(error) in {asyncpg.InterfaceError, asyncpg.InternalClientError}
        gone = bare and "another operation is in progress" not in str(error)
        raise (StoreUnavailable if gone else StoreError)(_("PostgreSQL : {reason}", reason=str(error))) from error
    except ValueError as error:  # the URL cannot be read, or a text holds half a surrogate pair
        raise StoreError(_("PostgreSQL : {reason}", reason=str(error))) from error
    except OSError as error:  # TimeoutError is one
        raise StoreUnavailable(
            _("PostgreSQL ne répond pas ({kind} : {reason})", kind=type(error).__name__, reason=str(error))
        ) from error


def _translation(error: asyncpg.PostgresError) -> StoreError:
    state = error.sqlstate or ""
    kind = _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2], StoreError)
    return kind(_("PostgreSQL : {reason} ({state})", reason=str(error), state=state))
