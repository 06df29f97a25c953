"""Proving a password without showing it: SASL SCRAM-SHA-256, the client's side. Pure but for the nonce.

The server proves in turn that it knows the password; one that does not gets no second chance with a weaker mechanism.
Sources: RFC 5802 (the mechanism), RFC 7677 (SHA-256), RFC 4013 and 3454 (SASLprep).
"""

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_ROUNDS = 1_000_000
"""Of PBKDF2 at most, some 0.3 s: their number is the server's to choose, our time is not (RFC 5802 section 9)."""
_NO_BINDING = "n,,"
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class ScramError(ValueError):
    """The server does not follow the mechanism, or does not know the password. The message is in English."""


@dataclass(frozen=True, slots=True)
class Scram:
    """An account's name and password. ``nonce``: another one each time, unless a test says which."""

    account: str
    password: str = field(repr=False)
    nonce: str = ""

    name = "SCRAM-SHA-256"

    def begin(self) -> "ScramDialogue":
        """One proof."""
        return ScramDialogue(self)


class ScramDialogue:
    """Three answers to three challenges, the first of which is empty."""

    def __init__(self, who: Scram) -> None:
        self._password = saslprep(who.password).encode()
        name = saslprep(who.account).replace("=", "=3D").replace(",", "=2C")
        self._nonce = who.nonce or secrets.token_urlsafe(24)
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""
        self._step = 0

    @property
    def judged(self) -> bool:
        """Whether the server has our proof, so that a refusal is one of the password."""
        return self._step > 1

    def answer(self, challenge: bytes) -> bytes:
        """What to send. Raises `ScramError`."""
        self._step += 1
        if self._step == 1:
            return f"{_NO_BINDING}{self._bare}".encode()
        try:
            text = challenge.decode()
        except UnicodeDecodeError as error:
            raise ScramError("a challenge that is not UTF-8") from error
        fields = _fields(text)
        if self._step == 2:
            return self._proof(text, fields)
        given = _base64(fields.get("v", ""))
        if self._step > 3 or not hmac.compare_digest(given, self._signature):
            raise ScramError("the server does not know the password")
        return b""

    def _proof(self, first: str, fields: Mapping[str, str]) -> bytes:
        nonce, salt, said = fields.get("r", ""), _base64(fields.get("s", "")), fields.get("i", "")
        rounds = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0
        if "m" in fields:
            raise ScramError("an extension that is asked for and not known")
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ScramError("a nonce that does not begin with ours and go on")
        if not salt or not 0 < rounds <= MOST_ROUNDS:
            raise ScramError("no salt, or a number of rounds that nobody should take")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client = _mac(salted, b"Client Key")
        final = f"c={base64.b64encode(_NO_BINDING.encode()).decode()},r={nonce}"
        message = f"{self._bare},{first},{final}".encode()
        proof = bytes(a ^ b for a, b in zip(client, _mac(hashlib.sha256(client).digest(), message), strict=True))
        self._signature = _mac(_mac(salted, b"Server Key"), message)
        return f"{final},p={base64.b64encode(proof).decode()}".encode()


def saslprep(text: str) -> str:
    """RFC 4013; what that forbids is taken as it is, for the server may have taken it so too."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(table(char) for table in _PROHIBITED for char in prepared):
        return text
    right = [stringprep.in_table_d1(char) for char in prepared]
    if any(right) and (any(map(stringprep.in_table_d2, prepared)) or not (right[0] and right[-1])):
        return text
    return prepared


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _fields(text: str) -> dict[str, str]:
    return {item[0]: item[2:] for item in text.split(",") if item[1:2] == "="}


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
