"""The Matrix side of the bridge, put together: `core.ports.Homeserver`.

Made where a loop runs; `start` listens, `run` keeps it alive until cancelled, `close` ends it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiohttp import web

from tchap_bridges.bridge import Item
from tchap_bridges.core.ports import Database, Ghost, RoomFact, RoomFacts, Sealer
from tchap_bridges.errors import Misconfigured, Undeliverable
from tchap_bridges.events import Event, Passing, Related
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId, PersonId, RoomId, UserId
from tchap_bridges.matrix import names
from tchap_bridges.matrix.arrivals import Arrivals, Take
from tchap_bridges.matrix.client import SENDS, MatrixClient, MatrixRefused, Observe, path_of, text_of
from tchap_bridges.matrix.crypto import Crypto
from tchap_bridges.matrix.directory import Directory
from tchap_bridges.matrix.endpoint import Endpoint
from tchap_bridges.matrix.facts import facts
from tchap_bridges.matrix.ghosts import Ghosts, Speaker
from tchap_bridges.matrix.media import Media, Source
from tchap_bridges.matrix.members import Members
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.pictures import Pictures
from tchap_bridges.matrix.read import read, room_of
from tchap_bridges.matrix.relations import related
from tchap_bridges.matrix.rooms import Rooms
from tchap_bridges.matrix.sync import SWEEP, Sweeper
from tchap_bridges.matrix.voices import Voices

_DIRECT_RULE: Final = {"type": "im.vector.room.access_rules", "state_key": "", "content": {"rule": "direct"}}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``appservice`` is the registration's id; ``bot`` a localpart, in the namespace that starts with ``prefix``.

    ``listen`` is where the homeserver finds us, None when somebody else serves `MatrixHomeserver.endpoint`.
    ``directory``: the identity server that knows whose an address is; ``is_guest`` tells the users of guests' servers.
    ``devices``: the registration has ``io.element.msc4190``. ``secret``: 32 bytes that never change.
    """

    url: str
    server: str
    appservice: str
    as_token: str = field(repr=False)
    hs_token: str = field(repr=False)
    bot: str
    prefix: str
    secret: bytes = field(repr=False)
    listen: tuple[str, int] | None
    name: str = "Pont"
    tchap: bool = False
    devices: bool = True
    sweep: float = SWEEP
    sends: int = SENDS
    directory: str | None = None
    is_guest: Callable[[UserId], bool] = lambda _user: True


async def _unheard(keys: Sequence[str]) -> None:
    """Nobody waits for any."""
    del keys


class MatrixHomeserver:
    """``take`` keeps what arrives, on disk when it returns; ``on_passing`` is told what has meaning only now.

    ``on_alive`` is called when the homeserver answers, at first and after each absence: what waits for it may leave.
    ``is_encrypted`` says which rooms are known to be encrypted; ``on_keys`` is told which keys of events have come.
    ``translate`` reads the few phrases that are sent to rooms.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        db: Database,
        sealer: Sealer,
        take: Take,
        on_passing: Callable[[Passing], None],
        on_alive: Callable[[], object],
        on_lost: Callable[[], object] = lambda: None,
        is_encrypted: Callable[[RoomId], bool],
        on_keys: Callable[[Sequence[str]], Awaitable[None]] = _unheard,
        translate: Callable[[str], str] = str,
        observe: Observe | None = None,
    ) -> None:
        self._settings = settings
        self._db = db
        self._bot = UserId(f"@{settings.bot}:{settings.server}")
        self._ours = Namespace(server=settings.server, prefix=settings.prefix, bot=self._bot, secret=settings.secret)
        self._client = MatrixClient(settings.url, settings.as_token, observe=observe, sends=settings.sends)
        self._ghosts = Ghosts(self._client, db, sealer, self._ours, tchap=settings.tchap, devices=settings.devices)
        bot = Speaker(self._bot, self._ours.device(self._bot) if settings.devices else "")
        self._voices = Voices(self._client, db, self._ghosts, bot)
        self._media = Media(self._client, bot)
        self._members = Members(self._client, self._bot)
        self._crypto = Crypto(self._client, db, sealer, self._ours, on_keys=on_keys) if settings.devices else None
        self._rooms = Rooms(
            self._client,
            self._voices,
            self._media,
            is_encrypted=is_encrypted,
            seal=self._crypto.seal if self._crypto is not None else None,
            opened=self._event,
            pictures=Pictures(self._media, db, self._ghosts.id_of),
            translate=translate,
        )
        self._directory = Directory(settings.directory, settings.is_guest)
        watches = (self._rooms, self._voices, self._members, *((self._crypto,) if self._crypto is not None else ()))
        self._arrivals = Arrivals(take, on_passing, self._ours, watches=watches)
        self._sweeper = Sweeper(
            self._client,
            db,
            self._arrivals,
            self._bot,
            appservice=settings.appservice,
            greet=self.greet,
            on_alive=on_alive,
            on_lost=on_lost,
            every=settings.sweep,
        )
        self._endpoint = Endpoint(settings.hs_token, self._arrivals, self._knows, catch_up=self._sweeper.catch_up)
        self._site: web.AppRunner | None = None
        self._greeted = asyncio.Event()

    # Life

    async def start(self) -> None:
        """Listen. Raises Misconfigured when the address cannot be had."""
        if self._settings.listen is None:
            return
        host, port = self._settings.listen
        runner = web.AppRunner(self._endpoint.app(), access_log=None, shutdown_timeout=5)
        await runner.setup()
        self._site = runner
        try:
            await web.TCPSite(runner, host, port, reuse_address=True).start()
        except OSError as error:
            raise Misconfigured(
                _("impossible d'écouter sur {host}:{port} ({why})", host=host, port=port, why=error.strerror or ""),
                where="homeserver.listen",
                remedy=_("Choisissez un autre port, ou arrêtez ce qui l'occupe."),
            ) from error

    async def run(self) -> None:
        """Keep in touch with the homeserver until cancelled. Raises BadCredentials when it knows us no longer."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweeper.run())
                if self._crypto is not None:
                    group.create_task(self._hear_keys(self._crypto))
        except ExceptionGroup as failed:  # a TaskGroup wraps even one
            raise failed.exceptions[0] from failed

    async def _hear_keys(self, crypto: Crypto) -> None:
        await self._greeted.wait()
        await crypto.run()

    async def close(self) -> None:
        """Take nothing more, and let go of every connection."""
        if self._site is not None:
            await self._site.cleanup()
            self._site = None
        await self._client.close()

    async def greet(self) -> None:
        """Have the bot's account, and its name on it. Idempotent."""
        await self._ghosts.account(self._bot)
        self._greeted.set()
        try:
            await self._ghosts.rename(self._bot, self._settings.name)
        except MatrixRefused as error:  # some homeservers let nobody change a name
            log.warning("homeserver.bot_not_named", errcode=error.errcode)

    @property
    def endpoint(self) -> Endpoint:
        """Its routes, for an application that serves more."""
        return self._endpoint

    @property
    def sweeper(self) -> Sweeper:
        return self._sweeper

    async def deposit(self, source: Source) -> str:
        """Put a file on the homeserver of which nobody is told; returns its mxc URI."""
        return await self._media.deposit(source)

    # core.ports.Homeserver

    @property
    def rooms(self) -> Rooms:
        return self._rooms

    @property
    def bot(self) -> UserId:
        return self._bot

    async def opened(self, item: Item) -> Item:
        return await self._crypto.opened(item) if self._crypto is not None else item

    def read(self, item: Item) -> Sequence[Event | RoomFact]:
        return read(item, self._ours)

    def room_of(self, item: Item) -> RoomId | None:
        return room_of(item)

    def is_ours(self, user: UserId) -> bool:
        return user in self._ours

    def ghost_of(self, network: str, person: PersonId) -> UserId:
        return self._ghosts.id_of(network, person)

    async def depart(self, room: RoomId, user: UserId) -> None:
        await self._out(room, user, "")
        await self._voices.left(room, user)

    async def ghost(self, user: UserId) -> Ghost | None:
        return await self._ghosts.person(user)

    async def facts(self, room: RoomId) -> RoomFacts:
        state = await self._client.listed(path_of("rooms", room, "state"), name="state", user=self._bot)
        return facts(room, state, tchap=self._settings.tchap, bot=self._bot)

    async def is_external(self, address: str) -> bool:
        return await self._directory.is_external(address)

    async def display_name(self, room: RoomId, user: UserId) -> str:
        return await self._members.name(room, user)

    async def members(self, room: RoomId) -> Mapping[UserId, str]:
        found = await self._members.all(room)
        return {user: name for user, name in found.items() if user != self._bot}

    async def related(self, room: RoomId, event: MessageId) -> Related:
        return await related(self._client, room, event, user=self._bot, ours=self._ours, opened=self._event)

    async def _event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._crypto.event(event) if self._crypto is not None else event

    async def avatar(self, room: RoomId, user: UserId) -> str:
        return await self._members.avatar(room, user)

    def thumbnail(self, picture: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._media.thumbnail(picture)

    async def join(self, room: RoomId) -> None:
        await self._client.call("POST", path_of("rooms", room, "join"), {}, name="join", user=self._bot)

    async def leave(self, room: RoomId, reason: str) -> None:
        await self.call_off(room)
        await self._out(room, self._bot, reason)

    async def call_off(self, room: RoomId) -> None:
        for ghost in await self._voices.inside(room):
            await self._out(room, ghost, "")
            await self._voices.left(room, ghost)
        await self._voices.reset(room)

    async def _out(self, room: RoomId, user: UserId, reason: str) -> None:
        body = {"reason": reason} if reason else {}
        with suppress(MatrixRefused):  # it is out already
            await self._client.call("POST", path_of("rooms", room, "leave"), body, name="leave", user=user)

    async def make_direct(self, user: UserId) -> RoomId:
        body = {
            "preset": "private_chat",
            "visibility": "private",
            "is_direct": True,
            "initial_state": [
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "invited"}},
                *([_DIRECT_RULE] if self._settings.tchap else ()),
            ],
        }
        found = await self._client.call("POST", path_of("createRoom"), body, name="createRoom", user=self._bot)
        room = RoomId(text_of(found, "room_id"))
        path = path_of("rooms", room, "state", "m.room.power_levels")  # what a creator has there depends on the version
        powers = await self._client.call("GET", path, name="state", user=self._bot)
        levels = {**powers, "users": {**powers.get("users", {}), user: 50}, "invite": 100}
        await self._client.call("PUT", path, levels, name="state", user=self._bot)
        return room

    async def invite_direct(self, room: RoomId, user: UserId, reason: str) -> None:
        path = path_of("rooms", room, "state", "m.room.member", user)
        content = {"membership": "invite", "is_direct": True, "reason": reason}
        try:
            await self._client.call("PUT", path, content, name="state", user=self._bot)
        except MatrixRefused as error:
            if await self._is_member(room, user):
                return
            raise Undeliverable(_("cette personne ne peut pas être invitée")) from error

    async def _is_member(self, room: RoomId, user: UserId) -> bool:
        path = path_of("rooms", room, "state", "m.room.member", user)
        try:
            found = await self._client.call("GET", path, name="state", user=self._bot)
        except MatrixRefused:
            return False
        return found.get("membership") in {"join", "invite"}

    async def wear(self, room: RoomId, name: str | None) -> None:
        path = path_of("rooms", room, "state", "m.room.member", self._bot)
        now = await self._client.call("GET", path, name="state", user=self._bot)
        shown = self._settings.name if name is None else names.harmless(name)
        if now.get("membership") != "join":
            return  # written by somebody else; and to write ours would be to join
        if now.get("displayname") != shown:
            avatar = {"avatar_url": now["avatar_url"]} if isinstance(now.get("avatar_url"), str) else {}
            content = {"membership": "join", "displayname": shown, **avatar}
            await self._client.call("PUT", path, content, name="state", user=self._bot)

    async def mark_read(self, room: RoomId, event: MessageId) -> None:
        path = path_of("rooms", room, "receipt", "m.read", event)
        await self._client.call("POST", path, {}, name="receipt", user=self._bot)

    def forget_voice(self, room: RoomId) -> None:
        self._voices.forget(room)

    async def _knows(self, user: str) -> bool:
        return user == self._bot or (self._ours.is_ghost(user) and await self._ghosts.exists(user))
