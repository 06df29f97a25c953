"""``tchap-bridges plugins``: which bridges and bots are installed, and whether each can be loaded."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import Bridge
from tchap_bridges.errors import Misconfigured
from tchap_bridges.plugins import BRIDGES, Plugins

app = typer.Typer()


@app.command()
def plugins() -> None:
    """Liste les ponts et les robots installés, et dit si chacun peut servir.

    Un greffon s'installe avec pip, puis se nomme dans config.yaml sous « bridges: » ou « bots: ».

    Exemple : pip install 'tchap-bridges[email]' && tchap-bridges plugins
    """
    installed = Plugins()
    table = Table("genre", "nom", "paquet", "dans un salon", box=None, padding=(0, 2, 0, 0))
    for plugin in installed.installed():
        bridge = plugin.group == BRIDGES
        try:
            use = _bridge(installed.bridge(plugin.name)) if bridge else _bot(installed.bot(plugin.name))
        except Misconfigured as error:
            shown = Text(f"{error.reason} — {error.remedy}", style="red")
        else:
            shown = Text("\n".join(use) or "prêt")
        table.add_row("pont" if bridge else "robot", plugin.name, f"{plugin.distribution} {plugin.version}", shown)
    Console().print(table)


def _bridge(bridge: type[Bridge[Any]]) -> Iterator[str]:
    """What it shows to rooms; its docstrings are for those who write bridges."""
    return (f"{typed} — {what}" for typed, what in bridge.examples)


def _bot(bot: type[Bot]) -> Iterator[str]:
    """A bot's docstrings are what rooms are shown (`tchap_bridges.bot`)."""
    yield from (bot.__doc__ or "").strip().splitlines()[:1]
    yield from (f"!{command.words[0]} — {command.help}" for command in bot.commands)
