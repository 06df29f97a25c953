"""What a database engine owes the store: connections, handed out begun and taken back ended."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from .sql import Dialect, Query

Row: TypeAlias = Mapping[str, Any]
T = TypeVar("T")


class Session(Protocol):
    """One connection inside one transaction, used by one task at a time. Raises StoreErrors only."""

    async def execute(self, statement: str) -> None:
        """Run one statement without parameters: a savepoint, a line of a migration."""

    async def run(self, query: Query, values: Sequence[Any]) -> int:
        """Run the query and return how many rows it touched."""

    async def all(self, query: Query, values: Sequence[Any]) -> list[Row]:
        """Run the query and return its rows."""

    async def one(self, query: Query, values: Sequence[Any]) -> Row | None:
        """Run the query and return its first row."""

    async def commit(self) -> None:
        """Return once the transaction is on disk. The caller does not cancel this (see `settle`)."""


class Engine(Protocol):
    """Hands out sessions. One that was not committed is rolled back on leaving its context, however it is left."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""

    def writing(self) -> AbstractAsyncContextManager[Session]:
        """A read-write transaction."""

    def reading(self) -> AbstractAsyncContextManager[Session]:
        """A read-only transaction on a snapshot, which waits for no writer."""

    def migrating(self) -> AbstractAsyncContextManager[Session]:
        """A read-write transaction without time limits, alone among every process that starts on this database."""

    async def fold(self) -> None:
        """As of `Database.fold`."""

    async def close(self) -> None:
        """Close every connection; nothing may be in progress."""


async def settle(work: Awaitable[T]) -> T:
    """Await *work* to its end even when the caller is cancelled meanwhile; the cancellation is delivered afterwards.

    What is on its way to the disk cannot be called back: giving up on waiting would leave a connection in mid-commit.
    """
    ending = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # noqa: BLE001  (the work's own: raised below)
            break
    if cancelled is None:
        return ending.result()
    raise cancelled from (None if ending.cancelled() else ending.exception())
