"""An SMTP session that is cheap enough to measure with: one dialogue, many mails, nothing parsed but the codes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.letters import Letter


class Session:
    """Made by `session`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, letter: Letter) -> float:
        """Returns the moment at which the final dot left; the mail is accepted when this returns."""
        await self.say(f"MAIL FROM:<{letter.sender}>", 250)
        await self.say(f"RCPT TO:<{letter.to.subscriber}>", 250)
        await self.say("DATA", 354)
        moment = time.perf_counter()
        self._writer.write(letter.data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        await self._expect(250)
        return moment

    async def say(self, line: str, code: int) -> None:
        self._writer.write(line.encode() + b"\r\n")
        await self._expect(code)

    async def _expect(self, code: int) -> None:
        line = await self._reader.readline()
        while line[3:4] == b"-":
            line = await self._reader.readline()
        if not line.startswith(b"%d" % code):
            raise RuntimeError(f"expected {code}, heard {line!r}")


@asynccontextmanager
async def session(port: int) -> AsyncIterator[Session]:
    """A session that has greeted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        opened = Session(reader, writer)
        await reader.readline()
        await opened.say("EHLO listes.tchap.localhost", 250)
        yield opened
    finally:
        writer.close()
