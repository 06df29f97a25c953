"""What `mautrix.crypto` keeps, in our own store: one account's sessions, and what all accounts know of other people.

Pickles are sealed like all that is secret, and so pickled under no passphrase of their own. Nothing is remembered
beside the store: a transaction that is undone leaves no session ahead of it.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from mautrix.crypto import InboundGroupSession, OlmAccount, OutboundGroupSession, Session
from mautrix.crypto.sessions import RatchetSafety
from mautrix.crypto.store import CryptoStore
from mautrix.errors import GroupSessionWithheldError
from mautrix.types import (
    CrossSigner,
    CrossSigningUsage,
    DeviceID,
    DeviceIdentity,
    EventID,
    IdentityKey,
    RoomID,
    SessionID,
    SigningKey,
    TOFUSigningKey,
    TrustState,
    UserID,
)

from tchap_bridges.core.ports import Database, Row, Sealer, Snapshot, Tx

_PICKLED = ""  # the passphrase of pickles
_REDACTED = "com.beeper.redacted"
_current: ContextVar[Tx | None] = ContextVar("crypto_tx", default=None)


class Keys(CryptoStore):
    """Of the account ``mxid``. ``device`` is the one that it has, or is to have."""

    def __init__(self, db: Database, sealer: Sealer, mxid: str, device: str) -> None:
        self._db = db
        self._sealer = sealer
        self.account_id = mxid
        self.pickle_key = _PICKLED
        self._device = device

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:  # type: ignore[override]  # theirs says that it gives none
        """All that this task does in the block is kept, or nothing."""
        if _current.get() is not None:
            yield
            return
        async with self._db.transaction() as tx:
            token = _current.set(tx)
            try:
                yield
            finally:
                _current.reset(token)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Tx]:
        tx = _current.get()
        if tx is not None:
            yield tx
            return
        async with self._db.transaction() as tx:
            yield tx

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Snapshot]:
        tx = _current.get()
        if tx is not None:
            yield tx
            return
        async with self._db.snapshot() as snapshot:
            yield snapshot

    async def _run(self, query: str, **values: Any) -> int:
        async with self._writing() as tx:
            return await tx.run(query, **values)

    async def _one(self, query: str, **values: Any) -> Row | None:
        async with self._reading() as tx:
            return await tx.one(query, **values)

    async def _all(self, query: str, **values: Any) -> Sequence[Row]:
        async with self._reading() as tx:
            return await tx.all(query, **values)

    def _seal(self, pickle: bytes, place: str, about: Mapping[str, Any]) -> bytes:
        """The pickle, and what is to be known beside it."""
        kept = json.dumps({**about, "pickle": pickle.decode()})
        return self._sealer.seal(kept.encode(), place=f"{place}.pickle")

    def _open(self, sealed: bytes, place: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._sealer.open(sealed, place=f"{place}.pickle"))
        return found

    # The account

    async def get_device_id(self) -> DeviceID | None:
        return DeviceID(self._device)

    async def put_device_id(self, device_id: DeviceID) -> None:
        self._device = device_id

    async def put_account(self, account: OlmAccount) -> None:
        sealed = self._seal(account.pickle(_PICKLED), "crypto_account", {})
        await self._run(
            "crypto_account_put", mxid=self.account_id, device=self._device, shared=int(account.shared), pickle=sealed
        )

    async def get_account(self) -> OlmAccount | None:
        """None as well for one whose device was another."""
        row = await self._one("crypto_account_get", mxid=self.account_id)
        if row is None or row["device"] != self._device:
            return None
        pickle = self._open(row["pickle"], "crypto_account")["pickle"]
        return OlmAccount.from_pickle(pickle, _PICKLED, bool(row["shared"]))

    async def delete(self) -> None:
        async with self._writing() as tx:
            for query in ("crypto_account_delete", "crypto_olm_forget", "crypto_outbound_forget"):
                await tx.run(query, mxid=self.account_id)

    async def since(self) -> str | None:
        """The token of the account's own sync; what came before it is kept."""
        row = await self._one("crypto_account_get", mxid=self.account_id)
        return row["since"] if row is not None else None

    async def put_since(self, token: str) -> None:
        await self._run("crypto_account_since", mxid=self.account_id, since=token)

    # Sessions with devices

    async def has_session(self, key: IdentityKey) -> bool:
        return await self._one("crypto_olm_known", mxid=self.account_id, their_key=key) is not None

    async def get_sessions(self, key: IdentityKey) -> list[Session]:
        rows = await self._all("crypto_olm_of", mxid=self.account_id, their_key=key)
        return [self._session(row) for row in rows]

    async def get_latest_session(self, key: IdentityKey) -> Session | None:
        row = await self._one("crypto_olm_of", mxid=self.account_id, their_key=key)
        return self._session(row) if row is not None else None

    def _session(self, row: Row) -> Session:
        kept = self._open(row["pickle"], "crypto_olm")
        times = (datetime.fromtimestamp(kept[name]) for name in ("made", "wrote", "read"))  # noqa: DTZ006 - theirs are so
        return Session.from_pickle(kept["pickle"], _PICKLED, *times)

    async def add_session(self, key: IdentityKey, session: Session) -> None:
        times = {
            "made": session.creation_time.timestamp(),
            "wrote": session.last_encrypted.timestamp(),
            "read": session.last_decrypted.timestamp(),
        }
        await self._run(
            "crypto_olm_put",
            mxid=self.account_id,
            session=session.id,
            their_key=key,
            read_at=int(times["read"] * 1000),
            pickle=self._seal(session.pickle(_PICKLED), "crypto_olm", times),
        )

    async def update_session(self, key: IdentityKey, session: Session) -> None:
        await self.add_session(key, session)

    # What is said to us in rooms

    async def put_group_session(
        self, room_id: RoomID, sender_key: IdentityKey, session_id: SessionID, session: InboundGroupSession
    ) -> None:
        received = session.received_at.replace(tzinfo=UTC).timestamp()
        about = {
            "signing_key": session.signing_key,
            "chain": list(session.forwarding_chain),
            "safety": session.ratchet_safety.json(),
            "max_age": session.max_age.total_seconds() if session.max_age else None,
            "max_messages": session.max_messages,
            "received": received,
        }
        await self._run(
            "crypto_inbound_put",
            mxid=self.account_id,
            session=session_id,
            room=room_id,
            sender_key=sender_key,
            received_at=int(received * 1000),
            pickle=self._seal(session.pickle(_PICKLED), "crypto_inbound", {**about, "sender_key": sender_key}),
        )

    async def get_group_session(self, room_id: RoomID, session_id: SessionID) -> InboundGroupSession | None:
        row = await self._one("crypto_inbound_get", mxid=self.account_id, session=session_id, room=room_id)
        if row is None:
            return None
        if row["pickle"] is None:
            raise GroupSessionWithheldError(session_id, _REDACTED)
        kept = self._open(row["pickle"], "crypto_inbound")
        return InboundGroupSession.from_pickle(
            kept["pickle"],
            _PICKLED,
            signing_key=SigningKey(kept["signing_key"]),
            sender_key=IdentityKey(kept["sender_key"]),
            room_id=room_id,
            forwarding_chain=kept["chain"],
            ratchet_safety=RatchetSafety.parse_json(kept["safety"]),
            received_at=datetime.fromtimestamp(kept["received"], UTC).replace(tzinfo=None),
            max_age=timedelta(seconds=kept["max_age"]) if kept["max_age"] else None,
            max_messages=kept["max_messages"],
        )

    async def has_group_session(self, room_id: RoomID, session_id: SessionID) -> bool:
        row = await self._one("crypto_inbound_get", mxid=self.account_id, session=session_id, room=room_id)
        return row is not None and row["pickle"] is not None

    async def redact_group_session(self, room_id: RoomID, session_id: SessionID, reason: str) -> None:
        del reason
        await self._run("crypto_inbound_empty", mxid=self.account_id, session=session_id, room=room_id)

    async def redact_group_sessions(
        self, room_id: RoomID | None, sender_key: IdentityKey | None, reason: str
    ) -> list[SessionID]:
        del reason
        if not (room_id or sender_key):
            raise ValueError("of which room, or of which device?")
        async with self._writing() as tx:
            rows = await tx.all(
                "crypto_inbound_empty_many", mxid=self.account_id, room=room_id or "", sender_key=sender_key or ""
            )
        return [SessionID(row["session"]) for row in rows]

    async def redact_expired_group_sessions(self) -> list[SessionID]:
        """None: how long what was said may still be read is the retention's business."""
        return []

    async def redact_outdated_group_sessions(self) -> list[SessionID]:
        """None: each has all that is to be known of it."""
        return []

    async def validate_message_index(
        self, sender_key: IdentityKey, session_id: SessionID, event_id: EventID, index: int, timestamp: int
    ) -> bool:
        place = {"sender_key": sender_key, "session": session_id, "n": index}
        async with self._writing() as tx:
            await tx.run("crypto_index_add", **place, event=event_id, at=timestamp)
            row = await tx.one("crypto_index_get", **place)
        return row is not None and (row["event"], row["at"]) == (event_id, timestamp)

    # What we say in rooms

    async def add_outbound_group_session(self, session: OutboundGroupSession) -> None:
        async with self._writing() as tx:
            await tx.run(
                "crypto_outbound_put",
                mxid=self.account_id,
                room=session.room_id,
                session=session.id,
                pickle=self._outbound(session),
            )

    async def update_outbound_group_session(self, session: OutboundGroupSession) -> None:
        await self._run(
            "crypto_outbound_update",
            mxid=self.account_id,
            room=session.room_id,
            session=session.id,
            pickle=self._outbound(session),
        )

    def _outbound(self, session: OutboundGroupSession) -> bytes:
        about = {
            "max_age": session.max_age.total_seconds(),
            "max_messages": session.max_messages,
            "made": session.creation_time.timestamp(),
            "used": session.use_time.timestamp(),
            "said": session.message_count,
            "shared": session.shared,
        }
        return self._seal(session.pickle(_PICKLED), "crypto_outbound", about)

    async def get_outbound_group_session(self, room_id: RoomID) -> OutboundGroupSession | None:
        row = await self._one("crypto_outbound_get", mxid=self.account_id, room=room_id)
        if row is None:
            return None
        kept = self._open(row["pickle"], "crypto_outbound")
        return OutboundGroupSession.from_pickle(
            kept["pickle"],
            _PICKLED,
            max_age=timedelta(seconds=kept["max_age"]),
            max_messages=kept["max_messages"],
            creation_time=datetime.fromtimestamp(kept["made"]),  # noqa: DTZ006 - theirs are so
            use_time=datetime.fromtimestamp(kept["used"]),  # noqa: DTZ006
            message_count=kept["said"],
            room_id=room_id,
            shared=kept["shared"],
        )

    async def remove_outbound_group_session(self, room_id: RoomID) -> None:
        """Of all accounts: who came or left, did so for every ghost in the room."""
        await self._run("crypto_outbound_drop", room=room_id)

    async def remove_outbound_group_sessions(self, rooms: list[RoomID]) -> None:
        async with self._writing() as tx:
            await tx.run_many("crypto_outbound_drop", [{"room": room} for room in rooms])

    # Other people

    async def get_devices(self, user_id: UserID) -> dict[DeviceID, DeviceIdentity] | None:
        async with self._reading() as tx:
            if await tx.value("crypto_person_known", person=user_id) is None:
                return None
            rows = await tx.all("crypto_devices_of", person=user_id)
        return {DeviceID(row["device"]): _device(user_id, row) for row in rows}

    async def get_device(self, user_id: UserID, device_id: DeviceID) -> DeviceIdentity | None:
        return (await self.get_devices(user_id) or {}).get(device_id)

    async def find_device_by_key(self, user_id: UserID, identity_key: IdentityKey) -> DeviceIdentity | None:
        devices = (await self.get_devices(user_id) or {}).values()
        return next((device for device in devices if device.identity_key == identity_key), None)

    async def put_devices(self, user_id: UserID, devices: dict[DeviceID, DeviceIdentity]) -> None:
        rows = [
            {
                "person": user_id,
                "device": id_,
                "identity_key": device.identity_key,
                "signing_key": device.signing_key,
                "trust": int(device.trust),
            }
            for id_, device in devices.items()
        ]
        async with self._writing() as tx:
            await tx.run("crypto_person_add", person=user_id)
            await tx.run("crypto_devices_delete", person=user_id)
            await tx.run_many("crypto_device_add", rows)

    async def filter_tracked_users(self, users: Iterable[UserID]) -> list[UserID]:
        async with self._reading() as tx:
            return [user for user in users if await tx.value("crypto_person_known", person=user) is not None]

    async def put_cross_signing_key(self, user_id: UserID, usage: CrossSigningUsage, key: SigningKey) -> None:
        await self._run("crypto_cross_key_put", person=user_id, usage=usage.value, key=key)

    async def get_cross_signing_keys(self, user_id: UserID) -> dict[CrossSigningUsage, TOFUSigningKey]:
        rows = await self._all("crypto_cross_keys_of", person=user_id)
        return {
            CrossSigningUsage(row["usage"]): TOFUSigningKey(key=SigningKey(row["key"]), first=SigningKey(row["first"]))
            for row in rows
        }

    async def put_signature(self, target: CrossSigner, signer: CrossSigner, signature: str) -> None:
        await self._run("crypto_signature_put", **_signed(target, signer), signature=signature)

    async def is_key_signed_by(self, target: CrossSigner, signer: CrossSigner) -> bool:
        return await self._one("crypto_signature_known", **_signed(target, signer)) is not None

    async def drop_signatures_by_key(self, signer: CrossSigner) -> int:
        return await self._run("crypto_signatures_drop", signer_person=signer[0], signer_key=signer[1])


def _device(person: UserID, row: Row) -> DeviceIdentity:
    return DeviceIdentity(
        user_id=person,
        device_id=DeviceID(row["device"]),
        identity_key=IdentityKey(row["identity_key"]),
        signing_key=SigningKey(row["signing_key"]),
        trust=TrustState(row["trust"]),
        deleted=False,
        name=row["device"],
    )


def _signed(target: CrossSigner, signer: CrossSigner) -> dict[str, str]:
    return {
        "signed_person": target[0],
        "signed_key": target[1],
        "signer_person": signer[0],
        "signer_key": signer[1],
    }
