"""Reads bytes that strangers wrote, in processes that can be killed.

A bridge that is ``hostile`` has its pure ``read`` and ``file_bytes`` called in `reader_worker`: a process of its own,
with bounded memory, that is killed when one item takes longer than its limit. The item is then the inbox's dead letter;
the next one gets a fresh process. Whatever took the worker over could choose its answers: they are never unpickled.
"""

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import structlog
from pydantic import BaseModel

from tchap_bridges.bridge import Bridge, Item
from tchap_bridges.core import codec
from tchap_bridges.core.reader_worker import GOOD, split
from tchap_bridges.errors import NotReady, RemoteViolation
from tchap_bridges.events import Event
from tchap_bridges.ids import FileRef

START = 30.0  # seconds a worker may take to start
CHUNK = 1 << 18  # bytes written at a time

log = structlog.get_logger(__name__)


class ReadFailed(RemoteViolation):
    """The item broke its reader, or took too long."""


class Reader:
    """A few workers for one connection, started when they are first needed and kept."""

    def __init__(self, bridge: type[Bridge[Any]], config: BaseModel, *, workers: int = 1) -> None:
        self._bridge = bridge
        self._config = config
        self._seconds = bridge.read_seconds(config)
        self._free: asyncio.LifoQueue[asyncio.subprocess.Process | None] = asyncio.LifoQueue()
        for _ in range(workers):
            self._free.put_nowait(None)

    async def read(self, item: Item) -> Sequence[Event]:
        """`Bridge.read`. Raises `ReadFailed`."""
        if not self._bridge.hostile:
            return tuple(self._bridge.read(item, self._config))
        answer = await self._ask("read", item)
        try:
            return tuple(map(codec.load, split(answer)))
        except ValueError as error:
            raise ReadFailed("the reading process answered nonsense") from error

    async def file_bytes(self, item: Item, ref: FileRef) -> bytes:
        """`Bridge.file_bytes`. Raises `ReadFailed`."""
        if not self._bridge.hostile:
            return self._bridge.file_bytes(item, ref)
        return await self._ask("file", item, ref)

    async def close(self) -> None:
        while not self._free.empty():
            worker = self._free.get_nowait()
            if worker is not None:
                await _end(worker)

    async def warm(self) -> None:
        """Start a worker ahead of the first item."""
        if self._bridge.hostile:
            with suppress(NotReady):  # the first item starts one
                async with self._worker():
                    pass

    async def _ask(self, what: str, item: Item, ref: str = "") -> bytes:
        """One question, one answer. The item's bytes travel beside the question: they are not copied into it."""
        async with self._worker() as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            try:
                async with asyncio.timeout(self._seconds):
                    await _send(worker.stdin, pickle.dumps((what, ref, replace(item, raw=b"")), protocol=5), item.raw)
                    good = await _receive(worker.stdout) == GOOD
                    answer = await _receive(worker.stdout)
            except TimeoutError:
                await _kill(worker)
                raise ReadFailed(f"reading took more than {self._seconds:g} s") from None
            except (ConnectionError, asyncio.IncompleteReadError):
                await _kill(worker)
                raise ReadFailed("the reading process died (memory bound, or a crash)") from None
            except BaseException:
                await _kill(worker)  # an answer nobody waits for would be taken for the next one's
                raise
        if not good:
            raise ReadFailed(answer.decode("utf-8", "replace"))
        return answer

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        worker = await self._free.get()
        try:
            if worker is None or worker.returncode is not None:
                worker = await self._start()
            yield worker
        finally:
            self._free.put_nowait(worker if worker is not None and worker.returncode is None else None)

    async def _start(self) -> asyncio.subprocess.Process:
        """Raises `NotReady` when no process can be had now: that is no fault of the item's."""
        try:
            worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tchap_bridges.core.reader_worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        except OSError as error:
            raise NotReady(f"no reading process: {error}") from error
        assert worker.stdin is not None
        assert worker.stdout is not None
        name = f"{self._bridge.__module__}:{self._bridge.__qualname__}"
        try:
            async with asyncio.timeout(START):
                await _send(worker.stdin, pickle.dumps((name, self._config), protocol=5))
                await _receive(worker.stdout)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
            await _kill(worker)
            raise NotReady("the reading process did not start") from error
        except BaseException:
            await _kill(worker)
            raise
        return worker


async def _kill(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        worker.kill()
    await asyncio.shield(worker.wait())


async def _end(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        assert worker.stdin is not None
        worker.stdin.close()
        try:
            async with asyncio.timeout(2):
                await worker.wait()
        except TimeoutError:
            worker.kill()
            await worker.wait()


async def _send(pipe: asyncio.StreamWriter, *frames: bytes) -> None:
    """Small frames leave in one write: each would wake the worker."""
    if sum(map(len, frames)) <= CHUNK:
        pipe.write(b"".join(part for frame in frames for part in (len(frame).to_bytes(8), frame)))
        await pipe.drain()
        return
    for frame in frames:
        pipe.write(len(frame).to_bytes(8))
        for start in range(0, len(frame), CHUNK):
            pipe.write(frame[start : start + CHUNK])
            await pipe.drain()


async def _receive(pipe: asyncio.StreamReader) -> bytes:
    return await pipe.readexactly(int.from_bytes(await pipe.readexactly(8)))
