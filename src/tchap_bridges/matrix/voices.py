"""Who says it: the author's ghost where ghosts can be in the room, the bot in the author's name where they cannot.

One code path, two voices. In an ordinary Tchap room the bot has level 0, may invite nobody, and speaks for the ghost
That is found out by trying, remembered, and tried again when powers or join rules change.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

import structlog

from tchap_bridges.core.ports import Database
from tchap_bridges.errors import Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import PersonId, RoomId, UserId
from tchap_bridges.matrix import names
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.ghosts import Ghosts, Profile, Speaker, avatar_of
from tchap_bridges.matrix.recent import Recent

GHOST: Final = "ghost"
SPOKEN: Final = "spoken"
REMEMBERED: Final = 50_000
_POWERS = frozenset(("m.room.power_levels", "m.room.join_rules", "im.vector.room.access_rules"))

log = structlog.get_logger(__name__)


class _Refusal(Enum):
    """Why a ghost is not in a room."""

    OF_ALL = auto()  # nobody may be invited by the bot
    OF_THIS_ONE = auto()  # it was, and cannot come


class Voices:
    """Chooses the speaker; makes ghosts enter. ``bot`` is the bot's account."""

    def __init__(self, client: MatrixClient, db: Database, ghosts: Ghosts, bot: Speaker) -> None:
        self._client = client
        self._db = db
        self._ghosts = ghosts
        self._bot = bot
        self._voice: Recent[RoomId, str] = Recent(REMEMBERED)
        self._inside: Recent[tuple[RoomId, UserId], bool] = Recent(REMEMBERED)

    @property
    def bot(self) -> Speaker:
        return self._bot

    async def choose(self, room: RoomId, author: Author | None, network: str) -> Speaker:
        """Raises Undeliverable when the room has banned the author's ghost."""
        if author is None:
            return self._bot
        if await self._voice_of(room) == SPOKEN:
            return self.spoken(author, network)
        return await self._as_ghost(room, author, network, anew=False)

    async def after_refusal(self, room: RoomId, author: Author | None, network: str) -> Speaker:
        """The speaker when the chosen one was refused: whatever was remembered of it may be wrong."""
        if author is None:
            return self._bot
        self._inside.forget((room, self.ghost_of(author, network)))
        return await self._as_ghost(room, author, network, anew=True)

    def again(self, sender: UserId, author: Author | None, network: str) -> Speaker | None:
        """Whoever sent an event of ours, to say something more about it; None for somebody else's."""
        if sender == self._bot.user:
            return self._bot if author is None else self.spoken(author, network)
        return self._ghosts.speaker(sender)

    def ghost_of(self, author: Author, network: str) -> UserId:
        return self._ghosts.id_of(network, author.person)

    async def renew_bot(self) -> None:
        """The bot's account and device, made again where they are gone."""
        await self._ghosts.account(self._bot.user)

    def spoken(self, author: Author, network: str) -> Speaker:
        """The bot in the author's name."""
        id_ = names.localpart(self.ghost_of(author, network))
        profile = Profile(id_, names.shown_name(author.name, network), avatar_of(author))
        return Speaker(self._bot.user, self._bot.device, profile)

    async def named(self, room: RoomId, people: Sequence[tuple[PersonId, str]], network: str) -> dict[PersonId, UserId]:
        """The ghosts of people who are spoken of, whether or not they are in the room; none where none can be."""
        if not people or await self._voice_of(room) == SPOKEN:
            return {}
        found: dict[PersonId, UserId] = {}
        for person, name in people:
            try:
                found[person] = await self._ghosts.named(person, name.removeprefix("@"), network)
            except MatrixRefused as error:  # the name alone says enough
                log.info("voices.not_named", errcode=error.errcode)
        return found

    async def present(self, room: RoomId, author: Author) -> Speaker | None:
        """The ghost of an author who has spoken lately, if it is in the room."""
        user = self._ghosts.lately(author.person)
        if user is None or await self._voice_of(room) == SPOKEN or not await self._is_inside(room, user):
            return None
        return self._ghosts.speaker(user)

    def forget(self, room: RoomId) -> None:
        """Ask again whether ghosts can enter."""
        self._voice.put(room, GHOST)

    async def reset(self, room: RoomId) -> None:
        """The same, on disk too."""
        async with self._db.transaction() as tx:
            await tx.run("room_voice_reset", room=room)
        self.forget(room)

    async def left(self, room: RoomId, user: UserId) -> None:
        """The ghost is not in the room any more."""
        self._inside.forget((room, user))
        async with self._db.transaction() as tx:
            await tx.run("ghost_room_remove", room=room, mxid=user)

    async def inside(self, room: RoomId) -> list[UserId]:
        """Every ghost in the room."""
        async with self._db.snapshot() as tx:
            return [UserId(row["mxid"]) for row in await tx.all("ghosts_in_room", room=room)]

    async def saw(self, event: Mapping[str, Any]) -> None:
        """Durable before the event is: a crash in between must not leave a wrong voice behind."""
        room, kind, key = event.get("room_id"), event.get("type"), event.get("state_key")
        if not (isinstance(room, str) and isinstance(kind, str) and isinstance(key, str)):
            return
        if kind in _POWERS:
            await self.reset(RoomId(room))
        elif kind == "m.room.member" and self._ghosts.speaker(UserId(key)) is not None:
            content = event.get("content")
            if isinstance(content, dict) and content.get("membership") in {"join", "invite"}:
                return  # our own invite comes back when the ghost is in already, and again with each sweep
            await self.left(RoomId(room), UserId(key))

    # How ghosts enter

    async def _as_ghost(self, room: RoomId, author: Author, network: str, *, anew: bool) -> Speaker:
        try:
            ghost = await self._ghosts.of(author, network, anew=anew)
        except MatrixRefused as error:  # a deactivated account, say: what its author says is not lost for that
            log.warning("voices.no_ghost", errcode=error.errcode)
            return self.spoken(author, network)
        if anew or not await self._is_inside(room, ghost.user):
            refusal = await self._enter(room, ghost.user)
            if refusal is _Refusal.OF_THIS_ONE and not anew:  # the homeserver may have lost its account
                return await self._as_ghost(room, author, network, anew=True)
            if refusal is _Refusal.OF_ALL:
                await self._remember(room, SPOKEN)
            if refusal is not None:
                return self.spoken(author, network)
            await self._note_inside(room, ghost.user)
        return ghost

    async def _enter(self, room: RoomId, ghost: UserId) -> "_Refusal | None":
        """None once it is in. Raises Undeliverable when it is banned."""
        if await self._joins(room, ghost):  # a public room, or one where it is or is asked already
            return None
        try:
            path = path_of("rooms", room, "invite")
            await self._client.call("POST", path, {"user_id": ghost}, name="invite", user=self._bot.user)
        except MatrixRefused as error:
            if error.status != 403:
                raise
            if await self._banned(room, ghost):
                raise Undeliverable(_("son auteur a été banni de ce salon")) from None
            log.info("voices.no_ghosts_here", errcode=error.errcode)
            return _Refusal.OF_ALL
        return None if await self._joins(room, ghost) else _Refusal.OF_THIS_ONE

    async def _joins(self, room: RoomId, ghost: UserId) -> bool:
        try:
            await self._client.call("POST", path_of("rooms", room, "join"), {}, name="join", user=ghost)
        except MatrixRefused as error:
            if error.status not in {403, 404}:  # 404: no server of it is known to somebody who is not invited
                raise
            return False
        return True

    async def _banned(self, room: RoomId, ghost: UserId) -> bool:
        path = path_of("rooms", room, "state", "m.room.member", ghost)
        try:
            found = await self._client.call("GET", path, name="state", user=self._bot.user)
        except MatrixRefused:
            return False
        return found.get("membership") == "ban"

    # What is remembered

    async def _voice_of(self, room: RoomId) -> str:
        voice = self._voice.get(room)
        if voice is None:
            async with self._db.snapshot() as tx:
                voice = str(await tx.value("room_voice", room=room) or GHOST)
            self._voice.put(room, voice)
        return voice

    async def _remember(self, room: RoomId, voice: str) -> None:
        async with self._db.transaction() as tx:
            await tx.run("room_voice_set", room=room, voice=voice)
        self._voice.put(room, voice)

    async def _is_inside(self, room: RoomId, user: UserId) -> bool:
        if self._inside.get((room, user)):
            return True
        async with self._db.snapshot() as tx:
            found = await tx.one("ghost_in_room", room=room, mxid=user) is not None
        if found:
            self._inside.put((room, user), True)
        return found

    async def _note_inside(self, room: RoomId, user: UserId) -> None:
        async with self._db.transaction() as tx:
            await tx.run("ghost_room_add", room=room, mxid=user)
        self._inside.put((room, user), True)
