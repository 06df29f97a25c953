"""ClamAV's daemon, asked by INSTREAM: the bytes go to it, and it needs no right to our files.

Protocol: clamd(8), "COMMANDS". A command begins with ``z`` and ends with NUL, as does its answer. A stream is chunks,
each behind its length as four bytes, network order; an empty chunk ends it. Beyond its ``StreamMaxLength`` clamd says
so and hangs up, whatever is still on its way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect, Verdict
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import Phrase, _

CONNECT: Final = 10.0  # seconds
_CHUNK: Final = 1 << 18
_LONGEST: Final = 4096  # bytes of an answer
_TOO_LARGE: Final = "size limit exceeded"


class Clamd:
    """``seconds`` is the time that one scan may take, the sending of the file included."""

    def __init__(self, place: Endpoint, *, seconds: float) -> None:
        self._place = place
        self._seconds = seconds

    async def scan(self, suspect: Suspect) -> Verdict:
        async with suspect.open() as chunks, self._in_time(self._seconds):
            async with self._session() as (reader, writer):
                answer = asyncio.create_task(_answer(reader))
                try:
                    await _send(chunks, writer, answer)
                    return _verdict(await answer)
                finally:
                    answer.cancel()
                    await asyncio.gather(answer, return_exceptions=True)

    async def probe(self) -> str:
        """clamd's version and that of its signatures."""
        async with self._in_time(CONNECT), self._session() as (reader, writer):
            writer.write(b"zVERSION\0")
            await writer.drain()
            return await _answer(reader)

    @asynccontextmanager
    async def _in_time(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise ScannerAway(_("clamd ne répond pas en {n} s", n=round(seconds))) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, port = self._place
        try:
            async with asyncio.timeout(CONNECT):
                if self._place.unix:
                    reader, writer = await asyncio.open_unix_connection(host)
                else:
                    reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            raise ScannerAway(_unreachable(error)) from error
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def _send(chunks: AsyncIterator[bytes], writer: asyncio.StreamWriter, answer: "asyncio.Task[str]") -> None:
    """All of it, or as much as clamd takes: when it answers before the end, or hangs up, it has said all it will."""
    try:
        writer.write(b"zINSTREAM\0")
        async for chunk in chunks:
            for start in range(0, len(chunk), _CHUNK):
                piece = chunk[start : start + _CHUNK]
                writer.write(len(piece).to_bytes(4, "big") + piece)
                await _drained(writer)
                if answer.done():
                    return
        writer.write(bytes(4))
        await _drained(writer)
    except _HungUp:
        return


class _HungUp(Exception):
    """clamd takes no more."""


async def _drained(writer: asyncio.StreamWriter) -> None:
    """Apart from reading the file, whose own errors mean something else."""
    try:
        await writer.drain()
    except OSError as error:
        raise _HungUp from error


async def _answer(reader: asyncio.StreamReader) -> str:
    try:
        said = await reader.readuntil(b"\0")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ScannerAway(_("clamd a raccroché sans répondre")) from error
    return said[:_LONGEST].rstrip(b"\0\n").decode(errors="replace")


def _verdict(answer: str) -> Verdict:
    """``stream: OK``, ``stream: <signature> FOUND``, ``<what went wrong> ERROR``."""
    words = answer.removeprefix("stream: ")
    if words == "OK":
        return Verdict(outcome=Outcome.CLEAN)
    if words.endswith(" FOUND"):
        return Verdict(outcome=Outcome.INFECTED, detail=words.removesuffix(" FOUND")[:100])
    if _TOO_LARGE in words:
        return Verdict(outcome=Outcome.TOO_LARGE)
    raise ScannerAway(_("clamd a répondu par une erreur ({words})", words=words[:100]))


def _unreachable(error: Exception) -> Phrase:
    why = getattr(error, "strerror", None) or type(error).__name__
    return _("clamd est injoignable ({why})", why=why)
