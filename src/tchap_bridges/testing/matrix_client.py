"""A small Matrix client: what an agent does in a room, written apart from the bridge that it tests.

It shares no code with `tchap_bridges.matrix`, so that an error there cannot hide itself here.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import aiohttp

from tchap_bridges.testing import contents
from tchap_bridges.testing.contents import Content
from tchap_bridges.testing.matrix_http import Http, MatrixError, read

Event: TypeAlias = dict[str, Any]

_V3 = "/_matrix/client/v3"


class Client:
    """One signed-in user of one homeserver. Close it, or use it in `async with`.

    `params` is added to the query of every request: an appservice acts as a user by
    `Client(url, token=as_token, user_id=ghost, params={"user_id": ghost})`.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str,
        user_id: str,
        device_id: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self.url, self.token, self.user_id, self.device_id = url, token, user_id, device_id
        self._http = Http(url, token, dict(params or {}))
        self._since: str | None = None
        self._syncing = asyncio.Lock()
        self._seen: dict[str, list[Event]] = {}
        self._receipts: dict[str, dict[str, str]] = {}
        self._invites: dict[str, list[Event]] = {}

    @classmethod
    async def login(cls, url: str, user: str, password: str, *, device_id: str | None = None) -> Self:
        """Sign in with a password; `user` is a localpart or a full user id."""
        body: Content = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
        }
        if device_id:
            body["device_id"] = device_id
        async with aiohttp.ClientSession() as http, http.post(f"{url}{_V3}/login", json=body) as answer:
            found = await read(answer)
        return cls(url, token=found["access_token"], user_id=found["user_id"], device_id=found["device_id"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()

    # ---- requests

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Any call: `path` from `/_matrix` on; `options` as in aiohttp (`json`, `params`, `data`, `headers`).

        Raises MatrixError on any answer of 400 or more.
        """
        found: dict[str, Any] = await self._http.request(method, path, **options)
        return found

    async def _room(self, method: str, room: str, rest: str, **options: Any) -> dict[str, Any]:
        return await self.request(method, f"{_V3}/rooms/{quote(room)}/{rest}", **options)

    # ---- rooms

    async def create_room(self, **content: Any) -> str:
        """POST /createRoom with `content` as its body; returns the room id."""
        found = await self.request("POST", f"{_V3}/createRoom", json=content)
        return str(found["room_id"])

    async def create_tchap_room(
        self,
        name: str,
        *,
        rule: str = "restricted",
        invite: Sequence[str] = (),
        room_version: str | None = None,
        **content: Any,
    ) -> str:
        """A private room, not encrypted, shaped as Tchap makes them: access rules, and only its creator above level 0.

        An invited bot can neither invite nor write state there.
        """
        rules = {"rule": rule, "visibility": "private", "force_unencrypted_at_creation": True}
        levels: Content = {"users_default": 0, "events_default": 0, "state_default": 100, "invite": 50}
        levels |= {"ban": 50, "kick": 50, "redact": 50}
        if room_version:
            content["room_version"] = room_version
        return await self.create_room(
            name=name,
            preset="private_chat",
            visibility="private",
            invite=list(invite),
            initial_state=[
                {"type": "im.vector.room.access_rules", "state_key": "", "content": rules},
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "invited"}},
            ],
            power_level_content_override=levels,
            **content,
        )

    async def join(self, room: str) -> str:
        """Join by room id or alias; returns the room id."""
        found = await self.request("POST", f"{_V3}/join/{quote(room)}", json={})
        return str(found["room_id"])

    async def invite(self, room: str, user: str) -> None:
        await self._room("POST", room, "invite", json={"user_id": user})

    async def leave(self, room: str) -> None:
        await self._room("POST", room, "leave", json={})

    async def kick(self, room: str, user: str, *, reason: str = "") -> None:
        await self._room("POST", room, "kick", json={"user_id": user, "reason": reason})

    async def upgrade(self, room: str, version: str) -> str:
        """Upgrade a room; returns the id of the new one."""
        found = await self._room("POST", room, "upgrade", json={"new_version": version})
        return str(found["replacement_room"])

    async def state(self, room: str) -> list[Event]:
        found: list[Event] = await self._http.request("GET", f"{_V3}/rooms/{quote(room)}/state")
        return found

    async def state_content(self, room: str, kind: str, key: str = "") -> Content | None:
        """The content of one state event, None where there is none."""
        try:
            return await self._room("GET", room, f"state/{quote(kind)}/{quote(key)}")
        except MatrixError as error:
            if error.status == 404:
                return None
            raise

    async def set_state(self, room: str, kind: str, content: Content, key: str = "") -> str:
        found = await self._room("PUT", room, f"state/{quote(kind)}/{quote(key)}", json=content)
        return str(found["event_id"])

    async def set_power(self, room: str, user: str, level: int) -> None:
        levels = await self.state_content(room, "m.room.power_levels") or {}
        levels["users"] = {**levels.get("users", {}), user: level}
        await self.set_state(room, "m.room.power_levels", levels)

    async def members(self, room: str, *, membership: str | None = "join") -> dict[str, Content]:
        """User id → content of their m.room.member; all memberships when `membership` is None."""
        found = await self._room("GET", room, "members")
        return {
            event["state_key"]: event["content"]
            for event in found["chunk"]
            if membership in (None, event["content"].get("membership"))
        }

    async def set_display_name(self, name: str) -> None:
        await self.request("PUT", f"{_V3}/profile/{quote(self.user_id)}/displayname", json={"displayname": name})

    # ---- what an agent writes

    async def send_event(self, room: str, kind: str, content: Content, *, txn: str | None = None) -> str:
        """Send any event; returns its id. `txn` is random unless given."""
        found = await self._room("PUT", room, f"send/{quote(kind)}/{quote(txn or uuid.uuid4().hex)}", json=content)
        return str(found["event_id"])

    async def send_text(
        self,
        room: str,
        body: str,
        *,
        html: str | None = None,
        thread: str | None = None,
        reply_to: str | None = None,
        mentions: Sequence[str] = (),
        msgtype: str = "m.text",
    ) -> str:
        """Say something: in the thread under the event `thread`, in answer to the event `reply_to`, or both."""
        content = contents.text(body, html=html, thread=thread, reply_to=reply_to, mentions=mentions, msgtype=msgtype)
        return await self.send_event(room, "m.room.message", content)

    async def send_file(
        self, room: str, name: str, mime: str, data: bytes, *, thread: str | None = None, reply_to: str | None = None
    ) -> str:
        content = contents.media(name, mime, len(data), thread=thread, reply_to=reply_to)
        content["url"] = await self.upload(data, mime, name)
        return await self.send_event(room, "m.room.message", content)

    async def edit(self, room: str, event_id: str, body: str, *, html: str | None = None) -> str:
        return await self.send_event(room, "m.room.message", contents.edit(event_id, body, html=html))

    async def react(self, room: str, event_id: str, key: str) -> str:
        return await self.send_event(room, "m.reaction", contents.reaction(event_id, key))

    async def redact(self, room: str, event_id: str, *, reason: str | None = None) -> str:
        body = {"reason": reason} if reason else {}
        found = await self._room("PUT", room, f"redact/{quote(event_id)}/{uuid.uuid4().hex}", json=body)
        return str(found["event_id"])

    async def read_up_to(self, room: str, event_id: str) -> None:
        """Send a read receipt."""
        await self._room("POST", room, f"receipt/m.read/{quote(event_id)}", json={})

    async def typing(self, room: str, *, on: bool = True) -> None:
        body = {"typing": on, "timeout": 30_000} if on else {"typing": False}
        await self._room("PUT", room, f"typing/{quote(self.user_id)}", json=body)

    # ---- media

    async def upload(self, data: bytes, mime: str, name: str) -> str:
        """Returns the mxc URI."""
        found = await self.request(
            "POST", "/_matrix/media/v3/upload", data=data, params={"filename": name}, headers={"Content-Type": mime}
        )
        return str(found["content_uri"])

    async def download(self, mxc: str) -> bytes:
        """The bytes of an mxc URI, through authenticated media."""
        server, _, media = mxc.removeprefix("mxc://").partition("/")
        return await self._http.fetch(f"/_matrix/client/v1/media/download/{quote(server)}/{quote(media)}")

    # ---- what an agent sees

    async def event(self, room: str, event_id: str) -> Event:
        return await self._room("GET", room, f"event/{quote(event_id)}")

    async def timeline(self, room: str) -> list[Event]:
        """Every event of a room that this user may see, oldest first, by /messages."""
        events: list[Event] = []
        start: str | None = None
        while True:
            page = await self._messages(room, "f", start)
            events += page["chunk"]
            start = page.get("end")
            if start is None or not page["chunk"]:
                return events

    async def _messages(self, room: str, direction: str, start: str | None, stop: str | None = None) -> dict[str, Any]:
        params = {"dir": direction, "limit": "1000"}
        params |= {name: value for name, value in (("from", start), ("to", stop)) if value}
        return await self._room("GET", room, "messages", params=params)

    async def sync_once(self, *, wait: float = 0) -> dict[str, Any]:
        """One /sync from where the last one ended, held open up to `wait` seconds; what it brings is remembered."""
        params = {"timeout": str(int(wait * 1000)), "filter": '{"room":{"timeline":{"limit":500}}}'}
        async with self._syncing:
            since = self._since
            if since is not None:
                params["since"] = since
            found = await self.request("GET", f"{_V3}/sync", params=params)
            rooms = found.get("rooms", {})
            for room, part in [*rooms.get("join", {}).items(), *rooms.get("leave", {}).items()]:
                timeline = part.get("timeline", {})
                seen = self._seen.setdefault(room, [])
                if timeline.get("limited") and since is not None:
                    seen += await self._gap(room, timeline["prev_batch"], since)
                seen += timeline.get("events", [])
                self._note_receipts(room, part.get("ephemeral", {}).get("events", []))
                self._invites.pop(room, None)
            for room, part in rooms.get("invite", {}).items():
                self._invites[room] = part["invite_state"]["events"]
            self._since = found["next_batch"]
        return found

    async def _gap(self, room: str, start: str, stop: str) -> list[Event]:
        missed: list[Event] = []
        cursor: str | None = start
        while cursor is not None:
            page = await self._messages(room, "b", cursor, stop)
            missed += page["chunk"]
            cursor = page.get("end") if page["chunk"] else None
        return missed[::-1]

    def _note_receipts(self, room: str, events: list[Event]) -> None:
        for event in events:
            if event["type"] == "m.receipt":
                for event_id, kinds in event["content"].items():
                    for user in kinds.get("m.read", {}):
                        self._receipts.setdefault(room, {})[user] = event_id

    def seen(self, room: str) -> list[Event]:
        """What the syncs so far brought of a room, oldest first."""
        return list(self._seen.get(room, []))

    async def wait_for(self, room: str, predicate: Callable[[Event], bool], *, timeout: float = 15) -> Event:  # noqa: ASYNC109
        """The first event of the room that satisfies `predicate`, already seen or still to come.

        Goes on through a restart of the homeserver. Raises TimeoutError, naming the last messages seen.
        """
        looked_at = 0
        found: list[Event] = []

        def look() -> bool:
            nonlocal looked_at
            events = self._seen.get(room, [])
            found.extend(event for event in events[looked_at:] if predicate(event))
            looked_at = len(events)
            return bool(found)

        if not await self._until(look, timeout):
            last = [event.get("content", {}).get("body", event["type"]) for event in self.seen(room)[-5:]]
            raise TimeoutError(f"no such event in {room} after {timeout:.0f} s; the last ones were {last}")
        return found[0]

    async def wait_for_text(self, room: str, words: str, *, timeout: float = 15) -> Event:  # noqa: ASYNC109
        """The first message whose plain text holds `words`."""
        return await self.wait_for(
            room, lambda event: words in str(event.get("content", {}).get("body", "")), timeout=timeout
        )

    async def wait_for_invite(self, *, timeout: float = 15) -> str:  # noqa: ASYNC109
        """The id of a room to which this user is invited."""
        if not await self._until(lambda: bool(self._invites), timeout):
            raise TimeoutError(f"{self.user_id} was not invited within {timeout:.0f} s")
        return next(iter(self._invites))

    async def receipts(self, room: str) -> dict[str, str]:
        """User id → the event up to which they have read, as far as told by now."""
        await self.sync_once()
        return dict(self._receipts.get(room, {}))

    async def wait_for_receipt(self, room: str, user: str, event_id: str, *, timeout: float = 15) -> None:  # noqa: ASYNC109
        """Wait until `user` has read up to exactly this event."""
        if not await self._until(lambda: self._receipts.get(room, {}).get(user) == event_id, timeout):
            raise TimeoutError(f"{user} has read up to {self._receipts.get(room, {}).get(user)}, not {event_id}")

    async def _until(self, look: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not look():
            left = end - time.monotonic()
            if left <= 0:
                return False
            try:
                await self.sync_once(wait=min(left, 10))
            except (aiohttp.ClientConnectionError, TimeoutError):
                await asyncio.sleep(0.1)  # the homeserver is being restarted
        return True
