"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="TCHAP_BRIDGES_CONFIG", metavar="FICHIER", help="La configuration.", show_envvar=True
    ),
]
DEFAULT = Path("config.yaml")
