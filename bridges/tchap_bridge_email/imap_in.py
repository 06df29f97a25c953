"""Mailboxes that exist elsewhere, read as they fill: nothing before the first start, nothing lost since, nothing twice.

A mail's key is its content (see `incoming.delivery_key`); UIDs are no more than the place to go on from. So a mailbox
that was moved or restored (another UIDVALIDITY) is read again from the first start on, and brings nothing twice.
"""

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from tchap_bridge_email.imap_client import Account, Examined, Refused, Session, signed_in
from tchap_bridge_email.incoming import IN_MEMORY, delivery_key
from tchap_bridges.bridge import Host
from tchap_bridges.errors import BadCredentials, BridgeError, NotReady
from tchap_bridges.i18n import _
from tchap_bridges.logs import harmless

_ATTEMPTS = 5
_CUT = 1_000_000
"""Of a mail that is too big this much is taken: its header and, nearly always, its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All in seconds. An IDLE is renewed well before the half hour after which servers hang up (RFC 2177)."""

    idle: float = 9 * 60
    poll: float = 60
    answer: float = 60
    first_pause: float = 5
    last_pause: float = 300
    refused_pause: float = 3600
    full_pause: float = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a folder was read.

    ``since`` is the moment of the first start in ISO form; mail under UIDs below ``renumbered`` may be older than that.
    """

    validity: int
    next: int
    since: str
    renumbered: int = 0


class Mailboxes:
    """All mailboxes of a connection. One that fails is tried again and holds up no other."""

    def __init__(self, host: Host, *, size: int, pace: Pace | None = None) -> None:
        self._host = host
        self._size = size
        self._pace = pace or Pace()
        self._bulky = asyncio.Lock()
        self._trouble: dict[str, str] = {}
        self._refusals: Counter[tuple[str, int]] = Counter()

    async def watch(self, account: Account) -> None:
        """Until cancelled. Raises nothing: what is wrong with a mailbox is said in the connection's state and log."""
        log = self._host.log.bind(mailbox=_short(account))
        pause = self._pace.first_pause
        while True:
            try:
                async with signed_in(account, seconds=self._pace.answer) as session:
                    self._tell(account, None)
                    log.info("mailbox open")
                    pause = self._pace.first_pause
                    await self._follow(session, account)
            except BadCredentials as error:
                self._tell(account, error.reason)
                log.error("mailbox refused")  # noqa: TRY400  a refusal needs no traceback
                pause = self._pace.refused_pause
            except BridgeError as error:
                self._tell(account, str(error))
                log.warning("mailbox away", **harmless(error))
            except Exception:
                self._tell(account, _("erreur interne, voir le journal"))
                log.exception("mailbox failed")
            await asyncio.sleep(pause)
            pause = min(2 * pause, max(pause, self._pace.last_pause))

    def _tell(self, account: Account, trouble: str | None) -> None:
        before = dict(self._trouble)
        self._trouble.pop(account.address, None)
        if trouble is not None:
            self._trouble[account.address] = trouble
        if self._trouble != before:
            self._host.up(" ; ".join(f"{address} : {why}" for address, why in self._trouble.items()))

    async def _follow(self, session: Session, account: Account) -> None:
        place = await self._arrive(await session.examine(account.folder), account)
        while True:
            place = await self._catch_up(session, account, place)
            await session.wait(self._pace.idle, poll=self._pace.poll)

    async def _arrive(self, folder: Examined, account: Account) -> Place:
        """Where to go on: at now for a folder never seen, at its beginning when its UIDs have changed."""
        known = await self._host.kv.get(_kv_key(account))
        if known is None:
            place = Place(validity=folder.validity, next=folder.next, since=datetime.now(UTC).isoformat())
        else:
            place = Place(**json.loads(known))
            if place.validity == folder.validity:
                return place
            self._host.log.warning("mailbox renumbered, reading it again", mailbox=_short(account))
            place = replace(place, validity=folder.validity, next=1, renumbered=folder.next)
        await self._keep(account, place)
        return place

    async def _catch_up(self, session: Session, account: Account, place: Place) -> Place:
        for uid in await session.search("UID", f"{place.next}:*"):
            if uid < place.next:  # "n:*" names the last mail even where n is beyond it
                continue
            await self._try(session, account, uid, place)
            place = replace(place, next=uid + 1)
            await self._keep(account, place)
        return place

    async def _try(self, session: Session, account: Account, uid: int, place: Place) -> None:
        """One mail. One that the server refuses to give, again and again, is left behind, for others wait behind it."""
        try:
            await self._take(session, account, uid, place)
        except Refused:
            self._refusals[_short(account), uid] += 1
            if self._refusals[_short(account), uid] < _ATTEMPTS:
                raise
            self._host.log.exception("mail left in its mailbox", mailbox=_short(account), uid=uid)
        del self._refusals[_short(account), uid]

    async def _take(self, session: Session, account: Account, uid: int, place: Place) -> None:
        mail = await session.describe(uid)
        if mail is None:
            return
        if uid < place.renumbered and mail.arrived < datetime.fromisoformat(place.since):
            return
        if mail.size <= IN_MEMORY:
            await self._accept(await session.fetch(uid), account, {})
            return
        async with self._bulky:  # one big mail in memory at a time
            if mail.size <= self._size:
                await self._accept(await session.fetch(uid), account, {})
            else:
                await self._accept(await session.fetch(uid, most=_CUT), account, {"cut": str(mail.size)})

    async def _accept(self, raw: bytes | None, account: Account, meta: dict[str, str]) -> None:
        if raw is None:
            return
        key = delivery_key(raw, account.address)
        meta = {"via": "imap", "sender": "", "recipient": account.address, "chat": account.address, **meta}
        while True:
            try:
                await self._host.accept(key, raw, meta)
            except NotReady as error:
                self._host.log.warning("mailbox paused", mailbox=_short(account), **harmless(error))
                await asyncio.sleep(self._pace.full_pause)
            else:
                return

    async def _keep(self, account: Account, place: Place) -> None:
        await self._host.kv.set(_kv_key(account), json.dumps(asdict(place)))


def _kv_key(account: Account) -> str:
    return f"imap {_short(account)}"


def _short(account: Account) -> str:
    """Tells mailboxes apart in the log and on the disk without saying whose they are."""
    return hashlib.sha256(f"{account.user}\n{account.host}\n{account.folder}".encode()).hexdigest()[:12]
