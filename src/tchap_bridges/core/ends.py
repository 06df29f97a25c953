"""How a delivery ends, and who is told: it is there, it is tried again, it is dead, or it has become pointless."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence

import structlog

from tchap_bridges.bridge import Direction
from tchap_bridges.core import clock
from tchap_bridges.core.files import LeftOut, told
from tchap_bridges.core.lanes import Lane, Pool
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.outbox import CANCELLED, DESK, FAILED, REVIEW, THERE, Outbox
from tchap_bridges.core.ports import Database, Meter, Row, Sealer, Snapshot, Tx
from tchap_bridges.core.resolve import Way
from tchap_bridges.core.router import echo
from tchap_bridges.core.supervisor import REFUSED
from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import MessageId, RoomId
from tchap_bridges.logs import harmless

BACK_OFF = (1.0, 30.0)  # seconds: the first wait, and the longest
TELL_AFTER = 600.0  # seconds without success after which the author hears of it
ENOUGH = 20  # attempts before patience ends, so that a leap of the clock ends nobody's
HOUR = 3600 * 1000  # milliseconds
SHOWN = "event."  # the steps that name what is seen already (outgoing.Steps)

log = structlog.get_logger(__name__)


class Ends:
    """Each writes what became of one row. ``settled`` is called once nothing waits for the row any more."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        links: Links,
        outbox: Outbox,
        meter: Meter,
        settled: Callable[[RoomId], None],
        words: Translator,
        release: Callable[[Tx, str], Awaitable[bool]],
        refused: Callable[[str, BadCredentials], None],
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._links = links
        self._outbox = outbox
        self._meter = meter
        self._settled = settled
        self._words = words
        self._release = release
        self._refused = refused

    # It is there

    async def settle(self, lane: Lane, row: Row, way: Way, ids: Sequence[MessageId], left: Sequence[LeftOut]) -> None:
        """It is there. When the store is away that is written down later: to send again would be worse than to wait."""
        while True:
            try:
                return await self._there(lane, row, way, ids, left)
            except NotReady as error:
                log.warning("courier.not_settled", lane=lane.id, seq=row["seq"], **harmless(error))
                await asyncio.sleep(1)

    async def _there(self, lane: Lane, row: Row, way: Way, ids: Sequence[MessageId], left: Sequence[LeftOut]) -> None:
        async with self._db.transaction() as tx:
            if left:
                await self._tell_left_out(tx, lane, row, way, left)
            await tx.run("outbox_done", lane=lane.id, seq=row["seq"])
            if row["action"] in {"send", "react"}:
                for part, id_ in enumerate(ids or (None,)):
                    await tx.run(
                        "copy_add", message=row["message"], target=lane.target, part=part, remote=id_, state=THERE
                    )
                    if id_ is not None:
                        await self._release(tx, f"{lane.target} {id_}")
                        if way.link is not None:
                            await self._release(tx, echo(way.link.connection, id_))
            if way.link is not None:
                await tx.run("link_left", id=way.link.id, now=clock.now())
                tx.after_commit(lambda: self._settled(lane.room))
        self._meter.count("out", way.link.connection if way.link else "matrix")

    async def _tell_left_out(self, tx: Tx, lane: Lane, row: Row, way: Way, left: Sequence[LeftOut]) -> None:
        """Once: a row that is settled has no steps any more, and its commit may have come through unheard.

        A room shows a line in the place of the file: whoever sent it elsewhere reads why, where they hear the room, and
        not more than once an hour.
        """
        if not await tx.value("outbox_steps", lane=lane.id, seq=row["seq"]):
            return
        cause = f"{row['key']} left out"
        if way.link is not None:
            words = told(left, await self._name_of(tx, lane), self._words)
            await self._outbox.notice(tx, lane.room, Text(plain=words), cause=cause, about=row["message"])
        elif (sender := await self._hears(tx, row)) is not None:
            words = told(left, _("le salon"), self._words)
            await self._outbox.notice(
                tx, lane.room, Text(plain=words), cause=cause, about=row["message"], only=(sender.target,)
            )

    async def _hears(self, tx: Tx, row: Row) -> Link | None:
        """The link by which a message came, if its author is to be told there now."""
        message = await tx.one("message_get", id=row["message"])
        if message is None or not message["origin"].startswith("link:"):
            return None
        link = await self._links.get(tx, int(message["origin"].removeprefix("link:")))
        if link is None or link.direction is not Direction.BOTH or link.state != "active":
            return None
        key, now = f"{link.target} {message['author']} left out", clock.now()
        told_at = await tx.value("kv_get", space="hint", key=key)
        if told_at is not None and now - int(told_at) < HOUR:
            return None
        await tx.run("kv_set", space="hint", key=key, value=str(now).encode())
        return link

    # It is tried again

    async def again(self, lane: Lane, row: Row, error: NotReady | BadCredentials, patience: float) -> float | None:
        if clock.now() - row["created_at"] > patience * 1000 and row["attempts"] >= ENOUGH:
            await self.dead(lane, row, Undeliverable(error.reason))
            return None
        first, longest = BACK_OFF
        wait: float = min(longest, first * 2 ** min(row["attempts"], 10)) * random.uniform(0.8, 1.2)  # noqa: S311
        if isinstance(error, NotReady) and error.retry_after is not None:
            wait = error.retry_after
        if isinstance(error, BadCredentials):  # to insist would lock the account
            wait = REFUSED
            self._refused(lane.pool.name, error)
        log.info(
            "courier.again",
            lane=lane.id,
            seq=row["seq"],
            attempts=row["attempts"],
            wait=round(wait, 1),
            **harmless(error),
        )
        self._meter.count("retry", lane.pool.name)
        late = not row["told"] and clock.now() + wait * 1000 - row["created_at"] > TELL_AFTER * 1000
        async with self._db.transaction() as tx:
            if late and row["action"] == "send":
                await self._tell_delay(tx, lane, row, error.reason)
            await tx.run(
                "outbox_retry",
                lane=lane.id,
                seq=row["seq"],
                due_at=clock.now() + int(wait * 1000),
                error=error.reason[:500],
            )
        return wait

    async def _tell_delay(self, tx: Tx, lane: Lane, row: Row, reason: str) -> None:
        """Once, whoever comes first: whoever speaks in the room sees that it has not left yet, and why."""
        if not await tx.run("outbox_told", lane=lane.id, seq=row["seq"]):
            return
        message = await tx.one("message_get", id=row["message"])
        if message is None or message["origin"] != lane.room:
            return
        where = await self._name_of(tx, lane)
        words = self._words(_("⏳ Pas encore remis à {whom} : {why}. L'envoi est retenté.", whom=where, why=reason))
        await self._outbox.notice(tx, lane.room, Text(plain=words), cause=f"{row['key']} late", about=row["message"])

    async def tell_overdue(self) -> None:
        """Messages that wait for a connection which is not there: their authors hear of it, once."""
        async with self._db.snapshot() as tx:
            rows = await tx.all("lanes_overdue", before=clock.now() - int(TELL_AFTER * 1000), now=clock.now())
        for row in rows:
            lane = Lane(row["lane"], RoomId(row["room"]), row["target"], Pool("", 0))
            reason = row["error"] or _("la connexion est interrompue")
            async with self._db.transaction() as tx:
                await self._tell_delay(tx, lane, row, reason)

    # It never comes

    async def cancel(self, lane: Lane, row: Row, why: str) -> None:
        log.info("courier.pointless", lane=lane.id, seq=row["seq"], reason=why)
        async with self._db.transaction() as tx:
            partly = await self._keep_parts(tx, lane, row)
            await tx.run("outbox_cancel", lane=lane.id, seq=row["seq"])
            if row["action"] in {"send", "react"} and not partly:
                await tx.run("copy_state", message=row["message"], target=lane.target, state=CANCELLED)
            tx.after_commit(lambda: self._settled(lane.room))

    async def unsupported(self, lane: Lane, row: Row, error: Unsupported) -> None:
        """The network has no such thing: whoever did it is told, and nothing waits for an admin."""
        async with self._db.transaction() as tx:
            await tx.run("outbox_cancel", lane=lane.id, seq=row["seq"])
            if row["action"] in {"send", "react"}:
                await tx.run("copy_state", message=row["message"], target=lane.target, state=CANCELLED)
            tx.after_commit(lambda: self._settled(lane.room))
            message = await tx.one("message_get", id=row["message"])
            if message is None or not await self._is_news(tx, lane, row, message):
                return
            where = await self._name_of(tx, lane)
            words = self._words(_("ℹ {where} : {why}.", where=where, why=error.reason))
            if error.remedy:
                words = f"{words} {self._words(error.remedy)}"
            about = row["message"] if row["action"] == "send" else message["parent"]
            await self._outbox.notice(tx, lane.room, Text(plain=words), cause=row["key"], about=about)

    @staticmethod
    async def _is_news(tx: Tx, lane: Lane, row: Row, message: Row) -> bool:
        """Whether the room is told that what was done here is not seen there.

        Each author once in a conversation (a thread, or all that is said outside of threads); of a reaction once, and
        only by whom it was meant for. Those who did it on another network read no notice of ours; a message that is
        gone here and not there is told of all the same.
        """
        if row["action"] == "send":
            return True
        about = await tx.one("message_get", id=message["parent"])
        if about is None:
            return False
        conversation = about["root"] or 0
        if row["action"] == "react":
            if about["origin"] != lane.target:
                return False
            conversation = 0
        if message["origin"] != lane.room and row["action"] != "delete":
            return False
        key = f"{row['action']} {lane.target} {message['author']} {conversation}"
        if await tx.value("kv_get", space="hint", key=key):
            return False
        await tx.run("kv_set", space="hint", key=key, value=b"told")
        return True

    async def dead(self, lane: Lane, row: Row, error: Undeliverable) -> None:
        log.warning("courier.dead_letter", lane=lane.id, seq=row["seq"], action=row["action"], **harmless(error))
        self._meter.count("dead", lane.pool.name)
        async with self._db.transaction() as tx:
            message = await tx.one("message_get", id=row["message"])
            if message is not None and message["origin"] == "core":  # a notice about a notice would never end
                await tx.run("outbox_cancel", lane=lane.id, seq=row["seq"])
                if row["action"] == "send":  # what answers it waits for it no longer
                    await tx.run("copy_state", message=row["message"], target=lane.target, state=FAILED)
                return
            await tx.run("outbox_dead", lane=lane.id, seq=row["seq"], error=error.reason[:500])
            if not await self._keep_parts(tx, lane, row) and row["action"] in {"send", "react"}:
                await tx.run("copy_state", message=row["message"], target=lane.target, state=FAILED)
            if message is None or lane.target in {DESK, REVIEW}:
                return
            where = await self._name_of(tx, lane)
            if error.certain:
                words = self._words(_("⚠ Non remis à {where} : {why}.", where=where, why=error.reason))
            else:
                words = self._words(_("⚠ Peut-être non remis à {where} : {why}.", where=where, why=error.reason))
            if error.remedy:
                words = f"{words} {self._words(error.remedy)}"
            about = row["message"] if row["action"] == "send" else message["parent"]
            await self._outbox.notice(
                tx, lane.room, Text(plain=words), cause=f"{row['key']} dead {clock.now()}", about=about
            )
            tx.after_commit(lambda: self._settled(lane.room))

    async def _keep_parts(self, tx: Tx, lane: Lane, row: Row) -> bool:
        """What of it is seen already can be withdrawn later, though the rest never comes."""
        sealed = await tx.value("outbox_steps", lane=lane.id, seq=row["seq"])
        if row["action"] != "send" or not sealed:
            return False
        steps = json.loads(self._sealer.open(sealed, place="outbox.steps"))
        parts = sorted((name for name in steps if name.startswith(SHOWN)), key=lambda name: (len(name), name))
        for part, name in enumerate(parts):
            id_ = steps[name]
            await tx.run("copy_add", message=row["message"], target=lane.target, part=part, remote=id_, state=THERE)
        return bool(parts)

    async def _name_of(self, tx: Snapshot, lane: Lane) -> str:
        if not lane.target.startswith("link:"):
            return _("ce salon")
        link = await self._links.get(tx, int(lane.target.removeprefix("link:")))
        return link.name if link else lane.target
