"""Links to people's pictures, for networks that show them by URL: small images, kept in no table.

What a link shows is sealed into it, always the same way (AES-SIV, RFC 5297), so that one author has one link for days
and nobody reads in it who that is. It dies when its time is over, with either of the links between room and chat that
it was made for, and as soon as its owner has no picture any more.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tchap_bridges.bridge import OpensFiles
from tchap_bridges.core import clock
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Homeserver, Meter, Row, Suspect
from tchap_bridges.core.screening import Screen
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import DAY, Shared, Unknown, Withdrawn
from tchap_bridges.errors import BridgeError, NotReady
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import ConnectionName, FileRef, RoomId, UserId
from tchap_bridges.logs import harmless

STABLE = 7 * DAY
"""Seconds for which an author keeps one link."""
LARGEST = 512 * 1024  # bytes: a picture, not a photograph
LONGEST = 1_000  # characters of a ticket: Slack, for one, takes no URL of any length
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))

log = structlog.get_logger(__name__)


class Portrait(NamedTuple):
    """What a link shows: for whom, until when, and where the picture is.

    ``place`` is a room, then ``who`` is a user and ``picture`` what their picture was when the link was made; or
    ``link:<id>``, then ``picture`` is what that network calls it.
    """

    through: int
    until: int  # seconds since 1970
    place: str
    who: str
    picture: str


class Avatars:
    """``public_url`` is None where nobody could follow links. ``connection_of`` as for a courier."""

    def __init__(
        self,
        *,
        db: Database,
        secrets: Secrets,
        links: Links,
        homeserver: Homeserver,
        connection_of: Callable[[ConnectionName], object],
        screen: Screen,
        meter: Meter,
        public_url: str | None,
        days: int,
    ) -> None:
        self._db = db
        self._links = links
        self._homeserver = homeserver
        self._connection_of = connection_of
        self._screen = screen
        self._meter = meter
        self._url = public_url
        self._days = days
        self._cipher = AESSIV(secrets.derive("links to avatars: 1") + secrets.derive("links to avatars: 2"))

    def linker(self, message: Row, author: Author | None, through: Link | None) -> Callable[[], Awaitable[str | None]]:
        """`outgoing.Outgoing.link_to_avatar` of a message."""

        async def link() -> str | None:
            if self._url is None or author is None or through is None:
                return None
            try:
                return await self._link(message["origin"], author, through)
            except BridgeError as error:  # a message without a picture is better than none
                log.info("avatars.none", **harmless(error))
                return None

        return link

    async def _link(self, place: str, author: Author, through: Link) -> str | None:
        who, picture = "", author.avatar.ref if author.avatar is not None else ""
        if not place.startswith("link:"):
            who, picture = author.person, await self._homeserver.avatar(RoomId(place), UserId(author.person))
        if not picture:
            return None
        until = ((clock.now() // 1000) // STABLE + 1) * STABLE + self._days * DAY
        token = self._write(Portrait(through.id, until, place, who, picture))
        return f"{self._url}/a/{token}" if len(token) <= LONGEST else None

    def _write(self, portrait: Portrait) -> str:
        sealed = self._cipher.encrypt(json.dumps(portrait, ensure_ascii=False).encode(errors="replace"), None)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def _read(self, token: str) -> Portrait:
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
            return Portrait(*json.loads(self._cipher.decrypt(sealed, None)))
        except (UnicodeEncodeError, binascii.Error, InvalidTag, ValueError):
            raise Unknown from None

    async def find(self, token: str) -> Shared:
        """The picture. Raises `Unknown`, `Withdrawn`, or a `BridgeError` for what may be had in a moment."""
        portrait = self._read(token) if len(token) <= LONGEST else None
        if portrait is None:
            raise Unknown
        if portrait.until < clock.now() // 1000:
            raise Withdrawn
        link = await self._carries(portrait.through)
        if link.muted:
            raise Withdrawn
        if portrait.place.startswith("link:"):
            origin = await self._carries(int(portrait.place.removeprefix("link:")))
            connection = self._connection_of(origin.connection)
            if not isinstance(connection, OpensFiles):
                raise Withdrawn
            opener = partial(connection.open_file, FileRef(portrait.picture))
        else:
            if link.room != portrait.place:
                raise Withdrawn
            picture = await self._homeserver.avatar(RoomId(portrait.place), UserId(portrait.who))
            if not picture:
                raise Withdrawn
            opener = partial(self._homeserver.thumbnail, picture)
        suspect = Suspect(  # a thumbnail is no media of its own: its bytes are looked at
            name="avatar", mime="image/*", size=None, ref=FileRef(portrait.picture), in_matrix=False, open=opener
        )
        data = b""
        async with self._screen.opened(suspect) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > LARGEST:
                    raise Withdrawn
        kind = kind_of(data)
        if kind is None:
            raise Withdrawn
        self._meter.count("fetch", link.connection)
        return Shared("avatar", kind, lambda: _whole(data))

    async def _carries(self, id_: int) -> Link:
        async with self._db.snapshot() as tx:
            link = await self._links.get(tx, id_)
        if link is None or link.wanted == "gone" or link.held == "suspended":
            raise Withdrawn
        if link.held:
            raise NotReady(_("les règles du salon sont en cours de vérification"), retry_after=1)
        return link


def kind_of(data: bytes) -> str | None:
    """The type of an image that any browser shows and no script can be in; None for anything else."""
    for start, kind in _KINDS:
        if data.startswith(start):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


@asynccontextmanager
async def _whole(data: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
    async def once() -> AsyncIterator[bytes]:
        yield data

    yield once()
