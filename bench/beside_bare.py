"""Beside a bare aiohttp handler: how soon a sender hears that its delivery is on disk."""

import asyncio
import hashlib
import hmac
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.beside_stub import SERVER, StubWorld, stub_world
from bench.figures import Figures, quantile
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Process, listens

BOT = Path("tests/faults/marks")  # says what is posted to it
HOOKS = 64  # a bot says so much in one room, and no more waits for it
REST = 0.05  # seconds before each, in which the bridge says what came last
_numbers = itertools.count(1)

Post = Callable[[aiohttp.ClientSession, int], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Stage:
    """Both listen; ``hooks`` are addresses and their secrets."""

    world: StubWorld
    hooks: list[tuple[str, str]]
    bare: str

    async def ours(self, http: aiohttp.ClientSession, n: int = 0) -> float:
        url, secret = self.hooks[n % len(self.hooks)]
        return await _post(http, url, secret)

    async def raw(self, http: aiohttp.ClientSession, n: int = 0) -> float:
        del n
        return await _post(http, self.bare, "secret")


async def _post(http: aiohttp.ClientSession, url: str, secret: str) -> float:
    """Seconds until the 202. An alert of a usual size, never the same twice."""
    number = next(_numbers)
    body = json.dumps({"id": number, "text": f"alerte {number}", "more": "détail " * 200}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
    began = time.perf_counter()
    async with http.post(url, data=body, headers=headers) as answer:
        await answer.read()
        if answer.status != 202:
            raise RuntimeError(f"a delivery was answered {answer.status}")
    return time.perf_counter() - began


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    port = free_port()
    changes = {"bots": {"marques": {}}, "limits": {"webhooks": 10_000_000}}
    async with stub_world(folder, links=0, changes=changes, plugins=BOT) as world:
        rooms = [f"!alertes{n}:{SERVER}" for n in range(HOOKS)]
        made = [await world.store.hook(room, "marques", "came") for room in rooms]
        hooks = [(f"http://127.0.0.1:{world.bridge.ports.web}/hook/{id_}", secret) for id_, secret in made]
        await world.bridge.start()
        bare = Process("bare", [sys.executable, "-m", "bench.bare", str(port)], log=folder / "bare.log")
        try:
            await bare.ready(lambda: listens(port), timeout=10)
            yield Stage(world, hooks, f"http://127.0.0.1:{port}/hook/x")
        finally:
            await bare.kill()


async def measure(on: Stage, figures: Figures, *, rounds: int, pairs: int, senders: int, each: int) -> None:
    async with aiohttp.ClientSession() as http:
        for _warm in range(20):
            await on.ours(http, _warm)
            await on.raw(http)
        for _round in range(rounds):
            ours, raw = [], []
            for n in range(pairs):
                await asyncio.sleep(REST)
                ours.append(await on.ours(http, n) * 1000)
                await asyncio.sleep(REST)
                raw.append(await on.raw(http) * 1000)
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                theirs, bare = quantile(ours, share), quantile(raw, share)
                figures.note(f"hooks.ratio_{name}", theirs / bare, ours=theirs, raw=bare)
            figures.note("hooks.accept_ms_p99", quantile(ours, 0.99))
            quick, bare = [await _rate(http, post, senders, each) for post in (on.ours, on.raw)]
            figures.note("hooks.accept_per_s", quick / bare, ours=quick, raw=bare)
            await on.world.emptied()


async def _rate(http: aiohttp.ClientSession, post: Post, senders: int, each: int) -> float:
    """Deliveries acknowledged a second, of so many senders at once."""

    async def send(first: int) -> None:
        for n in range(each):
            await post(http, first + n)

    began = time.perf_counter()
    await asyncio.gather(*(send(n) for n in range(senders)))
    return senders * each / (time.perf_counter() - began)
