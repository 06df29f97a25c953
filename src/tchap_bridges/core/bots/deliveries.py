"""What others have posted, as it is kept: sealed, known by what tells a repeat, and with what became of it."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum, auto
from functools import partial
from typing import Final

from tchap_bridges.bot import Posted
from tchap_bridges.core import clock
from tchap_bridges.core.bots import HOOK, TARGET
from tchap_bridges.core.bots.kept import Effect
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Row, Sealer, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.hooks import AGAIN_AFTER_OTHERS, AGAIN_WITHIN, Identity
from tchap_bridges.ids import RoomId

MOST: Final = 100
"""So many contents of each hook are kept, and none for longer than all contents are (`core/upkeep.py`)."""
KNOWN: Final = 50_000
"""So many of each hook are known when they come again."""
WAITING: Final = 60
"""So many of one hook may wait for the bot, which does nothing else in the room until it has had them."""
_CONTENT, _REASON = "hook_delivery.content", "hook_delivery.reason"


class Outcome(Enum):
    """What a sender is told."""

    TAKEN = auto()
    """It is on disk, or was already."""
    FORGED = auto()
    """Nobody we know; for an address that never was, or is no more, too."""
    UNREADABLE = auto()
    """Genuine, and not the JSON that the bot reads."""
    TOO_MANY = auto()
    """Too fast, or too many of its own wait for the bot."""
    OFF = auto()
    """Genuine, and there is nobody to read it: the bot is not on in the room, or the bridge is out of it."""


class _Crowded(Exception):
    """Undoes the transaction that would keep one more."""


class State(IntEnum):
    """What became of a delivery: it waits, the bot has taken it, or refused it, or there was nobody to take it."""

    WAITING = 0
    DONE = 1
    REFUSED = 2
    UNWANTED = 3


class Deliveries:
    """Keeps them, and hands them to the bot's lane in the same transaction."""

    def __init__(self, db: Database, sealer: Sealer, secrets: Secrets, outbox: Outbox) -> None:
        self._db = db
        self._sealer = sealer
        self._secrets = secrets
        self._outbox = outbox

    async def keep(
        self, hook: str, room: RoomId, bot: str, identity: Identity, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        """Durable when it is taken, once however often it comes. Raises `NotReady` while the store is away."""
        try:
            return await self._keep(hook, room, bot, identity, headers, body)
        except _Crowded:
            return Outcome.TOO_MANY

    async def _keep(
        self, hook: str, room: RoomId, bot: str, identity: Identity, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        now = clock.now()
        key = self._secrets.arrival(hook, identity.key)
        told = json.dumps({"id": identity.id, "headers": dict(headers)}).encode()
        content = self._sealer.seal(told + b"\n" + body, place=_CONTENT)
        async with self._db.transaction() as tx:
            n = await tx.value("hook_count", id=hook, at=now)
            if n is None:  # removed while this was on its way
                return Outcome.FORGED
            if await tx.value("room_is_left", id=room):
                return Outcome.OFF
            if not identity.lasting:
                before, before_other = (
                    now - int(one.total_seconds() * 1000) for one in (AGAIN_WITHIN, AGAIN_AFTER_OTHERS)
                )
                await tx.run("delivery_free", hook=hook, key=key, before=before, before_other=before_other)
            id_ = await tx.value("delivery_add", hook=hook, n=n, key=key, at=now, size=len(body), content=content)
            if id_ is None:  # its commit is the first one's too: neither is acknowledged before both are on disk
                await tx.run("hook_repeated", id=hook)
                return Outcome.TAKEN
            if await tx.value("deliveries_waiting", hook=hook, most=WAITING + 1) > WAITING:
                raise _Crowded
            await self._hand(tx, room, bot, id_, cause=f"hook {hook} {n}")
        return Outcome.TAKEN

    async def again(self, tx: Tx, room: RoomId, bot: str, id_: int, *, cause: str) -> None:
        """Have the bot called for it once more."""
        await tx.run("delivery_end", id=id_, state=State.WAITING, reason=None)
        await self._hand(tx, room, bot, id_, cause=cause)

    async def _hand(self, tx: Tx, room: RoomId, bot: str, id_: int, *, cause: str) -> None:
        body = self._sealer.seal(str(id_).encode(), place="message.body")
        message = await self._outbox.message(tx, room, "hook", "hook", body)
        await self._outbox.add(tx, room, f"{TARGET}{bot}", message, HOOK, cause=cause)

    async def get(self, id_: int) -> Row | None:
        """The delivery and its hook; None when it is kept no more."""
        async with self._db.snapshot() as tx:
            row = await tx.one("delivery_get", id=id_)
        return row if row is not None and row["content"] is not None else None

    async def last(self, room: RoomId, bot: str, most: int) -> Sequence[Posted]:
        async with self._db.snapshot() as tx:
            rows = await tx.all("deliveries_of_bot", room=room, bot=bot, limit=min(most, MOST))
        return [self.posted(row) for row in rows]

    def posted(self, row: Row) -> Posted:
        """As a bot is given it, of a row with its content."""
        told, _newline, body = self._sealer.open(row["content"], place=_CONTENT).partition(b"\n")
        head = json.loads(told)
        return Posted(
            id=head["id"],
            hook=row["name"],
            number=row["n"],
            at=clock.moment(row["received_at"]),
            headers=head["headers"],
            body=body,
        )

    def ended(self, id_: int, state: State, reason: str = "") -> Effect:
        """To be written with the row's end. ``reason``: why the bot refused it."""
        sealed = self._sealer.seal(reason.encode(), place=_REASON) if reason else None
        return partial(_end, id_=id_, state=state, reason=sealed)

    def reason(self, row: Row) -> str:
        return self._sealer.open(row["reason"], place=_REASON).decode() if row["reason"] is not None else ""


async def _end(tx: Tx, *, id_: int, state: State, reason: bytes | None) -> None:
    await tx.run("delivery_end", id=id_, state=state, reason=reason)
