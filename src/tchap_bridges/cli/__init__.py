"""The command line: names the commands, loads only the one that is called, and lets no traceback reach a user.

Each command is a module here with a typer ``app`` of its own; its one-line help stands in `COMMANDS`, so that
``--help`` loads none of them. Exit codes: 1 when something failed, 2 when the configuration or the words are wrong.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

# Whatever a command needs is loaded when it is called: --help answers at once.
# ruff: noqa: PLC0415

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init:app", "Crée config.yaml et registration.yaml, avec des secrets neufs."),
    "check": ("check:app", "Vérifie la configuration, le serveur Matrix, la base et chaque réseau."),
    "run": ("run:app", "Lance le pont."),
    "demo": ("demo:app", "Montre une liste, un canal IRC et un canal Slack vivre dans un salon d'essai."),
    "queue": ("queue:app", "Montre ce qui attend ou a échoué ; le relance ou l'abandonne."),
    "mail": ("mail:app", "Montre comment le pont lit un courriel."),
    "backup": ("backup:app", "Sauvegarde la base et la configuration, pont en marche."),
    "restore": ("backup:restoring", "Remet une sauvegarde en place, pont arrêté."),
    "keys": ("keys:app", "Sauvegarde, remet ou renouvelle les clés des salons chiffrés."),
    "bot": ("bot:app", "Fait un nouveau robot, ou montre ceux qui sont installés."),
    "plugins": ("plugins:app", "Liste les ponts et les robots installés."),
}

HELP = """Relie un salon Tchap ou Matrix à une liste de diffusion, un canal IRC, un canal Slack, ou aux trois.

Pour commencer :

    tchap-bridges init mon-pont           crée la configuration
    cd mon-pont && tchap-bridges check    dit ce qui manque, et quoi faire
    tchap-bridges run                     lance le pont

Puis, dans un salon : !aide
"""


class Commands(TyperGroup):
    """A group whose members are only names and help until one is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in COMMANDS.items():
            if find_spec(f"{__name__}.{target.partition(':')[0]}") is not None:
                self.commands[name] = TyperCommand(name, help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _named, rest = super().resolve_command(ctx, args)
        return name, _loaded(str(name)), rest


def _loaded(name: str) -> Any:
    module, _colon, attribute = COMMANDS[name][0].partition(":")
    command = typer.main.get_command(getattr(import_module(f"{__name__}.{module}"), attribute))
    command.name = name
    command.params = [each for each in command.params if each.name not in {"install_completion", "show_completion"}]
    return command


app = typer.Typer(cls=Commands, help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tchap-bridges {metadata.version('tchap-bridges')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="La version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Montre la trace complète d'une erreur.")] = False,
) -> None:
    """Options of every command. ``--debug`` is seen by `main`, wherever it stands on the line."""
    del version, debug


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given or bool(os.environ.get("TCHAP_BRIDGES_DEBUG"))
    words = [word for word in given if word != "--debug"]
    try:
        typer.main.get_command(app).main(args=words, prog_name="tchap-bridges")
    except Exception as error:
        if debug:
            raise
        from tchap_bridges.cli.failures import tell

        sys.exit(tell(error))
    sys.exit(0)
