"""Many people on an IRC server at the price of a few: for channels of 500, and for splits that take them away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

# ngIRCd lets ten connections wait to be taken; beyond that the kernel drops them, or takes a second.
_AT_ONCE = 8


class CrowdError(RuntimeError):
    """Somebody of the crowd did not get in, or was thrown out; the message is the server's."""


class Crowd:
    """`nicks` in one channel. What they hear is thrown away; their server's PINGs are answered."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._members: list[_Member] = []

    @property
    def nicks(self) -> list[str]:
        return [member.nick for member in self._members]

    @property
    def here(self) -> int:
        """How many are still connected."""
        return sum(1 for member in self._members if not member.closed)

    async def add(self, count: int, *, port: int, host: str = "127.0.0.1", prefix: str = "foule") -> None:
        """Connect `count` more and let them join, a few at a time. Raises CrowdError, TimeoutError."""
        new = [_Member(f"{prefix}{number}") for number in range(len(self._members), len(self._members) + count)]
        self._members += new
        loop = asyncio.get_running_loop()
        for at in range(0, count, _AT_ONCE):
            some = new[at : at + _AT_ONCE]
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                for member in some:
                    tasks.create_task(loop.create_connection(_always(member), host, port))
            await _all(some, "CAP LS", _TAKEN)
        # InspIRCd lets people in once a second: all of them together.
        await _all(new, "NICK {nick}\r\nUSER foule 0 * :{nick}\r\nCAP END", _REGISTERED)
        await _all(new, f"JOIN {self.channel}", _JOINED)

    def say(self, number: int, text: str) -> None:
        """Let one of them speak in the channel."""
        self._members[number].write(f"PRIVMSG {self.channel} :{text}")

    def quit(self, number: int, reason: str = "") -> None:
        """Let one of them leave the server."""
        self._members[number].write(f"QUIT :{reason}")

    def abort(self) -> None:
        """Cut all their connections at once."""
        for member in self._members:
            member.abort()


@asynccontextmanager
async def crowd(
    count: int, channel: str, *, port: int, host: str = "127.0.0.1", prefix: str = "foule"
) -> AsyncIterator[Crowd]:
    """`count` clients in `channel`, named `prefix` and a number from 0, until the block ends."""
    people = Crowd(channel)
    try:
        await people.add(count, port=port, host=host, prefix=prefix)
        yield people
    finally:
        people.abort()
        await asyncio.sleep(0)  # for the transports to close


@dataclass(frozen=True)
class _Answers:
    good: frozenset[bytes]
    bad: frozenset[bytes] = frozenset({b"432", b"433", b"465"})


_TAKEN = _Answers(frozenset({b"CAP"}))
_REGISTERED = _Answers(frozenset({b"376", b"422"}))
_JOINED = _Answers(frozenset({b"366"}), frozenset({b"403", b"405", b"471", b"473", b"474", b"475", b"477"}))


async def _all(members: list["_Member"], line: str, answers: _Answers) -> None:
    """Let each say `line`, and wait for all their answers. Raises CrowdError, TimeoutError."""
    for member in members:
        member.ask(line.format(nick=member.nick), answers)
    async with asyncio.timeout(30):
        for member in members:
            await member.answered()


class _Member(asyncio.Protocol):
    """Reads as little as it can."""

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._answers = _TAKEN
        self._found = asyncio.Event()
        self._last = b""

    def ask(self, line: str, answers: _Answers) -> None:
        self._answers = answers
        self._found.clear()
        self.write(line)

    async def answered(self) -> None:
        """Raises CrowdError for a bad answer or none."""
        if not self.closed:
            await self._found.wait()
        if self.closed or _command(self._last) not in self._answers.good:
            raise CrowdError(f"{self.nick}: {self._last.decode(errors='backslashreplace')}")

    def write(self, line: str) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line.encode() + b"\r\n")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self.closed = True
        self._found.set()

    def data_received(self, data: bytes) -> None:
        if self._found.is_set() and b"PING" not in data and not self._rest:
            self._rest = data[data.rfind(b"\n") + 1 :]
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"PING "):
                self.write("PONG " + line[5:].decode(errors="replace").strip())
            elif not self._found.is_set():
                self._last = line
                if line.startswith(b"ERROR") or _command(line) in self._answers.good | self._answers.bad:
                    self._found.set()


def _command(line: bytes) -> bytes:
    """Of a line that has a source and no tags."""
    return b"".join(line.split(b" ", 2)[1:2])


def _always(member: _Member) -> Callable[[], _Member]:
    return lambda: member
