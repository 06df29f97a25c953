"""Seals again under the present key what former keys have sealed, so that these can be forgotten.

For the start, before anything runs. In small transactions, each whole or not at all: killed in the middle, the next
start goes on where this one was. What no key opens is told and left as it is.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from tchap_bridges.core.ports import Database, Row, Sealer
from tchap_bridges.logs import harmless

MARK = 5  # bytes at the head of a sealed value that say which key sealed it
TELL = 5.0  # seconds between two words on how far it is

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Column:
    """``place`` is what the seal is bound to; ``start`` is a primary key below all; ``batch`` rows are one step."""

    query: str
    place: str
    start: Mapping[str, Any]
    batch: int = 200


COLUMNS = (
    Column("reseal_link_options", "link.options", {"id": 0}),
    Column("reseal_link_proof", "link.proof", {"id": 0}),
    Column("reseal_kv_value", "kv.value", {"space": "", "key": ""}),
    Column("reseal_blob", "blob", {"key": ""}, batch=8),  # up to a megabyte each
    Column("reseal_room_bot_config", "room_bot.config", {"room": "", "bot": ""}),
    Column("reseal_timer_words", "timer.words", {"room": "", "bot": "", "key": ""}),
    Column("reseal_question_words", "question.words", {"bot": "", "room": "", "person": "", "key": ""}),
    Column("reseal_hook_secret", "hook.secret", {"id": ""}),
    Column("reseal_hook_former", "hook.former", {"id": ""}),
    Column("reseal_delivery_content", "hook_delivery.content", {"id": 0}, batch=8),  # up to a megabyte each
    Column("reseal_delivery_reason", "hook_delivery.reason", {"id": 0}),
    Column("reseal_crypto_seeds", "crypto_seeds.seeds", {"mxid": ""}),
    Column("reseal_crypto_account", "crypto_account.pickle", {"mxid": ""}),
    Column("reseal_crypto_olm", "crypto_olm.pickle", {"mxid": "", "session": ""}),
    Column("reseal_crypto_inbound", "crypto_inbound.pickle", {"mxid": "", "session": ""}),
    Column("reseal_crypto_outbound", "crypto_outbound.pickle", {"mxid": "", "room": ""}),
    Column("reseal_sender_name", "sender.name", {"link": 0, "person": ""}),
    Column("reseal_ghost_person", "ghost.person", {"mxid": ""}),
    Column("reseal_outbox_steps", "outbox.steps", {"lane": 0, "seq": 0}),
    Column("reseal_message_body", "message.body", {"id": 0}),
    Column("reseal_inbox_meta", "inbox.meta", {"id": 0}),
    Column("reseal_inbox_raw", "inbox.raw", {"id": 0}, batch=8),  # up to a megabyte each
    Column("reseal_inbox_piece", "inbox.raw", {"inbox": 0, "n": 0}, batch=8),
)


@dataclass(slots=True)
class Counts:
    resealed: int = 0
    unreadable: int = 0


async def reseal(db: Database, sealer: Sealer) -> Counts:
    """Everything that will be read again; returns how many values were sealed anew, and how many nothing opens."""
    counts = Counts()
    told = time.monotonic()
    for column in COLUMNS:
        after: Mapping[str, Any] | None = column.start
        while after is not None:
            after = await _step(db, sealer, column, after, counts)
            if time.monotonic() - told > TELL:
                told = time.monotonic()
                log.info("reseal.progress", column=column.place, resealed=counts.resealed)
    log.info("reseal.done", resealed=counts.resealed, unreadable=counts.unreadable)
    return counts


async def _step(
    db: Database, sealer: Sealer, column: Column, after: Mapping[str, Any], counts: Counts
) -> Mapping[str, Any] | None:
    """One batch; returns where the next one starts, None when this was the last."""
    mark = sealer.seal(b"", place=column.place)[:MARK]
    async with db.snapshot() as tx:
        rows = await tx.all(column.query, **after, mark=mark, limit=column.batch)
    fresh = []
    for row in rows:
        try:
            data = sealer.open(row["sealed"], place=column.place)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one value, the bridge must start
            counts.unreadable += 1
            log.warning("reseal.unreadable", column=column.place, **harmless(error))
            continue
        fresh.append({**_key(row, column), "sealed": row["sealed"], "fresh": sealer.seal(data, place=column.place)})
    if fresh:
        async with db.transaction() as tx:
            counts.resealed += await tx.run_many(f"{column.query}_set", fresh)
    return _key(rows[-1], column) if len(rows) == column.batch else None


def _key(row: Row, column: Column) -> Mapping[str, Any]:
    return {name: row[name] for name in column.start}
