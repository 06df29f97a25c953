"""A wire between a bridge and an IRC server that a test can cut, close, or make lose an answer.

It counts the messages that leave through it, so that a test knows which lines were one message to whoever sent them.
"""

import asyncio
from types import TracebackType
from typing import Self

from tchap_bridges.testing.ports import free_port


class Wire:
    """Listens on `port` of loopback while it is open, and passes on to the server at ``host``:``to``."""

    host = "127.0.0.1"

    def __init__(self, host: str, to: int) -> None:
        self._to = host, to
        self.port = free_port()
        self.posts = 0
        """PRIVMSG lines that have left for the server."""
        self.left = bytearray()
        """All that has left."""
        self._losing = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Take connections, again on the same port."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)

    async def close(self) -> None:
        """Take none, and cut those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    @property
    def connections(self) -> int:
        """Those from the bridge and those to the server, together."""
        return len(self._writers)

    def cut(self) -> None:
        """Break every connection, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    def lose_answer(self) -> None:
        """The next message reaches the server; the connection breaks before anybody hears that it did."""
        self._losing = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            beyond, out = await asyncio.open_connection(*self._to)
            self._writers.add(out)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._out(reader, out, writer))
                    group.create_task(self._pass(beyond, writer, out))
            finally:
                self._writers.discard(out)
                out.close()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _out(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.left += data
                posts = sum(b"PRIVMSG " in line for line in data.split(b"\n"))
                self.posts += posts
                out.write(data)
                if posts and self._losing:
                    self._losing = False
                    back.transport.abort()
                await out.drain()
        except OSError:
            pass
        finally:
            out.close()

    async def _pass(
        self, beyond: asyncio.StreamReader, writer: asyncio.StreamWriter, out: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await beyond.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            out.transport.abort()
            writer.close()
