"""Events of encrypted rooms: sealed as they leave, opened as they come."""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

from mautrix.crypto import OlmMachine
from mautrix.errors import EncryptionError, GroupSessionWithheldError, SessionShareError
from mautrix.types import EventID, EventType, IdentityKey, RoomID, SessionID, UserID

from tchap_bridges.core.ports import Database
from tchap_bridges.errors import NotReady
from tchap_bridges.i18n import _
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.matrix.client import MatrixRefused
from tchap_bridges.matrix.crypto import olm
from tchap_bridges.matrix.crypto.accounts import Accounts, Machine
from tchap_bridges.matrix.names import Namespace

Json = Mapping[str, Any]
_AGAIN: Final = 0.2  # seconds
_TURNS: Final = 3
_NO_DEVICE: Final = "M_UNKNOWN_DEVICE"
MEGOLM: Final = "m.megolm.v1.aes-sha2"


class KeyMissing(Exception):
    """The key of an event is not there, or not yet. ``session`` is what it is waited for by."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.session = session


class Unreadable(Exception):
    """An event that no key will open, or that is not what it pretends to be."""


class Rooms(Protocol):
    """What has to be asked of a room before something is said there under a new key."""

    async def people(self, room: RoomId) -> Collection[UserId]:
        """Who is to read it: members that are nobody of ours, and the bot."""
        ...

    async def learn(self, room: RoomId) -> None:
        """How soon it wants another key. Raises Undeliverable where it is encrypted in a way that is not known."""
        ...


class Encryption:
    """Sessions of every account in every room, one sender at a time in each."""

    def __init__(
        self,
        accounts: Accounts,
        db: Database,
        ours: Namespace,
        rooms: Rooms,
    ) -> None:
        self._accounts = accounts
        self._db = db
        self._ours = ours
        self._rooms = rooms
        self._locks: WeakValueDictionary[tuple[RoomId, UserId], asyncio.Lock] = WeakValueDictionary()
        self._changes = 0  # of who may read what, anywhere
        self.spoken: set[UserId] = set()
        """Who has opened sessions with other devices, since somebody looked."""

    async def seal(self, room: RoomId, kind: str, content: Json, user: UserId) -> dict[str, Any]:
        """The content of the ``m.room.encrypted`` by which the user says it, for whoever may read it now."""
        async with self._locks.setdefault((room, user), asyncio.Lock()):
            try:
                sealed = await self._sealed(await self._accounts.machine(user), room, kind, content)
            except MatrixRefused as error:
                if error.errcode != _NO_DEVICE:
                    raise
                await self._accounts.forget(user)  # somebody has deleted it: another one says it
                sealed = await self._sealed(await self._accounts.machine(user), room, kind, content)
        if "m.relates_to" in content:  # as it is: servers relate events by it
            sealed["m.relates_to"] = content["m.relates_to"]
        return sealed

    async def _sealed(self, machine: Machine, room: RoomId, kind: str, content: Json) -> dict[str, Any]:
        for _turn in range(_TURNS):
            try:
                return await self._encrypted(machine, room, kind, content)
            except EncryptionError:  # no session, or one that has served its time, or was not shared to the end
                await self._share(machine, room)
        raise NotReady(_("les clés du salon changent"), retry_after=_AGAIN)

    async def _share(self, machine: Machine, room: RoomId) -> None:
        """Who comes or goes while it is shared must not find it in use: it is then dropped as it was made.

        Who reads it is noted first: a device that is added later must end the session that it does not have.
        """
        before = self._changes
        await self._rooms.learn(room)
        people = [person for person in await self._rooms.people(room) if person != machine.requests.user]
        async with self._db.transaction() as tx:
            await tx.run_many("crypto_reader_add", [{"person": person, "room": room} for person in people])
        try:
            await machine.share_group_session(RoomID(room), [UserID(person) for person in people])
        except SessionShareError as error:
            raise NotReady(_("les clés du salon n'ont pas pu être données")) from error
        self.spoken.add(machine.requests.user)
        if self._changes != before:
            await machine.keys.remove_outbound_group_session(RoomID(room))

    async def changed(self, people: Sequence[UserId]) -> None:
        """Devices of these people have come or gone: what is said from now on is for those that they have now."""
        self._changes += 1
        async with self._db.transaction() as tx:
            await tx.run_many("crypto_outbound_drop_read", [{"person": person} for person in people])

    async def saw(self, event: Json) -> None:
        """Who comes may read what follows, and not what came before; who is gone reads nothing more."""
        room = event.get("room_id")
        if isinstance(room, str) and event.get("state_key") not in self._ours and _moves(event):
            self._changes += 1
            async with self._db.transaction() as tx:
                await tx.run("crypto_outbound_drop", room=room)
                await tx.run("crypto_readers_drop", room=room)

    @staticmethod
    async def _encrypted(machine: OlmMachine, room: RoomId, kind: str, content: Json) -> dict[str, Any]:
        type_ = EventType.find(kind, EventType.Class.MESSAGE)
        found: dict[str, Any] = (await machine.encrypt_megolm_event(RoomID(room), type_, dict(content))).serialize()
        return found

    async def open(self, event: Json) -> dict[str, Any]:
        """The event as it was said. Raises KeyMissing, Unreadable."""
        content, room = event.get("content"), str(event.get("room_id"))
        if not isinstance(content, dict) or content.get("algorithm") != MEGOLM:
            raise Unreadable("not encrypted as rooms are")
        session_id, ciphertext = content.get("session_id"), content.get("ciphertext")
        if not isinstance(session_id, str) or not isinstance(ciphertext, str):
            raise Unreadable("it names no session")
        machine = await self._accounts.machine(self._ours.bot)
        try:
            session = await machine.keys.get_group_session(RoomID(room), SessionID(session_id))
        except GroupSessionWithheldError as error:
            raise Unreadable("its key was given up") from error
        if session is None:
            raise KeyMissing(session_id)
        try:
            plain, index = session.decrypt(ciphertext)
        except olm.OlmGroupSessionError as error:
            raise Unreadable(f"its key does not open it: {error}") from error
        await self._own(machine, event, session.sender_key, session.signing_key)
        at = event.get("origin_server_ts")
        known = await machine.keys.validate_message_index(
            session.sender_key,
            SessionID(session_id),
            EventID(str(event.get("event_id"))),
            index,
            at if isinstance(at, int) else 0,
        )
        if not known:
            raise Unreadable("it was said before, by another event")
        return self._read(event, content, plain)

    @staticmethod
    async def _own(machine: Machine, event: Json, sender_key: IdentityKey, signing_key: str) -> None:
        """Its sender's: the key came from a device that is theirs, by their own homeserver's word."""
        device = await machine.get_or_fetch_device_by_key(UserID(str(event.get("sender"))), sender_key)
        if device is None or device.signing_key != signing_key:
            raise Unreadable("its key is not its sender's")

    @staticmethod
    def _read(event: Json, content: Json, plain: str) -> dict[str, Any]:
        try:
            said = json.loads(plain)
            room, kind, inner = said["room_id"], said["type"], said["content"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Unreadable("what it says cannot be read") from error
        if room != event.get("room_id") or not isinstance(kind, str) or not isinstance(inner, dict):
            raise Unreadable("it was said elsewhere")
        if "m.relates_to" in content:
            inner.setdefault("m.relates_to", content["m.relates_to"])
        return {**event, "type": kind, "content": inner}


def _moves(event: Json) -> bool:
    """Not a new name or picture of somebody who stays."""
    if event.get("type") != "m.room.member":
        return False
    before, now = (
        _map(part).get("membership") for part in (_map(event.get("unsigned")).get("prev_content"), event.get("content"))
    )
    return before != now


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
