"""One session with a network, from the open socket to its end: everything that leaves, in turn, and all that comes.

The layers below are pure; here are the socket and the clock. What is to be confirmed is confirmed by the server: by the
label on its echo where it has both (IRCv3 labeled-response, echo-message), else by the PONG to a PING sent after it,
which no server answers before it has dealt with what came first.
"""

import asyncio
import itertools
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tchap_bridge_irc.batches import Batch, Batches
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.flood import Priority, Queue
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.labels import Answer, Labels
from tchap_bridge_irc.registration import Ended, Plan, Registration, Welcomed, Why
from tchap_bridge_irc.sasl import External, Mechanism, Plain
from tchap_bridge_irc.wire import Line, Lines, Nonsense, Source, Unsendable, encode
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import BadCredentials, BridgeError, Misconfigured, NotReady, Undeliverable
from tchap_bridges.i18n import _

CONNECT_SECONDS = 30.0
ANSWER_SECONDS = 60.0
"""How long a server may take for an answer before the session counts as dead."""
QUIET_SECONDS = 90.0
"""After so long without a line the server is asked whether it is still there."""
_READ = 1 << 16
_REFUSED = frozenset(
    {"401", "402", "403", "404", "405", "407", "411", "412", "413", "414", "415", "437", "442", "477", "482", "489"}
)
"""Numerics that say that a message did not get where it was to go."""


@dataclass(slots=True, eq=False)
class Question:
    """Lines that were sent for one purpose, and the future of what the server says to it."""

    target: str
    answer: "asyncio.Future[Sequence[Line]]"
    left: bool = False  # the first of its lines is out: what follows may be seen by others
    token: str = ""
    heard: list[Line] = field(default_factory=list)


class Session:
    """Made by `connected` only, welcomed already."""

    def __init__(
        self, config: IrcConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Logger
    ) -> None:
        self._config = config
        self._reader = reader
        self._writer = writer
        self._log = log
        self._now = asyncio.get_running_loop().time
        self._lines = Lines()
        self._batches = Batches()
        self._labels: Labels[Question] = Labels(patience=ANSWER_SECONDS)
        rate = 1 / config.flood.seconds if config.flood.seconds else 1_000_000.0
        self._queue: Queue[tuple[Line, Question | None]] = Queue(config.flood.burst, rate)
        self._news = asyncio.Event()  # something waits to leave
        self._tokens = itertools.count(1)
        self._asked: deque[Question] = deque()  # in the order of their PINGs
        self._heard = self._now()
        self._registration = Registration(_plan(config))
        self.support = Isupport()
        self.channels = Channels(config.nick)

    # Who we are

    @property
    def me(self) -> Source:
        """Ourselves as others see us."""
        return self.channels.me

    def has(self, *caps: str) -> bool:
        """Whether all of these abilities are on."""
        return all(cap in self._registration.caps for cap in caps)

    # Out

    def put(self, line: Line, *, target: str = "", priority: Priority = Priority.NORMAL) -> None:
        """What has no answer, in its turn."""
        self._queue.put((line, None), self.support.fold(target), priority)
        self._news.set()

    async def ask(self, lines: Sequence[Line], target: str) -> Sequence[Line]:
        """Send lines to a target and return what the server said to them: their echoes, where it echoes.

        Raises `NotReady` when the session ends before any of them has left, `Undeliverable` (not certain) when it ends
        after that, and `Undeliverable` when the server says that they did not arrive.
        """
        question = Question(target, asyncio.get_running_loop().create_future())
        if self.has("labeled-response", "echo-message") and len(lines) == 1:
            label = self._labels.ask(question, self._now())
            only = lines[0]
            lines = (Line(only.command, only.params, only.source, {**only.tags, "label": label}),)
        else:
            question.token = f"t{next(self._tokens)}"
            lines = (*lines, Line("PING", (question.token,)))
        for line in lines:
            self._queue.put((line, question), self.support.fold(target))
        self._news.set()
        patience = ANSWER_SECONDS + len(self._queue) * self._config.flood.seconds
        try:
            async with asyncio.timeout(patience):
                return await question.answer
        except TimeoutError:
            raise _fate(question) from None

    async def _send(self) -> None:
        """All that waits, as fast as is allowed."""
        while True:
            due = self._queue.due(self._now())
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                    await self._news.wait()
            self._news.clear()
            for line, question in self._queue.take(self._now()):
                if question is not None:
                    if question.answer.done():
                        continue
                    if question.token and line.command == "PING":
                        self._asked.append(question)
                    question.left = True
                self._write(line)
            await self._drain()

    def _write(self, line: Line) -> None:
        try:
            self._writer.write(encode(line, limit=self.support.linelen))
        except Unsendable as error:  # whoever made it did not use what makes sound lines: it must not end the session
            self._log.error("irc.unsendable", command=line.command, error=type(error).__name__)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except OSError as error:
            raise lost() from error

    # In

    async def items(self) -> AsyncIterator[Line | Batch]:
        """Everything that others said or did, in order. Raises `BridgeError` at the session's end."""
        inbox: asyncio.Queue[Line | Batch | BridgeError] = asyncio.Queue(maxsize=1000)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in (self._receive(inbox), self._send(), self._watch())]
            try:
                while True:
                    item = await inbox.get()
                    if isinstance(item, BridgeError):
                        raise item
                    yield item
            finally:
                for task in tasks:
                    task.cancel()

    async def _receive(self, inbox: "asyncio.Queue[Line | Batch | BridgeError]") -> None:
        while True:
            try:
                data = await self._reader.read(_READ)
            except OSError as error:
                await inbox.put(_with_cause(lost(), error))
                return
            if not data:
                await inbox.put(lost())
                return
            self._heard = self._now()
            for line in self._lines.feed(data):
                if isinstance(line, Nonsense):
                    self._log.warning("irc.nonsense", size=line.size)
                    continue
                outcome = self._own(line)
                if isinstance(outcome, Ended):
                    await inbox.put(refused(outcome))
                    return
                for item in self._batches.take(line, self._now()):
                    if not self._answered(item):
                        await inbox.put(item)

    def _own(self, line: Line) -> Welcomed | Ended | None:
        """What concerns the session itself."""
        step = self._registration.receive(line)
        for answer in step.send:
            self.put(answer, priority=Priority.URGENT)
        if line.command == "005":
            self.support = self.support.updated(line)
            self.channels.use(self.support)
        return step.outcome

    def _answered(self, item: Line | Batch) -> bool:
        """Settle the question of ours that it answers; whether it is nobody else's business."""
        answer: Answer[Question] | None = self._labels.take(item)
        if answer is not None:
            self._settle(answer.question, answer.lines)
            return False  # our joining, say, tells who else is there
        if not isinstance(item, Line):
            return False
        if item.command == "PONG":
            while self._asked and self._asked[0].token == item.param(-1):
                question = self._asked.popleft()
                self._settle(question, question.heard)
            return True
        if item.command in _REFUSED and self._asked:
            for question in self._asked:  # the first that is about this target: answers come in order
                if self.support.same(question.target, item.param(1)):
                    question.heard.append(item)
                    return True
        return False

    @staticmethod
    def _settle(question: Question, lines: Sequence[Line]) -> None:
        if question.answer.done():
            return
        wrong = next((line for line in lines if line.command in _REFUSED or line.command == "FAIL"), None)
        if wrong is not None:
            question.answer.set_exception(_undelivered(wrong))
        else:
            question.answer.set_result(lines)

    async def _watch(self) -> None:
        """Ask a server that is silent whether it is still there; one that says nothing to that is gone."""
        while True:
            await asyncio.sleep(QUIET_SECONDS / 3)
            for question in self._labels.expired(self._now()):
                self._unknown(question)
            silent = self._now() - self._heard
            if silent > QUIET_SECONDS + ANSWER_SECONDS:
                self._writer.transport.abort()
            elif silent > QUIET_SECONDS:
                self.put(Line("PING", ("there",)), priority=Priority.URGENT)

    # The ends

    async def register(self) -> None:
        """Raises `NotReady`, `BadCredentials` or `Misconfigured`."""
        for first in self._registration.start():
            self._write(first)
        await self._drain()
        while not self._registration.welcomed:
            data = await self._reader.read(_READ)
            if not data:
                raise lost()
            for line in self._lines.feed(data):
                if isinstance(line, Nonsense):
                    continue
                step = self._registration.receive(line)
                for reply in step.send:
                    self._write(reply)
                if isinstance(step.outcome, Ended):
                    raise refused(step.outcome)
                if line.command == "005":
                    self.support = self.support.updated(line)
            await self._drain()
        self.channels = Channels(self._registration.nick, self.support)

    @staticmethod
    def _unknown(question: Question) -> None:
        if not question.answer.done():
            question.answer.set_exception(_fate(question))

    async def close(self, farewell: str = "") -> None:
        """Say goodbye, hang up, and let nobody wait for an answer that cannot come."""
        waiting = {question for _line, question in self._queue.clear() if question is not None}
        for question in (*self._labels.ended(), *self._asked, *waiting):
            self._unknown(question)
        if farewell and not self._writer.transport.is_closing():
            self._write(Line("QUIT", (farewell,)))
        self._writer.close()
        with suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        self._writer.transport.abort()


@asynccontextmanager
async def connected(config: IrcConfig, log: Logger) -> AsyncIterator[Session]:
    """A session that the network has welcomed. Raises as `Session.register` does."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(config.host, config.at, ssl=tls(config), limit=1 << 20)
    except ssl.SSLError as error:
        why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason or "TLS"
        raise NotReady(_("la connexion chiffrée au réseau a échoué : {why}", why=why)) from error
    except (OSError, TimeoutError) as error:
        raise NotReady(_("le réseau ne répond pas")) from error
    session = Session(config, reader, writer, log)
    try:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await session.register()
        except TimeoutError as error:
            raise NotReady(_("le réseau ne répond pas")) from error
        except OSError as error:
            raise lost() from error
        yield session
    finally:
        await session.close("pont")


def tls(config: IrcConfig) -> ssl.SSLContext | None:
    """Raises `Misconfigured` for a certificate that cannot be loaded."""
    if config.security == "none":
        return None
    context = ssl.create_default_context(cafile=config.tls_authority)
    files = config.files()
    if files is not None:
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                _("le certificat ne peut pas être chargé : {why}", why=error.strerror or str(error)),
                where="certificate",
                remedy=_("Vérifiez que « certificate » et « certificate_key » vont ensemble et sont lisibles."),
            ) from error
    return context


def _plan(config: IrcConfig) -> Plan:
    mechanisms: list[Mechanism] = []
    if config.sasl == "plain" and config.account is not None and config.password is not None:
        mechanisms.append(Plain(config.account, config.password.get_secret_value()))
    elif config.sasl == "external":
        mechanisms.append(External(config.account or ""))
    return Plan(
        nick=config.nick,
        user=config.nick,
        realname=config.real_name,
        password=config.server_password.get_secret_value() if config.server_password else "",
        sasl=mechanisms,
    )


def refused(ended: Ended) -> BridgeError:
    """An end as the core understands it."""
    said = ended.reason or ended.why.value
    match ended.why:
        case Why.CREDENTIALS:
            return BadCredentials(
                _("le réseau refuse notre identification : {said}", said=said),
                remedy=_("Vérifiez « account », « password » ou le certificat."),
            )
        case Why.BANNED:
            return BadCredentials(
                _("le réseau ne veut pas de nous : {said}", said=said),
                remedy=_("Parlez-en à ses opérateurs ; le pont n'insiste pas."),
            )
        case Why.NAME:
            return Misconfigured(
                _("le réseau n'accepte aucun de nos pseudos : {said}", said=said),
                where="nick",
                remedy=_("Choisissez un autre « nick »."),
            )
        case Why.LATER:
            return NotReady(_("le réseau demande d'attendre : {said}", said=said), retry_after=15.0)


def _fate(question: Question) -> BridgeError:
    """What can be said of lines that nobody answered for: some have left, or none has."""
    if not question.left:
        return lost()
    return Undeliverable(_("la connexion au réseau a été coupée pendant l'envoi"), certain=False)


def lost() -> NotReady:
    return NotReady(_("la connexion au réseau est coupée"))


def _with_cause(error: NotReady, cause: BaseException) -> NotReady:
    error.__cause__ = cause
    return error


def _undelivered(line: Line) -> Undeliverable:
    return Undeliverable(
        _("le réseau n'a pas remis le message : {said}", said=line.param(-1)),
        remedy=_("Vérifiez que le pont est sur ce canal et peut y parler, ou que la personne est connectée."),
    )
