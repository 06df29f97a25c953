"""``tchap-bridges mail show``: how the bridge reads a mail, for eyes or for scripts."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tchap_bridges import system

app = typer.Typer(no_args_is_help=True, help="Montre comment le pont lit un courriel.")

SHOWN = ("author", "date", "subject", "to", "cc", "list", "automatic", "bounce", "calendar", "problems", "error")


@app.callback()
def mail() -> None:
    """``show`` stays a word of its own, though it is the only one."""


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FICHIER…", help="Les courriels ; « - » est l'entrée.")],
    as_: Annotated[
        Literal["eml", "text", "html"],
        typer.Option("--as", help="Ce que contient le fichier : un courriel entier, ou un corps nu."),
    ] = "eml",
    json_: Annotated[bool, typer.Option("--json", help="Un objet JSON par ligne et par fichier, toujours.")] = False,
) -> None:
    """Montre l'auteur, le fil, le texte nouveau et ce qui en a été retiré, les pièces jointes.

    Code de sortie : 1 si un fichier n'a pas pu être lu ; les autres sont montrés.

    Exemple : tchap-bridges mail show message.eml
    """
    from tchap_bridge_email.show import show_text, unreadable  # noqa: PLC0415  --help needs no mail reader

    missed = False
    for file in files:
        try:
            raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError as error:
            found = unreadable(str(file), system.reason(error))
            missed = True
        else:
            found = show_text(raw, as_, str(file))
        if json_:
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        else:
            _print(found)
    raise typer.Exit(1 if missed else 0)


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415  scripts that ask for JSON do without
    from rich.panel import Panel  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    facts = Table(box=None, show_header=False, padding=(0, 1))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for key in SHOWN:
        if found.get(key):
            facts.add_row(key, Text(_words(found[key])))
    thread = [*found.get("references", ()), *found.get("in_reply_to", ())]
    if thread:
        facts.add_row("fil", Text("\n".join(dict.fromkeys(thread))))
    for part in found.get("attachments", ()):
        facts.add_row("fichier", Text(f"{part['filename']}  {part['mime']}, {part['size']} octets"))
    console.print(Panel(facts, title=Text(found["file"]), title_align="left"))
    if found.get("reply") is not None:
        console.print(Text(found["reply"]))
    for removed in found.get("removed", ()):
        console.print(Text(removed, style="dim"))


def _words(value: Any) -> str:
    if isinstance(value, dict):
        if set(value) == {"name", "address"}:
            return f"{value['name']} <{value['address']}>" if value["name"] else str(value["address"])
        return "  ".join(f"{key}: {_words(each)}" for key, each in value.items() if each)
    if isinstance(value, list):
        return ", ".join(_words(each) for each in value)
    return str(value)
