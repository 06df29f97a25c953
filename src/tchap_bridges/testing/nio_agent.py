"""An agent with matrix-nio, on vodozemac: a second client, which shares no line with matrix-js-sdk or mautrix.

It has no cross-signing and shows no shields; it gives its keys to every device, and reads what it has a key for. nio
does what needs keys, `matrix_client` the rest. It syncs when it is asked something, and belongs to the event loop that
it was started in.
"""

import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import nio
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment
from nio.store import SqliteMemoryStore

from tchap_bridges.testing import contents
from tchap_bridges.testing.agent import Agent, AgentError, Seen
from tchap_bridges.testing.contents import Content
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.matrix_http import MatrixError

Found = TypeVar("Found")

_FILTER = {"room": {"timeline": {"limit": 500}}}


class NioAgent(Agent):
    """Made by `start`. `http` does what needs no key."""

    def __init__(self, folder: Path, http: Client) -> None:
        assert http.device_id is not None
        self.http, self.user_id, self.device_id = http, http.user_id, http.device_id
        config = nio.AsyncClientConfig(store=SqliteMemoryStore, store_name=self.device_id)
        self._nio = _Client(http.url, self.user_id, self.device_id, store_path=str(folder), config=config)
        self._nio.restore_login(self.user_id, self.device_id, http.token)
        self._timelines: dict[str, list[Any]] = {}  # nio's events, oldest first

    @classmethod
    async def start(cls, folder: Path, url: str, user: str, password: str, *, device: str | None = None) -> Self:
        """Sign in at the homeserver `url` and put keys there. Keys are in memory; nio wants a `folder` all the same."""
        self = cls(folder, await Client.login(url, user, password, device_id=device))
        try:
            await self._sync()
        except BaseException:
            await self.stop()
            raise
        return self

    async def stop(self) -> None:
        await self._nio.close()
        await self.http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # ---- rooms

    async def _create(self, options: Content) -> str:
        return await self.http.create_room(**options)

    async def join(self, room: str) -> str:
        return await self.http.join(room)

    async def invite(self, room: str, user: str) -> None:
        await self.http.invite(room, user)

    async def kick(self, room: str, user: str, *, reason: str = "") -> None:
        await self.http.kick(room, user, reason=reason)

    async def leave(self, room: str) -> None:
        await self.http.leave(room)

    async def wait_for_member(self, room: str, user: str, membership: str = "join") -> None:
        def is_there() -> bool:
            known = self._nio.rooms.get(room)
            if known is None or user not in known.users:
                return membership == "leave" and known is not None
            return membership == ("invite" if user in known.invited_users else "join")

        await self._until(30, f"{user} to be {membership} in {room}", is_there)

    # ---- what it writes

    async def send_event(self, room: str, kind: str, content: Content) -> str:
        await self._sync()
        await self._until(30, f"being in {room}", lambda: room in self._nio.rooms)
        answer = _accepted(await self._nio.room_send(room, kind, content, ignore_unverified_devices=True))
        return str(answer.event_id)

    async def send_file(
        self, room: str, name: str, mime: str, data: bytes, *, thread: str | None = None, reply_to: str | None = None
    ) -> str:
        await self._until(30, f"being in {room}", lambda: room in self._nio.rooms)
        content = contents.media(name, mime, len(data), thread=thread, reply_to=reply_to)
        if self._nio.rooms[room].encrypted:
            sealed, keys = encrypt_attachment(data)
            content["file"] = {**keys, "url": await self.http.upload(sealed, "application/octet-stream", "")}
        else:
            content["url"] = await self.http.upload(data, mime, name)
        return await self.send_event(room, "m.room.message", content)

    async def redact(self, room: str, event_id: str, *, reason: str | None = None) -> str:
        return await self.http.redact(room, event_id, reason=reason)

    def hold_keys(self) -> None:
        """From now on people get this agent's messages before the keys to them, as over a slow federation."""
        self._nio.held = []

    async def release_keys(self) -> None:
        """Give out what `hold_keys` has held back, and hold back no more."""
        held, self._nio.held = self._nio.held or [], None
        for request in held:
            _accepted(await request())

    async def typing(self, room: str, *, on: bool = True) -> None:
        await self.http.typing(room, on=on)

    # ---- what it sees

    async def see(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> Seen:
        def look() -> Seen | None:
            return self._look(room, event_id)

        def read() -> Seen | None:
            seen = look()
            return seen if seen is not None and seen.failure is None else None

        unread = await self._until(patience, f"{event_id} in {room}", look)
        try:
            return await self._until(late, f"the key of {event_id}", read)
        except AgentError:
            return look() or unread

    async def wait_for_text(self, room: str, words: str, *, patience: float = 30) -> Seen:
        def look() -> Seen | None:
            for event in self._timelines.get(room, []):
                seen = self._look(room, event.event_id)
                if seen is not None and words in seen.body:
                    return seen
            return None

        return await self._until(patience, f'"{words}" in {room}', look)

    async def download(self, room: str, event_id: str, *, patience: float = 30, late: float = 15) -> bytes:
        content = (await self.see(room, event_id, patience=patience, late=late)).content
        if "file" not in content:
            return await self.http.download(content["url"])
        file = content["file"]
        data = await self.http.download(file["url"])
        opened: bytes = decrypt_attachment(data, file["key"]["k"], file["hashes"]["sha256"], file["iv"])
        return opened

    def _look(self, room: str, event_id: str) -> Seen | None:
        events = self._timelines.get(room, [])
        event = next((one for one in events if one.event_id == event_id), None)
        if event is None:
            return None
        encrypted, failure = bool(event.decrypted), None
        if isinstance(event, nio.MegolmEvent):
            encrypted, failure = True, self._decrypt(room, event)
            event = next(one for one in events if one.event_id == event_id)
        content, edited = dict(event.source["content"]), False
        reactions: dict[str, list[str]] = {}
        redacted = "redacted_because" in event.source.get("unsigned", {})
        for later in (one.source for one in events):
            relation = later["content"].get("m.relates_to", {})
            if event_id in (later.get("redacts"), later["content"].get("redacts")):
                redacted = True
            if relation.get("event_id") != event_id:
                continue
            if relation.get("rel_type") == "m.replace" and later["sender"] == event.sender:
                content, edited = later["content"].get("m.new_content", content), True
            elif relation.get("rel_type") == "m.annotation":
                reactions.setdefault(relation["key"], []).append(later["sender"])
        known = self._nio.rooms.get(room)
        return Seen(
            event_id=event_id,
            sender=event.sender,
            name=known.user_name(event.sender) if known else None,
            kind=event.source["type"],
            content={} if redacted else content,
            encrypted=encrypted,
            failure=None if redacted else failure,
            relation=event.source["content"].get("m.relates_to"),
            edited=edited,
            redacted=redacted,
            reactions=reactions,
        )

    def _decrypt(self, room: str, event: nio.MegolmEvent) -> str | None:
        """Try again what came before its key; why it fails, None where the readable event has taken its place."""
        try:
            opened = self._nio.decrypt_event(event)
        except nio.EncryptionError as error:
            return str(error)
        events = self._timelines[room]
        events[events.index(event)] = opened
        return None

    # ---- syncing

    async def _until(self, patience: float, what: str, look: Callable[[], Found | None]) -> Found:
        """What `look` returns once it is anything, asked after each sync."""
        end = time.monotonic() + patience
        while not (found := look()):
            left = end - time.monotonic()
            if left <= 0:
                raise AgentError(f"waited {patience} s in vain for {what}")
            await self._sync(wait=min(left, 2))
        return found

    async def _sync(self, *, wait: float = 0) -> None:
        """One /sync, held open up to `wait` seconds, and what nio then owes the server about keys."""
        answer = _accepted(await self._nio.sync(timeout=int(wait * 1000), sync_filter=_FILTER))
        for room, part in answer.rooms.join.items():
            self._timelines.setdefault(room, []).extend(part.timeline.events)
        await self._nio.send_to_device_messages()
        if self._nio.should_upload_keys:
            _accepted(await self._nio.keys_upload())
        if self._nio.should_query_keys:
            _accepted(await self._nio.keys_query())
        if self._nio.should_claim_keys:
            _accepted(await self._nio.keys_claim(self._nio.get_users_for_key_claiming()))


class _Client(nio.AsyncClient):  # type: ignore[misc]  # nio has no types
    """nio, but that a room's keys can be kept from leaving while it believes them gone."""

    held: list[Callable[[], Awaitable[Any]]] | None = None

    async def _send(self, response_class: type, *arguments: Any, **more: Any) -> Any:
        request = functools.partial(super()._send, response_class, *arguments, **more)
        if self.held is None or response_class is not nio.ShareGroupSessionResponse:
            return await request()
        self.held.append(request)
        return nio.ShareGroupSessionResponse(*more["response_data"])


def _accepted(answer: Any) -> Any:
    """The answer itself. Raises MatrixError where the homeserver has refused."""
    if isinstance(answer, nio.ErrorResponse):
        status = answer.transport_response.status if answer.transport_response else 0
        raise MatrixError(status, answer.status_code or "M_UNKNOWN", answer.message)
    return answer
