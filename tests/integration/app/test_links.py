"""Links to files, served by the whole program from a real homeserver's authenticated media."""

import asyncio
import random
import sqlite3
from contextlib import closing

import aiohttp
import asyncpg
import pytest

from tchap_bridges.bridge import Level
from tchap_bridges.cli import check_web
from tchap_bridges.config import Settings, load
from tchap_bridges.core import clock
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import Ticket, Tickets
from tchap_bridges.store.sealing import derive
from tchap_bridges.testing.world import World

from .conftest import link

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENT = """
SELECT copy.message, substr(copy.target, 6) FROM copy JOIN message ON message.id = copy.message
WHERE message.room = '{room}' AND copy.target LIKE 'link:%' AND copy.state = 1
"""


async def sent(settings: Settings, room: str) -> tuple[int, int] | None:
    """The message that left the room, and by which link: what a connection's link would be made of."""
    query = SENT.format(room=room)
    if settings.database.startswith("sqlite:"):
        with closing(sqlite3.connect(f"file:{settings.database.removeprefix('sqlite:///')}?mode=ro", uri=True)) as file:
            row = file.execute(query).fetchone()
    else:
        connection = await asyncpg.connect(settings.database)
        row = await connection.fetchrow(query)
        await connection.close()
    return (int(row[0]), int(row[1])) if row else None


async def test_a_file_of_a_room_is_served_until_it_is_withdrawn(world: World) -> None:
    settings = load(world.bridge.folder / "config.yaml")
    found = await check_web.web(settings, running=True)
    assert found.level is Level.OK, found
    assert settings.web is not None

    linked = await link(world, "sens=deux-sens")
    data = random.Random(7).randbytes(900_000)
    event = await linked.agent.send_file(linked.room, "plan d'étage.pdf", "application/pdf", data)
    async with asyncio.timeout(20):
        while (ids := await sent(settings, linked.room)) is None:
            await asyncio.sleep(0.2)
    message, through = ids
    tickets = Tickets(Secrets(derive(settings.storage.identity.get_secret_value(), "core")))
    token = tickets.write(Ticket(message, through, 1, clock.now() // 1000 + 3600))
    url = f"{settings.web.public_url}/f/{token}/plan.pdf"
    async with aiohttp.ClientSession() as people:
        async with people.get(url) as answer:
            assert (answer.status, await answer.read()) == (200, data)
            assert "plan%20d%27%C3%A9tage.pdf" in answer.headers["Content-Disposition"]
        await linked.agent.redact(linked.room, event)
        async with asyncio.timeout(20):
            while True:
                async with people.get(url) as answer:
                    if answer.status == 410:
                        break
                await asyncio.sleep(0.2)
