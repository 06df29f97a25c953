"""The end of the mail's way: an SMTP server that keeps what reaches it, and fails when told to.

Every transmission is kept with its time and its outcome, also those that were refused or cut, so that a test can say
what was lost, what came twice, and when it was tried again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.ports import free_port

Outcome: TypeAlias = Literal["accepted", "refused", "hung", "dropped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transmission:
    """One mail as far as it came: up to its final dot."""

    at: float  # time.time()
    outcome: Outcome
    sender: str
    recipients: tuple[str, ...]
    data: bytes  # dots unstuffed, CRLF kept
    tls: bool
    user: str | None
    hello: str

    def message(self) -> EmailMessage:
        """The mail, parsed by the standard library."""
        return message_from_bytes(self.data, policy=policy.default)

    @property
    def message_id(self) -> str:
        return str(self.message()["Message-ID"] or "").strip()


@dataclass(frozen=True, slots=True)
class _Fault:
    outcome: Outcome
    reply: str = ""


class MailSink:
    """One SMTP server on loopback, in this process and its event loop."""

    def __init__(self, *, users: Mapping[str, str] | None = None) -> None:
        self.port = 0
        self.sent: list[Transmission] = []
        self.refused_recipients: dict[str, str] = {}
        self.refused_senders: dict[str, str] = {}
        self._users = dict(users or {})
        self._faults: deque[_Fault] = deque()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[_Session] = set()
        self._closed = asyncio.Event()
        self._closed.set()
        self._options: dict[str, Any] = {}

    @classmethod
    async def start(
        cls,
        *,
        port: int | None = None,
        certificate: Certificate | None = None,
        require_tls: bool = False,
        users: Mapping[str, str] | None = None,
        size_limit: int = 64 * 1024 * 1024,
    ) -> Self:
        """Listen on `port`, or on a free one.

        With a `certificate` STARTTLS is offered, and demanded with `require_tls`; with `users` (name → password)
        AUTH is demanded before MAIL.
        """
        self = cls(users=users)
        self.port = port or free_port()
        self._options = {
            "hostname": "puits.localhost",
            "tls_context": certificate.for_server() if certificate else None,
            "require_starttls": require_tls,
            "auth_required": bool(users),
            # Only what is really encrypted may carry a password, unless a test has no certificate to offer.
            "auth_require_tls": certificate is not None,
            "authenticator": self._authenticate,
            "data_size_limit": size_limit,
            "enable_SMTPUTF8": True,
        }
        await self.resume()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def resume(self) -> None:
        """Listen again on the same port after `stop`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self, self._options), "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for session in list(self._open):
            session.cut()
        await self._closed.wait()
        await server.wait_closed()

    # ---- faults

    def refuse(self, reply: str = "451 4.3.0 Réessayez plus tard", *, times: int = 1) -> None:
        """Answer the next `times` mails, after their final dot, with `reply` (ASCII code first: 4xx or 5xx)."""
        self._faults.extend([_Fault("refused", reply)] * times)

    def hang(self, *, times: int = 1) -> None:
        """Take the next `times` mails and never answer their final dot."""
        self._faults.extend([_Fault("hung")] * times)

    def drop(self, *, times: int = 1) -> None:
        """Take the next `times` mails, keep them, and cut the connection before the 250."""
        self._faults.extend([_Fault("dropped")] * times)

    def heal(self) -> None:
        """Forget all faults that have not happened yet."""
        self._faults.clear()
        self.refused_recipients.clear()
        self.refused_senders.clear()

    # ---- what came

    @property
    def mails(self) -> list[Transmission]:
        """Those that were accepted with a 250, in order."""
        return [one for one in self.sent if one.outcome == "accepted"]

    async def wait_for(self, predicate: Callable[[Transmission], bool], *, timeout: float = 15) -> Transmission:  # noqa: ASYNC109
        """The first accepted mail that satisfies `predicate`, come or still to come. Raises TimeoutError."""

        def found() -> Transmission | None:
            return next((one for one in self.mails if predicate(one)), None)

        async with asyncio.timeout(timeout), self._changed:
            mail: Transmission | None = await self._changed.wait_for(found)
        assert mail is not None
        return mail

    async def wait_for_count(self, count: int, *, timeout: float = 15) -> list[Transmission]:  # noqa: ASYNC109
        """Wait until `count` mails were accepted. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: len(self.mails) >= count)
        return self.mails

    # ---- what aiosmtpd calls

    def opened(self, session: "_Session") -> None:
        self._open.add(session)
        self._closed.clear()

    def closed(self, session: "_Session") -> None:
        self._open.discard(session)
        if not self._open:
            self._closed.set()

    def _authenticate(
        self, _server: SMTP, _session: object, _envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        if mechanism not in {"LOGIN", "PLAIN"} or not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        name = data.login.decode()
        return AuthResult(success=self._users.get(name) == data.password.decode(), auth_data=name, handled=False)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refused_senders:
            return self.refused_senders[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        fault = self._faults.popleft() if self._faults else _Fault("accepted", "250 2.0.0 OK")
        mail = Transmission(
            at=time.time(),
            outcome=fault.outcome,
            sender=envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            data=envelope.content,
            tls=session.ssl is not None,
            user=session.auth_data if session.authenticated else None,
            hello=session.host_name or "",
        )
        async with self._changed:
            self.sent.append(mail)
            self._changed.notify_all()
        match fault.outcome:
            case "dropped":
                assert isinstance(server, _Session)
                server.cut()
                await asyncio.Event().wait()  # ended by connection_lost
            case "hung":
                await asyncio.Event().wait()
            case _:
                pass
        return fault.reply


class _Session(SMTP):
    """One connection, known to its sink so that it can be cut."""

    def __init__(self, sink: MailSink, options: Mapping[str, Any]) -> None:
        super().__init__(sink, **options)
        self._sink = sink
        self._socket: asyncio.BaseTransport | None = None  # below STARTTLS, after which there is a second transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = self._socket or transport
        self._sink.opened(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sink.closed(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """Reset the connection, without a word."""
        if isinstance(self._socket, asyncio.Transport):
            self._socket.abort()
