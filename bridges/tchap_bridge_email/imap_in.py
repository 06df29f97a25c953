"""Mailboxes that exist elsewhere, read as they fill: nothing before the first start, nothing lost since, nothing twice.

A mail's key is its content (see `incoming.delivery_key`); UIDs are no more than the place to go on from. So a mailbox
that was moved or restored (another UIDVALIDITY) is read again from the first start on, and brings nothing twice.

A mail that its server refuses waits, and those behind it: the server is ill, as a rule. It is left behind only when it
alone was refused for hours, others being had in the same sessions; its rooms are told then.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from tchap_bridge_email.imap_client import Account, Examined, Refused, Session, signed_in
from tchap_bridge_email.incoming import IN_MEMORY, delivery_key
from tchap_bridges.bridge import Direction, Host
from tchap_bridges.errors import BadCredentials, BridgeError, NotReady
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId
from tchap_bridges.logs import harmless

_OTHERS, _GLANCE = 3, 1_000
"""Whether a server gives mail at all: so many of its mails are asked for so many bytes."""
_CUT = 1_000_000
"""Of a mail that is too big this much is taken: its header and, nearly always, its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """All in seconds. An IDLE is renewed well before the half hour after which servers hang up (RFC 2177).

    ``patience`` is for a mail that is refused while others are not; ``ill_patience`` where the server says of itself
    that it cannot now: some say so of one broken mail for ever.
    """

    idle: float = 9 * 60
    poll: float = 60
    answer: float = 60
    first_pause: float = 5
    last_pause: float = 300
    refused_pause: float = 3600
    full_pause: float = 5
    patience: float = 6 * 3600
    ill_patience: float = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alone:
    """A mail that is refused while others are not, and since when, on the loop's clock."""

    validity: int
    uid: int
    since: float


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
        self._alone: dict[str, _Alone] = {}

    async def watch(self, account: Account) -> None:
        """Until cancelled. Raises nothing: what is wrong with a mailbox is said in the connection's state and log."""
        log = self._host.log.bind(mailbox=_short(account))
        pause = self._pace.first_pause

        def well() -> None:
            nonlocal pause
            pause = self._pace.first_pause
            self._tell(account, None)

        while True:
            try:
                async with signed_in(account, seconds=self._pace.answer) as session:
                    log.info("mailbox open")
                    await self._follow(session, account, well)
            except BadCredentials as error:
                self._tell(account, error.reason)
                log.error("mailbox refused")  # noqa: TRY400  a refusal needs no traceback
                await asyncio.sleep(self._pace.refused_pause)
                continue
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

    async def _follow(self, session: Session, account: Account, well: Callable[[], None]) -> None:
        """``well`` is called whenever the mailbox has shown that it can be read."""
        place = await self._arrive(await session.examine(account.folder), account)
        while True:
            place = await self._catch_up(session, account, place, well)
            well()
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

    async def _catch_up(self, session: Session, account: Account, place: Place, well: Callable[[], None]) -> Place:
        for uid in await session.search("UID", f"{place.next}:*"):
            if uid < place.next:  # "n:*" names the last mail even where n is beyond it
                continue
            try:
                await self._take(session, account, uid, place)
            except Refused as error:
                await self._bear(error, session, account, uid, place)
            self._alone.pop(_short(account), None)
            well()
            place = replace(place, next=uid + 1)
            await self._keep(account, place)
        return place

    async def _bear(self, error: Refused, session: Session, account: Account, uid: int, place: Place) -> None:
        """Raises ``error`` for as long as the mail may still be had; leaves it behind when it was refused too long.

        Only time counts during which others can be had: an outage says nothing of a mail, however long it lasts.
        """
        mailbox, now = _short(account), asyncio.get_running_loop().time()
        log = self._host.log.bind(mailbox=mailbox, uid=uid, reason=str(error))
        if not await self._gives_others(session, uid):
            self._alone.pop(mailbox, None)
            raise error
        alone = self._alone.get(mailbox)
        if alone is None or (alone.validity, alone.uid) != (place.validity, uid):
            alone = self._alone[mailbox] = _Alone(validity=place.validity, uid=uid, since=now)
        if now - alone.since < (self._pace.ill_patience if error.later else self._pace.patience):
            log.warning("mail refused, others are not", seconds=int(now - alone.since))
            raise error
        await self._leave(session, account, uid, place)
        log.error("mail left in its mailbox")

    async def _gives_others(self, session: Session, uid: int) -> bool:
        """Whether the server gives any of the nearest other mails, in this very session."""
        others = [one for one in await session.search("UID", "1:*") if one != uid]
        for other in sorted(others, key=lambda one: abs(one - uid))[:_OTHERS]:
            try:
                if await session.fetch(other, most=_GLANCE):
                    return True
            except Refused:
                continue
        return False

    async def _leave(self, session: Session, account: Account, uid: int, place: Place) -> None:
        """Tell of a mail that is left behind: where it belongs by its header, where it might if that is refused too."""
        left = {"unfetched": account.address}
        try:
            header = await session.header(uid)
        except Refused:
            header = None
        if header:
            await self._accept(header, account, left)
            return
        raw = f"X-Unfetched: {_short(account)} {place.validity} {uid}\r\n\r\n".encode()
        for chat in await self._fed_by(account):
            await self._accept(raw, account, {**left, "recipient": chat, "chat": chat})

    async def _fed_by(self, account: Account) -> list[ChatId]:
        """The mailbox itself where a room is linked to it; else whatever a room is linked to, for it brings lists."""
        own = ChatId(account.address)
        if await self._host.linked(own) is not None:
            return [own]
        return [one.chat for one in await self._host.chats() if one.direction is not Direction.OUT]

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
        meta = {"via": "imap", "sender": "", "recipient": account.address, "chat": account.address, **meta}
        key = delivery_key(raw, meta["recipient"])
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
