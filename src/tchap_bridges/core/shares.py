"""Links to files and to long texts, for networks that carry none: signed, expiring, revocable, and kept in no table.

A link names what it shows, and bears a keyed hash of that. It dies when its time is over, when the message is withdrawn
or its content erased, and with either of the links between room and chat that the message went by.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random
import struct
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tchap_bridges.core import clock, codec
from tchap_bridges.core.files import Files
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Meter, Row, Sealer, Snapshot
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Edit, Event, File, Message
from tchap_bridges.i18n import _
from tchap_bridges.outgoing import no_public_address

TEXT = 0
"""The part that is the text; files are counted from 1."""
DAY = 24 * 3600
NAME = 60  # characters of a file's name that its link shows
_TICKET = struct.Struct(">QIII")
_MAC = 16  # bytes: with the ticket, 48 characters of base64 without padding


class Unknown(Exception):
    """Nothing that we signed."""


class Withdrawn(Exception):
    """We signed it, and it has expired or is no longer to be had."""


class Ticket(NamedTuple):
    """What a link shows. ``link`` is the one that it was handed to, 0 for the room; ``until`` is seconds since 1970."""

    message: int
    link: int
    part: int
    until: int


class Tickets:
    """Tickets as text that only this key can make."""

    def __init__(self, secrets: Secrets) -> None:
        self._key = secrets.derive("links to files")
        self._proof = secrets.derive("links to files: the bridge answers")

    def write(self, ticket: Ticket) -> str:
        data = _TICKET.pack(*ticket)
        return base64.urlsafe_b64encode(data + self._mac(data)).decode()

    def read(self, text: str) -> Ticket:
        """Raises `Unknown`."""
        try:
            whole = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise Unknown from None
        data, mac = whole[: _TICKET.size], whole[_TICKET.size :]
        if not hmac.compare_digest(mac, self._mac(data)):
            raise Unknown
        return Ticket(*_TICKET.unpack(data))

    def question(self) -> str:
        """A ticket to nothing, a minute long and never the same: whoever answers it with its `proof` is this bridge."""
        return self.write(Ticket(0, random.randbits(32), random.randbits(32), clock.now() // 1000 + 60))

    def proof(self, question: str) -> str:
        """Raises `Unknown` when nobody with our key asks."""
        ticket = self.read(question)
        if ticket.message != 0 or ticket.until < clock.now() // 1000:
            raise Unknown
        return hmac.digest(self._proof, question.encode(), hashlib.sha256).hex()

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key, data, hashlib.sha256)[:_MAC]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link shows; ``open`` as in `outgoing.Attachment`."""

    name: str
    mime: str
    open: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]


class Shares:
    """Makes links and finds what they show. ``public_url`` is None where nobody could follow them."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        secrets: Secrets,
        links: Links,
        files: Files,
        meter: Meter,
        public_url: str | None,
        days: int,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._links = links
        self._files = files
        self._meter = meter
        self._url = public_url
        self._days = days
        self._tickets = Tickets(secrets)

    async def link(self, message: int, through: Link | None, part: int, name: str) -> str:
        """A URL of one part of the message. Raises `Undeliverable` where there is no public address.

        The end of its time is that of a day, so that a retry says the same.
        """
        if self._url is None:
            return await no_public_address()
        until = (clock.now() // 1000 // DAY + self._days + 1) * DAY
        token = self._tickets.write(Ticket(message, through.id if through else 0, part, until))
        self._meter.count("link", through.connection if through else "matrix")
        return f"{self._url}/f/{token}/{plain_name(name)}"

    async def find(self, token: str) -> Shared:
        """What the link shows. Raises `Unknown`, `Withdrawn`, or `NotReady` for what may be had in a moment."""
        ticket = self._tickets.read(token)
        if ticket.until < clock.now() // 1000:
            raise Withdrawn
        async with self._db.snapshot() as tx:
            message = await tx.one("message_get", id=ticket.message)
            if message is None or message["gone"]:
                raise Withdrawn
            where = await self._carried(tx, ticket, message)
            event = self._event(message["body"])
            if ticket.part == TEXT:
                edit = await tx.one("message_edited", message=ticket.message)
                event = self._event(edit["body"]) if edit else event
        match event:
            case Message() | Edit() if ticket.part == TEXT:
                text = event.text.plain.encode(errors="replace")
                return Shared("message.txt", "text/plain; charset=utf-8", self._counted(where, lambda: _whole(text)))
            case Message() if ticket.part <= len(event.files):
                file: File = event.files[ticket.part - 1]
                return Shared(file.name, file.mime, self._counted(where, self._files.opener(message, file)))
            case _:
                raise Withdrawn

    def proof(self, question: str) -> str:
        """Raises `Unknown`."""
        return self._tickets.proof(question)

    async def _carried(self, tx: Snapshot, ticket: Ticket, message: Row) -> str:
        """The connection that the link was handed to, if what it shows may still go there."""
        origin = message["origin"]
        ids = [ticket.link, int(origin.removeprefix("link:")) if origin.startswith("link:") else 0]
        where = "matrix"
        for id_ in filter(None, ids):
            link = await self._links.get(tx, id_)
            if link is None or link.wanted == "gone" or link.held == "suspended":
                raise Withdrawn
            if link.muted and id_ == ticket.link:
                raise Withdrawn
            if link.held:
                raise NotReady(_("les règles du salon sont en cours de vérification"), retry_after=1)
            where = link.connection if id_ == ticket.link else where
        return where

    def _event(self, body: bytes | None) -> Event:
        if body is None:
            raise Withdrawn
        return codec.load(self._sealer.open(body, place="message.body"))

    def _counted(
        self, where: str, opener: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
    ) -> Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]:
        def counted() -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            self._meter.count("fetch", where)
            return opener()

        return counted


def plain_name(name: str) -> str:
    """A file's name in which nobody sees the end of a URL; what it is called in truth is told when it is fetched."""
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9.]+", "-", ascii_).rstrip("-.")
    parts = re.fullmatch(r"(.*?)(\.[A-Za-z0-9]{1,10})?", words)
    assert parts is not None
    stem = parts[1].strip("-.")[:NAME].rstrip("-.")
    return f"{stem or 'fichier'}{parts[2] or ''}"


@asynccontextmanager
async def _whole(data: bytes) -> AsyncIterator[AsyncIterator[bytes]]:
    async def once() -> AsyncIterator[bytes]:
        yield data

    yield once()
