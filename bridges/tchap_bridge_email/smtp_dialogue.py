"""One SMTP or LMTP session: what aiosmtpd leaves open is closed here.

DATA ends at CRLF.CRLF alone and is spooled (`incoming`), LMTP answers once per recipient (RFC 2033 section 4.2), a
client that hangs up after the final dot does not undo the commit, and whatever goes wrong on our side is a 4xx, for the
sender still has the mail then.
"""
# ruff: noqa: N802  aiosmtpd finds commands and hooks by their names

import asyncio
import collections
from collections.abc import Sequence
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from tchap_bridge_email import addresses
from tchap_bridge_email.entrance import LATER, STORED, Entrance
from tchap_bridge_email.incoming import Incoming
from tchap_bridges.errors import NotReady

_END = b"\r\n.\r\n"
_DOT = b".\r\n"
_NULL = "<>"
_POSTMASTER = "postmaster"
"""RFC 5321 section 4.5.1 wants it of every domain. A room that had it could have certificates made out to the domain,
and to take what nobody reads is worse than to refuse it: the mail server in front has it read (docs/operate/postfix).
"""


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
        postmaster = f"{_POSTMASTER}@{house.domain}"
        recipient = postmaster if address.lower() == _POSTMASTER else addresses.normalise(address)
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
        if recipient == postmaster:
            return server.refuse_recipient("550 5.1.1 Nobody reads it here, please have the mail server in front do so")
        if addresses.domain_of(recipient) == house.domain:
            return server.refuse_recipient("550 5.1.1 No such address here")
        return server.refuse_recipient("550 5.7.1 Relaying denied")

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, asyncio.IncompleteReadError):
            return "421 4.4.2 Connection lost"
        self._entrance.host.log.error("mail session failed", error=type(error).__name__, exc_info=error)
        return LATER


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
        await self.push(next((reply for reply in replies if reply != STORED), STORED))

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
