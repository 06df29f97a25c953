"""``tchap-bridges run``: the bridge itself, in the foreground, until SIGTERM."""

import asyncio
import os
import time

import typer

from tchap_bridges.cli.options import DEFAULT, Config

app = typer.Typer()


@app.command()
def run(config: Config = DEFAULT) -> None:
    """Lance le pont et le garde en marche jusqu'à Ctrl-C ou SIGTERM.

    La configuration est vérifiée d'abord ; une erreur y est dite avec le fichier, la ligne et le remède (code 2).
    Rien de reçu ne se perd à l'arrêt, pas même à kill -9 : ce qui attend repart au lancement suivant.

    Exemple : tchap-bridges run -c /etc/tchap-bridges/config.yaml
    """
    from tchap_bridges import app as application  # noqa: PLC0415
    from tchap_bridges.cli.failures import telling  # noqa: PLC0415
    from tchap_bridges.config import load, probe_ports, probe_storage  # noqa: PLC0415
    from tchap_bridges.logs import set_up  # noqa: PLC0415

    settings = load(config)
    probe_ports(settings)
    probe_storage(settings, make=True)
    set_up(settings.operate.log.level, settings.operate.log.format)
    os.environ["TZ"] = settings.timezone.key  # for what bridges say of times; a server's own zone is mostly UTC
    time.tzset()
    with telling(settings.language):
        asyncio.run(application.run(settings))
