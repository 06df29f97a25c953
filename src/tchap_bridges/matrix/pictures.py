"""The pictures of a network's people, brought to the homeserver once, for ghosts and whoever the bot speaks for.

A message never fails for want of one, and waits for it a moment at most.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from tchap_bridges.core.avatars import kind_of
from tchap_bridges.core.ports import Database
from tchap_bridges.errors import BridgeError
from tchap_bridges.events import Author, File
from tchap_bridges.ids import FileRef, PersonId, UserId
from tchap_bridges.logs import harmless
from tchap_bridges.matrix.client import MatrixRefused
from tchap_bridges.matrix.media import Media, Whole
from tchap_bridges.matrix.recent import Recent
from tchap_bridges.outgoing import Attachment

LARGEST: Final = 1 << 20  # bytes
PATIENCE: Final = 5.0  # seconds for which a message waits for its author's picture
LATER: Final = 600.0  # seconds after which one that could not be had is asked for again
_SPACE: Final = "picture"

log = structlog.get_logger(__name__)


class Pictures:
    """Remembers which mxc URI stands for which picture of whom; ``id_of`` is their ghost, opaque."""

    def __init__(self, media: Media, db: Database, id_of: Callable[[str, PersonId], UserId]) -> None:
        self._media = media
        self._db = db
        self._id_of = id_of
        self._known: Recent[str, str] = Recent(10_000)
        self._missed: Recent[str, float] = Recent(10_000)

    async def of(self, author: Author | None, network: str, picture: Attachment | None = None) -> Author | None:
        """The author with a picture that is on the homeserver, or with none. ``picture`` is read if it is not yet."""
        if author is None or author.avatar is None or author.avatar.ref.startswith("mxc://"):
            return author
        name = f"{self._id_of(network, author.person)}\0{author.avatar.ref}"
        key = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        mxc = await self._kept(key)
        if mxc is None and picture is not None and time.monotonic() - (self._missed.get(key) or -LATER) >= LATER:
            mxc = await self._brought(key, picture)
        return replace(author, avatar=_file(mxc) if mxc is not None else None)

    async def _kept(self, key: str) -> str | None:
        if (known := self._known.get(key)) is not None:
            return known
        async with self._db.snapshot() as tx:
            found = await tx.value("kv_get", space=_SPACE, key=key)
        if found is None:
            return None
        self._known.put(key, found.decode())
        return str(found.decode())

    async def _brought(self, key: str, picture: Attachment) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE):
                data = await _read(picture)
                kind = kind_of(data) if data is not None else None
                mxc = await self._media.deposit(Whole("avatar", kind, data)) if kind is not None and data else None
        except (BridgeError, MatrixRefused, TimeoutError, OSError) as error:
            log.info("pictures.later", **harmless(error))
            mxc = None
        if mxc is None:
            self._missed.put(key, time.monotonic())
            return None
        async with self._db.transaction() as tx:
            await tx.run("kv_set", space=_SPACE, key=key, value=mxc.encode())
        self._known.put(key, mxc)
        return mxc


async def _read(picture: Attachment) -> bytes | None:
    """Whole, for it is small; None when it is not."""
    data = b""
    async with picture.open() as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > LARGEST:
                return None
    return data


def _file(mxc: str) -> File:
    return File(name="avatar", mime="image/*", ref=FileRef(mxc))
