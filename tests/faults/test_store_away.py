"""The core alone, when its store fails it in the middle of its work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tchap_bridges.store.database import Database
from tchap_bridges.store.errors import StoreUnavailable
from tests.unit.core.stage import stage


async def test_store_away_while_routing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every transaction of a second fails after something was kept: the core goes on, and routes it later."""
    async with stage(tmp_path) as play:
        transaction, away = Database.transaction, asyncio.Event()

        @asynccontextmanager
        async def failing(self: Database) -> AsyncIterator[object]:
            async with transaction(self) as tx:
                yield tx
                if away.is_set():
                    raise StoreUnavailable("disk full, on purpose")
            away.set()  # from now on nothing can be written

        monkeypatch.setattr(Database, "transaction", failing)
        await play.say("Bonjour")
        await asyncio.sleep(0.3)
        monkeypatch.setattr(Database, "transaction", transaction)
        await play.net.shown.until(1)
        assert play.net.shown.texts == ["Bonjour"]


async def test_unreadable_row_stops_nothing(tmp_path: Path) -> None:
    """A row whose very envelope is damaged: it is a dead letter, and what comes after it passes."""
    async with stage(tmp_path) as play:
        broken = play.kernel.pieces.seal_meta
        play.kernel.pieces.seal_meta = lambda key, meta: b"\0" + broken(key, meta)
        await play.say("perdu")
        play.kernel.pieces.seal_meta = broken
        await play.say("Bonjour")
        await play.net.shown.until(1)
        assert play.net.shown.texts == ["Bonjour"]
        async with play.db.snapshot() as tx:
            assert len(await tx.all("inbox_dead_list", limit=10)) == 1
