"""Devices of our own, with keys that their owner has signed: made when first needed, and then kept.

A device that its account's own keys have signed shows no warning, and is heard by clients that hear only such. Ghosts
publish no one-time keys: nobody has to open a session to them.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import structlog
from mautrix.crypto import OlmAccount, OlmMachine
from mautrix.crypto.cross_signing_key import CrossSigningSeeds
from mautrix.crypto.signature import sign_olm
from mautrix.crypto.store import StateStore
from mautrix.types import (
    CrossSigningKeys,
    CrossSigningUsage,
    DeviceIdentity,
    EncryptionAlgorithm,
    IdentityKey,
    KeyID,
    RoomEncryptionStateEventContent,
    RoomID,
    SessionID,
    SigningKey,
    TrustState,
    UserID,
)
from mautrix.util.logging import TraceLogger

from tchap_bridges.core.ports import Database, Sealer
from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import UserId
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.crypto.requests import Requests
from tchap_bridges.matrix.crypto.store import Keys
from tchap_bridges.matrix.recent import Recent

DEVICE: Final = "PONTCLE"
"""How the ids of these devices begin."""
REMEMBERED: Final = 2_000
_WEEK: Final = 7 * 86_400_000  # milliseconds
_MESSAGES: Final = 100
_SEED: Final = 32  # bytes
_SEEDS: Final = "crypto_seeds.seeds"

_mautrix = cast("TraceLogger", logging.getLogger("tchap_bridges.crypto"))
_mautrix.setLevel(logging.ERROR)  # further down it tells of others' devices, and what it has read
log = structlog.get_logger(__name__)


class Machine(OlmMachine):
    """One account's. Sends keys to every device: whom to trust is for the person who reads.

    ``hears``: it keeps its own keys too, to read what it has said itself.
    """

    def __init__(self, requests: Requests, keys: Keys, rooms: StateStore, *, hears: bool) -> None:
        super().__init__(requests, keys, rooms, log=_mautrix)  # type: ignore[arg-type]  # as much of a client as it uses
        self.keys = keys
        self.requests = requests
        self.dont_store_outbound_keys = not hears
        self.received: list[str] = []
        """Sessions whose keys have come, since somebody looked."""
        self.broken: set[tuple[UserID, IdentityKey]] = set()
        """Devices whose sessions with us failed, since somebody looked."""

    async def resolve_trust(self, device: DeviceIdentity, allow_fetch: bool = True) -> TrustState:
        del allow_fetch
        return device.trust

    def _mark_session_received(self, session_id: SessionID) -> None:
        self.received.append(session_id)

    async def _unwedge_session(self, sender: UserID, sender_key: IdentityKey) -> None:
        self.broken.add((sender, sender_key))

    async def mend(self) -> None:
        """Begin a new session with each device whose last one has failed."""
        while self.broken:
            await super()._unwedge_session(*self.broken.pop())


class Rotations(StateStore):
    """How soon each room wants new sessions: what `learn` was last told, and the specification's own where nothing."""

    def __init__(self) -> None:
        self._known: Recent[str, RoomEncryptionStateEventContent] = Recent(REMEMBERED)

    def learn(self, room: str, content: Mapping[str, Any]) -> None:
        """``content`` of the room's ``m.room.encryption``. Raises Undeliverable for an encryption that is not ours."""
        if content.get("algorithm") != EncryptionAlgorithm.MEGOLM_V1.value:
            raise Undeliverable(_("ce salon est chiffré d'une façon inconnue"))
        self._known.put(
            room,
            RoomEncryptionStateEventContent(
                algorithm=EncryptionAlgorithm.MEGOLM_V1,
                rotation_period_ms=_count(content.get("rotation_period_ms"), _WEEK),
                rotation_period_msgs=_count(content.get("rotation_period_msgs"), _MESSAGES),
            ),
        )

    async def is_encrypted(self, room_id: RoomID) -> bool:
        del room_id
        return True

    async def get_encryption_info(self, room_id: RoomID) -> RoomEncryptionStateEventContent:
        known = self._known.get(room_id)
        return known or RoomEncryptionStateEventContent(algorithm=EncryptionAlgorithm.MEGOLM_V1)

    async def find_shared_rooms(self, user_id: UserID) -> list[RoomID]:
        """`Inbox` drops the sessions of these rooms: it knows whose devices have changed."""
        del user_id
        return []


def _count(told: Any, most: int) -> int:
    """As the room says, where that is a number; longer than usual is nobody's to ask."""
    return min(told, most) if isinstance(told, int) and not isinstance(told, bool) and told > 0 else most


class Accounts:
    """The machines of the bot and of ghosts. The ``bot`` hears for all, and is given the keys of every ghost."""

    def __init__(self, client: MatrixClient, db: Database, sealer: Sealer, rooms: StateStore, *, bot: UserId) -> None:
        self._client = client
        self._bot = bot
        self._db = db
        self._sealer = sealer
        self._rooms = rooms
        self._known: Recent[UserId, Machine] = Recent(REMEMBERED)
        self._locks: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()

    async def machine(self, user: UserId) -> Machine:
        """The user's, whose account exists; its device is made, and its keys published, where that was not done."""
        known = self._known.get(user)
        if known is not None:
            return known
        async with self._locks.setdefault(user, asyncio.Lock()):
            known = self._known.get(user)
            if known is None:
                known = await self._open(user)
                self._known.put(user, known)
        return known

    async def verify(self, user: UserId) -> None:
        """Something was done to its devices. Is ours still there? The next time that it is needed, another is."""
        async with self._db.snapshot() as tx:
            row = await tx.one("crypto_account_get", mxid=user)
        if row is None or not row["shared"]:
            return
        try:
            await self._client.call("GET", path_of("devices", row["device"]), name="device", user=user)
        except MatrixRefused as error:
            if error.status != 404:
                raise
            log.warning("crypto.device_gone", user=user)  # it gets another one when it is needed
            await self.forget(user)

    async def forget(self, user: UserId) -> None:
        """Its device is gone from the homeserver: it gets another one, and no old id is used again."""
        async with self._locks.setdefault(user, asyncio.Lock()):
            self._known.forget(user)
            async with self._db.transaction() as tx:
                for query in ("crypto_account_delete", "crypto_olm_forget", "crypto_outbound_forget"):
                    await tx.run(query, mxid=user)

    async def _open(self, user: UserId) -> Machine:
        async with self._db.snapshot() as tx:
            row = await tx.one("crypto_account_get", mxid=user)
        device = row["device"] if row is not None else f"{DEVICE}{secrets.token_hex(4).upper()}"
        keys = Keys(self._db, self._sealer, user, device)
        account = await keys.get_account()
        if account is None:
            account = OlmAccount()
            await keys.put_account(
                account
            )  # before anybody hears of it: a crash leaves a device that is published later
        machine = Machine(Requests(self._client, user, device), keys, self._rooms, hears=user == self._bot)
        machine.account = account
        if not account.shared:
            await self._publish(machine, account, await self._seeds(user))
        return machine

    async def _seeds(self, user: UserId) -> CrossSigningSeeds:
        """The keys that sign this account's devices, kept for as long as the account lives."""
        async with self._db.transaction() as tx:
            fresh = b"".join(CrossSigningSeeds.generate())
            await tx.run("crypto_seeds_add", mxid=user, seeds=self._sealer.seal(fresh, place=_SEEDS))
            kept = self._sealer.open(await tx.value("crypto_seeds_get", mxid=user), place=_SEEDS)
        return CrossSigningSeeds(*(kept[n * _SEED : (n + 1) * _SEED] for n in range(3)))

    async def _publish(self, machine: Machine, account: OlmAccount, seeds: CrossSigningSeeds) -> None:
        """Everything may have been done before a crash, and can be done again."""
        requests, user = machine.requests, machine.requests.mxid
        await self._client.call(
            "PUT", path_of("devices", str(requests.device_id)), {}, name="device", user=requests.user
        )
        keys = seeds.to_keys()

        def signing(usage: CrossSigningUsage, own: SigningKey) -> CrossSigningKeys:
            found = CrossSigningKeys(user_id=user, usage=[usage], keys={KeyID.ed25519(own): own})
            if usage != CrossSigningUsage.MASTER:
                master = keys.master_key
                found.signatures = {user: {KeyID.ed25519(master.public_key): sign_olm(found, master)}}
            return found

        own = {
            CrossSigningUsage.MASTER: keys.master_key,
            CrossSigningUsage.SELF: keys.self_signing_key,
            CrossSigningUsage.USER: keys.user_signing_key,
        }
        await requests.upload_cross_signing_keys(
            {usage: signing(usage, SigningKey(key.public_key)) for usage, key in own.items()}
        )
        device = account.get_device_keys(user, requests.device_id)
        signer = keys.self_signing_key
        device.signatures[user][KeyID.ed25519(signer.public_key)] = sign_olm(device, signer)
        await requests.upload_keys(device_keys=device)
        account.shared = True
        await machine.keys.put_account(account)
        await self._delete_others(requests)

    async def _delete_others(self, requests: Requests) -> None:
        """Devices of ours of before: nothing reads what is sealed for them any more."""
        found = await self._client.call("GET", path_of("devices"), name="device", user=requests.user)
        devices = found.get("devices")
        for device in devices if isinstance(devices, list) else ():
            id_ = device.get("device_id") if isinstance(device, dict) else None
            if isinstance(id_, str) and id_.startswith(DEVICE) and id_ != requests.device_id:
                try:
                    await self._client.call("DELETE", path_of("devices", id_), {}, name="device", user=requests.user)
                except MatrixRefused as error:
                    log.warning("crypto.old_device_stays", user=requests.user, errcode=error.errcode)
