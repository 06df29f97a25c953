"""Files on their way through the homeserver, streamed and never held whole."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tchap_bridges.errors import NotReady, Undeliverable, Unsupported
from tchap_bridges.i18n import _
from tchap_bridges.ids import FileRef
from tchap_bridges.matrix.client import Before, MatrixClient, MatrixRefused, SizeDiffers, path_of, text_of
from tchap_bridges.matrix.crypto.attachments import EncryptedFile, SealedFile
from tchap_bridges.matrix.ghosts import Speaker
from tchap_bridges.matrix.text import clean_text
from tchap_bridges.outgoing import Steps

# No part is `.` or `..`: what a stranger writes must not lead the request to another path.
_MXC = re.compile(r"mxc://(?!\.{1,2}/)([A-Za-z0-9.:\[\]-]{1,255})/(?!\.{1,2}\Z)([A-Za-z0-9_=+.~-]{1,255})")
_MIME = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
_SMALL: Final = 96  # pixels of a side: what homeservers keep ready, and twice what chats show
_HERE_ALREADY: Final = "M_CANNOT_OVERWRITE_MEDIA"


Sealed = dict[str, Any]
"""An ``EncryptedFile``, as events name it."""


class Source(Protocol):
    """What can be uploaded: as much of `outgoing.Attachment` as that takes."""

    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    def open(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class TooLarge(Undeliverable):
    """The homeserver takes no file of ``size`` bytes; ``limit`` is 0 when it does not say how large one may be."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(_("fichier trop grand"))
        self.size, self.limit = size, limit


class Media:
    """Uploads in the bot's name, so that a file can be ready before its author's ghost is."""

    def __init__(self, client: MatrixClient, bot: Speaker) -> None:
        self._client = client
        self._bot = bot
        self._limit: int | None = None

    async def limit(self) -> int:
        """The largest file in bytes; 0 when the homeserver does not say."""
        if self._limit is None:
            path = path_of("media", "config", prefix="/_matrix/client/v1")
            try:
                found = await self._client.call("GET", path, name="media_config", user=self._bot.user)
            except MatrixRefused:  # it may have none, and say 413 when the time comes
                found = {}
            told = found.get("m.upload.size")
            self._limit = told if isinstance(told, int) and told > 0 else 0
        return self._limit

    async def put_sealed(self, attachment: Source, steps: Steps, part: int) -> tuple[Sealed, int]:
        """Upload it for an encrypted room; returns what the event says of it, and the size. Raises as `put` does.

        Each attempt has a key of its own, so that what an earlier one has left behind is nobody's.
        """
        if (done := steps.get(f"sealed.{part}")) is not None:
            kept: tuple[Sealed, int] = tuple(json.loads(done))
            return kept
        seal = SealedFile()
        sealed = _SealedSource(attachment, seal)
        mxc, size = await self._deposit(sealed)
        described = seal.described(mxc)
        await steps.done(f"sealed.{part}", json.dumps((described, size)))
        return described, size

    async def _deposit(self, source: Source) -> tuple[str, int]:
        size = source.size if source.size is not None else await _measured(source)
        if 0 < await self.limit() < size:
            raise TooLarge(size, await self.limit())
        mxc = await self._create()
        try:
            return mxc, await self._upload(source, mxc, size, None)
        except MatrixRefused as error:
            if error.status == 413 or error.errcode == "M_TOO_LARGE":
                raise TooLarge(size, await self.limit()) from error
            raise

    async def put(
        self, attachment: Source, steps: Steps, part: int, *, before: Before | None = None
    ) -> tuple[str, int]:
        """Upload it, or go on where an earlier attempt stopped; returns the mxc URI and the size.

        Raises TooLarge, and what ``before`` and opening the attachment raise.
        """
        if (done := steps.get(f"file.{part}")) is not None:
            uri, told = done.split(" ")
            return uri, int(told)
        count = attachment.size
        size = count if count is not None else await _measured(attachment)
        if 0 < await self.limit() < size:
            raise TooLarge(size, await self.limit())
        mxc = steps.get(f"mxc.{part}")
        if mxc is None:
            mxc = await self._create()
            await steps.done(f"mxc.{part}", mxc)
        try:
            size = await self._upload(attachment, mxc, size, before)
        except MatrixRefused as error:
            if error.status == 413 or error.errcode == "M_TOO_LARGE":
                raise TooLarge(size, await self.limit()) from error
            if error.errcode == _HERE_ALREADY:
                pass  # an earlier attempt ended after all
            elif error.status in {403, 404}:  # the URI was not used in time
                mxc = await self._create()
                await steps.done(f"mxc.{part}", mxc)
                size = await self._upload(attachment, mxc, size, before)
            else:
                raise
        await steps.done(f"file.{part}", f"{mxc} {size}")
        return mxc, size

    async def deposit(self, source: Source) -> str:
        """Upload it for itself, named by no event; returns its mxc URI, another one each time. Raises as `put` does."""
        size = source.size if source.size is not None else await _measured(source)
        if 0 < await self.limit() < size:
            raise TooLarge(size, await self.limit())
        mxc = await self._create()
        await self._upload(source, mxc, size, None)
        return mxc

    async def _create(self) -> str:
        path = path_of("create", prefix="/_matrix/media/v1")
        found = await self._client.call("POST", path, {}, name="media_create", user=self._bot.user)
        return text_of(found, "content_uri")

    async def _upload(self, attachment: Source, mxc: str, size: int, before: Before | None) -> int:
        """Returns the size, which the network may have told wrong."""
        match = _MXC.fullmatch(mxc)
        if match is None:
            raise NotReady(_("le serveur Matrix a donné une adresse de fichier inutilisable"))
        path = path_of("upload", match[1], match[2], prefix="/_matrix/media/v3")
        mime = mime_of(attachment)
        name = clean_text(attachment.name).replace("\n", " ")[:255]
        for expected in (size, None):
            count = expected if expected is not None else await _measured(attachment)
            async with attachment.open() as chunks:
                try:
                    await self._client.upload(
                        path, chunks, size=count, mime=mime, user=self._bot.user, filename=name, before=before
                    )
                except SizeDiffers:
                    if expected is None:
                        raise NotReady(_("un fichier change pendant qu'il est lu")) from None
                    continue
            return count
        raise AssertionError("the second attempt returns or raises")

    @asynccontextmanager
    async def open(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes that an event's `File` names, by authenticated media. Raises Undeliverable when there are none."""
        encrypted = EncryptedFile(ref) if ref.startswith("{") else None
        match = _MXC.fullmatch(encrypted.mxc if encrypted is not None else ref)
        if match is None:
            raise Unsupported("OpensFiles", _("l'adresse de ce fichier est illisible"))
        path = path_of("media", "download", match[1], match[2], prefix="/_matrix/client/v1")
        try:
            async with self._client.download(path, user=self._bot.user) as chunks:
                yield encrypted.opened(chunks) if encrypted is not None else chunks
        except MatrixRefused as error:
            raise Undeliverable(_("le fichier n'est plus sur le serveur Matrix ({why})", why=error.errcode)) from error

    @asynccontextmanager
    async def thumbnail(self, mxc: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A small, still rendering of an image. Raises Undeliverable when there is none."""
        match = _MXC.fullmatch(mxc)
        if match is None:
            raise Undeliverable(_("ce fichier est chiffré, ou son adresse est illisible"))
        path = path_of("media", "thumbnail", match[1], match[2], prefix="/_matrix/client/v1")
        size = {"width": str(_SMALL), "height": str(_SMALL), "method": "crop", "animated": "false"}
        try:
            async with self._client.download(path, user=self._bot.user, params=size) as chunks:
                yield chunks
        except MatrixRefused as error:
            raise Undeliverable(_("le fichier n'est plus sur le serveur Matrix ({why})", why=error.errcode)) from error


@dataclass(frozen=True, slots=True)
class _SealedSource:
    """As the homeserver gets it: it learns neither what the file is nor what it is called."""

    source: Source
    seal: SealedFile
    name: str = ""
    mime: str = "application/octet-stream"

    @property
    def size(self) -> int | None:
        return self.source.size

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.source.open() as chunks:
            yield self.seal.sealed(chunks)


@dataclass(frozen=True, slots=True)
class Whole:
    """A `Source` of what is in memory already: a text too long for an event."""

    name: str
    mime: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        async def once() -> AsyncIterator[bytes]:
            yield self.data

        yield once()


def mime_of(attachment: Source) -> str:
    return attachment.mime if _MIME.fullmatch(attachment.mime) else "application/octet-stream"


async def _measured(attachment: Source) -> int:
    """Synapse wants to know the size first; to read it twice costs less than to keep it."""
    async with attachment.open() as chunks:
        return sum([len(chunk) async for chunk in chunks])
