"""One TCP session with the network: greets, asks, and tells questions' answers from news.

It knows sockets and `wire`, and neither events nor the core. All that goes wrong becomes an error of
`tchap_bridges.errors`: which one decides what the core does next, so it is chosen here with care.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tchap_bridge_echo import wire
from tchap_bridge_echo.config import EchoConfig
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import BadCredentials, NotReady, RemoteViolation, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.logs import harmless

CONNECT_SECONDS = 10
ANSWER_SECONDS = 30


class Unknown(Undeliverable):
    """The request names what the network does not have."""


class Session:
    """From the greeting to the end of the connection. Made by `connected` only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Logger) -> None:
        self._reader = reader
        self._writer = writer
        self._log = log
        self._lines = wire.Lines()
        self._frames: deque[wire.AnyFrame] = deque()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[wire.Done]] = {}

    async def tell(self, frame: wire.Frame) -> None:
        """Send what has no answer. Raises `NotReady` when the line is broken."""
        try:
            self._writer.write(wire.encode(frame))
            await self._writer.drain()  # waits while the network is slower than we are
        except OSError as error:
            raise _broken() from error

    async def ask(self, request: wire.Asked) -> wire.Done:
        """Send a request and wait for its answer, which `next` meets on its way.

        Raises `NotReady` when there is none in time or the network wants another try later, `Undeliverable` (`Unknown`
        where that is why) when it never will.
        """
        number = next(self._numbers)
        answer: asyncio.Future[wire.Done] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.tell(request.model_copy(update={"request": number}))
                return await answer
        except TimeoutError:
            self._writer.transport.abort()  # a line that swallows questions is dead, whatever TCP thinks
            raise NotReady(_("le réseau ne répond plus")) from None
        finally:
            del self._asked[number]

    async def next(self) -> wire.News | wire.Typed:
        """The next thing that happened. Must be called all the time: it is what brings answers too.

        Raises `NotReady` when the network hangs up.
        """
        while True:
            match await self._frame():
                case wire.Done() | wire.Failed() as answer:
                    self._answer(answer)
                case (
                    wire.Said() | wire.Reworded() | wire.Withdrawn() | wire.Reacted() | wire.Renamed() | wire.Typed()
                ) as news:
                    return news
                case stray:
                    self._log.warning("echo.stray_frame", kind=stray.kind)

    async def greet(self, config: EchoConfig) -> str:
        """Make ourselves known; returns the network's name."""
        password = config.password.get_secret_value() if config.password else ""
        await self.tell(wire.Hello(nick=config.nick, password=password))
        match await self._frame():
            case wire.Welcome(network=network):
                return network
            case wire.Refused(reason=reason):
                # Not NotReady: to try again with the same password would only get us banned.
                raise BadCredentials(
                    _("le réseau refuse le pseudo {nick} : {why}", nick=config.nick, why=reason),
                    remedy=_("Vérifiez « nick » et « password »."),
                )
            case _other:
                raise NotReady(_("ce qui répond n'est pas un réseau Écho"))

    async def _frame(self) -> wire.AnyFrame:
        while not self._frames:
            try:
                data = await self._reader.read(wire.LONGEST_LINE)
            except OSError as error:
                raise _broken() from error
            if not data:
                raise _broken()
            for line in self._lines.feed(data):
                try:
                    self._frames.append(wire.decode(line))
                except RemoteViolation as error:  # this line is lost; the next one may be sound
                    self._log.warning("echo.violation", **harmless(error))
        return self._frames.popleft()

    def _answer(self, answer: wire.Done | wire.Failed) -> None:
        waiting = self._asked.get(answer.request)
        if waiting is None or waiting.done():
            return  # whoever asked has given up
        if isinstance(answer, wire.Done):
            waiting.set_result(answer)
            return
        match answer.why:
            case wire.Why.LATER:
                why = _("le réseau demande d'attendre : {why}", why=answer.reason)
                waiting.set_exception(NotReady(why, retry_after=answer.seconds))
            case wire.Why.NEVER:
                waiting.set_exception(Undeliverable(_("le réseau a refusé : {why}", why=answer.reason)))
            case wire.Why.UNKNOWN:
                waiting.set_exception(Unknown(_("le réseau ne le connaît pas : {why}", why=answer.reason)))

    async def close(self) -> None:
        """Hang up, and let nobody wait for an answer that cannot come."""
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(_broken())
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        self._writer.transport.abort()  # when what is still to be sent finds no taker


@asynccontextmanager
async def connected(config: EchoConfig, log: Logger) -> AsyncIterator[Session]:
    """A session that was greeted. Raises `NotReady` when nobody answers, `BadCredentials` when we are refused."""
    async with _within(CONNECT_SECONDS):
        try:
            reader, writer = await asyncio.open_connection(config.host, config.port)
        except OSError as error:
            raise NotReady(_("le réseau ne répond pas")) from error
    session = Session(reader, writer, log)
    try:
        async with _within(CONNECT_SECONDS):
            name = await session.greet(config)
        log.info("echo.welcome", network=name)
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise NotReady(_("le réseau ne répond pas")) from error


def _broken() -> NotReady:
    return NotReady(_("la connexion au réseau est coupée"))
