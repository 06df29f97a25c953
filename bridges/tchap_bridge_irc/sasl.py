"""Proving an account with AUTHENTICATE: SASL EXTERNAL, SCRAM-SHA-256 and PLAIN.

Sources: IRCv3 SASL 3.1 and 3.2, RFC 4616 (PLAIN), RFC 4422 appendix A (EXTERNAL).
"""

import base64
from binascii import Error as Base64Error
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tchap_bridge_irc.scram import ScramError
from tchap_bridge_irc.wire import Line

CHUNK = 400
"""Bytes of base64 on one AUTHENTICATE line; a last one that is full is followed by "+"."""
MOST_CHALLENGE = 16_384
"""Bytes of base64 in a server's challenge; more is no challenge."""


class Dialogue(Protocol):
    """One proof under way: an answer for each of the server's challenges."""

    @property
    def judged(self) -> bool:
        """Whether a refusal from now on is one of the credentials."""
        ...

    def answer(self, challenge: bytes) -> bytes:
        """Raises `ScramError` where the server must not be trusted with more."""
        ...


class Mechanism(Protocol):
    """A way to prove an account."""

    @property
    def name(self) -> str: ...
    def begin(self) -> Dialogue: ...


class _Once:
    """A dialogue of one answer."""

    def __init__(self, response: bytes) -> None:
        self._response = response
        self.judged = False

    def answer(self, challenge: bytes) -> bytes:
        """The response; a server that asks for more gets it again, and refuses."""
        del challenge
        self.judged = True
        return self._response


@dataclass(frozen=True, slots=True)
class Plain:
    """An account's name and password. To be sent over TLS only; whose duty that is, the connection knows."""

    account: str
    password: str = field(repr=False)

    name = "PLAIN"

    def response(self) -> bytes:
        """``authzid NUL authcid NUL password`` (RFC 4616 section 2), acting as oneself."""
        return f"\0{self.account}\0{self.password}".encode(errors="replace")

    def begin(self) -> Dialogue:
        return _Once(self.response())


@dataclass(frozen=True, slots=True)
class External:
    """The certificate that TLS has shown already. ``account`` only where one certificate is good for several."""

    account: str = ""

    name = "EXTERNAL"

    def response(self) -> bytes:
        """The account to act as, or nothing (RFC 4422 appendix A)."""
        return self.account.encode(errors="replace")

    def begin(self) -> Dialogue:
        return _Once(self.response())


class Proof(StrEnum):
    """How far the proof is."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """The credentials are wrong, or locked: to send them again would lock the account."""
    LATER = "later"
    """Nobody has judged them: services are away, or the mechanism is not to be had now."""


class Authentication:
    """One proof, with the mechanisms in the order of preference. Lines in, lines to send out, and a `Proof`."""

    def __init__(self, mechanisms: Sequence[Mechanism]) -> None:
        self._left = list(mechanisms)
        self._current: Mechanism | None = None
        self._dialogue: Dialogue | None = None
        self._challenge = ""
        self._sent = False
        self._judged = False
        self._skipped = False
        self.proof = Proof.LATER
        self.reason = ""
        """The server's words when it failed."""

    def start(self, offered: str = "") -> Sequence[Line]:
        """``offered``: the value of the "sasl" capability, '' when the server does not tell its mechanisms."""
        self._only(offered)
        return self._next()

    def receive(self, line: Line) -> Sequence[Line]:
        """AUTHENTICATE or one of 902 to 908. Returns what is to be sent."""
        if self.proof is not Proof.RUNNING:
            return ()
        match line.command:
            case "AUTHENTICATE" if self._dialogue is not None:
                return self._go_on(self._dialogue, line.param(0))
            case "903" | "907":
                self.proof = Proof.DONE
            case "908":
                self._only(line.param(1))
                if self._current is not None and self._current.name not in line.param(1).upper().split(","):
                    self._skipped = True  # a 904 may follow it or not, by the server
                    return self._next()
            case "904" if self._skipped and not self._sent:
                self._skipped = False
            case "902" | "904" | "905" | "906":
                self.reason = line.param(-1)
                judged = self._dialogue is not None and self._dialogue.judged and line.command != "906"
                if judged and self._current is not None and self._current.name.startswith("SCRAM"):
                    self._left.clear()  # what it said of the password stands, and is not asked for twice
                self._judged = self._judged or judged
                return self._next()
            case _other:
                pass
        return ()

    def _go_on(self, dialogue: Dialogue, chunk: str) -> Sequence[Line]:
        """A piece of a challenge, and when it is the last one the answer."""
        self._challenge += "" if chunk == "+" else chunk
        if len(chunk) == CHUNK and len(self._challenge) <= MOST_CHALLENGE:
            return ()
        challenge, self._challenge = self._challenge, ""
        self._sent = True
        try:
            return tuple(chunks(dialogue.answer(base64.b64decode(challenge, validate=True))))
        except (ScramError, Base64Error, ValueError) as error:
            self._left.clear()
            self._judged = True
            self.proof, self.reason = Proof.REFUSED, str(error)
            return (Line("AUTHENTICATE", ("*",)),)

    def _only(self, offered: str) -> None:
        names = {name.strip().upper() for name in offered.split(",") if name.strip()}
        if names:
            self._left = [mechanism for mechanism in self._left if mechanism.name in names]

    def _next(self) -> Sequence[Line]:
        self._sent = False
        if not self._left:
            self.proof = Proof.REFUSED if self._judged else Proof.LATER
            return ()
        self._current = self._left.pop(0)
        self._dialogue, self._challenge = self._current.begin(), ""
        self.proof = Proof.RUNNING
        return (Line("AUTHENTICATE", (self._current.name,)),)


def chunks(response: bytes) -> Iterator[Line]:
    """A response as AUTHENTICATE lines: base64 in pieces of 400, an empty one is "+"."""
    text = base64.b64encode(response).decode()
    for start in range(0, len(text), CHUNK):
        yield Line("AUTHENTICATE", (text[start : start + CHUNK],))
    if len(text) % CHUNK == 0:
        yield Line("AUTHENTICATE", ("+",))
