"""Of a secret vote no row of PostgreSQL tells whose it was, read with the key, before, while and after it is counted.

What PostgreSQL leaves on its pages and in its log besides rows is told in ADR 20.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import Bench
from tchap_bridges.testing.postgres import start_postgres
from tests.unit.polls.test_secret import ANA, BEGINS, ORDERS, opened, votes

PEOPLE = [f"@p{n:02}:exemple.fr" for n in range(len(ORDERS))]


async def dumped(url: str) -> AsyncIterator[tuple[str, str]]:
    """Each value of each table, opened where it is sealed, and the transaction that wrote its row."""
    db = await asyncpg.connect(url)
    try:
        for table in await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            for row in await db.fetch(f'SELECT xmin::text, * FROM "{table["tablename"]}"'):
                for value in list(row.values())[1:]:
                    sealed = isinstance(value, bytes) and value.startswith(BEGINS)
                    yield row["xmin"], " ".join(map(str, opened(value))) if sealed else str(value)
    finally:
        await db.close()


def begins(text: str, *how: str) -> bool:
    return text.removeprefix("b'").startswith(how)


@asynccontextmanager
async def nobody_writes(url: str, table: str) -> AsyncIterator[None]:
    """Meanwhile nothing is done about what arrives."""
    db = await asyncpg.connect(url)
    try:
        async with db.transaction():
            await db.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield
    finally:
        await db.close()


async def test_no_row_tells_who_voted_what() -> None:
    with start_postgres() as server:
        url = server.create_database()
        async with Bench(PollsBot, database=url) as bench:
            room = await bench.room(PollsBot)
            await room.say(ANA, "!sondage Qui ? A / B / C / D / E secret=oui type=classement")
            for who, order in zip(PEOPLE[:-1], ORDERS[:-1], strict=True):
                assert "✓" in await votes(bench, room, who, order)
            await room.say(PEOPLE[-1], "!voter")
            last = {"msgtype": "m.text", "body": ORDERS[-1]}
            async with nobody_writes(url, "message"):
                await bench.direct(PEOPLE[-1]).waits(PEOPLE[-1], "m.room.message", last)
                (before,) = [text async for _by, text in dumped(url) if ORDERS[-1] in text]
            assert PEOPLE[-1] in before, "as it came, and nobody has looked at it"
            await bench.settle()

            rows = [row async for row in dumped(url)]
            assert not [text for _by, text in rows if any(order in text for order in ORDERS)]
            ((counted, ballots),) = [row for row in rows if begins(row[1], '[["')]
            assert all(str(order.split()).replace("'", '"') in ballots for order in ORDERS)
            rolls = [text for by, text in rows if by == counted and begins(text, '["@p00:')]
            assert len(rolls) == 1
            assert all(who in rolls[0] for who in PEOPLE), "the last vote's transaction wrote all of the roll anew"

            await room.say(ANA, "!clore")
            assert not [text async for _by, text in dumped(url) if begins(text, '[["', '["@p00:')]
