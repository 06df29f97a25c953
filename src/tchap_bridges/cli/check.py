"""``tchap-bridges check``: looks at everything the bridge needs, and says how to mend what is amiss."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.cli import check_local
from tchap_bridges.cli.check_antivirus import antivirus
from tchap_bridges.cli.check_web import web
from tchap_bridges.cli.failures import telling
from tchap_bridges.cli.options import DEFAULT, Config
from tchap_bridges.config import BridgeSettings, Settings, load
from tchap_bridges.i18n import Translator, _, ngettext
from tchap_bridges.matrix.diagnose import diagnose

app = typer.Typer(rich_markup_mode="markdown")

SIGNS = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.FAIL: ("✗", "red")}
PATIENCE = 60.0


@app.command()
def check(config: Config = DEFAULT) -> None:
    """Vérifie la configuration, puis tout ce que le pont doit joindre, et dit comment réparer.

    Ne change rien et n'envoie rien. Peut tourner à côté du pont. Code de sortie : 1 si quelque chose échoue, 2 si la
    configuration est fautive.

    Exemple : tchap-bridges check -c /etc/tchap-bridges/config.yaml
    """
    settings = load(config)
    say = Translator(settings.language)
    with telling(settings.language):
        groups = asyncio.run(look(settings, config))
    console = Console()
    console.print(_table(groups, say), soft_wrap=False)
    found = [finding.level for _title, findings in groups for finding in findings]
    fails, warns = found.count(Level.FAIL), found.count(Level.WARN)
    console.print(
        say(ngettext("{n} échec", "{n} échecs", fails)),
        say(ngettext("{n} avertissement", "{n} avertissements", warns)),
        sep=", ",
        end=".\n",
    )
    raise typer.Exit(1 if fails else 0)


Groups = Sequence[tuple[str, Sequence[Finding]]]


async def look(settings: Settings, config: Path) -> Groups:
    """Every finding, grouped: this machine, the homeserver, then each connection. The groups are asked side by side."""
    running = bool((await _told(settings, "/health/live")).get("live"))
    health = await _told(settings, "/health") if running else None
    local = [
        Finding(subject=str(config), level=Level.OK, detail=_("configuration valide")),
        *check_local.files(settings),
        *check_local.ports(settings, running=running),
        *check_local.labels(settings),
        *check_local.policy(settings),
        *check_local.bots(settings),
        await check_local.database(settings),
        *check_local.stopped(settings, health),
    ]
    if settings.web is not None:
        local.append(await web(settings, running=running))
    local += await antivirus(settings)
    async with asyncio.TaskGroup() as asking:
        matrix = asking.create_task(diagnose(settings))
        bridges = [(f"bridges.{name}", asking.create_task(_ask(setting))) for name, setting in settings.bridges.items()]
    return [
        (_("Cette machine"), local),
        (_("Serveur Matrix {name}", name=settings.homeserver.server_name), matrix.result()),
        *((title, task.result()) for title, task in bridges),
    ]


async def _ask(setting: BridgeSettings) -> Sequence[Finding]:
    """A plugin that breaks while it checks is a finding, and hides no other."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await setting.bridge.check(setting.config)
    except Exception as error:  # noqa: BLE001  a stranger's code
        return [
            Finding(
                subject=setting.bridge.name,
                level=Level.FAIL,
                detail=_(
                    "le contrôle n'a pas abouti ({kind} : {reason})",
                    kind=type(error).__name__,
                    reason=str(error) or "–",
                ),
                remedy=_("relancez-le ; s'il échoue encore, prévenez l'auteur du greffon"),
            )
        ]


async def _told(settings: Settings, page: str) -> Mapping[str, Any]:
    """What the bridge of this configuration says on its health page, empty when it does not: only it answers there."""
    if settings.operate.listen is None:
        return {}
    url = f"http://{settings.operate.listen.shown}{page}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session, session.get(url) as answer:
            found = await answer.json()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _table(groups: Groups, say: Translator) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(width=1)
    table.add_column(ratio=2, overflow="fold")
    table.add_column(ratio=5, overflow="fold")
    for title, findings in groups:
        table.add_row("", Text(say(title), style="bold"), "")
        for finding in findings:
            sign, style = SIGNS[finding.level]
            words = Text(say(finding.detail))
            if finding.remedy:
                words.append(f"\n→ {say(finding.remedy)}", style="bold" if finding.level is Level.FAIL else "")
            table.add_row(Text(sign, style=style), Text(say(finding.subject)), words)
    return table
