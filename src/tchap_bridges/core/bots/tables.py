"""The tables of a bot's own, as a handler sees them: reads at once, writes with the end of the call."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tchap_bridges.core.bots.kept import Effect
from tchap_bridges.core.ports import Database, Row, Tx
from tchap_bridges.ids import RoomId

Queries = Mapping[str, Collection[str]]
"""The parameters of a bot's queries, by name."""
MOVED = "room_moved"
"""The query that is run with ``:old`` and ``:new`` when a room is replaced by another."""


class Tables:
    """`bot.Tables` for one call."""

    def __init__(self, db: Database, bot: str, room: RoomId, queries: Queries, add: Callable[[Effect], None]) -> None:
        self._db = db
        self._bot = bot
        self._room = room
        self._queries = queries
        self._add = add

    async def one(self, query: str, /, **values: Any) -> Row | None:
        name, values = self._asked(query, values)
        async with self._db.snapshot() as tx:
            return await tx.one(name, **values)

    async def all(self, query: str, /, **values: Any) -> Sequence[Row]:
        name, values = self._asked(query, values)
        async with self._db.snapshot() as tx:
            return await tx.all(name, **values)

    async def value(self, query: str, /, **values: Any) -> Any:
        name, values = self._asked(query, values)
        async with self._db.snapshot() as tx:
            return await tx.value(name, **values)

    async def run(self, query: str, /, **values: Any) -> None:
        name, values = self._asked(query, values)

        async def effect(tx: Tx) -> None:
            await tx.run(name, **values)

        self._add(effect)

    def _asked(self, query: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Raises TypeError at once for what the write at the end of the call would break on."""
        if query not in self._queries:
            raise TypeError(f"{self._bot} has no query called {query}; there are: {', '.join(self._queries) or 'none'}")
        wanted = frozenset(self._queries[query])
        given = {"room": self._room, **values} if "room" in wanted else dict(values)
        if wanted != given.keys():
            raise TypeError(f"{query} takes {', '.join(sorted(wanted))}, and not {', '.join(sorted(given))}")
        return named(self._bot, query), given


def named(bot: str, query: str) -> str:
    """What the store calls it."""
    return f"bot:{bot} {query}"


async def move(tx: Tx, bot: str, queries: Queries, old: RoomId, new: RoomId) -> None:
    """What the bot keeps of the room in its tables it keeps of the new one, if it says how."""
    if MOVED in queries:
        await tx.run(named(bot, MOVED), old=old, new=new)
