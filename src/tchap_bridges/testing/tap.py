"""A wire between an IRC server and a bridge: it counts what the server puts on it, and breaks where it is told to."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tchap_bridges.testing.ports import free_port

_READ = 1 << 16


class Tap:
    """Bridges connect to ``port`` and are connected to the server. What the server says to them is remembered."""

    def __init__(self, server: int) -> None:
        self.port = free_port()
        self.handed = bytearray()
        """All that was written to the bridge's socket, of all its connections one after the other."""
        self.sprung = asyncio.Event()
        """The words of `trap` have come by: the server says nothing to the bridge any more."""
        self._words = b""
        self._swallow = False
        self._server_port = server
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def trap(self, words: str, *, swallow: bool) -> None:
        """Once the bridge says this, it hears nothing more; ``swallow``: nor does the server, of these words on."""
        self._words, self._swallow = words.encode(), swallow
        self.sprung.clear()

    def cut(self) -> None:
        """Break all connections without a word, and be a wire again."""
        self._words = b""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
            self._writers |= {writer, back}
            try:
                async with asyncio.TaskGroup() as group:
                    outward = group.create_task(self._pass(reader, back))
                    inward = group.create_task(self._hand(there, writer))
                    await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
                    outward.cancel()
                    inward.cancel()
            finally:
                self._writers -= {writer, back}
                back.transport.abort()
                writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the bridge says. Words are looked for in what leaves at once: a line is."""
        with suppress(OSError):
            while data := await reader.read(_READ):
                if self._words and self._words in data:
                    self.sprung.set()
                if not (self._words and self._swallow and self.sprung.is_set()):
                    writer.write(data)
                    await writer.drain()

    async def _hand(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the server says; when this returns to reading it is in the kernel's buffer for the bridge."""
        writer.transport.set_write_buffer_limits(0)
        with suppress(OSError):
            while data := await reader.read(_READ):
                if self._words and self.sprung.is_set():
                    continue
                writer.write(data)
                await writer.drain()
                self.handed += data
