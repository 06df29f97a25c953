"""A wire between an IRC server and a bridge that counts what is put on it."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tchap_bridges.testing.process import free_port

_READ = 1 << 16


class Tap:
    """Bridges connect to ``port`` and are connected to the server. What the server says to them is remembered."""

    def __init__(self, server: int) -> None:
        self.port = free_port()
        self.handed = bytearray()
        """All that was written to the bridge's socket, of all its connections one after the other."""
        self._server_port = server
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
            try:
                async with asyncio.TaskGroup() as group:
                    outward = group.create_task(_pass(reader, back))
                    inward = group.create_task(self._hand(there, writer))
                    await asyncio.wait({outward, inward}, return_when=asyncio.FIRST_COMPLETED)
                    outward.cancel()
                    inward.cancel()
            finally:
                back.transport.abort()
                writer.transport.abort()

    async def _hand(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ):
            writer.write(data)
            await _drained(writer)
            self.handed += data


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_READ):
            writer.write(data)
            await writer.drain()


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Return once it is in the kernel's buffer: a bridge that reads nothing is handed nothing more."""
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()
