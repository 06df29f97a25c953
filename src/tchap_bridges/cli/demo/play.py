"""The whole story, on servers that are started for it and stopped after it."""

import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from tchap_bridges.cli.demo.hub import CHANNEL, Abroad, Hub
from tchap_bridges.cli.demo.mailing import Mailing
from tchap_bridges.cli.demo.stage import Stage, StepFailed
from tchap_bridges.cli.demo.stay import Stay
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.process import MissingServerError, ServerFailedError
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.world import World


async def play(folder: Path, console: Console, *, once: bool) -> int:
    """Tell it, step by step; returns the exit code."""
    console.print(Rule("[b]tchap-bridges : un salon, une liste de diffusion, IRC et Slack"))
    stage = Stage(console)
    async with AsyncExitStack() as servers:
        try:
            irc = _irc(console, servers)
            if irc is not None:
                await stage.step("Un vrai ngIRCd démarre", servers.enter_async_context(irc))
            slack = await servers.enter_async_context(Slack(name="Moyens"))
            starting = World.start(folder, template=template(), changes=_changes(irc, slack))
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
            abroad = Abroad(slack, irc, await _zoe(servers, irc))
            await Hub(stage, world, mailing, abroad).tell()
        except (StepFailed, TimeoutError, AssertionError) as error:
            console.print(f"[red]✗ {type(error).__name__}[/red] {error}")
            console.print(Panel(Text(world.bridge.log.read_text()[-2000:]), title="journal du pont"))
            return 1
        console.print(f"\n[green]✓[/green] {stage.steps} étapes vérifiées en {stage.seconds:.0f} s.")
        if not once:
            await Stay(console, world, mailing, abroad).until_stopped()
    return 0


def _irc(console: Console, servers: AsyncExitStack) -> Ngircd | None:
    """A real ngIRCd, which leaves root and so needs a folder that others may enter; None where it is not installed."""
    folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="tchap-bridges-irc-")))
    folder.chmod(0o755)
    try:
        return Ngircd(folder, name="irc.moyens.localhost")
    except MissingServerError:
        console.print("[yellow]·[/yellow] sans ngIRCd, IRC n'est pas montré (apt-get install ngircd)")
        return None


async def _zoe(servers: AsyncExitStack, irc: Ngircd | None) -> IrcClient | None:
    if irc is None:
        return None
    zoe = await servers.enter_async_context(await irc.client("zoe"))
    await zoe.join(CHANNEL)
    return zoe


def _changes(irc: Ngircd | None, slack: Slack) -> Mapping[str, Any]:
    """The configuration of the networks beside mail; Slack's is the one that the operator has to allow."""
    slack.workspace.add_channel(CHANNEL.lstrip("#"), slack.workspace.add_user("marc", real_name="Marc Petit"))
    bridges: dict[str, Any] = {
        "slack": {"bot_token": slack.bot_token, "app_token": slack.app_token, "api": slack.api_url}
    }
    if irc is not None:
        bridges["irc"] = {"host": irc.host, "port": irc.port, "security": "none", "nick": "pont"}
    return {"bridges": bridges, "policy": {"destinations": ["état", "hors-ue"]}}


def template() -> Path | None:
    """Where an empty Synapse database is kept from one run to the next, in a checkout."""
    root = Path(__file__).parents[4]
    return root / ".cache" / "synapse" if (root / "pyproject.toml").exists() else None
