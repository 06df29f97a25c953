"""One session with a network, from the open socket to its end: everything that leaves, in turn, and all that comes.

The layers below are pure; here are the socket and the clock. What is to be confirmed is confirmed by the server
(`questions`).

Reader and keeper are apart: `serve` reads, answers PINGs and sends, whoever keeps what came takes it from `inbox` as
fast as the disk allows. The inbox is bounded; when it is full nothing more is read, and what the network then does not
keep for us is asked for again by history.
"""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tchap_bridge_irc.batches import Batch, Batches
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.flood import WEIGHTS, Priority, Queue, Window
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.questions import Question, Questions, fate, give_up, lost
from tchap_bridge_irc.refusals import refused
from tchap_bridge_irc.registration import Ended, Plan, Registration, Welcomed
from tchap_bridge_irc.wire import Line, Lines, Nonsense, Source, Unsendable, encode
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import BridgeError, Undeliverable
from tchap_bridges.i18n import _

ANSWER_SECONDS = 60.0
"""How long a server may take for an answer before the session counts as dead."""
QUIET_SECONDS = 90.0
"""After so long without a line the server is asked whether it is still there."""
MOST_WAITING = 20_000
"""Lines that wait for a slow disk, some ten megabytes, before nothing more is read."""
MOTD_SECONDS = 3.0
"""How long a server that has welcomed us may be silent before it counts as having introduced itself."""
_READ = 1 << 16
_MOTD_ENDS = frozenset({"376", "422"})


class _Introduced(Exception):
    """The server has said what there is to say of itself."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Lines that leave together, with nothing between them."""

    data: bytes
    question: Question | None = None


class Session:
    """Made by `connecting.connected` only, welcomed already."""

    def __init__(
        self, config: IrcConfig, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Logger
    ) -> None:
        self._config = config
        self._reader = reader
        self._writer = writer
        self._log = log
        self._now = asyncio.get_running_loop().time
        self._lines = Lines()
        self._batches = Batches()
        rate = 1 / config.flood.seconds if config.flood.seconds else 1_000_000.0
        self._queue: Queue[Departure] = Queue(config.flood.burst, rate)
        self._window = Window(config.flood.bytes)
        self._news = asyncio.Event()  # something waits to leave, or may leave now
        self._questions = Questions(self._has_read, patience=ANSWER_SECONDS)
        self._probe: Question | None = None  # a PING that asks how much has been read
        self._heard = self._now()
        self._registration = Registration(plan)
        self.inbox: asyncio.Queue[Line | Batch | BridgeError] = asyncio.Queue(MOST_WAITING)
        """What others said or did, in order; last of all why there is no more."""
        self.support = Isupport()
        self.channels = Channels(config.nick)

    # Who we are

    @property
    def me(self) -> Source:
        """Ourselves as others see us."""
        return self.channels.me

    @property
    def nick_wanted(self) -> str:
        """The nick that we would have, were it nobody else's."""
        return self._config.nick

    @property
    def account(self) -> str:
        """The account that the server holds us for, '' for none."""
        return self._registration.account

    def has(self, *caps: str) -> bool:
        """Whether all of these abilities are on."""
        return all(cap in self._registration.caps for cap in caps)

    def option(self, cap: str, key: str) -> int | None:
        """A number among an ability's own settings, such as max-bytes of draft/multiline; None where it is not said."""
        said = self._registration.caps.options(cap).get(key, "")
        return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else None

    def value(self, cap: str) -> str:
        """An ability's value as it was offered."""
        return self._registration.caps.offered.get(cap, "")

    @property
    def exact(self) -> bool:
        """Whether the server confirms each message with the id that others see."""
        return self.has("labeled-response", "echo-message")

    # Out

    def put(self, line: Line, *, target: str = "", priority: Priority = Priority.NORMAL) -> None:
        """What has no answer, in its turn. What cannot be a line is told to the log and does not leave."""
        try:
            data = self._bytes([line])
        except Unsendable as error:
            self._log.error("irc.unsendable", command=line.command, error=type(error).__name__)
            return
        self._queue.put(Departure(data), self.support.fold(target), priority, WEIGHTS.get(line.command, 1))
        self._news.set()

    async def ask(self, lines: Sequence[Line], target: str) -> Sequence[Line]:
        """Send lines to a target, together, and return what the server said to them: their echoes, where it echoes.

        Raises `NotReady` when the session ends before they have left, `Undeliverable` (not certain) when it ends after
        that, and `Undeliverable` when the server says that they did not arrive, or nothing of the kind can be sent.
        """
        first = lines[0]
        cost = sum(WEIGHTS.get(line.command, 1) for line in lines) + (not self.exact)
        wait = (len(self._queue) + cost) * self._config.flood.seconds * 2  # for its turn
        question = Question(target, first.command, asyncio.get_running_loop().create_future())
        try:
            if self.exact and (len(lines) == 1 or first.command == "BATCH"):
                label = self._questions.label(question, self._now() + wait)
                first = Line(first.command, first.params, first.source, {**first.tags, "label": label})
                data = self._bytes([first, *lines[1:]])
            else:
                question.token = self._questions.token("t")
                data = self._bytes([*lines, Line("PING", (question.token,))])
        except Unsendable as error:
            self._log.error("irc.unsendable", command=first.command, error=type(error).__name__)
            raise Undeliverable(
                _("ce message ne peut pas passer par IRC"), remedy=_("Écrivez-le autrement, ou plus court.")
            ) from error
        self._queue.put(Departure(data, question), self.support.fold(target), cost=cost)
        self._news.set()
        try:
            async with asyncio.timeout(ANSWER_SECONDS + wait):
                return await question.answer
        except TimeoutError:
            raise fate(question) from None

    def _bytes(self, lines: Sequence[Line]) -> bytes:
        return b"".join(encode(line, limit=self.support.linelen) for line in lines)

    async def _send(self) -> None:
        """All that waits, as fast as is allowed. Ends when the socket does: whoever reads finds that out."""
        while True:
            held = self._held()
            due = None if held else self._queue.due(self._now())
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                    await self._news.wait()
            self._news.clear()
            while not self._held() and (departure := self._queue.one(self._now())) is not None:
                self._depart(departure)
            try:
                await self._writer.drain()
            except OSError:
                self._writer.transport.abort()
                return

    def _held(self) -> bool:
        """Whether what comes next must wait until the server has read what left before; it is asked to say so."""
        found = self._queue.peek()
        if found is None or found[1] is Priority.URGENT or self._window.open(len(found[0].data)):
            return False
        if self._probe is None or self._probe.answer.done():
            answer: asyncio.Future[Sequence[Line]] = asyncio.get_running_loop().create_future()
            self._probe = Question("", "PING", answer, token=self._questions.token("w"))
            self._depart(Departure(self._bytes([Line("PING", (self._probe.token,))]), self._probe))
        return True

    def _depart(self, departure: Departure) -> None:
        question = departure.question
        if question is not None and question.answer.done():
            return
        self._writer.write(departure.data)
        mark = self._window.send(len(departure.data))
        if question is not None:
            self._questions.left(question, mark)

    def _has_read(self, mark: int) -> None:
        self._window.read(mark)
        self._news.set()

    # In

    async def serve(self) -> None:
        """Read and send until the session ends or this is cancelled. The end is the last thing in `inbox`."""
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(work) for work in (self._send(), self._watch())]
            await self.inbox.put(await self._receive())
            for task in others:
                task.cancel()

    async def _receive(self) -> BridgeError:
        """Returns why there is no more."""
        while True:
            try:
                data = await self._reader.read(_READ)
            except OSError as error:
                gone = lost()
                gone.__cause__ = error
                return gone
            if not data:
                return lost()
            self._heard = self._now()
            for line in self._lines.feed(data):
                if isinstance(line, Nonsense):
                    self._log.warning("irc.nonsense", size=line.size)
                    continue
                outcome = self._own(line)
                if isinstance(outcome, Ended):
                    return refused(outcome)
                for item in self._batches.take(line, self._now()):
                    if not self._questions.answered(item, self.channels, self.support):
                        await self.inbox.put(item)

    def _own(self, line: Line) -> Welcomed | Ended | None:
        """What concerns the session itself."""
        step = self._registration.receive(line)
        for answer in step.send:
            self.put(answer, priority=Priority.URGENT)
        if line.command == "005":
            self.support = self.support.updated(line)
            self.channels.use(self.support)
        return step.outcome

    async def _watch(self) -> None:
        """Ask a server that is silent whether it is still there; one that says nothing to that is gone."""
        while True:
            await asyncio.sleep(QUIET_SECONDS / 3)
            self._questions.expire(self._now())
            for item in self._batches.expired(self._now()):
                await self.inbox.put(item)
            silent = self._now() - self._heard
            if silent > QUIET_SECONDS + ANSWER_SECONDS:
                self._writer.transport.abort()
            elif silent > QUIET_SECONDS:
                self.put(Line("PING", ("there",)), priority=Priority.URGENT)

    # The ends

    async def register(self) -> Ended | None:
        """Returns why there is no session, None when there is one. Raises `OSError` or `NotReady` when it is cut.

        Welcomed, it goes on to the end of the message of the day: until then the server says which names are equal.
        """
        for first in self._registration.start():
            self._writer.write(encode(first))
        with suppress(_Introduced):
            while True:
                await self._writer.drain()
                try:
                    async with asyncio.timeout(MOTD_SECONDS if self._registration.welcomed else None):
                        data = await self._reader.read(_READ)
                except TimeoutError:
                    break
                if not data:
                    raise lost()
                lines = [line for line in self._lines.feed(data) if isinstance(line, Line)]
                if (end := self._introduce(lines)) is not None:
                    return end
        return None

    def _introduce(self, lines: Sequence[Line]) -> Ended | None:
        """Raises `_Introduced` after the last line that concerns only the session itself."""
        for n, line in enumerate(lines):
            step = self._registration.receive(line)
            for reply in step.send:
                self._writer.write(encode(reply))
            if isinstance(step.outcome, Ended):
                return step.outcome
            if isinstance(step.outcome, Welcomed):
                self.channels = Channels(self._registration.nick, self.support)
            if line.command == "005":
                self.support = self.support.updated(line)
                self.channels.use(self.support)
            elif line.command in _MOTD_ENDS and self._registration.welcomed:
                for later in lines[n + 1 :]:
                    self._own(later)
                    for item in self._batches.take(later, self._now()):
                        self.inbox.put_nowait(item)
                raise _Introduced
        return None

    async def close(self, farewell: str = "") -> None:
        """Say goodbye, hang up, and let nobody wait for an answer that cannot come."""
        self._questions.end()
        for departure in self._queue.clear():
            if departure.question is not None:
                give_up(departure.question)
        if farewell and not self._writer.transport.is_closing():
            self._writer.write(encode(Line("QUIT", (farewell,))))
        self._writer.close()
        with suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        self._writer.transport.abort()
