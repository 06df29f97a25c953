"""The store is gone: nothing is acknowledged, and all goes on when it is back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tchap_bridges.testing.postgres import start_postgres

from .ground import Ground, Place
from .mailservers import code_of, mail_of
from .oracle import Ledger, Verdict
from .scenario import Scale
from .traffic import hand_in, talk, write

_ATTEMPTS = 3


async def disk_full(ground: Ground, scale: Scale) -> Verdict:
    """No room on the disk (SQLite): 5xx to the homeserver, 451 to mail servers, never a 2xx."""
    async with ground.running() as bridge:
        place = await ground.place()
        return await _without_store(ground, place, bridge.disk_full)


async def database_gone(ground: Ground, scale: Scale) -> Verdict:
    """The database server (PostgreSQL) is killed: 5xx to the homeserver, 451 to mail servers, never a 2xx."""
    with start_postgres() as server:

        @contextmanager
        def gone() -> Iterator[None]:
            server.kill()
            try:
                yield
            finally:
                server.start()

        async with Ground.laid(database=server.create_database()) as other, other.running():
            place = await other.place()
            return await _without_store(other, place, gone)


async def _without_store(ground: Ground, place: Place, gone: Callable[[], AbstractContextManager[None]]) -> Verdict:
    rooms, mails = Ledger(), Ledger()  # what is to be seen in the room, and in mails
    agent, *others = place.agents
    held = mails.new(place.name, "camille")
    event = ground.event(place, agent, {"msgtype": "m.text", "body": str(held)})
    refused = rooms.new(place.name, "marie")
    mail = mail_of(place, refused)
    codes, statuses = [], []
    async with asyncio.TaskGroup() as group:
        group.create_task(write(ground, rooms, place, "jean", 20, pause=0.1))
        for other in others:
            group.create_task(talk(mails, place, other, 10, pause=0.2))
        await asyncio.sleep(0.5)
        with gone():
            for _attempt in range(_ATTEMPTS):
                statuses.append(await ground.transaction("94000", [event]))
                codes.append(await asyncio.to_thread(code_of, ground, place, mail))
                await asyncio.sleep(1)
    while await ground.transaction("94000", [event]) != 200:
        await asyncio.sleep(0.2)
    mails.acknowledge(held)
    await hand_in(ground, mail, place)
    rooms.acknowledge(refused)
    verdict = await ground.judge(rooms, [place], ground.seen_in_rooms)
    verdict += await ground.judge(mails, [place], ground.seen_in_mails)
    verdict.notes.append(f"the homeserver was told {statuses}, the mail server {codes}")
    if not all(500 <= status < 600 for status in statuses):
        verdict.wrong.append(f"the homeserver was told {statuses}")
    if set(codes) != {451}:
        verdict.wrong.append(f"the mail server was told {codes}")
    return verdict
