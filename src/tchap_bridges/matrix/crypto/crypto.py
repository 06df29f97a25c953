"""Encryption, put together: what the rest of ``matrix`` sees of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from tchap_bridges.bridge import Item
from tchap_bridges.core.ports import Database, KeyAwaited, Sealer
from tchap_bridges.errors import BadCredentials, RemoteViolation
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.logs import harmless
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.crypto.accounts import Accounts, Rotations
from tchap_bridges.matrix.crypto.encryption import Encryption, KeyMissing, Unreadable
from tchap_bridges.matrix.crypto.inbox import KeyInbox
from tchap_bridges.matrix.names import Namespace

_MARK: Final = b"m.room.encrypted"
_APART: Final = 2.0  # seconds between two tries where keys could not be heard of

_DRAINED: Final = 3600.0  # seconds between two looks at what ghosts were given

log = structlog.get_logger(__name__)


class Crypto:
    """``on_keys`` is told which sessions have come: their events can be opened now."""

    def __init__(
        self,
        client: MatrixClient,
        db: Database,
        sealer: Sealer,
        ours: Namespace,
        *,
        on_keys: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        self._client = client
        self._ours = ours
        self._rotations = Rotations()
        self._accounts = accounts = Accounts(client, db, sealer, self._rotations, bot=ours.bot)
        self._encryption = Encryption(accounts, db, ours, self)
        self._keys = KeyInbox(client, accounts, ours.bot, on_people=self._changed, on_keys=on_keys)

    async def run(self) -> None:
        """Hear of keys until cancelled; the bot's account is there."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_again_and_again(self._listen, "crypto.keys_later"))
                group.create_task(_again_and_again(self._drain, "crypto.drained_later"))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _listen(self) -> None:
        try:
            await self._keys.run()
        except MatrixRefused as error:
            if error.errcode != "M_UNKNOWN_DEVICE":
                raise
            await self._accounts.forget(self._ours.bot)  # somebody has deleted it; what it was to read is lost

    async def _changed(self, people: Sequence[UserId]) -> None:
        for user in people:
            if user in self._ours:
                await self._accounts.verify(user)
        await self._encryption.changed(people)

    async def _drain(self) -> None:
        """Ghosts are given keys that they never read by all with whom they have a session: away with those."""
        await asyncio.sleep(_DRAINED)
        while self._encryption.spoken - {self._ours.bot}:
            user = self._encryption.spoken.pop()
            if user != self._ours.bot:
                await self._keys.drain(user)

    async def seal(self, room: RoomId, kind: str, content: Mapping[str, Any], user: UserId) -> dict[str, Any]:
        return await self._encryption.seal(room, kind, content, user)

    async def opened(self, item: Item) -> Item:
        """See `core.ports.Homeserver`."""
        if _MARK not in item.raw:
            return item
        try:
            event = json.loads(item.raw)
        except ValueError:
            return item
        if not isinstance(event, dict) or event.get("type") != "m.room.encrypted" or event.get("sender") in self._ours:
            return item
        try:
            return replace(item, raw=json.dumps(await self._encryption.open(event)).encode())
        except KeyMissing as missing:
            raise KeyAwaited(missing.session) from missing
        except Unreadable as error:
            raise RemoteViolation(f"an encrypted event cannot be read: {error}") from error

    async def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it was said; as it came where that is not known."""
        if event.get("type") != "m.room.encrypted":
            return event
        try:
            return await self._encryption.open(event)
        except (KeyMissing, Unreadable) as error:
            log.info("crypto.unopened", **harmless(error))
            return event

    async def saw(self, event: Mapping[str, Any]) -> None:
        await self._encryption.saw(event)

    async def learn(self, room: RoomId) -> None:
        path = path_of("rooms", room, "state", "m.room.encryption")
        self._rotations.learn(room, await self._client.call("GET", path, name="state", user=self._ours.bot))

    async def people(self, room: RoomId) -> Collection[UserId]:
        """Those who are in the room or are asked in, and our bot, which hears for all our ghosts."""
        path = path_of("rooms", room, "members")
        found = await self._client.call("GET", path, name="members", user=self._ours.bot)
        events = found.get("chunk")
        present = {
            UserId(str(event.get("state_key")))
            for event in (events if isinstance(events, list) else ())
            if isinstance(event, dict)
            and isinstance(content := event.get("content"), dict)
            and content.get("membership") in {"join", "invite"}
        }
        return [user for user in sorted(present) if user not in self._ours or user == self._ours.bot]


async def _again_and_again(turn: Callable[[], Awaitable[None]], event: str) -> None:
    """Raises BadCredentials."""
    while True:
        try:
            await turn()
        except BadCredentials:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one turn met, the next one comes
            log.warning(event, **harmless(error))
            await asyncio.sleep(_APART)
