"""``tchap-bridges demo``: a mailing list, an IRC channel and a Slack channel live in one room, before one's eyes.

``play.py`` tells the story on a ``stage.py``: ``mailing.py`` (the list), then ``hub.py`` (all four networks);
``stay.py`` is what can be typed afterwards.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer()


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Montre tout, vérifie chaque étape, puis s'arrête.")] = False,
    robots: Annotated[
        bool, typer.Option("--robots", help="Montre les robots à l'œuvre : sondages de toute sorte, trente votants.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option("--write", help="Avec --robots : écrit ce qui s'est dit dans ce dossier de docs.")
    ] = None,
) -> None:
    """Montre une liste de diffusion, un canal IRC et un canal Slack vivre dans un salon, sans rien installer à la main.

    Un vrai Synapse, le pont, un agent, deux salons : l'un où les correspondants entrent, l'autre réglé comme sur
    Tchap, où le pont parle pour eux. Des courriels arrivent par SMTP, l'agent répond, le courriel qui part est montré ;
    puis le salon est relié à un vrai ngIRCd et à un faux Slack (le vrai ne peut pas tourner ici), et une conversation
    traverse les quatre.

    Exemples : tchap-bridges demo --once, tchap-bridges demo --robots
    """
    from tchap_bridges.cli.demo.play import play, template  # noqa: PLC0415  --help loads no server
    from tchap_bridges.cli.demo.robots import play_robots  # noqa: PLC0415

    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="tchap-bridges-demo-") as name:
        folder = Path(name)
        story = (
            play_robots(folder, console, template=template(), write=write)
            if robots
            else play(folder, console, once=once)
        )
        sys.exit(asyncio.run(story))
