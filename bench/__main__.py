"""`python -m bench`: measure all, or what ``--only`` names; print a table, write ``bench/results/latest.json``."""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench import beside_bare, beside_bots, beside_irc, beside_plain, beside_stub, beside_synapse
from bench.figures import RESULTS, Figures, show, write

PARTS = ("rates", "latency", "irc", "ceiling", "accept", "size", "hooks", "bots", "encryption")
TEMPLATE = Path(".cache/synapse")  # where the tests keep a blank homeserver too


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is measured."""

    rounds: int = 5
    one: int = 100
    each: int = 20
    pairs: int = 40
    rooms: int = 200
    drained: int = 10
    sessions: int = 8
    accepted: int = 150
    links: int = 10_000
    ghosts: int = 100_000
    lines: int = 600
    singles: int = 20
    posts: int = 300
    beside: int = 8
    sealed: int = 10


QUICK = Extent(
    rounds=1,
    one=10,
    each=3,
    pairs=4,
    rooms=20,
    drained=5,
    accepted=10,
    links=500,
    ghosts=2_000,
    lines=60,
    singles=4,
    posts=20,
    beside=2,
    sealed=3,
)


async def measure(parts: Sequence[str], extent: Extent, folder: Path, say: Console) -> Figures:
    """Everything that was asked for, one after the other."""
    figures = Figures()
    rounds = extent.rounds
    if {"rates", "latency"} & {*parts}:
        say.print("a real homeserver, and rooms …")
        warm = max(10, extent.one // 5)
        async with beside_synapse.stage(
            folder / "synapse", rooms=beside_synapse.ROOMS, warm=warm, template=TEMPLATE
        ) as on:
            if "rates" in parts:
                say.print("rates, raw and bridged in turns …")
                await beside_synapse.measure_rates(on, figures, rounds=rounds, one=extent.one, each=extent.each)
            if "latency" in parts:
                say.print("latency at rest, raw and bridged in turns …")
                await beside_synapse.measure_latency(on, figures, rounds=rounds, pairs=extent.pairs)
    if "irc" in parts:
        say.print("IRC, raw, ours and heisenbridge in turns …")
        async with beside_irc.stage(folder / "irc", template=TEMPLATE) as on_irc:
            await beside_irc.measure(on_irc, figures, rounds=rounds, lines=extent.lines, singles=extent.singles)
    if "ceiling" in parts:
        say.print("the ceiling, beside a stub …")
        await beside_stub.measure_ceiling(
            folder / "ceiling", figures, rounds=rounds, rooms=extent.rooms, each=extent.drained
        )
    if "accept" in parts:
        say.print("mails accepted …")
        await beside_stub.measure_accept(
            folder / "accept", figures, rounds=rounds, sessions=extent.sessions, each=extent.accepted
        )
    if "size" in parts:
        say.print("memory and time to ready …")
        await beside_stub.measure_size(
            folder / "size", figures, rounds=rounds, links=extent.links, ghosts=extent.ghosts
        )
    if "hooks" in parts:
        say.print("webhooks, bare and ours in turns …")
        async with beside_bare.stage(folder / "hooks") as on_bare:
            await beside_bare.measure(
                on_bare, figures, rounds=rounds, pairs=extent.posts, senders=16, each=extent.one // 2
            )
    if "bots" in parts:
        say.print("a bot alone, and beside bots that misbehave …")
        async with beside_bots.stage(folder / "bots", template=TEMPLATE) as on_bots:
            await beside_bots.measure(on_bots, figures, rounds=rounds, rooms=extent.beside)
    if "encryption" in parts:
        say.print("ghosts in a room of 41 devices, encrypted and plain in turns …")
        async with beside_plain.stage(folder / "encryption", template=TEMPLATE) as on_plain:
            await beside_plain.measure(on_plain, figures, rounds=rounds, ghosts=extent.sealed)
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything: to see that it works")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be repeated")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--output", type=Path, default=RESULTS / "latest.json")
    asked = parser.parse_args(arguments)
    extent = QUICK if asked.quick else Extent()
    if asked.rounds:
        extent = Extent(**{**_fields(extent), "rounds": asked.rounds})
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = asyncio.run(measure(asked.only or PARTS, extent, Path(folder), Console(stderr=True)))
    show(figures)
    write(figures, asked.output, {"quick": asked.quick, "load_before": load})


def _fields(extent: Extent) -> dict[str, int]:
    return {name: getattr(extent, name) for name in Extent.__dataclass_fields__}


if __name__ == "__main__":
    main()
