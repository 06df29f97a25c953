"""A host for the tests of a bridge: it remembers what it was given and does what it is told. No core, no homeserver."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

import structlog

from tchap_bridges.bridge import Direction, Item, Linked, Logger
from tchap_bridges.events import Event
from tchap_bridges.ids import ChatId, ConnectionName


@dataclass(slots=True)
class Shelf:
    """`bridge.Store` in memory. ``values`` may be read and written by the test."""

    values: dict[str, str] = field(default_factory=dict)

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def set(self, key: str, value: str) -> None:
        self.values[key] = value


@dataclass(slots=True, eq=False)
class FakeHost:
    """A `bridge.Host`. Set its fields to play the core's part, read them to see what the bridge did::

        host = FakeHost()
        host.link("liste@exemple.fr")
        async with MyBridge().open(config, host) as connection:
            ...
        assert host.items[0].raw == b"..."

    ``refusal`` is raised by `accept`, `receive` and `linked` while it is set: a `NotReady` for a full inbox, anything
    else for a bug. ``delay`` is how long storing takes, in seconds. Keys are unique, as in the core.
    """

    connection: ConnectionName = field(default=ConnectionName("essai"))
    zone: tzinfo = UTC
    secret: bytes = hashlib.sha256(b"a secret for tests").digest()
    log: Logger = field(default_factory=structlog.get_logger)
    kv: Shelf = field(default_factory=Shelf)
    links: dict[ChatId, Linked] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    refusal: Exception | None = None
    delay: float = 0
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    notes: list[str] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    def link(
        self, chat: str, *aliases: str, direction: Direction = Direction.BOTH, options: Mapping[str, str] | None = None
    ) -> Linked:
        """Tie a chat, under all its names, to some room."""
        linked = Linked(chat=ChatId(chat), direction=direction, options=dict(options or {}))
        for name in (chat, *aliases):
            self.links[ChatId(name)] = linked
        return linked

    async def wait_for(self, count: int, *, timeout: float = 10) -> Sequence[Item]:  # noqa: ASYNC109  a test says how long
        """The accepted items, once there are ``count``. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout), self._arrival:
            await self._arrival.wait_for(lambda: len(self.items) >= count)
        return self.items

    # What the bridge calls.

    async def accept(self, key: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        if not await self._take(key):
            return False
        self.items.append(Item(key=key, raw=raw, meta=dict(meta), received_at=datetime.now(UTC)))
        await self._tell()
        return True

    async def receive(self, event: Event, key: str) -> bool:
        if not await self._take(key):
            return False
        self.events.append(event)
        await self._tell()
        return True

    async def chats(self) -> Sequence[Linked]:
        return list({linked.chat: linked for linked in self.links.values()}.values())

    async def linked(self, chat: ChatId) -> Linked | None:
        if self.refusal is not None:
            raise self.refusal
        return self.links.get(chat)

    def up(self, note: str = "") -> None:
        self.notes.append(note)
        self.is_up.set()

    async def _take(self, key: str) -> bool:
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.refusal is not None:
            raise self.refusal
        if key in self._keys:
            return False
        self._keys.add(key)
        return True

    async def _tell(self) -> None:
        async with self._arrival:
            self._arrival.notify_all()
