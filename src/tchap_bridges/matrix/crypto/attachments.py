"""Files of encrypted rooms: sealed on their way up, opened on their way down, as streams.

https://spec.matrix.org/v1.17/client-server-api/#sending-encrypted-attachments: AES-256 in counter mode, and a hash of
what was sealed. A stream that has not that hash ends in an error, after its bytes were seen: nobody may take them for
the file before it has ended well.
"""

import hashlib
import hmac
import json
import os
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import _

_KEY: Final = 32
_NONCE: Final = 8  # bytes; the other half of the counter block counts


class SealedFile:
    """A key for one upload. `described` is what the event says of it, once all of it was read."""

    def __init__(self) -> None:
        self._key = os.urandom(_KEY)
        self._start = os.urandom(_NONCE) + bytes(_NONCE)
        self._digest = hashlib.sha256()

    async def sealed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Each call begins anew. Who has had the last piece need not ask whether there is one more."""
        cipher = Cipher(AES(self._key), CTR(self._start)).encryptor()
        self._digest = digest = hashlib.sha256()
        async for chunk in chunks:
            data = cipher.update(chunk)
            digest.update(data)
            yield data

    def described(self, mxc: str) -> dict[str, Any]:
        key = urlsafe_b64encode(self._key).decode().rstrip("=")
        return {
            "v": "v2",
            "url": mxc,
            "key": {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": key, "ext": True},
            "iv": _unpadded(self._start),
            "hashes": {"sha256": _unpadded(self._digest.digest())},
        }


class EncryptedFile:
    """What an event says of a sealed file. Raises Undeliverable for what is none."""

    def __init__(self, described: str) -> None:
        try:
            found: Mapping[str, Any] = json.loads(described)
            self.mxc = str(found["url"])
            self._key = urlsafe_b64decode(_padded(str(found["key"]["k"])))
            self._start = b64decode(_padded(str(found["iv"])))
            self._digest = b64decode(_padded(str(found["hashes"]["sha256"])))
        except (ValueError, TypeError, KeyError) as error:
            raise Undeliverable(_("ce fichier est chiffré d'une façon inconnue")) from error
        if (found.get("v"), len(self._key), len(self._start)) != ("v2", _KEY, 2 * _NONCE):
            raise Undeliverable(_("ce fichier est chiffré d'une façon inconnue"))

    async def opened(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Raises Undeliverable at its end, when it is not the file that was sealed."""
        cipher = Cipher(AES(self._key), CTR(self._start)).decryptor()
        digest = hashlib.sha256()
        async for chunk in chunks:
            digest.update(chunk)
            yield cipher.update(chunk)
        if not hmac.compare_digest(digest.digest(), self._digest):
            raise Undeliverable(_("ce fichier a été altéré"))


def _unpadded(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)
