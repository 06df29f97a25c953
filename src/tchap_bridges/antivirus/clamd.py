"""ClamAV's daemon, asked by INSTREAM: the bytes go to it, and it needs no right to our files.

Protocol: clamd(8), "COMMANDS". A command begins with ``z`` and ends with NUL, as does its answer. A stream is chunks,
each behind its length as four bytes, network order; an empty chunk ends it. Beyond its ``StreamMaxLength`` clamd says
so and hangs up, whatever is still on its way.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect, Verdict
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import _

CONNECT: Final = 10.0  # seconds
_CHUNK: Final = 1 << 18
_LONGEST: Final = 4096  # bytes of an answer
_TOO_LARGE: Final = "size limit exceeded"


class Clamd:
    """``seconds``: for so long clamd may be silent, when it is to take a piece of a file or to answer."""

    def __init__(self, place: Endpoint, *, seconds: float) -> None:
        self._place = place
        self._seconds = seconds

    async def scan(self, suspect: Suspect) -> Verdict:
        async with suspect.open() as chunks, self._line(self._seconds) as line:
            await line.say(b"zINSTREAM\0")
            async for chunk in chunks:
                for start in range(0, len(chunk), _CHUNK):
                    piece = chunk[start : start + _CHUNK]
                    await line.say(len(piece).to_bytes(4, "big") + piece)
                if line.hung_up:
                    break
            await line.say(bytes(4))
            verdict = _verdict(await line.answer())
            if line.hung_up and verdict.outcome is Outcome.CLEAN:
                raise ScannerAway(_("clamd n'a pas pris tout le fichier"))
            return verdict

    async def probe(self) -> str:
        """clamd's version and that of its signatures."""
        async with self._line(CONNECT) as line:
            await line.say(b"zVERSION\0")
            return await line.answer()

    @asynccontextmanager
    async def _line(self, seconds: float) -> AsyncIterator["_Line"]:
        with await self._connected() as found:
            yield _Line(found, seconds)

    async def _connected(self) -> socket.socket:
        """To the first of its addresses that takes us."""
        loop, (host, port) = asyncio.get_running_loop(), self._place
        why = ""
        try:
            async with asyncio.timeout(CONNECT):
                if self._place.unix:
                    return await _to(socket.AF_UNIX, host)
                for family, _kind, _proto, _name, address in await loop.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM
                ):
                    try:
                        return await _to(family, address)
                    except OSError as error:
                        why = error.strerror or ""
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
        raise ScannerAway(_("clamd est injoignable ({why})", why=why))


async def _to(family: int, address: object) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setblocking(False)
        await asyncio.get_running_loop().sock_connect(found, address)  # type: ignore[arg-type]  # as getaddrinfo gave it
    except BaseException:
        found.close()
        raise
    return found


class _Line:
    """A socket of its own: an asyncio stream that fails to write forgets what came in, and that is clamd's reason."""

    def __init__(self, found: socket.socket, seconds: float) -> None:
        self._socket = found
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.hung_up = False

    async def say(self, data: bytes) -> None:
        """Nothing more once clamd has hung up: what it had to say can still be heard."""
        try:
            if not self.hung_up:
                async with self._in_time():
                    await self._loop.sock_sendall(self._socket, data)
        except OSError:
            self.hung_up = True

    async def answer(self) -> str:
        said = b""
        try:
            async with self._in_time():
                while not said.endswith(b"\0") and len(said) < _LONGEST:
                    data = await self._loop.sock_recv(self._socket, _LONGEST)
                    if not data:
                        break
                    said += data
        except OSError as error:
            raise ScannerAway(_("clamd a raccroché sans répondre")) from error
        if not said.endswith(b"\0"):
            raise ScannerAway(_("clamd a raccroché sans répondre"))
        return said.rstrip(b"\0\n").decode(errors="replace")

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError as error:
            raise ScannerAway(_("clamd ne répond pas en {n} s", n=round(self._seconds))) from error


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
