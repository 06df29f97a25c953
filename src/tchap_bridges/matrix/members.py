"""What people are called in a room, and their picture: asked once, and told by what arrives."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tchap_bridges.errors import NotReady
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.matrix import names
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.recent import Recent
from tchap_bridges.matrix.text import clean_text

_HELD_TRUE: Final = 3600.0  # seconds for which it is believed that a profile can, or cannot, be seen
_PATIENCE: Final = 5.0  # seconds that another homeserver has to show a profile: a message waits for it


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    avatar: str


class Members:
    """``bot`` asks."""

    def __init__(self, client: MatrixClient, bot: UserId) -> None:
        self._client = client
        self._bot = bot
        self._known: Recent[tuple[str, str], _Member] = Recent(20_000)
        self._open: Recent[str, tuple[bool, float]] = Recent(20_000)

    async def name(self, room: RoomId, user: UserId) -> str:
        """The display name; of somebody without one, what of their id is no address. Raises NotReady."""
        member = await self._member(room, user)
        return member.name if member is not None else names.nameless(user)

    async def all(self, room: RoomId) -> Mapping[UserId, str]:
        """Who is in the room, with what they are called there. Raises NotReady."""
        path = path_of("rooms", room, "joined_members")
        joined = (await self._client.call("GET", path, name="joined_members", user=self._bot)).get("joined")
        if not isinstance(joined, dict):
            raise NotReady("the homeserver does not say who is in the room")
        return {
            UserId(user): _shown({"displayname": one.get("display_name")}, UserId(user))
            for user, one in joined.items()
            if isinstance(one, dict)
        }

    async def avatar(self, room: RoomId, user: UserId) -> str:
        """The mxc URI of the picture shown in the room; '' without one, or when the profile is hidden from us.

        ``im.vector.hide_profile`` itself is account data, which nobody but its owner reads: what its homeserver refuses
        to show for it is what can be seen of it.
        """
        member = await self._member(room, user)
        if member is None or not member.avatar or not await self._is_open(user):
            return ""
        return member.avatar

    async def _member(self, room: RoomId, user: UserId) -> _Member | None:
        if (known := self._known.get((room, user))) is not None:
            return known
        try:
            path = path_of("rooms", room, "state", "m.room.member", user)
            found = await self._client.call("GET", path, name="state", user=self._bot)
        except MatrixRefused:
            return None
        picture = found.get("avatar_url")
        avatar = picture if isinstance(picture, str) and picture.startswith("mxc://") else ""
        member = _Member(_shown(found, user), avatar)
        self._known.put((room, user), member)
        return member

    async def _is_open(self, user: UserId) -> bool:
        known = self._open.get(user)
        if known is not None and time.monotonic() - known[1] < _HELD_TRUE:
            return known[0]
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._client.call("GET", path_of("profile", user), name="profile", user=self._bot)
            shown = True
        except (MatrixRefused, NotReady, TimeoutError):
            shown = False
        self._open.put(user, (shown, time.monotonic()))
        return shown

    async def saw(self, event: Mapping[str, Any]) -> None:
        """A change of name or picture; only of somebody who was asked for."""
        room, user = event.get("room_id"), event.get("state_key")
        if event.get("type") == "m.room.member" and isinstance(room, str) and isinstance(user, str):
            self._known.forget((room, user))


def _shown(content: Mapping[str, Any], user: UserId) -> str:
    name = content.get("displayname")
    clean = clean_text(name).replace("\n", " ").strip() if isinstance(name, str) else ""
    return clean or names.nameless(user)
