"""How long a well-behaved bot takes to answer, alone, and beside bots that misbehave: on a real homeserver, in turns.

Where it is alone no other bot is on in the room; elsewhere one more is, which hears every message, and waits for ever,
raises, or writes: a thousand messages in a round.
"""

import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figures
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World

MISBEHAVING = Path(__file__).parents[1] / "tests" / "vectors" / "bots" / "misbehaving"
GOOD = "sage"
BAD = ("dort", "rate", "bavard")


@dataclass
class Stage:
    """A world in which all of them are installed."""

    world: World
    agent: Client

    async def room(self, *bots: str) -> str:
        """In which these are on."""
        room = await self.world.room(self.agent)
        for bot in bots:
            await self.agent.send_text(room, f"!bot activer {bot}")
            await self.agent.wait_for_text(room, f"✓ {bot} est actif")
        return room

    async def ask(self, room: str, words: str) -> float:
        """Seconds until the good bot has answered."""
        began = time.perf_counter()
        await self.agent.send_text(room, f"ping {words}")
        await self.agent.wait_for(room, lambda e: e["content"].get("body") == f"pong {words}", timeout=60)
        return time.perf_counter() - began


@contextmanager
def installed() -> Iterator[None]:
    """As if these bots had been installed, for every process that is started meanwhile."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join((str(MISBEHAVING), *filter(None, (before,))))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@asynccontextmanager
async def stage(folder: Path, *, template: Path, bots: Sequence[str] = (GOOD, *BAD)) -> AsyncIterator[Stage]:
    with installed():
        changes = {"bots": {name: {} for name in bots}}
        async with await World.start(folder, template=template, changes=changes) as world:
            yield Stage(world, await world.agent("alba", "Alba"))


async def measure(on: Stage, figures: Figures, *, rounds: int, rooms: int) -> None:
    """In each round the cases take turns, so that a machine that is busy for a while is so for all.

    Three questions to a room: so long does the one that writes forty messages for each write without being stopped.
    """
    for n in range(rounds):
        times: dict[str, list[float]] = {name: [] for name in ("", *BAD)}
        places = {name: [await on.room(*filter(None, (GOOD, name))) for _ in range(rooms)] for name in times}
        for k in range(3 * rooms):
            for name, own in places.items():
                times[name].append(await on.ask(own[k % rooms], f"{name or 'seul'}-{n}-{k}"))
        alone = statistics.median(times[""])
        figures.note("bots.alone_ms", alone * 1000)
        for name in BAD:
            beside = statistics.median(times[name])
            figures.note(f"bots.ratio_{name}", beside / alone, ours=beside * 1000, raw=alone * 1000)
