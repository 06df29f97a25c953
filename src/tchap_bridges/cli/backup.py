"""``tchap-bridges backup`` and ``restore``: one file that holds all that the bridge knows and needs."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from tchap_bridges.cli.failures import telling
from tchap_bridges.cli.options import DEFAULT, Config
from tchap_bridges.config import load, probe_storage
from tchap_bridges.i18n import Translator, _
from tchap_bridges.store.sqlite_file import path_of

app = typer.Typer()
restoring = typer.Typer()

CONFIG, REGISTRATION = "config.yaml", "registration.yaml"


@app.command()
def backup(
    target: Annotated[
        Path | None, typer.Argument(metavar="FICHIER", help="Le .tar ou .tar.gz à écrire ; daté du jour par défaut.")
    ] = None,
    config: Config = DEFAULT,
) -> None:
    """Sauvegarde la base, la configuration et l'enregistrement dans un seul fichier. Le pont peut rester en marche.

    Ce fichier contient la clé et les jetons : gardez-le comme un mot de passe.

    Exemple : tchap-bridges backup /var/backups/pont.tar.gz
    """
    from tchap_bridges.store.backup import backup as write  # noqa: PLC0415

    settings = load(config)
    probe_storage(settings, write=False)
    target = target or Path(f"tchap-bridges-{datetime.now(settings.timezone):%Y-%m-%d-%H%M%S}.tar.gz")
    extra = {CONFIG: settings.path, REGISTRATION: settings.appservice.registration}
    with telling(settings.language):
        asyncio.run(write(settings.database, target, extra=extra))
    say = Translator(settings.language)
    typer.echo(say(_("Écrit : {file} ({size} octets)", file=target, size=target.stat().st_size)))


@restoring.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FICHIER", help="Ce que « backup » a écrit.")],
    config: Config = DEFAULT,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remplacer la base qui est là.")] = False,
) -> None:
    """Remet la base d'une sauvegarde à la place que dit la configuration. Le pont doit être arrêté.

    Sans config.yaml (machine neuve), la tirer d'abord de la sauvegarde :
    tar -xf FICHIER --strip-components=1 extra/config.yaml extra/registration.yaml

    Exemple : tchap-bridges restore pont.tar.gz
    """
    from tchap_bridges.store.backup import restore as put_back  # noqa: PLC0415

    settings = load(config)
    probe_storage(settings, make=True)
    say = Translator(settings.language)
    with telling(settings.language):
        if not overwrite and asyncio.run(_occupied(settings.database)):
            raise _Occupied(
                _(
                    "Une base est déjà là ({where}) ; rien n'a été changé. Pour la remplacer par la sauvegarde, "
                    "arrêtez le pont, gardez-en une copie (« tchap-bridges backup »), puis relancez avec --overwrite",
                    where=_place(settings.database),
                )
            )
        manifest = asyncio.run(put_back(source, settings.database, overwrite=overwrite))
    when = f"{datetime.fromisoformat(manifest.created).astimezone(settings.timezone):%d/%m/%Y %H:%M}"
    typer.echo(say(_("Base du {when} remise en place. Lancez « tchap-bridges check », puis « run ».", when=when)))


class _Occupied(Exception):
    """A database is where the backup would go."""


def _place(url: str) -> str:
    """The file, or the name of the database on its server: never the URL, which may hold a password."""
    return str(path_of(url)) if url.startswith("sqlite:") else urlsplit(url).path.removeprefix("/")


async def _occupied(url: str) -> bool:
    from tchap_bridges.store.dump import check_free  # noqa: PLC0415
    from tchap_bridges.store.errors import BackupRefused  # noqa: PLC0415

    try:
        await check_free(url, overwrite=False)
    except BackupRefused:
        return True
    return False
