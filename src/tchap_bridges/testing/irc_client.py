"""A small IRC client that does exactly what a test tells it to, and keeps every line that comes.

It shares nothing with the bridge, so that it can be its judge: what another person on the network sees. It cuts, splits
and escapes nothing that it is given to say.
"""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from tchap_bridges.testing.irc_line import Line, write_tags

_LINES_KEPT = 200_000


class IrcRefusedError(RuntimeError):
    """The server did not let the client in; the message is the server's line."""


class IrcClosedError(ConnectionError):
    """The connection ended while something was waited for; the message has the last lines that came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebIrc:
    """What a gateway says of the person it connects (WEBIRC)."""

    password: str
    host: str
    address: str
    gateway: str = "pont"


class IrcClient(asyncio.Protocol):
    """One connection. Made by `connect`; use it in `async with`, which aborts it at the end when nothing quit before.

    lines: all that came, in order, PINGs too (they are answered). nick: the present one. isupport: what 005 told.
    offered: the capabilities of CAP LS, each with its value or "". enabled: those that were asked for and granted.
    """

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.lines: list[Line] = []
        self.isupport: dict[str, str] = {}
        self.offered: dict[str, str] = {}
        self.enabled: set[str] = set()
        self.closed = False
        self._rest = b""
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._pings = 0

    @classmethod
    async def connect(
        cls,
        port: int,
        nick: str,
        *,
        host: str = "127.0.0.1",
        caps: Iterable[str] = (),
        tls: ssl.SSLContext | None = None,
        sasl: tuple[str, str] | None = None,
        external: bool = False,
        webirc: WebIrc | None = None,
        password: str | None = None,
        user: str = "essai",
        name: str = "Essai",
        timeout: float = 15,  # noqa: ASYNC109
    ) -> Self:
        """Connect and register; returns after the message of the day, when channels can be joined.

        caps: asked for in one request, which a server grants or refuses whole. sasl: account and password (PLAIN);
        external: SASL EXTERNAL, with the certificate that `tls` shows.

        Raises IrcRefusedError with what the server said, IrcClosedError when it hung up, TimeoutError, OSError.
        """
        self = cls(nick)
        wanted = {*caps, "sasl"} if sasl or external else set(caps)
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            server_name = "localhost" if tls else None
            await loop.create_connection(lambda: self, host, port, ssl=tls, server_hostname=server_name)
            try:
                if webirc is not None:
                    self.raw(f"WEBIRC {webirc.password} {webirc.gateway} {webirc.host} {webirc.address}")
                if password is not None:
                    self.raw(f"PASS :{password}")
                await self._negotiate(sorted(wanted))
                self.raw(f"NICK {nick}")
                self.raw(f"USER {user} 0 * :{name}")
                if external:
                    await self._authenticate("EXTERNAL", b"")
                elif sasl:
                    await self._authenticate("PLAIN", f"\0{sasl[0]}\0{sasl[1]}".encode())
                self.raw("CAP END")
                await self._registered()
            except BaseException:
                self.abort()
                raise
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
        with contextlib.suppress(TimeoutError):
            await self.wait_closed(timeout=2)

    async def _negotiate(self, caps: list[str]) -> None:
        self.raw("CAP LS 302")
        start = 0
        while True:
            line = await self.wait_for(_is_cap("LS"), since=start)
            start = self.lines.index(line) + 1
            for word in line.text.split():
                cap, _, value = word.partition("=")
                self.offered[cap] = value
            if line.params[2] != "*" or len(line.params) == 3:
                break
        if caps:
            self.raw(f"CAP REQ :{' '.join(caps)}")
            answer = await self.wait_for(lambda line: _is_cap("ACK")(line) or _is_cap("NAK")(line))
            if answer.params[1] == "NAK":
                raise IrcRefusedError(str(answer))
            self.enabled |= set(answer.text.split())

    async def _registered(self) -> None:
        over = {"376", "422"}
        end = await self.wait_for(lambda line: line.command in {"ERROR", *over, *_REFUSALS})
        if end.command not in over:
            raise IrcRefusedError(str(end))

    async def _authenticate(self, mechanism: str, secret: bytes) -> None:
        over = ("900", "902", "903", "904", "905", "906", "907", "908")
        self.raw(f"AUTHENTICATE {mechanism}")
        first = await self.wait_for(lambda line: line.command in {"AUTHENTICATE", *over})
        if first.command == "AUTHENTICATE":
            text = base64.b64encode(secret).decode()
            # IRCv3 sasl-3.1: parts of 400 octets, "+" for nothing and after a last part that is full.
            parts = [text[at : at + 400] for at in range(0, len(text), 400)]
            for part in parts if parts and len(parts[-1]) < 400 else [*parts, "+"]:
                self.raw(f"AUTHENTICATE {part}")
        end = await self.wait_for(lambda line: line.command in {"903", "904", "905", "906", "908"})
        if end.command != "903":
            raise IrcRefusedError(str(end))

    # ---- to say

    def raw(self, line: str | bytes) -> None:
        """One line as it is, CRLF added. Lone surrogates become the octets that they stand for. Never waits."""
        self.octets((line.encode(errors="surrogateescape") if isinstance(line, str) else line) + b"\r\n")

    def octets(self, data: bytes) -> None:
        """Anything, such as half a line."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def say(self, target: str, text: str, *, tags: Mapping[str, str] | None = None) -> None:
        self.raw(f"{write_tags(tags)}PRIVMSG {target} :{text}")

    def notice(self, target: str, text: str, *, tags: Mapping[str, str] | None = None) -> None:
        self.raw(f"{write_tags(tags)}NOTICE {target} :{text}")

    def action(self, target: str, text: str, *, tags: Mapping[str, str] | None = None) -> None:
        self.say(target, f"\x01ACTION {text}\x01", tags=tags)

    def tagmsg(self, target: str, tags: Mapping[str, str]) -> None:
        """Tags without a message, such as `{"+typing": "active"}`."""
        self.raw(f"{write_tags(tags)}TAGMSG {target}")

    async def join(self, channel: str, key: str = "") -> None:
        """Returns once in, with the names known. Raises IrcRefusedError with the server's reason."""
        start = self.mark()
        self.raw(f"JOIN {channel} {key}".rstrip())
        answers = {"366", "403", "405", "437", "471", "473", "474", "475", "476", "477", "489"}
        end = await self.wait_for(lambda line: line.command in answers and channel in line.params, since=start)
        if end.command != "366":
            raise IrcRefusedError(str(end))

    async def part(self, channel: str, reason: str = "") -> None:
        await self._do(f"PART {channel} :{reason}", "PART")

    async def change_nick(self, nick: str) -> None:
        """Returns once the server says so. Raises IrcRefusedError when the nick is taken or no nick."""
        await self._do(f"NICK {nick}", "NICK")

    async def quit(self, reason: str = "") -> None:
        """Returns once the server has hung up."""
        self.raw(f"QUIT :{reason}")
        await self.wait_closed()

    async def names(self, channel: str) -> set[str]:
        """The nicks in a channel, without their prefixes."""
        start = self.mark()
        self.raw(f"NAMES {channel}")
        await self.wait_for(lambda line: line.command == "366" and channel in line.params, since=start)
        told = [line.text.split() for line in self.lines[start:] if line.command == "353" and channel in line.params]
        return {name.lstrip("~&@%+").partition("!")[0] for names in told for name in names}

    async def sync(self) -> None:
        """Return once the server has dealt with all that was said before, and its answers are here."""
        self._pings += 1
        token, start = f"sync-{self._pings}", self.mark()
        self.raw(f"PING {token}")
        await self.wait_for(lambda line: line.command == "PONG" and token in line.params, since=start)

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read nothing more, as a client that hangs: the server's queue for it fills."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again after `pause`."""
        if self._transport is not None:
            self._transport.resume_reading()

    async def _do(self, line: str, command: str) -> None:
        start, nick = self.mark(), self.nick
        self.raw(line)
        refusals = _REFUSALS | {"403", "442", "437", "447"}
        end = await self.wait_for(
            lambda line: (line.command == command and line.nick == nick) or line.command in refusals, since=start
        )
        if end.command != command:
            raise IrcRefusedError(str(end))

    # ---- what came

    def mark(self) -> int:
        """Where the lines are now: for `wait_for(…, since=mark)` and `lines[mark:]`."""
        return len(self.lines)

    async def wait_for(
        self,
        predicate: Callable[[Line], bool],
        *,
        since: int = 0,
        timeout: float = 15,  # noqa: ASYNC109
    ) -> Line:
        """The first line that satisfies `predicate`, come since `since` or still to come.

        Raises TimeoutError, or IrcClosedError when nothing more can come; both show the last lines.
        """
        (line,) = await self.wait_for_count(1, predicate, since=since, timeout=timeout)
        return line

    async def wait_for_count(
        self,
        count: int,
        predicate: Callable[[Line], bool],
        *,
        since: int = 0,
        timeout: float = 15,  # noqa: ASYNC109
    ) -> list[Line]:
        """The first `count` lines that satisfy `predicate`; raises as `wait_for`."""
        found: list[Line] = []
        at = since
        try:
            async with asyncio.timeout(timeout):
                while True:
                    while at < len(self.lines):
                        if predicate(self.lines[at]):
                            found.append(self.lines[at])
                        at += 1
                        if len(found) == count:
                            return found
                    if self.closed:
                        raise IrcClosedError(f"{self.nick}: closed, {len(found)} of {count} found\n{self._tail()}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            late = f"{self.nick}: {len(found)} of {count} found within {timeout} s\n{self._tail()}"
            raise TimeoutError(late) from None

    async def wait_for_text(self, text: str, *, to: str | None = None, by: str | None = None, since: int = 0) -> Line:
        """The first PRIVMSG with exactly this text."""
        return await self.wait_for(lambda line: line.says(text, to=to, by=by), since=since)

    async def wait_closed(self, *, timeout: float = 15) -> None:  # noqa: ASYNC109
        """Raises TimeoutError while the connection stands."""
        async with asyncio.timeout(timeout):
            while not self.closed:
                self._changed.clear()
                await self._changed.wait()

    def said(self, target: str, *, since: int = 0) -> list[tuple[str, str]]:
        """(nick, text) of each PRIVMSG to a channel or nick, in order."""
        return [
            (line.nick, line.text) for line in self.lines[since:] if line.command == "PRIVMSG" and line.target == target
        ]

    def _tail(self) -> str:
        return "\n".join(str(line) for line in self.lines[-15:])

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self.closed = True
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for raw in whole:
            if octets := raw.rstrip(b"\r"):
                self._take(Line.read(octets))
        if len(self.lines) > _LINES_KEPT:
            self.abort()  # a test that gets so many has gone wrong; it sees IrcClosedError
        self._changed.set()

    def _take(self, line: Line) -> None:
        self.lines.append(line)
        match line.command:
            case "PING":
                self.raw(f"PONG :{line.text}")
            case "001":
                self.nick = line.target
            case "NICK" if line.nick == self.nick:
                self.nick = line.text
            case "005":
                for word in line.params[1:-1]:
                    name, _, value = word.partition("=")
                    self.isupport[name] = value
            case _:
                pass


# What a server says to a nick that it does not take, or to a password.
_REFUSALS = frozenset({"431", "432", "433", "436", "464", "465"})


def _is_cap(word: str) -> Callable[[Line], bool]:
    return lambda line: line.command == "CAP" and line.params[1:2] == (word,)
