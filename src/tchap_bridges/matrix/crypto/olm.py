"""The part of python-olm that mautrix.crypto uses, on vodozemac: libolm is deprecated (CVE-2024-45191 to 45193).

`install` puts this module where ``import olm`` finds it. Names, arguments and errors are python-olm's
(https://gitlab.matrix.org/matrix-org/olm); what mautrix does not use is not here. Pickles are vodozemac's own, and no
libolm pickle can be read.
"""

import hashlib
import os
import sys
from base64 import b64decode, b64encode
from functools import lru_cache
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, Final, Self

import vodozemac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_FIRST: Final = b"first"
_NONCE: Final = 12
_DIGEST: Final = 32


class OlmAccountError(Exception):
    """An account that cannot be read."""


class OlmSessionError(Exception):
    """A message that a session cannot read, or a session that cannot be made or read."""


class OlmGroupSessionError(Exception):
    """The same of a room's session."""


class PkSigningError(Exception):
    """A seed that is none."""


class _Pickled:
    """``real`` is an object of vodozemac's class ``_of``. mautrix adds fields: `from_pickle` calls no ``__init__``."""

    _of: ClassVar[Any]
    _error: ClassVar[type[Exception]]
    real: Any

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        del arguments, named
        return object.__new__(cls)

    def pickle(self, passphrase: str = "") -> bytes:
        text: str = self.real.pickle(_key(passphrase))
        return text.encode()

    @classmethod
    def from_pickle(cls, pickle: bytes | str, passphrase: str = "") -> Self:
        found = cls.__new__(cls)
        try:
            found.real = cls._of.from_pickle(_text(pickle), _key(passphrase))
        except ValueError as error:
            raise cls._error(str(error)) from error
        return found


class Account(_Pickled):
    """The keys of one device."""

    _of = vodozemac.Account
    _error = OlmAccountError
    real: vodozemac.Account

    def __init__(self) -> None:
        self.real = vodozemac.Account()

    @property
    def identity_keys(self) -> dict[str, str]:
        return {"curve25519": self.real.curve25519_key.to_base64(), "ed25519": self.real.ed25519_key.to_base64()}

    def sign(self, message: str | bytes) -> str:
        return self.real.sign(_raw(message)).to_base64()

    @property
    def max_one_time_keys(self) -> int:
        return self.real.max_number_of_one_time_keys

    def generate_one_time_keys(self, count: int) -> None:
        self.real.generate_one_time_keys(count)

    @property
    def one_time_keys(self) -> dict[str, dict[str, str]]:
        return {"curve25519": {id_: key.to_base64() for id_, key in self.real.one_time_keys.items()}}

    def mark_keys_as_published(self) -> None:
        self.real.mark_keys_as_published()

    def remove_one_time_keys(self, session: "Session") -> None:
        """vodozemac forgets a key as it is used."""


class _Message:
    message_type: ClassVar[int]

    def __init__(self, ciphertext: str) -> None:
        self.ciphertext = ciphertext


class OlmPreKeyMessage(_Message):
    """One that begins a session."""

    message_type = 0


class OlmMessage(_Message):
    """One of a session that both know."""

    message_type = 1


class Session(_Pickled):
    """Between two devices.

    vodozemac reads the first message as it makes the session; python-olm leaves that to `decrypt`. So it is kept until
    it is asked for, in the pickle too.
    """

    _of = vodozemac.Session
    _error = OlmSessionError
    real: vodozemac.Session
    first: tuple[bytes, bytes] | None = None  # digest of the message, plaintext

    def pickle(self, passphrase: str = "") -> bytes:
        pickle = super().pickle(passphrase)
        if self.first is None:
            return pickle
        nonce = os.urandom(_NONCE)
        return pickle + b"." + b64encode(nonce + AESGCM(_key(passphrase)).encrypt(nonce, b"".join(self.first), _FIRST))

    @classmethod
    def from_pickle(cls, pickle: bytes | str, passphrase: str = "") -> Self:
        own, _dot, first = _text(pickle).partition(".")
        found = super().from_pickle(own, passphrase)
        if first:
            sealed = b64decode(first)
            plain = AESGCM(_key(passphrase)).decrypt(sealed[:_NONCE], sealed[_NONCE:], _FIRST)
            found.first = (plain[:_DIGEST], plain[_DIGEST:])
        return found

    @property
    def id(self) -> str:
        return self.real.session_id

    def matches(self, message: OlmPreKeyMessage, identity_key: str | None = None) -> bool:
        del identity_key
        try:
            return self.real.session_matches(vodozemac.PreKeyMessage.from_base64(message.ciphertext))
        except ValueError as error:
            raise OlmSessionError(str(error)) from error

    def encrypt(self, plaintext: str | bytes) -> _Message:
        kind, body = self.real.encrypt(_raw(plaintext)).to_parts()
        return (OlmPreKeyMessage if kind == OlmPreKeyMessage.message_type else OlmMessage)(_unpadded(body))

    def decrypt(self, message: _Message, unicode_errors: str = "replace") -> str:
        first = self.first
        if first is not None and first[0] == _digest(message):
            self.first = None
            return first[1].decode("utf-8", unicode_errors)
        try:
            known = vodozemac.AnyOlmMessage.from_parts(message.message_type, _padded(message.ciphertext))
            return self.real.decrypt(known).decode("utf-8", unicode_errors)
        except ValueError as error:
            raise OlmSessionError(str(error)) from error

    def describe(self) -> str:
        return f"vodozemac session {self.id}"


class InboundSession(Session):
    """Made by the other side's first message."""

    def __init__(self, account: Account, message: OlmPreKeyMessage, identity_key: str) -> None:
        try:
            self.real, plain = account.real.create_inbound_session(
                vodozemac.Curve25519PublicKey.from_base64(identity_key),
                vodozemac.PreKeyMessage.from_base64(message.ciphertext),
            )
        except ValueError as error:
            raise OlmSessionError(str(error)) from error
        self.first = (_digest(message), bytes(plain))


class OutboundSession(Session):
    """Made by a one-time key of the other side."""

    def __init__(self, account: Account, identity_key: str, one_time_key: str) -> None:
        theirs = vodozemac.Curve25519PublicKey.from_base64
        try:
            self.real = account.real.create_outbound_session(theirs(identity_key), theirs(one_time_key))
        except ValueError as error:
            raise OlmSessionError(str(error)) from error


class InboundGroupSession(_Pickled):
    """What one device says in one room, to be read."""

    _of = vodozemac.InboundGroupSession
    _error = OlmGroupSessionError
    real: vodozemac.InboundGroupSession

    def __init__(self, session_key: str) -> None:
        try:
            self.real = vodozemac.InboundGroupSession(vodozemac.SessionKey(session_key))
        except ValueError as error:
            raise OlmGroupSessionError(str(error)) from error

    @classmethod
    def import_session(cls, session_key: str) -> Self:
        found = cls.__new__(cls)
        try:
            found.real = vodozemac.InboundGroupSession.import_session(vodozemac.ExportedSessionKey(session_key))
        except ValueError as error:
            raise OlmGroupSessionError(str(error)) from error
        return found

    @property
    def id(self) -> str:
        return self.real.session_id

    @property
    def first_known_index(self) -> int:
        return self.real.first_known_index

    def decrypt(self, ciphertext: str, unicode_errors: str = "replace") -> tuple[str, int]:
        """What was said, and the message's index."""
        try:
            found = self.real.decrypt(vodozemac.MegolmMessage.from_base64(ciphertext))
        except ValueError as error:
            raise OlmGroupSessionError(str(error)) from error
        return bytes(found.plaintext).decode("utf-8", unicode_errors), found.message_index

    def export_session(self, message_index: int) -> str:
        key = self.real.export_at(message_index)
        if key is None:
            raise OlmGroupSessionError("UNKNOWN_MESSAGE_INDEX")
        return key.to_base64()


class OutboundGroupSession(_Pickled):
    """What our device says in one room."""

    _of = vodozemac.GroupSession
    _error = OlmGroupSessionError
    real: vodozemac.GroupSession

    def __init__(self) -> None:
        self.real = vodozemac.GroupSession()

    @property
    def id(self) -> str:
        return self.real.session_id

    @property
    def message_index(self) -> int:
        return self.real.message_index

    @property
    def session_key(self) -> str:
        return self.real.session_key.to_base64()

    def encrypt(self, plaintext: str | bytes) -> str:
        return self.real.encrypt(_raw(plaintext)).to_base64()


class PkSigning:
    """A cross-signing key, made of its seed."""

    def __init__(self, seed: bytes) -> None:
        try:
            self._key = Ed25519PrivateKey.from_private_bytes(bytes(seed))
        except ValueError as error:
            raise PkSigningError(str(error)) from error
        self.public_key = _unpadded(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @classmethod
    def generate_seed(cls) -> bytes:
        return os.urandom(32)

    def sign(self, message: str | bytes) -> str:
        return _unpadded(self._key.sign(_raw(message)))


def install() -> None:
    """Be ``olm``. Raises RuntimeError where python-olm itself was imported already."""
    here = sys.modules[__name__]
    if sys.modules.setdefault("olm", here) is not here:
        raise RuntimeError("python-olm is imported: it is deprecated, and nothing here may use it")
    libolm = ModuleType("_libolm")
    vars(libolm).update(ffi=SimpleNamespace(), lib=SimpleNamespace())
    sys.modules.setdefault("_libolm", libolm)


@lru_cache(maxsize=16)
def _key(passphrase: str) -> bytes:
    """vodozemac's pickles take 32 bytes."""
    return hashlib.sha256(b"tchap-bridges pickle\0" + passphrase.encode()).digest()


def _text(pickle: bytes | str) -> str:
    return pickle if isinstance(pickle, str) else bytes(pickle).decode()


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _digest(message: _Message) -> bytes:
    return hashlib.sha256(message.ciphertext.encode()).digest()


def _unpadded(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


def _padded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))
