"""The whole story, on servers that are started for it and stopped after it."""

from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from tchap_bridges.cli.demo.mailing import Mailing
from tchap_bridges.cli.demo.stage import Stage, StepFailed
from tchap_bridges.cli.demo.stay import Stay
from tchap_bridges.testing.process import MissingServerError, ServerFailedError
from tchap_bridges.testing.world import World


async def play(folder: Path, console: Console, *, once: bool) -> int:
    """Tell it, step by step; returns the exit code."""
    console.print(Rule("[b]tchap-bridges : une liste de diffusion dans un salon"))
    stage = Stage(console)
    async with AsyncExitStack() as servers:
        try:
            starting = World.start(folder, template=_template())
            world = await servers.enter_async_context(
                await stage.step("Synapse et le pont démarrent", starting, "tous deux répondent")
            )
        except (MissingServerError, ServerFailedError) as error:
            console.print(Text(f"✗ {error}", style="red"))
            return 1
        try:
            camille = await stage.step("Un compte d'agent : Camille Martin", world.agent())
            mailing = Mailing(stage, world, camille)
            await mailing.tell()
        except (StepFailed, TimeoutError, AssertionError) as error:
            console.print(f"[red]✗ {type(error).__name__}[/red] {error}")
            console.print(Panel(world.bridge.log.read_text()[-2000:], title="journal du pont"))
            return 1
        console.print(f"\n[green]✓[/green] {stage.steps} étapes vérifiées en {stage.seconds:.0f} s.")
        if not once:
            await Stay(console, world, mailing).until_stopped()
    return 0


def _template() -> Path | None:
    """Where an empty Synapse database is kept from one run to the next, in a checkout."""
    root = Path(__file__).parents[4]
    return root / ".cache" / "synapse" if (root / "pyproject.toml").exists() else None
