"""One IMAP session for reading: signed in, a folder examined, new mail by UID, a wait for more. Flags are left alone.

aioimaplib brings the protocol (RFC 3501, IDLE of RFC 2177). Added here: STARTTLS, a bound on every wait (an IDLE can
hang for ever), an end of all waiting when the connection is lost, and `tchap_bridges.errors` for what goes wrong.
"""

import asyncio
import logging
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from aioimaplib import aioimaplib

from tchap_bridge_email.config import Security
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.i18n import _

_T = TypeVar("_T")
_CODE = re.compile(rb"\[(UIDVALIDITY|UIDNEXT) (\d+)\]", re.IGNORECASE)
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)", re.IGNORECASE)
_DATE = re.compile(rb'INTERNALDATE "([ 0-9]\d-[A-Za-z]{3}-\d{4} \d\d:\d\d:\d\d [+-]\d{4})"', re.IGNORECASE)
_SAID_WHY = re.compile(rb"\s*\[([A-Z]{1,30})[ \]]", re.IGNORECASE)
_LATER = frozenset({
    "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN", "EXPUNGEISSUED",  # RFC 5530
    "OVERQUOTA", "THROTTLED",  # said by large providers to whoever reads too much in a day
})  # fmt: skip
"""Refusals that speak of the server and not of the password, nor of the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox that exists elsewhere. ``address`` is under which its mail is known here."""

    address: str
    host: str
    port: int
    security: Security
    user: str
    password: str = field(repr=False)
    folder: str
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A folder's state. UIDs mean nothing any more when ``validity`` is another one (RFC 3501 section 2.3.1.1)."""

    validity: int
    next: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A mail before it is fetched: its bytes, and when the mailbox got it."""

    size: int
    arrived: datetime


class Refused(NotReady):
    """The server is there, and says no to this one command. ``later``: for reasons of its own, that should pass."""

    def __init__(self, reason: str, *, later: bool) -> None:
        super().__init__(reason)
        self.later = later


class Session:
    """What `signed_in` gives. Each method raises `NotReady` when the server is silent, gone, or says no."""

    def __init__(self, client: "_Client", *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def examine(self, folder: str) -> Examined:
        answer = await self._ask(self._client.examine(_quoted(_utf7(folder))))
        self._client.protocol.state = aioimaplib.SELECTED  # the library knows that only of SELECT
        found = {name.upper(): int(value) for line in answer for name, value in _CODE.findall(bytes(line))}
        if b"UIDVALIDITY" not in found:
            raise NotReady(_("le serveur IMAP ne donne pas d'UIDVALIDITY"))
        following = found.get(b"UIDNEXT") or max(await self.search("ALL"), default=0) + 1
        return Examined(validity=found[b"UIDVALIDITY"], next=following)

    async def search(self, *criteria: str) -> list[int]:
        """UIDs, ascending. What arrives from now on is news again."""
        self._client.protocol.news = False
        answer = await self._ask(self._client.uid_search(*criteria, charset=None))
        return sorted({int(word) for line in answer[:-1] for word in bytes(line).split() if word.isdigit()})

    async def describe(self, uid: int) -> Described | None:
        """None when the mail is gone."""
        answer = await self._ask(self._client.uid("FETCH", str(uid), "(RFC822.SIZE INTERNALDATE)"))
        told = b" ".join(bytes(line) for line in answer)
        size, date = _SIZE.search(told), _DATE.search(told)
        if size is None or date is None:
            return None
        arrived = parsedate_to_datetime(date[1].decode("ascii").strip().replace("-", " ", 2))
        return Described(size=int(size[1]), arrived=arrived)

    async def fetch(self, uid: int, *, most: int | None = None) -> bytes | None:
        """The mail, or its first ``most`` bytes; None when it is gone."""
        return await self._part(uid, "BODY.PEEK[]" if most is None else f"BODY.PEEK[]<0.{most}>")

    async def header(self, uid: int) -> bytes | None:
        """The mail's header and the blank line after it; None when it is gone."""
        return await self._part(uid, "BODY.PEEK[HEADER]")

    async def _part(self, uid: int, part: str) -> bytes | None:
        answer = await self._ask(self._client.uid("FETCH", str(uid), f"({part})"))
        return next((bytes(line) for line in answer if isinstance(line, bytearray)), None)

    async def wait(self, seconds: float, *, poll: float) -> None:
        """Until there may be new mail, or ``seconds`` have passed. Without IDLE the server is asked every ``poll``."""
        if self._client.protocol.news:
            return
        if not self._client.has_capability("IDLE"):
            await asyncio.sleep(poll)
            await self._ask(self._client.noop())
            return
        idle = await self._bounded(self._client.idle_start(timeout=seconds + self._seconds))
        try:
            async with asyncio.timeout(seconds):
                while not self._client.protocol.news:
                    pushed = await self._client.wait_server_push(timeout=None)
                    if pushed is _LOST:
                        raise NotReady(_("la connexion IMAP est perdue"))
        except TimeoutError:
            pass  # as long as we wanted to wait: the session is shown to be alive by ending the IDLE
        finally:
            if not self._client.protocol.lost:
                self._client.idle_done()
        await self._bounded(idle)

    async def _ask(self, command: Awaitable[Any]) -> Sequence[Any]:
        answer = await self._bounded(command)
        if answer.result == "OK":
            lines: Sequence[Any] = answer.lines
            return lines
        why = _why(answer)
        raise Refused(
            _("le serveur IMAP répond {said}", said=f"{answer.result} [{why}]" if why else answer.result),
            later=why in _LATER,
        )

    async def _bounded(self, wait: Awaitable[_T]) -> _T:
        return await bounded(wait, self._seconds)


async def bounded(wait: Awaitable[_T], seconds: float) -> _T:
    try:
        async with asyncio.timeout(seconds):
            answer = await wait
    except (TimeoutError, aioimaplib.CommandTimeout) as error:
        raise NotReady(_("le serveur IMAP ne répond plus")) from error
    except (aioimaplib.AioImapException, OSError) as error:
        raise NotReady(_("la connexion IMAP a échoué : {why}", why=type(error).__name__)) from error
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # The library waits by asyncio.wait_for, which until Python 3.12 gives an answer to whoever is cancelled as it
        # comes, and says no more of that (cpython#86296).
        raise asyncio.CancelledError
    if isinstance(answer, aioimaplib.Response) and answer.result == "BYE":  # what `connection_lost` closes a wait with
        raise NotReady(_("la connexion IMAP est perdue"))
    return answer


def _why(answer: Any) -> str:
    """The response code of a refusal (RFC 3501 section 7.1), "" where there is none."""
    found = _SAID_WHY.match(bytes(answer.lines[-1])) if answer.lines else None
    return found[1].decode("ascii").upper() if found else ""


@asynccontextmanager
async def signed_in(account: Account, *, seconds: float = 60) -> AsyncIterator[Session]:
    """``seconds``: how long any one answer may take. Raises `NotReady`, or `BadCredentials` when we are refused."""
    logging.getLogger("aioimaplib").setLevel(logging.WARNING)  # its debug lines hold the mail itself
    client = _Client(account, seconds)
    try:
        await bounded(client.wait_hello_from_server(), seconds)
        if account.security == "starttls":
            await bounded(client.start_tls(), seconds)
        await _sign_in(client, account, seconds)
        yield Session(client, seconds=seconds)
        with suppress(NotReady):  # some hang up at once
            await bounded(client.logout(), 5)
    finally:
        await client.end()


async def _sign_in(client: "_Client", account: Account, seconds: float) -> None:
    answer = await bounded(client.login(_quoted(account.user), account.password), seconds)
    if answer.result == "OK":
        return
    if _why(answer) in _LATER:
        raise NotReady(_("le serveur IMAP ne peut pas ouvrir la boîte maintenant"))
    raise BadCredentials(
        _("le serveur IMAP refuse l'identification de la boîte {address}", address=account.address),
        remedy=_("Vérifiez « user » et « password » de cette boîte."),
    )


_LOST = [b"connection lost"]


class _Protocol(aioimaplib.IMAP4ClientProtocol):  # type: ignore[misc]  # no types in the library
    """Notices news wherever the server tells them, and wakes who waits when the connection is lost."""

    news = False
    lost = False

    def _untagged_response(self, line: bytes) -> Any:
        if line.upper().endswith(b" EXISTS"):
            self.news = True
        return super()._untagged_response(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.idle_queue.put_nowait(_LOST)
        waiting = [*self.pending_async_commands.values(), self.pending_sync_command]
        for command in filter(None, waiting):
            command.close(b"connection lost", "BYE")
        super().connection_lost(exc)


class _Client(aioimaplib.IMAP4):  # type: ignore[misc]  # no types in the library
    """The library's client with our protocol, STARTTLS, and an end that leaves nothing behind."""

    protocol: _Protocol

    def __init__(self, account: Account, seconds: float) -> None:
        self._account = account
        direct = account.tls if account.security == "tls" else None
        super().__init__(account.host, account.port, timeout=seconds, ssl_context=direct)

    def create_client(self, host: str, port: int, loop: Any, conn_lost_cb: Any = None, ssl_context: Any = None) -> None:
        loop = loop or asyncio.get_running_loop()
        self.protocol = _Protocol(loop, conn_lost_cb)
        self._client_task = loop.create_task(loop.create_connection(lambda: self.protocol, host, port, ssl=ssl_context))

    async def start_tls(self) -> None:
        """RFC 3501 section 6.2.1: what was said in clear is forgotten, capabilities are asked again."""
        protocol, loop = self.protocol, asyncio.get_running_loop()
        answer = await protocol.execute(aioimaplib.Command("STARTTLS", protocol.new_tag(), loop=loop))
        if answer.result != "OK" or protocol.incomplete_line:
            raise NotReady(_("le serveur IMAP n'offre pas STARTTLS"))
        protocol.transport = await loop.start_tls(
            protocol.transport, protocol, self._account.tls, server_hostname=self._account.host
        )
        await protocol.capability()

    async def end(self) -> None:
        if self._idle_waiter is not None:
            self._idle_waiter.cancel()
        if self.protocol.transport is not None:
            self.protocol.transport.abort()
        left = [self._client_task, *self.tasks, *self.protocol.tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _quoted(text: str) -> str:
    quoted: str = aioimaplib.quoted(text)
    return quoted


def _utf7(name: str) -> str:
    """A folder's name as IMAP writes it: RFC 3501 section 5.1.3."""
    out, wide = [], ""
    for character in f"{name}\0":
        if character.isascii():
            if wide:
                coded = b64encode(wide.encode("utf-16-be")).decode("ascii").rstrip("=").replace("/", ",")
                out.append(f"&{coded}-")
                wide = ""
            out.append("&-" if character == "&" else character)
        else:
            wide += character
    return "".join(out)[:-1]
