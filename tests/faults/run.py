"""Breaks things and counts: ``python tests/faults/run.py [--only NAME] [--count N] [--kills N] [--short]``.

Prints a line as each scenario ends, then a table. Exit code 0 when nothing was lost, doubled or put out of order and
every scenario kept its other promises; 1 when not.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[2]))
    __package__ = "tests.faults"

from tests.faults.catalogue import SCENARIOS
from tests.faults.ground import Ground
from tests.faults.oracle import Verdict
from tests.faults.scenario import SHORT, Scale, Scenario

Result = tuple[Scenario, Verdict, float]


async def play(scenarios: Sequence[Scenario], scale: Scale, console: Console) -> list[Result]:
    results: list[Result] = []
    async with Ground.laid() as ground:
        for scenario in scenarios:
            console.print(f"[dim]… {scenario.name}: {scenario.summary}[/dim]")
            verdict, seconds = await scenario.run(ground, scale)
            mark = "[green]✓[/green]" if verdict.passed else "[red]✗[/red]"
            console.print(f"{mark} {scenario.name} ({seconds:.0f} s)", *verdict.notes, sep="\n    ")
            for wrong in verdict.wrong:
                console.print(f"    [red]{wrong}[/red]", highlight=False)
            if not verdict.passed:
                console.print(f"    log: {ground.keep_log(scenario.name)}", highlight=False)
            results.append((scenario, verdict, seconds))
    return results


def table(results: Sequence[Result]) -> Table:
    shown = Table(title="Faults", title_justify="left")
    shown.add_column("scenario")
    shown.add_column("points")
    for name in ("sent", "lost", "dup", "disorder", "retransmissions", "drained in s", "took s"):
        shown.add_column(name, justify="right")
    shown.add_column("verdict")
    for scenario, verdict, seconds in results:
        figures = (verdict.sent, verdict.lost, verdict.dup, verdict.disorder, verdict.again)
        shown.add_row(
            scenario.name,
            scenario.points,
            *map(str, figures),
            f"{verdict.seconds:.1f}",
            f"{seconds:.0f}",
            "[green]pass[/green]" if verdict.passed else "[red]FAIL[/red]",
        )
    return shown


def main() -> int:
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="every scenario with this in its name")
    parser.add_argument("--count", type=int, help="payloads per direction (1000)")
    parser.add_argument("--kills", type=int, help="kills of the bridge per direction (20)")
    parser.add_argument("--short", action="store_true", help=f"{SHORT.count} payloads and {SHORT.kills} kills")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="for the random points")
    given = parser.parse_args()
    chosen = [each for each in SCENARIOS if not given.only or any(part in each.name for part in given.only)]
    if not chosen:
        parser.error(f"no such scenario; there are {', '.join(names)}")
    usual = SHORT if given.short else Scale()
    scale = Scale(count=given.count or usual.count, kills=given.kills or usual.kills)
    random.seed(given.seed)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(f"{len(chosen)} scenarios, {scale.count} payloads, {scale.kills} kills, seed {given.seed}")
    results = asyncio.run(play(chosen, scale, console))
    console.print(table(results))
    total = sum((verdict for _scenario, verdict, _seconds in results), Verdict())
    failed = [scenario.name for scenario, verdict, _seconds in results if not verdict.passed]
    if failed:
        console.print(f"failed: {', '.join(failed)}")
    print(f"lost={total.lost} dup={total.dup} disorder={total.disorder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
