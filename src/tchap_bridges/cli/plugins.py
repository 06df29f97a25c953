"""``tchap-bridges plugins``: which bridges and bots are installed, and whether each can be loaded."""

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    table = Table("genre", "nom", "paquet", "état", box=None, padding=(0, 2, 0, 0))
    for plugin in installed.installed():
        bridge = plugin.group == BRIDGES
        try:
            loaded = installed.bridge(plugin.name) if bridge else installed.bot(plugin.name)
        except Misconfigured as error:
            state = Text(f"{error.reason} — {error.remedy}", style="red")
        else:
            state = Text((loaded.__doc__ or "").strip().partition("\n")[0] or "prêt")
        table.add_row("pont" if bridge else "robot", plugin.name, f"{plugin.distribution} {plugin.version}", state)
    Console().print(table)
