"""Tables of a bot's own: read at once, written with the end of the call, of this room, and moved with it."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.bot import Bot
from tchap_bridges.errors import Misconfigured
from tchap_bridges.plugins import BOTS, Plugins
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

BOT = '''
from tchap_bridges.bot import Bot, Room, command


class Budget(Bot):
    """Tient les comptes."""

    name = "budget"

    @command("note")
    async def note(self, room: Room, words: str) -> str:
        """!note 12 café"""
        amount, _space, what = words.partition(" ")
        await room.db.run("spend", amount=int(amount), what=what)
        if what == "rate":
            raise RuntimeError("after the fact")
        return f"avant : {await room.db.value('total')}"

    @command("total")
    async def total(self, room: Room, words: str) -> str:
        """!total"""
        rows = await room.db.all("spent")
        first = await room.db.one("spent")
        return f"{await room.db.value('total')} {[row['what'] for row in rows]} {first and first['amount']}"

    @command("faux")
    async def wrong(self, room: Room, words: str) -> str:
        """!faux query key"""
        query, _space, key = words.partition(" ")
        await room.db.run(query, **{key: 1})
        return "dit"

    @command("double")
    async def twice(self, room: Room, words: str) -> str:
        """Deux fois la même chose."""
        for _n in range(2):
            await room.db.run("spend", amount=1, what="unique")
        return "dit"
'''
FIRST = """
CREATE TABLE bot_budget_spent (id {serial}, room TEXT NOT NULL, amount {bigint} NOT NULL, what TEXT NOT NULL) {strict};
CREATE UNIQUE INDEX bot_budget_once ON bot_budget_spent (room, what);
"""
QUERIES = """
-- name: spend
INSERT INTO bot_budget_spent (room, amount, what) VALUES (:room, :amount, :what)

-- name: spent
SELECT amount, what FROM bot_budget_spent WHERE room = :room ORDER BY id

-- name: total
SELECT coalesce(sum(amount), 0) AS total FROM bot_budget_spent WHERE room = :room

-- name: room_moved
UPDATE bot_budget_spent SET room = :new WHERE room = :old
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "tchap_bot_budget"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").write_text(BOT)
    (folder / "migrations" / "0001_first.sql").write_text(FIRST)
    (folder / "queries.sql").write_text(QUERIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    sys.modules.pop(folder.name, None)


@pytest.fixture
def bot(package: Path) -> type[Bot]:
    found: type[Bot] = importlib.import_module(package.name).Budget
    return found


@pytest_asyncio.fixture
async def bench(bot: type[Bot], tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(bot, folder=tmp_path) as bench:
        yield bench


@pytest_asyncio.fixture
async def room(bench: Bench, bot: type[Bot]) -> BenchRoom:
    return await bench.room(bot)


async def test_what_is_written_is_read_from_the_next_call_on(bench: Bench, bot: type[Bot], room: BenchRoom) -> None:
    assert await room.say(ADMIN, "!note 12 café") == "avant : 0"
    assert await room.say(ADMIN, "!note 3 thé") == "avant : 12"
    assert await room.say(ADMIN, "!total") == "15 ['café', 'thé'] 12"
    other = await bench.room(bot)
    assert await other.say(ADMIN, "!total") == "0 [] None"


async def test_a_call_that_raises_has_written_nothing(room: BenchRoom) -> None:
    assert "erreur interne du robot" in await room.say(ADMIN, "!note 12 rate")
    assert await room.say(ADMIN, "!total") == "0 [] None"


async def test_what_a_constraint_refuses_takes_the_call_along_and_no_other(room: BenchRoom) -> None:
    assert "dit" not in await room.say(ADMIN, "!double")
    assert await room.say(ADMIN, "!total") == "0 [] None"


@pytest.mark.parametrize("words", ["nosuch amount", "spend amount", "spend nosuch"])
async def test_a_query_that_is_called_wrongly_is_the_bot_s_own_error(room: BenchRoom, words: str) -> None:
    assert "erreur interne du robot budget" in await room.say(ADMIN, f"!faux {words}")


async def test_they_are_there_after_a_restart(bench: Bench, bot: type[Bot], tmp_path: Path) -> None:
    room = await bench.room(bot)
    await room.say(ADMIN, "!note 12 café")
    async with Bench(bot, folder=tmp_path) as later:
        assert await later.rejoin(room).say(ADMIN, "!total") == "12 ['café'] 12"


async def test_they_go_with_a_room_that_is_replaced(bench: Bench, room: BenchRoom) -> None:
    await room.say(ADMIN, "!note 12 café")
    new = await bench.room()
    async with bench.db.transaction() as tx:
        await bench.kernel.crew.hearing.move(tx, room.id, new.id)
    assert await new.say(ADMIN, "!total") == "12 ['café'] 12"


def test_faults_are_found_when_it_is_loaded(package: Path) -> None:
    info = package.parent / "budget-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: budget\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{BOTS}]\nbudget = tchap_bot_budget:Budget\n")
    assert Plugins().bot("budget").name == "budget"
    (package / "queries.sql").write_text("-- name: all\nSELECT * FROM kv\n")
    with pytest.raises(Misconfigured, match=r"robot budget, queries\.sql, all : « kv » doit s'appeler bot_budget_…"):
        Plugins().bot("budget")


async def test_the_one_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "vectors" / "guide"))
    bot: type[Bot] = importlib.import_module("tchap_bot_budget").BudgetBot
    try:
        async with Bench(bot) as bench:
            room = await bench.room(bot)
            assert await room.say(ADMIN, "!dépense 12 café") == "✓ café"
            assert await room.say(ADMIN, "!spend 3 thé") == "✓ thé"
            await bench.clock.forward(days=7)
            assert room.said[-1] == "Dépensé jusqu'au 30/11 : 15 €"
    finally:
        del sys.modules["tchap_bot_budget"]
