"""`bridge.Host`: what a connection sees of the core."""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo

import structlog

from tchap_bridges.bridge import Linked, Logger
from tchap_bridges.core.departures import Departures
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Meter, Sealer
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import Event, Membership, Message, Read, Typing
from tchap_bridges.ids import ChatId, ConnectionName


class Values:
    """`bridge.Store`: a sealed dictionary under one name."""

    def __init__(self, db: Database, sealer: Sealer, space: str) -> None:
        self._db = db
        self._sealer = sealer
        self._space = space

    async def get(self, key: str) -> str | None:
        async with self._db.snapshot() as tx:
            sealed = await tx.value("kv_get", space=self._space, key=key)
        return self._sealer.open(sealed, place="kv.value").decode() if sealed is not None else None

    async def set(self, key: str, value: str) -> None:
        async with self._db.transaction() as tx:
            sealed = self._sealer.seal(value.encode(), place="kv.value")
            await tx.run("kv_set", space=self._space, key=key, value=sealed)


class ConnectionHost:
    """One per connection. ``passing`` takes events that are never kept."""

    def __init__(
        self,
        connection: ConnectionName,
        *,
        db: Database,
        sealer: Sealer,
        secrets: Secrets,
        inbox: Inbox,
        links: Links,
        meter: Meter,
        up: Callable[[ConnectionName, str], None],
        passing: Callable[[ConnectionName, Typing | Read], None],
        departures: Departures,
        zone: tzinfo,
    ) -> None:
        self.zone = zone
        self._connection = connection
        self._db = db
        self._inbox = inbox
        self._links = links
        self._meter = meter
        self._up = up
        self._passing = passing
        self._departures = departures
        self._kv = Values(db, sealer, f"connection:{connection}")
        self._secret = secrets.derive(f"connection:{connection}")
        self._log = structlog.get_logger("connection").bind(connection=connection)

    @property
    def connection(self) -> ConnectionName:
        return self._connection

    @property
    def log(self) -> Logger:
        return self._log

    @property
    def kv(self) -> Values:
        return self._kv

    @property
    def secret(self) -> bytes:
        return self._secret

    async def accept(self, key: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        new = await self._inbox.accept(self._connection, key, raw, meta)
        self._meter.count("in" if new else "again", self._connection)
        return new

    async def receive(self, event: Event, key: str) -> bool:
        if isinstance(event, Typing | Read):
            self._passing(self._connection, event)
            return True
        if isinstance(event, Membership):
            return await self._departures.moved(self._connection, event)
        if isinstance(event, Message):
            self._departures.heard(self._connection, event)
        new = await self._inbox.receive(self._connection, key, event)
        self._meter.count("in" if new else "again", self._connection)
        return new

    async def chats(self) -> Sequence[Linked]:
        return [_linked(link) for link in await self._links.of_connection(self._connection)]

    async def linked(self, chat: ChatId) -> Linked | None:
        async with self._db.snapshot() as tx:
            found = await self._links.named(tx, self._connection, (chat,))
        return _linked(found[0]) if found else None

    def up(self, note: str = "") -> None:
        self._up(self._connection, note)


def _linked(link: Link) -> Linked:
    return Linked(chat=link.chat, direction=link.direction, options=link.options)
