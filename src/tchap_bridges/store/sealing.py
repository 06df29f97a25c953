"""Seals content at rest with keys from the configuration, and derives keys for other purposes from them.

A sealed value is `version (1) · key id (4) · nonce (12) · AES-256-GCM ciphertext and tag (16)`. The nonce is random:
NIST SP 800-38D allows 2^32 values under one key, far above a bridge's life between two rotations. The place of the
value and the prefix are authenticated with it, so that a value moved to another column does not open.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tchap_bridges.i18n import _

from .errors import SealBroken, SealError, UnknownKey

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PREFIX_BYTES = len(_VERSION) + _ID_BYTES


def derive(key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256, RFC 5869): knowing them says nothing of *key* or of another purpose."""
    _check(key)
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


class Sealer:
    """Seals with the first key, opens with any: to rotate, put the new key first and keep the old ones behind it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """*keys* are at least 32 random bytes each. Raises SealError when there is none, or one is too short."""
        if not keys:
            raise SealError("sealing needs at least one key")
        ciphers = [(derive(key, "sealing: id")[:_ID_BYTES], AESGCM(derive(key, "sealing: content"))) for key in keys]
        self._prefix = _VERSION + ciphers[0][0]
        self._cipher = ciphers[0][1]
        self._ciphers = dict(reversed(ciphers))  # of two keys with one id the first, which seals, must win

    def seal(self, data: bytes, *, place: str) -> bytes:
        """*data* sealed for one place, such as "inbox.raw"; 33 bytes longer."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._prefix + nonce + self._cipher.encrypt(nonce, data, self._prefix + place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """What was sealed for this place. Raises UnknownKey or SealBroken."""
        if len(sealed) < _PREFIX_BYTES + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_VERSION):
            raise SealBroken(
                _("{place} : ce n'est pas un contenu scellé, ou une version plus récente l'a scellé", place=place)
            )
        prefix, nonce = sealed[:_PREFIX_BYTES], sealed[_PREFIX_BYTES : _PREFIX_BYTES + _NONCE_BYTES]
        cipher = self._ciphers.get(prefix[len(_VERSION) :])
        if cipher is None:
            raise UnknownKey(
                _(
                    "{place} : scellé par une clé qui n'est pas dans la configuration ; remettez l'ancienne dans "
                    "storage.old_keys jusqu'à ce que son contenu soit effacé",
                    place=place,
                )
            )
        try:
            return cipher.decrypt(nonce, sealed[_PREFIX_BYTES + _NONCE_BYTES :], prefix + place.encode())
        except InvalidTag:
            raise SealBroken(
                _("{place} : le contenu a été altéré, ou scellé pour un autre endroit", place=place)
            ) from None


def _check(key: bytes) -> None:
    if len(key) < KEY_BYTES:
        raise SealError(f"a key has {len(key)} bytes, expected at least {KEY_BYTES} random ones")
