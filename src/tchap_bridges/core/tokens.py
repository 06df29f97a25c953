"""One-time links: who may set which bot in which room, until when, signed so that no table holds them.

A token may be looked at as often as one likes, since previews and mail scanners follow links too. It is spent when the
form is sent: whoever accepts that keeps `Grant.nonce` until `Grant.expires` and refuses to see it a second time.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

from tchap_bridges.ids import RoomId, UserId

NONCE: Final = 9
"""Bytes: no two of 2³⁶ tokens are expected to share one."""
_MAC: Final = 16
_HEAD: Final = struct.Struct(f">I{NONCE}s")
_KEY: Final = 16


class Subject(NamedTuple):
    """``bot`` is the name that its room calls it by."""

    room: RoomId
    bot: str
    user: UserId


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows. ``expires``: seconds since 1970. ``nonce`` is its own alone."""

    subject: Subject
    expires: int
    nonce: bytes


def make(purpose: str, subject: Subject, expires: int, key: bytes) -> str:
    """A token of letters, digits, ``-`` and ``_``: 43 of them, and four for each three bytes of the subject.

    ``purpose`` keeps one use's tokens from serving another. Raises ValueError for a key under 16 bytes, and for a part
    of the subject over 255 bytes, which no Matrix id has (https://spec.matrix.org/v1.17/appendices/#identifier-grammar).
    """
    parts = [part.encode() for part in subject]
    if any(len(part) > 255 for part in parts):
        raise ValueError("a part of the subject is longer than 255 bytes")
    data = _HEAD.pack(expires, secrets.token_bytes(NONCE)) + b"".join(bytes((len(part),)) + part for part in parts)
    return _written(data + _mac(purpose, data, key))


def read(token: str, purpose: str, now: int, key: bytes) -> Grant | None:
    """What the token allows at ``now`` (seconds since 1970); None when it was not made so with this key, or is over."""
    try:
        whole = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    data, mac = whole[:-_MAC], whole[-_MAC:]
    if token != _written(whole):  # base64 lets the last letter vary
        return None
    if not hmac.compare_digest(mac, _mac(purpose, data, key)):
        return None
    expires, nonce = _HEAD.unpack_from(data)
    if now >= expires:
        return None
    room, bot, user = _parts(data[_HEAD.size :])
    return Grant(Subject(RoomId(room), bot, UserId(user)), expires, nonce)


def _written(whole: bytes) -> str:
    return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def _parts(data: bytes) -> list[str]:
    parts = []
    while data:
        length = data[0]
        parts.append(data[1 : 1 + length].decode())
        data = data[1 + length :]
    return parts


def _mac(purpose: str, data: bytes, key: bytes) -> bytes:
    if len(key) < _KEY:
        raise ValueError(f"a key of at least {_KEY} bytes is needed")
    name = purpose.encode()
    return hmac.digest(key, struct.pack(">I", len(name)) + name + data, hashlib.sha256)[:_MAC]
