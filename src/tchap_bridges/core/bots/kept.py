"""What a bot keeps: of a room, and of somebody whatever the room."""

from collections.abc import Awaitable, Callable, Mapping

from tchap_bridges.core.ports import Database, Sealer, Tx
from tchap_bridges.ids import PersonId, RoomId

Effect = Callable[[Tx], Awaitable[None]]
"""Something that a call has done, and that is written when it has ended well."""


def kept(bot: str, room: RoomId) -> str:
    """Under which name a bot keeps things of a room."""
    return f"bot:{bot} {room}"


def kept_of(bot: str, person: PersonId) -> str:
    """Under which name a bot keeps things of somebody, whatever the room."""
    return f"bot:{bot} of {person}"


class Kept:
    """`bot.Store` over the sealed dictionary; what this call has set is read back."""

    def __init__(self, db: Database, sealer: Sealer, space: str, add: Callable[[Effect], None]) -> None:
        self._db = db
        self._sealer = sealer
        self._space = space
        self._add = add
        self._set: dict[str, str | None] = {}

    async def get(self, key: str) -> str | None:
        if key in self._set:
            return self._set[key]
        async with self._db.snapshot() as tx:
            sealed = await tx.value("kv_get", space=self._space, key=key)
        return self._opened(sealed) if sealed is not None else None

    async def set(self, key: str, value: str) -> None:
        sealed = self._sealer.seal(value.encode(), place="kv.value")

        async def effect(tx: Tx) -> None:
            await tx.run("kv_set", space=self._space, key=key, value=sealed)

        self._add(effect)
        self._set[key] = value

    async def delete(self, key: str) -> None:
        async def effect(tx: Tx) -> None:
            await tx.run("kv_delete", space=self._space, key=key)

        self._add(effect)
        self._set[key] = None

    async def all(self, prefix: str = "") -> Mapping[str, str]:
        async with self._db.snapshot() as tx:
            rows = await tx.all("kv_all", space=self._space)
        found: dict[str, str | None] = {
            row["key"]: self._opened(row["value"]) for row in rows if row["key"].startswith(prefix)
        }
        found.update({key: value for key, value in self._set.items() if key.startswith(prefix)})
        return {key: value for key, value in sorted(found.items()) if value is not None}

    def _opened(self, sealed: bytes) -> str:
        return self._sealer.open(sealed, place="kv.value").decode()
