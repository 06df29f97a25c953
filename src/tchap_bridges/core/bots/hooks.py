"""The addresses of rooms to which others post: who may, how often, and for which bot.

All of them are known in memory, their secrets too, so that nobody waits for the store to hear that they are refused,
and an address that does not exist takes as long as one that does.
"""

import json
import math
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from tchap_bridges.bot import Bot, Webhook
from tchap_bridges.core import clock
from tchap_bridges.core.bots.deliveries import Deliveries, Outcome
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.pace import Bucket
from tchap_bridges.core.ports import Database, Meter, Row, Sealer, Tx
from tchap_bridges.hooks import Scheme, Secret, identify, kept, lowered, make_secret, verify
from tchap_bridges.i18n import Phrase
from tchap_bridges.ids import RoomId, UserId

GRACE: Final = timedelta(days=2)
"""For so long a secret that was replaced still opens."""
CROWDED: Final = 10
"""Seconds after which a sender may ask whether fewer of its deliveries wait for the bot."""
_SECRET, _FORMER = "hook.secret", "hook.former"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One address. ``id`` is in it; ``former_until``: until when the secret before the present one still opens."""

    id: str
    room: RoomId
    bot: str
    handler: str
    name: str
    scheme: Scheme
    secret: str = field(repr=False)
    former: str = field(default="", repr=False)
    former_until: datetime | None = None
    expires: datetime | None = None

    def secrets(self) -> list[Secret]:
        known = [Secret(name="present", value=self.secret, until=self.expires)]
        if self.former_until is not None:
            until = min(self.former_until, self.expires) if self.expires is not None else self.former_until
            known.append(Secret(name="former", value=self.former, until=until))
        return known


@dataclass(slots=True)
class Refusals:
    """Of one hook, since the start: nothing is written for a forger. ``reason``: of the last one."""

    count: int = 0
    at: datetime | None = None
    reason: Phrase | None = None


class Hooks:
    """Takes what is posted, and changes the addresses. ``per_minute``: deliveries that one hook takes."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        bots: Mapping[str, Bot],
        hearing: Hearing,
        deliveries: Deliveries,
        meter: Meter,
        per_minute: int,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._bots = bots
        self._hearing = hearing
        self._deliveries = deliveries
        self._meter = meter
        self._per_minute = per_minute
        self._hooks: dict[str, Hook] = {}
        self._rates: dict[str, Bucket] = {}
        self._refusals: dict[str, Refusals] = {}
        self._nobody = Hook(
            id="", room=RoomId(""), bot="", handler="", name="", scheme=Scheme.HMAC, secret=make_secret(Scheme.HMAC)
        )

    async def open(self) -> None:
        async with self._db.snapshot() as tx:
            for row in await tx.all("hooks_everywhere"):
                try:
                    self._know(self._hook(row))
                except Exception:  # its senders are refused; all others must be heard
                    log.exception("hook.unreadable", room=row["room"], hook=row["name"])

    def _hook(self, row: Row) -> Hook:
        former = row["former"]
        return Hook(
            id=row["id"],
            room=RoomId(row["room"]),
            bot=row["bot"],
            handler=row["handler"],
            name=row["name"],
            scheme=Scheme(row["scheme"]),
            secret=self._sealer.open(row["secret"], place=_SECRET).decode(),
            former=self._sealer.open(former, place=_FORMER).decode() if former is not None else "",
            former_until=clock.moment(row["former_until"]) if row["former_until"] is not None else None,
            expires=clock.moment(row["expires_at"]) if row["expires_at"] is not None else None,
        )

    # What is posted

    async def accept(self, id_: str, path: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """``path``: what follows the id in the address; ``headers`` as they came. Raises `NotReady`: try again."""
        outcome = await self._accept(id_, path, headers, body)
        self._meter.count("in" if outcome is Outcome.TAKEN else "refused", "webhook")
        return outcome

    async def _accept(self, id_: str, path: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        hook = self._hooks.get(id_, self._nobody)
        verdict = verify(hook.scheme, headers, body, hook.secrets(), clock.moment(clock.now()), path=path)
        if hook is self._nobody:
            return Outcome.FORGED
        if not verdict:
            self._refused(hook, verdict.reason)
            return Outcome.FORGED
        webhook = self._for(hook)
        if webhook is None:
            return Outcome.OFF
        if not self._rates[hook.id].take():
            return Outcome.TOO_MANY
        data: Any = None
        if webhook.dedup or not webhook.raw:
            try:
                data = _read(body)
            except (ValueError, RecursionError):
                if not webhook.raw:
                    return Outcome.UNREADABLE
        named = lowered(headers)
        identity = identify(named, body, data, webhook.dedup)
        return await self._deliveries.keep(hook.id, hook.room, hook.bot, identity, kept(named), body)

    def knows(self, id_: str) -> bool:
        """Whether there is such an address."""
        return id_ in self._hooks

    def wait(self, id_: str) -> int:
        """Seconds after which a sender that was told `Outcome.TOO_MANY` is heard again."""
        rate = self._rates.get(id_)
        return math.ceil(rate.wait()) or CROWDED if rate is not None else CROWDED

    def _for(self, hook: Hook) -> Webhook | None:
        """What the bot wants of it; None when it is off there, or has no such handler any more."""
        bot = self._bots.get(hook.bot)
        if bot is None or not self._hearing.is_on(hook.room, hook.bot):
            return None
        return next((one for one in bot.webhooks if one.handler == hook.handler), None)

    def _refused(self, hook: Hook, reason: Phrase | None) -> None:
        known = self._refusals.setdefault(hook.id, Refusals())
        known.count, known.at, known.reason = known.count + 1, clock.moment(clock.now()), reason
        if known.count == 1:
            log.warning("hook.forged", bot=hook.bot, room=hook.room, hook=hook.name, scheme=hook.scheme.value)

    # The addresses

    def of(self, room: RoomId) -> Mapping[str, Hook]:
        """Those of a room, by name."""
        return {hook.name: hook for hook in self._hooks.values() if hook.room == room}

    def refusals(self, id_: str) -> Refusals:
        return self._refusals.get(id_, Refusals())

    async def make(
        self, tx: Tx, room: RoomId, bot: str, handler: str, name: str, scheme: Scheme, by: UserId
    ) -> Hook | None:
        """None when the room has one of that name."""
        hook = Hook(
            id=random.token_urlsafe(16),
            room=room,
            bot=bot,
            handler=handler,
            name=name,
            scheme=scheme,
            secret=make_secret(scheme),
        )
        made = await tx.run(
            "hook_add",
            id=hook.id,
            room=room,
            bot=bot,
            handler=handler,
            name=name,
            scheme=scheme,
            secret=self._sealer.seal(hook.secret.encode(), place=_SECRET),
            by=by,
            at=clock.now(),
        )
        if not made:
            return None
        tx.after_commit(partial(self._know, hook))
        return hook

    async def rotate(self, tx: Tx, hook: Hook, secret: str = "") -> Hook:
        """A new secret, ours or this one; the present one opens for a while yet."""
        until = clock.moment(clock.now()) + GRACE
        fresh = replace(hook, secret=secret or make_secret(hook.scheme), former=hook.secret, former_until=until)
        await tx.run(
            "hook_rotate",
            id=hook.id,
            secret=self._sealer.seal(fresh.secret.encode(), place=_SECRET),
            former=self._sealer.seal(fresh.former.encode(), place=_FORMER),
            until=clock.milliseconds(until),
        )
        tx.after_commit(partial(self._know, fresh))
        return fresh

    async def expire(self, tx: Tx, hook: Hook, at: datetime | None) -> None:
        await tx.run("hook_expire", id=hook.id, at=clock.milliseconds(at) if at is not None else None)
        tx.after_commit(partial(self._know, replace(hook, expires=at)))

    async def remove(self, tx: Tx, hook: Hook) -> None:
        """With all that was posted to it, what waits for its bot too."""
        await tx.run("hook_remove", id=hook.id)
        tx.after_commit(partial(self._forget, hook.id))

    async def move(self, tx: Tx, old: RoomId, new: RoomId) -> None:
        """The room is replaced: its addresses lead to the new one."""
        await tx.run("hooks_move", old=old, new=new)
        for hook in self.of(old).values():
            tx.after_commit(partial(self._know, replace(hook, room=new)))

    def _know(self, hook: Hook) -> None:
        self._hooks[hook.id] = hook
        self._rates.setdefault(hook.id, Bucket(self._per_minute, self._per_minute))

    def _forget(self, id_: str) -> None:
        for known in (self._hooks, self._rates, self._refusals):
            known.pop(id_, None)


def _read(body: bytes) -> Any:
    """The JSON. Raises ValueError for none, and for texts that nobody can write down: halves of surrogate pairs."""
    data = json.loads(body)
    if b"\\u" in body:
        json.dumps(data, ensure_ascii=False).encode()
    return data
