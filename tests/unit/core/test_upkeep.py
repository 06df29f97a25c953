"""Retention: what is final or undecided for too long is emptied by our own clock; what may still leave is kept."""

from typing import Any

import pytest

from tchap_bridges.core import clock, upkeep
from tchap_bridges.core.upkeep import DAY, Upkeep
from tchap_bridges.store.database import Database

DAYS = 30
HELD = 3
DEAD = 4


class Store:
    """Rows of any age."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = clock.now()
        self.count = 0

    async def arrival(self, days: float, state: int = 1) -> int:
        """A large mail that came so many days ago."""
        self.count += 1
        at = self.now - int(days * DAY)
        async with self.db.transaction() as tx:
            id_ = await tx.value(
                "inbox_add",
                source="email",
                key=str(self.count),
                kind="raw",
                received_at=at,
                meta=b"who",
                raw=b"one",
                pieces=2,
            )
            await tx.run("inbox_piece_add", inbox=id_, n=1, data=b"two")
            if state == 1:
                await tx.run("inbox_done", id=id_)
            elif state == HELD:
                await tx.run("inbox_hold", id=id_, what=f"held {id_}")
            elif state == DEAD:
                await tx.run("inbox_dead", id=id_, error="no mail at all")
        return int(id_)

    async def message(self, *, sent: float, inbox: int | None = None) -> int:
        async with self.db.transaction() as tx:
            return int(
                await tx.value(
                    "message_add",
                    room="!r",
                    origin="link:1",
                    kind="message",
                    author=None,
                    sent_at=self.now - int(sent * DAY),
                    inbox=inbox,
                    parent=None,
                    root=None,
                    late=0,
                    symbol=None,
                    body=b"body",
                )
            )

    async def outgoing(self, message: int, days: float, *, dead: bool = False) -> None:
        at = self.now - int(days * DAY)
        async with self.db.transaction() as tx:
            lane = await tx.one("lane_next", room="!r", target="!r", whom="")
            assert lane is not None
            place = {"lane": lane["id"], "seq": lane["last_seq"]}
            await tx.run(
                "outbox_add", **place, key=f"k{message}", message=message, action="send", created_at=at, due_at=at
            )
            if dead:
                await tx.run("outbox_dead", **place, error="refused")

    async def posted(self, n: int, days: float, state: int) -> None:
        """A delivery to a webhook; the last one is the hundred-and-tenth."""
        async with self.db.transaction() as tx:
            hook = {"id": "h", "room": "!r", "bot": "b", "handler": "came", "name": "n", "scheme": "path", "by": "@a:t"}
            if await tx.run("hook_add", **hook, at=1, secret=b"secret"):
                for _n in range(110):
                    await tx.run("hook_count", id="h", at=1)
            at = self.now - int(days * DAY)
            id_ = await tx.value("delivery_add", hook="h", n=n, key=str(n), at=at, size=1, content=b"content")
            await tx.run("delivery_end", id=id_, state=state, reason=b"why")

    async def deliveries(self) -> dict[int, bool]:
        """Those that are known, by number: whether what they held is still there."""
        async with self.db.snapshot() as tx:
            rows = [await tx.one("delivery_find", hook="h", n=n) for n in range(111)]
        return {row["n"]: row["content"] is not None for row in rows if row is not None}

    async def empty(self) -> None:
        await Upkeep(self.db, None, None, content_days=DAYS).empty()

    async def row(self, id_: int) -> dict[str, Any]:
        async with self.db.snapshot() as tx:
            row = await tx.one("inbox_get", id=id_)
            assert row is not None
            return {**row, "piece": await tx.value("inbox_piece", inbox=id_, n=1)}

    async def kept(self, id_: int) -> bool:
        """Whether the bytes of a row are there, all or nothing."""
        row = await self.row(id_)
        parts = {row["raw"] is None, row["meta"] is None, row["piece"] is None}
        assert len(parts) == 1, row
        return not parts.pop()

    async def body(self, id_: int) -> bytes | None:
        async with self.db.snapshot() as tx:
            row = await tx.one("message_get", id=id_)
        assert row is not None
        body: bytes | None = row["body"]
        return body

    async def dead(self) -> int:
        async with self.db.snapshot() as tx:
            return len(await tx.all("outbox_dead_list", limit=9)) + len(await tx.all("inbox_dead_list", limit=9))


@pytest.fixture
def store(db: Database) -> Store:
    return Store(db)


async def test_what_is_done_goes_with_its_time(store: Store) -> None:
    old, young = await store.arrival(31), await store.arrival(29)
    await store.empty()
    assert not await store.kept(old)
    assert await store.kept(young)


@pytest.mark.parametrize("state", [HELD, DEAD])
async def test_what_nobody_decided_goes_two_weeks_later(state: int, store: Store) -> None:
    old, young = await store.arrival(DAYS + 15, state), await store.arrival(DAYS + 13, state)
    await store.empty()
    assert not await store.kept(old)
    assert (await store.row(old))["state"] == 1
    assert await store.kept(young)
    assert (await store.row(young))["state"] == state


async def test_a_dead_letter_goes_two_weeks_later(store: Store) -> None:
    rows, bodies = [], []
    for days in (DAYS + 15, DAYS + 13):
        rows.append(await store.arrival(days))
        bodies.append(await store.message(sent=days, inbox=rows[-1]))
        await store.outgoing(bodies[-1], days, dead=True)
    await store.empty()
    assert [await store.body(body) for body in bodies] == [None, b"body"]
    assert [await store.kept(row) for row in rows] == [False, True]
    assert await store.dead() == 1


async def test_files_of_what_still_waits_are_kept(store: Store) -> None:
    row = await store.arrival(200)
    message = await store.message(sent=200, inbox=row)
    await store.outgoing(message, 200)
    await store.empty()
    assert await store.kept(row)
    assert await store.body(message) == b"body"


@pytest.mark.parametrize("sent", [-3650, 3650], ids=["dated ahead", "dated back"])
async def test_the_senders_clock_does_not_count(sent: int, store: Store) -> None:
    young = await store.message(sent=sent, inbox=await store.arrival(1))
    old = await store.message(sent=sent, inbox=await store.arrival(31))
    await store.empty()
    assert await store.body(young) == b"body"
    assert await store.body(old) is None


async def test_our_own_words_go_by_our_clock(store: Store) -> None:
    young, old = await store.message(sent=1), await store.message(sent=31)
    await store.empty()
    assert await store.body(young) == b"body"
    assert await store.body(old) is None


async def test_a_message_without_its_arrival_is_old(store: Store) -> None:
    message = await store.message(sent=-3650, inbox=await store.arrival(DAYS + 91))
    await store.empty()
    assert await store.body(message) is None
    await store.empty()  # the row of the inbox is forgotten
    later = await store.message(sent=-3650, inbox=12345)
    await store.empty()
    assert await store.body(later) is None


async def test_what_is_refused_leaves_nothing(store: Store) -> None:
    held, dead = await store.arrival(1, HELD), await store.arrival(1, DEAD)
    async with store.db.transaction() as tx:
        assert await tx.run("inbox_drop", what=f"held {held}") == 1
        assert await tx.run("inbox_discard", id=dead) == 1
        await tx.run("inbox_pieces_discard", id=dead)
    assert not await store.kept(dead)
    await store.empty()
    assert not await store.kept(held)


async def test_what_was_posted_goes_with_its_time_and_when_much_has_come_since(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, days, state in (
        (5, 1, 1),  # a hundred have come since
        (6, 1, 0),  # and the bot has not had it yet
        (11, 1, 1),
        (12, DAYS + 1, 2),  # old
        (13, DAYS + 1, 0),  # old, and waits for its bot
        (14, DAYS + 15, 0),  # for too long
        (15, DAYS + 8, 1),  # a repeat of it is not known any more
    ):
        await store.posted(n, days, state)
    await store.empty()
    assert await store.deliveries() == {5: False, 6: True, 11: True, 12: False, 13: True}
    await store.empty()
    assert await store.deliveries() == {5: False, 6: True, 11: True, 12: False, 13: True}
    monkeypatch.setattr(upkeep, "KNOWN", 110 - 11)
    await store.empty()
    assert await store.deliveries() == {6: True, 11: True, 12: False, 13: True}
