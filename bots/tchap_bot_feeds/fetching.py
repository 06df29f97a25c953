"""One fetch over HTTP: from public addresses only, of bounded size and time, and only what is new (RFC 9110, 13)."""

import asyncio
import email.utils
import hashlib
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from tchap_bot_feeds.lookups import Lookups
from tchap_bot_feeds.model import LONGEST_URL, Version
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.public import AddressInfo, NotPublic, public_socket

SECONDS: Final = 9.0
"""For all of it, redirects among it."""
LARGEST: Final = 5_000_000
"""Bytes, unpacked."""
MOST_REDIRECTS: Final = 5
_ACCEPTED: Final = "application/rss+xml, application/atom+xml, application/rdf+xml, application/xml;q=0.9, */*;q=0.5"
_AGENT: Final = "tchap-bridges (feeds)"
_FOR_GOOD: Final = frozenset((301, 308))
_REDIRECTS: Final = _FOR_GOOD | {302, 303, 307}
_LATER: Final = frozenset((429, 503))

Sockets = Callable[[AddressInfo], socket.socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """The bytes. ``moved``: where it has gone for good. ``url``: where it was found this time."""

    body: bytes
    url: str
    content_type: str
    version: Version
    moved: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Nothing is new."""

    moved: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The server says that there will be nothing any more (410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It did not work this time. ``wait``: how long the server asks us to."""

    why: Phrase
    wait: timedelta | None = None


Fetched = Got | Same | Gone | Failed


def checked(url: str) -> str:
    """The address as it is asked. Raises `Misconfigured`."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.username or parts.password)
        known = str(URL(url).with_fragment(None)) if fine and parts.port != 0 else ""
    except ValueError:
        known = ""
    if not known or len(known) > LONGEST_URL:
        raise Misconfigured(
            _("ce n'est pas l'adresse d'un flux"), remedy=_("Exemple : !flux https://www.exemple.fr/actualites.xml")
        )
    return known


async def fetch(url: str, version: Version, *, sockets: Sockets = public_socket) -> Fetched:
    """``version``: what we have already. Never raises for what the other side does."""
    connector = aiohttp.TCPConnector(socket_factory=sockets, resolver=Lookups(), force_close=True, use_dns_cache=False)
    try:
        async with (
            asyncio.timeout(SECONDS),
            aiohttp.ClientSession(
                connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as http,
        ):
            return await _followed(http, url, version)
    except TimeoutError:
        return Failed(why=_("le serveur ne répond pas à temps"))
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, NotPublic):
            return Failed(why=_("cette adresse n'est pas sur l'internet public"))
        return Failed(why=_("le serveur ne peut pas être joint"))
    except (aiohttp.ClientError, ValueError, zlib.error):
        return Failed(why=_("le serveur répond de travers"))


async def _followed(http: aiohttp.ClientSession, url: str, version: Version) -> Fetched:
    """Redirects are followed one by one: each leads to an address that is judged by itself."""
    moved, for_good = url, True
    for _hop in range(MOST_REDIRECTS + 1):
        async with http.get(URL(url), headers=_headers(url, version), allow_redirects=False) as answer:
            if answer.status not in _REDIRECTS:
                return await _answered(answer, url, version, moved)
            for_good = for_good and answer.status in _FOR_GOOD
            try:
                url = checked(urljoin(url, answer.headers.get("Location", "")))
            except Misconfigured:
                return Failed(why=_("le serveur renvoie vers une adresse qui n'en est pas une"))
            moved = url if for_good else moved
    return Failed(why=_("le serveur renvoie sans fin d'une adresse à l'autre"))


def _headers(url: str, version: Version) -> dict[str, str]:
    headers = {"User-Agent": _AGENT, "Accept": _ACCEPTED, "Accept-Encoding": "gzip"}
    if version.url == url:  # what another address gave is nothing to this one
        headers |= {"If-None-Match": version.etag} if version.etag else {}
        headers |= {"If-Modified-Since": version.modified} if version.modified else {}
    return headers


async def _answered(answer: aiohttp.ClientResponse, url: str, version: Version, moved: str) -> Fetched:
    if answer.status == 304:
        return Same(moved=moved)
    if answer.status == 410:
        return Gone()
    if answer.status != 200:
        wait = _wait(answer.headers.get("Retry-After", "")) if answer.status in _LATER else None
        return Failed(why=_("le serveur répond {status}", status=answer.status), wait=wait)
    body = await _unpacked(answer)
    if body is None:
        return Failed(why=_("c'est trop grand : {n} millions d'octets au plus", n=LARGEST // 1_000_000))
    digest = hashlib.sha256(body).hexdigest()
    if version.url == url and version.digest == digest:
        return Same(moved=moved)
    etag, modified, content_type = (_header(answer, name) for name in ("ETag", "Last-Modified", "Content-Type"))
    return Got(
        body=body,
        url=url,
        content_type=content_type,
        version=Version(url=url, etag=etag, modified=modified, digest=digest),
        moved=moved,
    )


def _header(answer: aiohttp.ClientResponse, name: str) -> str:
    """As it was sent, where it can be sent back; else ""."""
    found = answer.headers.get(name, "")
    return found if found.isascii() and found.isprintable() and len(found) <= 1000 else ""


async def _unpacked(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body; None when it is more than `LARGEST`, however small it came. Raises ValueError and zlib.error."""
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        raise ValueError(coding)
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding != "identity" else None
    body = bytearray()
    async for packed in answer.content.iter_chunked(1 << 16):
        body += unpacking.decompress(packed, LARGEST + 1 - len(body)) if unpacking is not None else packed
        if len(body) > LARGEST:
            return None
    if unpacking is not None and not unpacking.eof:
        raise ValueError("cut short")
    return bytes(body)


def _wait(said: str) -> timedelta | None:
    """https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    if said.isascii() and said.isdecimal() and len(said) < 10:
        return timedelta(seconds=int(said))
    try:
        return max(timedelta(), email.utils.parsedate_to_datetime(said).astimezone(UTC) - datetime.now(UTC))
    except (ValueError, OverflowError):
        return None
