"""Beside a homeserver that answers at once: what the bridge itself can do, and what it weighs."""

import asyncio
import itertools
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.backstage import Backstage, backstage
from bench.figures import Figures
from bench.letters import Address, letters
from bench.procs import Costs
from bench.smtp import session
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Process, listens
from tchap_bridges.testing.world import BridgeProcess, Ports, configuration, registration_of, write_yaml

SERVER = "demo.tchap.localhost"


class StubWorld:
    """A stub homeserver, a bridge on a folder of its own, and its store."""

    def __init__(self, bridge: BridgeProcess, store: Backstage, lists: Sequence[Address], url: str) -> None:
        self.bridge, self.store, self.lists, self._url = bridge, store, lists, url

    async def stub(self, **query: str) -> dict[str, Any]:
        async with aiohttp.ClientSession() as http, http.get(f"{self._url}/stub", params=query) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def drain(self, each: int) -> tuple[float, Costs, Costs]:
        """Messages a second out of a full inbox, the CPU before and after."""
        mails = list(itertools.chain(*zip(*(letters(address, each) for address in self.lists), strict=True)))
        *most, last = mails
        await self.store.preload(most)
        await self.stub(reset="1")
        before = Costs.of(self.bridge.pid)
        async with session(self.bridge.ports.smtp) as smtp:
            await smtp.send(last)
        await self.emptied()
        after = Costs.of(self.bridge.pid)
        told = await self.stub()
        if told["count"] != len(mails):
            raise RuntimeError(f"{len(mails)} mails, {told['count']} messages")
        return (len(mails) - 1) / (told["last"] - told["first"]), before, after

    async def accept(self, sessions: int, each: int) -> float:
        """Mails accepted a second over so many sessions at once, while the bridge goes on with what it has."""
        batches = [list(letters(self.lists[n % len(self.lists)], each)) for n in range(sessions)]
        began = asyncio.Event()

        async def bring(batch: Sequence[Any]) -> None:
            async with session(self.bridge.ports.smtp) as smtp:
                await began.wait()
                for mail in batch:
                    await smtp.send(mail)

        tasks = [asyncio.create_task(bring(batch)) for batch in batches]
        await asyncio.sleep(0.2)
        began.set()
        start = time.perf_counter()
        await asyncio.gather(*tasks)
        rate = sessions * each / (time.perf_counter() - start)
        await self.emptied()
        return rate

    async def emptied(self) -> None:
        while await self.store.waiting():
            await asyncio.sleep(0.1)


@asynccontextmanager
async def stub_world(
    folder: Path,
    *,
    links: int,
    ghosts: int = 0,
    changes: Mapping[str, Any] | None = None,
    plugins: Path | None = None,
) -> AsyncIterator[StubWorld]:
    """The bridge has run before and is stopped; its store has so many links and ghosts.

    ``changes`` are laid over its configuration; ``plugins``: a folder of more that it can load.
    """
    ports, homeserver = Ports.free(), free_port()
    bridge_folder = folder / "bridge"
    write_yaml(bridge_folder / "registration.yaml", registration_of(SERVER, ports))
    async with await MailSink.start() as sink:
        url = f"http://127.0.0.1:{homeserver}"
        config = configuration(url, SERVER, ports, sink.port, "sqlite:///data/bridge.db")
        write_yaml(bridge_folder / "config.yaml", {**config, "bots": {}, **(changes or {})})
        if plugins is not None:
            shutil.copytree(plugins, bridge_folder, dirs_exist_ok=True)
            sys.path.append(str(plugins))  # whoever reads the configuration looks for them too
        stub = Process("stub", [sys.executable, "-m", "bench.stub", str(homeserver)], log=folder / "stub.log")
        bridge = BridgeProcess(bridge_folder, ports)
        try:
            await stub.ready(lambda: listens(homeserver), timeout=10)
            await bridge.start()  # once without links: a first start looks at the rules of every room that is linked
            await bridge.stop()
            async with backstage(bridge_folder) as store:
                lists = [store.address(f"!salon{n}:{SERVER}", f"liste{n}") for n in range(links)]
                await store.link(lists)
                if ghosts:
                    await store.ghosts(ghosts, [address.room for address in lists])
                yield StubWorld(bridge, store, lists, url)
        finally:
            await bridge.stop()
            await stub.kill()


async def measure_ceiling(folder: Path, figures: Figures, *, rounds: int, rooms: int, each: int) -> None:
    async with stub_world(folder, links=rooms) as world:
        await world.bridge.start()
        await world.drain(2)  # ghosts enter
        for _round in range(rounds):
            rate, before, after = await world.drain(each)
            figures.note("core.ceiling_per_s", rate)
            sent = each * rooms
            figures.note("core.ceiling_cpu_ms_main", (after.main.cpu - before.main.cpu) / sent * 1000)
            figures.note("core.ceiling_cpu_ms_worker", (after.workers.cpu - before.workers.cpu) / sent * 1000)
            figures.note("core.rss_mb_after_drain", after.main.rss + after.workers.rss)


async def measure_accept(folder: Path, figures: Figures, *, rounds: int, sessions: int, each: int) -> None:
    """The stub then takes as long for a send as a homeserver may."""
    async with stub_world(folder, links=4 * sessions) as world:
        await world.bridge.start()
        await world.accept(sessions, 4)
        await world.stub(delay="0.03")
        for _round in range(rounds):
            figures.note("core.smtp_accept_per_s", await world.accept(sessions, each))


async def measure_size(folder: Path, figures: Figures, *, rounds: int, links: int, ghosts: int) -> None:
    async with stub_world(folder, links=links, ghosts=ghosts) as world:
        os.sync()
        for _round in range(rounds):
            started = time.perf_counter()
            await world.bridge.start()
            figures.note("core.ready_s_10k_links", time.perf_counter() - started)
            await asyncio.sleep(1.5)
            costs = Costs.of(world.bridge.pid)
            figures.note("core.rss_mb_10k_links", costs.main.rss)
            figures.note("core.rss_mb_10k_links_worker", costs.workers.rss)
            await world.bridge.stop()
