"""Many people on an IRC server at the price of a few: for channels of 500, and for splits that take them away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
            for member in some:
                await member.expect(b"376", b"422")
            for member in some:
                member.write(f"JOIN {self.channel}")
            for member in some:
                await member.expect(b"366")

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


_REGISTERED = frozenset({b"376", b"422", b"432", b"433", b"465"})
_JOINED = frozenset({b"366", b"403", b"405", b"471", b"473", b"474", b"475", b"477"})


class _Member(asyncio.Protocol):
    """Reads as little as it can."""

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._answers = _REGISTERED
        self._found = asyncio.Event()
        self._last = b""

    async def expect(self, *wanted: bytes) -> None:
        """Wait for one of these, which `write` or the beginning brings. Raises CrowdError, TimeoutError."""
        async with asyncio.timeout(30):
            await self._found.wait()
        if self.closed or self._numeric(self._last) not in wanted:
            raise CrowdError(f"{self.nick}: {self._last.decode(errors='backslashreplace')}")

    def write(self, line: str) -> None:
        if line.startswith("JOIN"):
            self._found.clear()
            self._answers = _JOINED
        if self._transport is not None and not self.closed:
            self._transport.write(line.encode() + b"\r\n")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.write(f"NICK {self.nick}")
        self.write(f"USER foule 0 * :{self.nick}")

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
                if line.startswith(b"ERROR") or self._numeric(line) in self._answers:
                    self._found.set()

    @staticmethod
    def _numeric(line: bytes) -> bytes:
        return b"".join(line.split(b" ", 2)[1:2])


def _always(member: _Member) -> Callable[[], _Member]:
    return lambda: member
