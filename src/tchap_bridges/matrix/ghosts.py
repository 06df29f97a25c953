"""Ghosts as accounts: made when they first speak, their name and picture kept current, hidden from directories."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

import structlog

from tchap_bridges.core.ports import Database, Ghost, Sealer
from tchap_bridges.events import Author
from tchap_bridges.ids import PersonId, UserId
from tchap_bridges.matrix import names
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.recent import Recent

log = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000
_RENAMED_APART: Final = 60.0
"""Seconds between two renamings of a ghost: every room it is in is told of each, and some people write two names."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose words the bot says (MSC4144)."""

    id: str
    name: str
    avatar: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """The account of ours that sends, and, where that is the bot, for whom.

    ``device`` is empty where the homeserver manages none (no MSC4190).
    """

    user: UserId
    device: str
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A ghost that needs nothing, with the name and picture that it was given."""

    ghost: Speaker
    name: str
    avatar: str
    renamed_at: float

    def looks_like(self, author: Author) -> bool:
        return self.name == author.name and self.avatar == avatar_of(author)


class Ghosts:
    """``tchap``: hide profiles as Tchap knows it. ``devices``: the homeserver lets us make devices (MSC4190)."""

    def __init__(
        self,
        client: MatrixClient,
        db: Database,
        sealer: Sealer,
        namespace: Namespace,
        *,
        tchap: bool,
        devices: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._db = db
        self._sealer = sealer
        self._namespace = namespace
        self._tchap = tchap
        self._devices = devices
        self._clock = clock
        self._ready: Recent[tuple[str, str], _Ready] = Recent(REMEMBERED)
        self._lately: Recent[PersonId, UserId] = Recent(REMEMBERED)
        self._locks: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()

    def id_of(self, network: str, person: PersonId) -> UserId:
        return self._namespace.ghost_id(network, person)

    def speaker(self, user: UserId) -> Speaker | None:
        """A user of ours as it sends; None for anybody else."""
        if user not in self._namespace:
            return None
        return Speaker(user, self._namespace.device(user) if self._devices else "")

    def lately(self, person: PersonId) -> UserId | None:
        """The ghost of somebody whose network is not told, if it was asked for lately."""
        return self._lately.get(person)

    async def exists(self, user: str) -> bool:
        """Whether this ghost was ever made."""
        async with self._db.snapshot() as tx:
            return await tx.one("ghost_get", mxid=user) is not None

    async def person(self, user: UserId) -> Ghost | None:
        """Whom a ghost stands for."""
        if not self._namespace.is_ghost(user):
            return None
        async with self._db.snapshot() as tx:
            row = await tx.one("ghost_person", mxid=user)
        if row is None:
            return None
        person = self._sealer.open(row["person"], place="ghost.person").decode("utf-8", "surrogatepass")
        return Ghost(network=row["network"], person=PersonId(person), name=await self._name_of(user))

    async def _name_of(self, user: UserId) -> str:
        """What the account is called: it need be in no room."""
        try:
            found = await self._client.call("GET", path_of("profile", user, "displayname"), name="profile", user=user)
        except MatrixRefused:
            return ""
        name = found.get("displayname")
        return name if isinstance(name, str) else ""

    async def named(self, person: PersonId, name: str, network: str) -> UserId:
        """The ghost of somebody who is spoken of: made if there is none, and else left as it looks."""
        user = self._namespace.ghost_id(network, person)
        if not await self.exists(user):
            await self.of(Author(person=person, name=name), network)
        return user

    async def of(self, author: Author, network: str, *, anew: bool = False) -> Speaker:
        """The author's ghost, registered and looking as it should. ``anew``: believe nothing of what is remembered."""
        key = (network, author.person)
        ready = None if anew else self._ready.get(key)
        if ready is not None and (ready.looks_like(author) or self._clock() - ready.renamed_at < _RENAMED_APART):
            return ready.ghost
        user = self._namespace.ghost_id(network, author.person)
        async with self._locks.setdefault(user, asyncio.Lock()):
            ghost = await self._made(user, author, network, anew=anew)
            name, avatar = names.shown_name(author.name, network), avatar_of(author)
            await self._dressed(ghost, name, avatar, anew=anew)
        renamed_at = self._clock() if ready is not None else float("-inf")
        self._ready.put(key, _Ready(ghost, author.name, avatar, renamed_at))
        self._lately.put(author.person, user)
        return ghost

    async def account(self, user: UserId) -> Speaker:
        """Register the user if it is not, and its device. Idempotent."""
        body = {"type": "m.login.application_service", "username": names.localpart(user), "inhibit_login": True}
        try:
            await self._client.call("POST", path_of("register"), body, name="register")
        except MatrixRefused as error:
            if error.errcode != "M_USER_IN_USE":
                raise
        device = self._namespace.device(user) if self._devices else ""
        if device:
            await self._client.call("PUT", path_of("devices", device), {}, name="device", user=user)
        if self._tchap:
            path = path_of("user", user, "account_data", "im.vector.hide_profile")
            try:
                await self._client.call("PUT", path, {"hide_profile": True}, name="account_data", user=user)
            except MatrixRefused as error:
                log.warning("ghosts.not_hidden", errcode=error.errcode)
        return Speaker(user, device)

    async def rename(self, user: UserId, name: str) -> None:
        """Set the display name of the account itself, where it is another: every room is told of each setting."""
        path = path_of("profile", user, "displayname")
        try:
            if (await self._client.call("GET", path, name="profile", user=user)).get("displayname") == name:
                return
        except MatrixRefused as error:
            if error.status != 404:
                raise
        await self._client.call("PUT", path, {"displayname": name}, name="profile", user=user)

    async def _made(self, user: UserId, author: Author, network: str, *, anew: bool) -> Speaker:
        if not anew:
            async with self._db.snapshot() as tx:
                row = await tx.one("ghost_get", mxid=user)
            if row is not None and bool(row["device"]) == self._devices:
                return Speaker(user, row["device"])
        ghost = await self.account(user)
        person = self._sealer.seal(author.person.encode("utf-8", "surrogatepass"), place="ghost.person")
        async with self._db.transaction() as tx:
            await tx.run("ghost_add", mxid=user, network=network, person=person, device=ghost.device)
        return ghost

    async def _dressed(self, ghost: Speaker, name: str, avatar: str, *, anew: bool) -> None:
        profile = hashlib.blake2b(f"{name}\0{avatar}".encode(), digest_size=16).hexdigest()
        async with self._db.snapshot() as tx:
            row = await tx.one("ghost_get", mxid=ghost.user)
        if row is not None and row["profile"] == profile and not anew:
            return
        await self.rename(ghost.user, name)
        if avatar:
            path = path_of("profile", ghost.user, "avatar_url")
            await self._client.call("PUT", path, {"avatar_url": avatar}, name="profile", user=ghost.user)
        async with self._db.transaction() as tx:
            await tx.run("ghost_profile", mxid=ghost.user, profile=profile, avatar=avatar or None)


def avatar_of(author: Author) -> str:
    """The mxc URI of the author's picture where it has one that is on the homeserver already."""
    ref = author.avatar.ref if author.avatar is not None else ""
    return ref if ref.startswith("mxc://") else ""
