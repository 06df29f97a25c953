"""The door for mail: SMTP and LMTP in the running loop, every mail on disk before it is acknowledged.

aiosmtpd brings the dialogue (greeting, STARTTLS, parameters, time-outs). What it leaves open is closed here: DATA ends
at CRLF.CRLF alone and is spooled (`incoming`), LMTP answers once per recipient (RFC 2033 section 4.2), a client that
hangs up after the final dot does not undo the commit, and whatever goes wrong on our side is a 4xx, for the sender
still has the mail then.
"""
# ruff: noqa: N802  aiosmtpd finds commands and hooks by their names

import asyncio
import collections
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tchap_bridge_email import addresses
from tchap_bridge_email.incoming import IN_MEMORY, Incoming
from tchap_bridges.bridge import Host
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId

_END = b"\r\n.\r\n"
_DOT = b".\r\n"
_NULL = "<>"
_LATER = "451 4.3.0 Not stored, please try again later"
_STORED = "250 2.0.0 Stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where to listen, and which of the two protocols is spoken there. ``where`` is its key in the configuration."""

    endpoint: Endpoint
    lmtp: bool
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What may come in. ``sender`` is the address that our mail shows: nobody reads it unless it is linked."""

    domain: str
    sender: str
    size: int
    tls: ssl.SSLContext | None = None
    recipients: int = 100
    refused_recipients: int = 50
    sessions: int = 200
    idle: float = 120
    data: float = 1800


@dataclass(slots=True)
class Entrance:
    """The sessions that are open and the mails that are being stored, the latter in ``commits``."""

    house: House
    host: Host
    commits: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    sessions: set["Dialogue"] = field(default_factory=set)
    storing: set[asyncio.Task[list[str]]] = field(default_factory=set)
    bulky: asyncio.Lock = field(default_factory=asyncio.Lock)

    def greet(self, *, lmtp: bool) -> asyncio.Protocol:
        if len(self.sessions) >= self.house.sessions:
            return _Full()
        return LmtpDialogue(self) if lmtp else Dialogue(self)

    async def known(self, recipient: str) -> bool:
        """Raises `NotReady` when it cannot be told now."""
        ours = addresses.domain_of(recipient) == self.house.domain
        return ours and await self.host.linked(ChatId(recipient)) is not None

    def store(
        self, mail: Incoming, sender: str, recipients: Sequence[str], meta: dict[str, str]
    ) -> Awaitable[list[str]]:
        """Starts at once and goes on to its end, whatever becomes of the session that waits for it."""
        task = self.commits.create_task(self._store(mail, {**meta, "sender": sender}, recipients))
        self.storing.add(task)
        task.add_done_callback(self.storing.discard)
        return asyncio.shield(task)

    async def _store(self, mail: Incoming, meta: dict[str, str], recipients: Sequence[str]) -> list[str]:
        """One reply for each recipient. Raises nothing: a mail that could not be stored is a 451."""
        try:
            if mail.size <= IN_MEMORY:
                return await self._accept(mail.read(), mail, meta, recipients)
            async with self.bulky:  # one big mail in memory at a time, however many arrive
                return await self._accept(await asyncio.to_thread(mail.read), mail, meta, recipients)
        except OSError as error:
            self.host.log.warning("mail not stored", reason=type(error).__name__)
            return [_LATER] * len(recipients)
        finally:
            mail.close()

    async def _accept(self, raw: bytes, mail: Incoming, meta: dict[str, str], recipients: Sequence[str]) -> list[str]:
        replies = []
        for recipient in recipients:
            try:
                await self.host.accept(mail.key(recipient), raw, {**meta, "recipient": recipient})
                replies.append(_STORED)
            except NotReady as error:
                self.host.log.warning("mail not stored", reason=error.reason)
                replies.append(_LATER)
            except Exception:  # a bug of ours must not make the sender give up: the mail is still there
                self.host.log.exception("mail not stored")
                replies.append(_LATER)
        return replies


class _Full(asyncio.Protocol):
    """All sessions are taken: says so and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.7.0 Too many connections, please try again later\r\n")
        transport.close()


class Hooks:
    """What aiosmtpd asks at each command. It finds these methods by their names."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        del server, envelope
        session.host_name = hostname
        kept = [line for line in responses[:-1] if not line.startswith("250-AUTH")]
        return [*kept, "250-PIPELINING", "250 ENHANCEDSTATUSCODES"]

    async def handle_RCPT(
        self, server: "Dialogue", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del session, options
        house = self._entrance.house
        recipient = addresses.normalise(address)
        if len(envelope.rcpt_tos) >= house.recipients:
            return "452 4.5.3 Too many recipients, send the others in another message"
        if recipient is None:
            return server.refuse_recipient("553 5.1.3 Not an address")
        try:
            known = await self._entrance.known(recipient)
        except NotReady:
            return "451 4.3.0 Cannot tell now whether this address exists, please try again later"
        if known:
            envelope.rcpt_tos.append(recipient)
            return "250 2.1.5 OK"
        if recipient == house.sender:
            return server.refuse_recipient("550 5.7.1 This address only sends, please write to the list")
        if addresses.domain_of(recipient) == house.domain:
            return server.refuse_recipient("550 5.1.1 No such address here")
        return server.refuse_recipient("550 5.7.1 Relaying denied")

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, asyncio.IncompleteReadError):
            return "421 4.4.2 Connection lost"
        self._entrance.host.log.error("mail session failed", error=type(error).__name__, exc_info=error)
        return _LATER


class Dialogue(SMTP):
    """One SMTP session."""

    line_length_limit = 64 * 1024
    """What is read at a time. No limit on a line: `_read_data` goes on where it stopped."""
    lmtp = False

    def __init__(self, entrance: Entrance) -> None:
        # aiosmtpd keeps these limits on the class and lets each EHLO raise them: give each session its own.
        self.command_size_limits = collections.defaultdict(lambda: 2048)
        house = entrance.house
        super().__init__(
            Hooks(entrance),
            data_size_limit=house.size,
            enable_SMTPUTF8=True,
            hostname=house.domain,
            ident="tchap-bridges",
            tls_context=house.tls,
            timeout=house.idle,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit={"*": 100_000, "NOOP": 100, "VRFY": 20, "HELP": 20, "STARTTLS": 2},
            loop=asyncio.get_running_loop(),
        )
        self._entrance = entrance
        self._leaving = False
        self._refused = 0

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._entrance.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._entrance.sessions.discard(self)
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        # aiosmtpd cancels the session here, and with it a mail whose final dot has arrived and was not read yet.
        asyncio.StreamReaderProtocol.eof_received(self)
        return self.session is not None and self.session.ssl is None

    async def _handle_client(self) -> None:
        try:
            await super()._handle_client()
        except ConnectionError:
            self._entrance.host.log.debug("mail client gone")

    async def push(self, status: Any) -> None:
        await super().push(status)
        if self._leaving or str(status).startswith("421"):
            self.hang_up()

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def refuse_recipient(self, reply: str) -> str:
        """Somebody who tries one address after the other is sent away."""
        self._refused += 1
        if self._refused >= self._entrance.house.refused_recipients:
            self._leaving = True
            return "421 4.7.0 Too many wrong recipients"
        return reply

    # Commands.

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """``<path> parameters`` of RFC 5321 section 4.1.2, without a source route; (None, None) when it is neither."""
        text = arg.strip()
        if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
            return None, None
        if not text.startswith("<"):
            path, _, rest = text.partition(" ")
            return path, rest
        path, bracket, rest = text[1:].partition(">")
        if not bracket or (rest and not rest.startswith(" ")):
            return None, None
        if path.startswith("@"):
            path = path.partition(":")[2]
        return path or _NULL, rest.strip()

    async def smtp_VRFY(self, arg: str) -> None:
        del arg
        await self.push("252 2.5.2 Will not verify, send the message and see")

    async def smtp_EXPN(self, arg: str) -> None:
        del arg
        await self.push("502 5.5.1 Not available")

    async def smtp_AUTH(self, arg: str) -> None:
        del arg
        await self.push("502 5.5.1 Not available")

    async def smtp_DATA(self, arg: str | None) -> None:
        assert self.envelope is not None
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 No valid recipient")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        recipients = list(self.envelope.rcpt_tos)
        mail = Incoming(self._entrance.house.size)
        try:
            async with asyncio.timeout(self._entrance.house.data):
                await self._read_data(mail)
            mail.end()
        except TimeoutError:
            mail.close()
            await self.push("421 4.4.2 Too slow")
            return
        except BaseException:
            mail.close()
            raise
        if mail.refusal is None:
            self._reset_timeout()
            replies = await self._entrance.store(mail, self._sender(), recipients, self._meta())
        else:
            replies = [mail.refusal] * len(recipients)
            # A peer that ends lines in its own way may mean the rest as commands: nothing more is heard from it.
            self._leaving = self._leaving or mail.refusal.startswith("550 5.5.2")
        self.envelope = self._create_envelope()
        await self._answer(replies)

    async def _answer(self, replies: Sequence[str]) -> None:
        """One reply for the whole message: the first that is not good. It comes back for all, and is kept once."""
        await self.push(next((reply for reply in replies if reply != _STORED), _STORED))

    def _sender(self) -> str:
        sender = self.envelope.mail_from if self.envelope is not None else None
        return "" if sender in (None, _NULL) else str(sender)

    def _meta(self) -> dict[str, str]:
        assert self.session is not None
        peer: object = self.session.peer
        return {
            "via": "lmtp" if self.lmtp else "smtp",
            "peer": str(peer[0]) if isinstance(peer, tuple) else "",
            "helo": self.session.host_name or "",
            "tls": "yes" if self.session.ssl is not None else "",
        }

    async def _read_data(self, mail: Incoming) -> None:
        """Feeds ``mail`` until CRLF.CRLF. Raises `asyncio.IncompleteReadError` when the client is gone before."""
        # The end may be the first line: then its CRLF is that of DATA, which the command loop has read. Given back, one
        # search serves the whole body, at the speed of C whatever its lines look like.
        self._reader._buffer[:0] = b"\r\n"  # type: ignore[attr-defined]  # noqa: SLF001
        skip, more = 2, True
        while more:
            try:
                chunk = (await self._reader.readuntil(_END)).removesuffix(_DOT)
                more = False
            except asyncio.LimitOverrunError as error:
                chunk = await self._reader.readexactly(error.consumed)
            mail.feed(chunk[skip:])
            skip = 0
            self._reset_timeout()
            if mail.size > 4 * self._entrance.house.size:  # it was told the limit, and does not stop
                self._leaving = True
                return


class LmtpDialogue(Dialogue):
    """One LMTP session: LHLO instead of EHLO, and a reply for each recipient after the final dot."""

    lmtp = True

    async def smtp_LHLO(self, arg: str) -> None:
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, arg: str) -> None:
        del arg
        await self.push("500 5.5.1 This is LMTP, say LHLO")

    async def smtp_EHLO(self, arg: str) -> None:
        await self.smtp_HELO(arg)

    async def check_helo_needed(self, helo: str = "LHLO") -> bool:
        return await super().check_helo_needed(helo)

    async def _answer(self, replies: Sequence[str]) -> None:
        for reply in replies:
            await self.push(reply)


@asynccontextmanager
async def listening(doors: Sequence[Door], house: House, host: Host, *, patience: float = 10) -> AsyncIterator[None]:
    """Bound inside the block. On leaving, no new mail is taken and those being stored are stored.

    Raises `Misconfigured` when a port cannot be had.
    """
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd logs every command with its addresses
    entrance = Entrance(house, host)
    async with AsyncExitStack() as bound:
        servers = [await bound.enter_async_context(_bound(door, entrance)) for door in doors]
        async with asyncio.TaskGroup() as entrance.commits:
            for server in servers:
                await server.start_serving()
            try:
                yield
            finally:
                for server in servers:
                    server.close()
                for session in tuple(entrance.sessions):
                    session.hang_up()
                if entrance.storing:
                    await asyncio.wait(entrance.storing, timeout=patience)


@asynccontextmanager
async def _bound(door: Door, entrance: Entrance) -> AsyncIterator[asyncio.Server]:
    def greet() -> asyncio.Protocol:
        return entrance.greet(lmtp=door.lmtp)

    loop, endpoint = asyncio.get_running_loop(), door.endpoint
    try:
        if endpoint.unix:
            server = await loop.create_unix_server(greet, endpoint.host, start_serving=False)
        else:
            server = await loop.create_server(greet, endpoint.host, endpoint.port, start_serving=False)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise Misconfigured(
            _("impossible d'écouter sur {endpoint} : {why}", endpoint=endpoint.shown, why=why),
            where=door.where,
            remedy=_("Choisissez un autre port, ou arrêtez le programme qui l'occupe (ss -ltnp)."),
        ) from error
    try:
        yield server
    finally:
        server.close()
