"""From the open socket to the welcome, or to a reason why not: PASS, CAP, SASL, NICK, USER, 001.

Lines in; lines to send and at most one outcome out. It goes on listening after the welcome, for abilities come and go
(CAP NEW, CAP DEL), PING wants its PONG, and ERROR ends the session. Time is the caller's: who waits long enough without
an outcome gives up.

Sources: modern.ircdocs.horse "Connection Registration", RFC 2812 section 3.1, IRCv3 Capability Negotiation, SASL and
WebIRC.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tchap_bridge_irc.caps import WANTED, Capabilities
from tchap_bridge_irc.nicks import alternatives, sound
from tchap_bridge_irc.sasl import Authentication, Mechanism, Proof
from tchap_bridge_irc.wire import Line, clean, cut

_BANNED = re.compile(
    r"\b[kgzdx][-: ]?lined?\b|\bbanned\b|\bakill"
    r"|autokill|dnsbl|blacklist|blocklist|access denied|not? authori[sz](ed|ation)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"invalid webirc|(bad|wrong|invalid|incorrect) (server )?password", re.IGNORECASE)
_LATER = re.compile(
    r"throttl|too (many|fast)|too quickly|try again|reconnect|(server|class)\w* (is )?full|no more connections",
    re.IGNORECASE,
)
_NICK_REFUSED = frozenset({"431", "432", "433", "436", "437"})
_SASL = frozenset({"AUTHENTICATE", "902", "903", "904", "905", "906", "907", "908"})


class Why(StrEnum):
    """Why there is no session, and with it what to do."""

    CREDENTIALS = "credentials"
    """A password or account is wrong: stop, tell the admins, never try the same again (`BadCredentials`)."""
    LATER = "later"
    """Try again after a while (`NotReady`)."""
    SERVICES = "services"
    """Nobody is there who could judge the account: services come back by themselves, mostly within a minute."""
    BANNED = "banned"
    """The server does not want us (a K-line, a DNSBL): to insist makes it worse, people must talk."""
    NAME = "name"
    """No nick or user name of ours is one the server takes (`Misconfigured`)."""


@dataclass(frozen=True, slots=True)
class Welcomed:
    """Registered, under this nick, which may be another than the one asked for. ``account``: '' without SASL."""

    nick: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """No session, or no longer. ``reason``: the server's words, for people; may be empty."""

    why: Why
    reason: str


Outcome = Welcomed | Ended


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a line: what to send, and what is decided, if something is."""

    send: tuple[Line, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class WebIrc:
    """On whose behalf a gateway connects (IRCv3 WebIRC). ``hostname``: the address again, where it has no name."""

    password: str = field(repr=False)
    gateway: str
    hostname: str
    ip: str

    def line(self) -> Line:
        """The line that comes before all others. No address begins with a colon: a zero is put before it."""
        hostname, ip = (f"0{name}" if name.startswith(":") else name for name in (self.hostname, self.ip))
        return Line("WEBIRC", (self.password, self.gateway, hostname, ip))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """As whom to register. ``password`` is the server's own (PASS), not an account's."""

    nick: str
    user: str
    realname: str
    password: str = field(default="", repr=False)
    sasl: Sequence[Mechanism] = ()
    """In the order of preference. None: no account."""
    account_required: bool = True
    """Without the account rather not at all (IRCv3 SASL 3.2: then a client must disconnect)."""
    webirc: WebIrc | None = None
    wanted: Iterable[str] = WANTED


class Registration:
    """One session's registration. Make a new one for each connection."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._nicks = alternatives(plan.nick)
        self.caps = Capabilities((*plan.wanted, "sasl") if plan.sasl else plan.wanted)
        self._proof = Authentication(plan.sasl)
        self._proving = False
        self._ended_cap = False
        self._over = False
        self.nick = ""
        """Ours, as the server last confirmed it; before that, as we last asked."""
        self.account = ""
        """Whom the server holds us for (900, 901)."""
        self.welcomed = False

    def start(self) -> Sequence[Line]:
        """The first lines. PASS and CAP come before NICK and USER, which may complete the registration."""
        self.nick = next(self._nicks)
        password = (Line("PASS", (self._plan.password,)),) if self._plan.password else ()
        user = cut(sound(self._plan.user), 20)
        realname = cut(clean(self._plan.realname), 100) or user
        webirc = (self._plan.webirc.line(),) if self._plan.webirc else ()
        return (
            *webirc,
            *password,
            self.caps.start(),
            Line("NICK", (self.nick,)),
            Line("USER", (user, "0", "*", realname)),
        )

    def receive(self, line: Line) -> Step:
        """Any line of the session; those that do not concern it change nothing."""
        if self._over:
            return Step()
        match line.command:
            case "PING":
                return Step((Line("PONG", line.params[:1]),))
            case "CAP":
                return self._cap(line)
            case "900":
                self.account = line.param(2)
            case "901":
                self.account = ""
            case "ERROR":
                self._over = True
                why = _why(line.param(-1))
                if why is Why.LATER and self._proving and not self.welcomed:
                    why = Why.SERVICES  # nobody has answered to our proof, until the server lost its patience
                return Step(outcome=Ended(why, line.param(-1)))
            case command if command in _SASL:
                return self._go_on(self._proof.receive(line))
            case "NICK" if self.nick and line.source.nick == self.nick and line.params:
                self.nick = line.param(0)
            case _other if not self.welcomed:
                return self._before_welcome(line)
            case _other:
                pass
        return Step()

    def _before_welcome(self, line: Line) -> Step:
        match line.command:
            case "001":
                return self._welcome(line)
            case command if command in _NICK_REFUSED:
                return self._another_nick(line)
            case "421" | "410" | "451" if "CAP" in (line.param(0).upper(), line.param(1).upper()):
                self.caps.unsupported()
                return self._go_on(())
            case "464":
                return self._end(Why.CREDENTIALS, line.param(-1))
            case "463" | "465":
                return self._end(Why.BANNED, line.param(-1))
            case "468":
                return self._end(Why.NAME, line.param(-1))
            case "FAIL" if line.param(1).startswith("ACCOUNT_REQUIRED"):
                return self._end(Why.CREDENTIALS, line.param(-1))
            case _other:
                return Step()

    def _welcome(self, line: Line) -> Step:
        self.nick = line.param(0, self.nick)
        if self._plan.sasl and self._plan.account_required and self._proof.proof is not Proof.DONE:
            return self._unproven()
        self.welcomed = True
        return Step(outcome=Welcomed(self.nick, self.account))

    def _another_nick(self, line: Line) -> Step:
        """Each refusal answers one NICK, so whichever nick it names (some name none, or cut it) is the last one."""
        nick = next(self._nicks, None)
        if nick is None:
            return self._end(Why.NAME, line.param(-1))
        self.nick = nick
        return Step((Line("NICK", (nick,)),))

    def _cap(self, line: Line) -> Step:
        before = "sasl" in self.caps
        send = self.caps.receive(line)
        if "sasl" in self.caps and not before and not self._proving and self._proof.proof is not Proof.DONE:
            self._proof = Authentication(self._plan.sasl)
            self._proving = True
            send = (*send, *self._proof.start(self.caps.offered.get("sasl", "")))
        return self._go_on(send)

    def _go_on(self, send: Sequence[Line]) -> Step:
        """What is to be sent, and CAP END as soon as nothing is open; or the end, when the account cannot be proven."""
        if self._proof.proof is not Proof.RUNNING:
            self._proving = False
        if self.welcomed or self._proving or not self.caps.settled or self._ended_cap:
            return Step(tuple(send))
        if self._plan.sasl and self._plan.account_required and self._proof.proof is not Proof.DONE:
            return self._unproven()
        self._ended_cap = True
        return Step((*send, Line("CAP", ("END",))) if self.caps.supported else tuple(send))

    def _unproven(self) -> Step:
        why = Why.CREDENTIALS if self._proof.proof is Proof.REFUSED else Why.SERVICES
        return self._end(why, self._proof.reason)

    def _end(self, why: Why, reason: str) -> Step:
        self._over = True
        return Step((Line("QUIT"),), Ended(why, reason))


def _why(reason: str) -> Why:
    """What an ERROR means, by its words: nothing else tells. "Throttled" is no ban, whatever else it says."""
    if _CREDENTIALS.search(reason):
        return Why.CREDENTIALS
    if _LATER.search(reason):
        return Why.LATER
    return Why.BANNED if _BANNED.search(reason) else Why.LATER
