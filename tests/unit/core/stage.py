"""A stage for the core alone: a `homeserver` and a `network` that are Python objects, a real SQLite store between."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import Destination
from tchap_bridges.core import policy
from tchap_bridges.core.kernel import Edge, Kernel, Options
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ConnectionName
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

from .homeserver import ROOM, FakeHomeserver
from .network import Net, NetBridge, NetConfig
from .places import Shown

KEY = bytes(range(32))


class Counts:
    def __init__(self) -> None:
        self.counted: dict[tuple[str, str], int] = {}

    def count(self, what: str, where: str, n: int = 1) -> None:
        self.counted[what, where] = self.counted.get((what, where), 0) + n


class Stage:
    """One kernel running on a store, with one network called ``net`` (and others by name)."""

    def __init__(
        self,
        db: Database,
        nets: Mapping[str, Net],
        *,
        grace: float,
        bots: Mapping[str, Bot],
        options: Mapping[str, Any],
    ) -> None:
        self.db = db
        self.nets = nets
        self.net = nets["net"]
        self.meter = Counts()
        made: list[FakeHomeserver] = []

        def homeserver(edge: Edge) -> FakeHomeserver:
            made.append(FakeHomeserver(edge))
            return made[0]

        self.kernel = Kernel(
            db=db,
            sealer=Sealer([KEY]),
            key=KEY,
            homeserver=homeserver,
            bridges={
                ConnectionName(name): (NetBridge, NetConfig.model_construct(network=net, grace=grace))
                for name, net in nets.items()
            },
            bots=bots,
            options=Options(
                **{
                    "rules": policy.Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False),
                    "users": ["@*:test"],
                    "home": "Tchap",
                    "words": Translator("fr"),
                    **options,
                }
            ),
            meter=self.meter,
        )
        self.hs = made[0]
        self.hs.db = db
        self.count = 0

    @property
    def shown(self) -> Shown:
        return self.hs.shown

    async def event(self, kind: str, id: str | None = None, **data: Any) -> str:
        self.count += 1
        id = id or f"$u{self.count}"
        await self.kernel.inbox.take([(id, json.dumps({"kind": kind, **data}).encode())])
        return id

    async def say(self, text: str, **data: Any) -> str:
        return await self.event("message", text=text, **data)

    async def link(self, chat: str = "#c", *, net: str = "net", room: str = ROOM) -> None:
        """As a room admin does."""
        before = len(self.shown.log)
        word = "net" if net == "net" else net
        await self.say(f"!pont {word} {chat} via={net}", room=room)
        log = await self.shown.until(before + 1)
        assert "✓" in log[-1].text.plain, log[-1].text.plain
        self.shown.log.clear()

    async def calm(self) -> None:
        """Until nothing that has happened goes on any more. Whoever backs off tries again now."""
        quiet = 0
        async with asyncio.timeout(20):
            while quiet < 5:  # between two looks a row may be on its way from the store to its lane
                await asyncio.sleep(0.002)
                busy = self.kernel.inbox.waiting or self.kernel.lanes.active
                quiet = 0 if busy else quiet + 1
                for net in self.nets:
                    self.kernel.lanes.open(net)

    async def row(self, sql_name: str, **values: Any) -> Any:
        async with self.db.snapshot() as tx:
            return await tx.one(sql_name, **values)


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    nets: Sequence[str] = ("net",),
    grace: float = 0.0,
    linked: bool = True,
    bots: Mapping[str, Bot] | None = None,
    prepare: Callable[[Stage], None] = lambda _stage: None,
    url: str | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    db = await Database.open(url or f"sqlite:///{folder}/store.db")
    try:
        found = Stage(db, {name: Net() for name in nets}, grace=grace, bots=bots or {}, options=options)
        prepare(found)
        async with found.kernel.running():
            found.hs.edge.alive()
            for net in found.nets.values():
                async with asyncio.timeout(5):
                    await net.up.wait()
            if linked:
                await found.link()
            yield found
    finally:
        await db.close()
