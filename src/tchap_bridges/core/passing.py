"""Typing: what is true only now goes straight across, and is dropped wherever it cannot."""

import asyncio
from collections.abc import Callable

import structlog

from tchap_bridges.bridge import Connection, ShowsTyping
from tchap_bridges.core import policy
from tchap_bridges.core.links import Links
from tchap_bridges.core.ports import Database, Homeserver
from tchap_bridges.errors import BridgeError
from tchap_bridges.events import Read, Typing
from tchap_bridges.ids import ChatId, ConnectionName, RoomId
from tchap_bridges.logs import harmless

LONGEST = 5.0  # seconds one may take
KEPT = 100  # at most so many wait; older ones mean nothing any more

log = structlog.get_logger(__name__)


class Passing:
    """Both directions; a room's typing goes to its links, a chat's to its rooms."""

    def __init__(
        self,
        db: Database,
        links: Links,
        homeserver: Homeserver,
        connections: Callable[[ConnectionName], Connection],
        rules: policy.Rules,
    ) -> None:
        self._db = db
        self._links = links
        self._homeserver = homeserver
        self._connections = connections
        self._told = policy.may_tell(policy.Kind.TYPING, rules).allowed
        self._queue: asyncio.Queue[tuple[ConnectionName | None, Typing]] = asyncio.Queue(KEPT)

    def from_network(self, connection: ConnectionName, event: Typing | Read) -> None:
        if isinstance(event, Typing) and not self._queue.full():
            self._queue.put_nowait((connection, event))

    def from_room(self, event: Typing) -> None:
        if self._told and not self._queue.full():
            self._queue.put_nowait((None, event))

    async def run(self) -> None:
        while True:
            connection, event = await self._queue.get()
            try:
                async with asyncio.timeout(LONGEST):
                    await self._pass(connection, event)
            except (BridgeError, TimeoutError) as error:
                log.debug("passing.dropped", **harmless(error))
            except Exception:  # a plugin's bug ends with the event it broke on
                log.exception("passing.broken", connection=connection)

    async def _pass(self, connection: ConnectionName | None, event: Typing) -> None:
        if connection is None:
            async with self._db.snapshot() as tx:
                links = await self._links.of_room(tx, RoomId(event.chat))
            for link in links:
                if link.state == "active" and link.carries_out:
                    live = self._connections(link.connection)
                    if isinstance(live, ShowsTyping):
                        await live.typing(link.chat, event.author, active=event.active)
            return
        rooms = self._homeserver.rooms
        if not isinstance(rooms, ShowsTyping):
            return
        async with self._db.snapshot() as tx:
            links = tuple(await self._links.named(tx, connection, (event.chat,)))
        for link in links:
            if link.state == "active" and link.brings_in:
                await rooms.typing(ChatId(link.room), event.author, active=event.active)
