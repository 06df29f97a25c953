"""A mail bridge on loopback with a host that remembers, and a client that says exactly what a test tells it to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.config import EmailConfig
from tchap_bridge_email.connection import EmailConnection
from tchap_bridges.testing import ports
from tchap_bridges.testing.host import FakeHost

LIST = "liste@exemple.fr"
SUBSCRIBER = "abonne@pont.example"
SECOND = "second@pont.example"


@dataclass(frozen=True)
class Bridge:
    connection: EmailConnection
    host: FakeHost
    smtp: int
    lmtp: int


class Client:
    """Bytes to a port, and replies back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *lines: bytes) -> str:
        """Lines, CRLF after each, and the reply to the last: all in one write."""
        self.writer.write(b"".join(line + b"\r\n" for line in lines))
        replies = [await self.reply() for _ in lines]
        return replies[-1]

    async def raw(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply, all its lines; "" when the server has hung up."""
        told = b""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while line := await self.reader.readline():
                    told += line
                    if line[3:4] != b"-":
                        break
        return told.decode()

    async def ready(self, *recipients: str, sender: str = "marie@exemple.fr") -> None:
        """Greeted, and the envelope said, up to the 354."""
        hello = b"EHLO essai"
        assert (await self.reply()).startswith("220")
        if not (await self.say(hello)).startswith("250"):
            await self.say(b"LHLO essai")
        await self.say(f"MAIL FROM:<{sender}>".encode())
        for recipient in recipients or (SUBSCRIBER,):
            assert (await self.say(f"RCPT TO:<{recipient}>".encode())).startswith("250")
        assert (await self.say(b"DATA")).startswith("354")


Opener = Callable[..., AbstractAsyncContextManager[Bridge]]
Dial = Callable[[int], AbstractAsyncContextManager[Client]]


@pytest.fixture
def open_bridge() -> Opener:
    """`async with open_bridge(submission={…}, mailboxes=[…]) as bridge:`; the options are keys of EmailConfig."""

    @asynccontextmanager
    async def make(*, host: FakeHost | None = None, listen: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Bridge]:  # fmt: skip  # noqa: E501
        smtp, lmtp = ports.free_port(), ports.free_port()
        host = host or FakeHost()
        given = {
            "domain": "pont.example",
            "listen": {"smtp": f"127.0.0.1:{smtp}", "lmtp": f"127.0.0.1:{lmtp}", **(listen or {})},
            "submission": {"host": "127.0.0.1", "port": 9, "security": "none"},
            "allowed_domains": ["exemple.fr"],
            **options,
        }
        async with EmailBridge().open(EmailConfig.model_validate(given), host) as connection:
            assert isinstance(connection, EmailConnection)
            running = asyncio.create_task(connection.run())
            ready = asyncio.create_task(host.is_up.wait())
            try:
                await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                yield Bridge(connection, host, smtp, lmtp)
            finally:
                for task in (running, ready):
                    task.cancel()
                await asyncio.gather(running, ready, return_exceptions=True)

    return make


@pytest.fixture
async def bridge(open_bridge: Opener) -> AsyncIterator[Bridge]:
    async with open_bridge() as made:
        made.host.link(LIST, SUBSCRIBER, SECOND)
        yield made


@pytest.fixture
def dial() -> Dial:
    @asynccontextmanager
    async def connect(port: int) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    return connect
