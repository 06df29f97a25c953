"""``tchap-bridges keys``: identities and keys of encrypted rooms, kept safe, put back, made anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tchap_bridges.cli.options import DEFAULT, Config
from tchap_bridges.cli.store import Store, with_store
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _, ngettext

if TYPE_CHECKING:
    from tchap_bridges.matrix.crypto import archive

app = typer.Typer(
    help="Les identités et les clés des salons chiffrés : état, sauvegarde, reprise.", no_args_is_help=True
)

Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FICHIER", help="Où lire la phrase secrète ; demandée sans cela."),
]
SHORTEST = 12  # characters of a passphrase


@app.command()
def status(config: Config = DEFAULT) -> None:
    """Ce que le pont a d'appareils, d'identités et de clés, et combien de messages attendent la leur.

    Exemple : tchap-bridges keys status
    """

    async def work(store: Store) -> None:
        async with store.db.snapshot() as tx:
            counts = await tx.one("crypto_counts")
        assert counts is not None
        told: tuple[tuple[str, Phrase], ...] = (
            ("rooms", _("salons chiffrés où le pont a parlé")),
            ("devices", _("appareils du robot et des fantômes, avec leurs clés publiées")),
            ("identities", _("identités (ce qui signe ces appareils) : à sauvegarder")),
            ("sessions", _("sessions avec d'autres appareils")),
            ("read", _("clés pour lire ce qui est dit")),
            ("spoken", _("clés pour dire")),
            ("awaited", _("messages qui attendent leur clé")),
        )
        table = Table(box=None, show_header=False)
        for name, words in told:
            table.add_row(str(counts[name]), store.say(words))
        Console().print(table)

    with_store(config, work)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FICHIER", help="Le fichier à écrire ; il ne doit pas exister.")],
    config: Config = DEFAULT,
    passphrase_file: Passphrase = None,
) -> None:
    """Sauvegarde les identités et les clés de lecture, scellées par une phrase secrète. Le pont peut rester en marche.

    « backup » les contient aussi, scellées par storage.key : ce fichier-ci s'ouvre sans elle.

    Exemple : tchap-bridges keys export cles.json
    """
    from tchap_bridges.matrix.crypto import archive  # noqa: PLC0415

    async def work(store: Store) -> None:
        if target.exists():
            raise Misconfigured(_("le fichier existe déjà"), where=str(target), remedy=_("Choisissez un autre nom."))
        content, counts = await archive.export(store.db, store.sealer, _passphrase(store, passphrase_file, new=True))
        target.touch(mode=0o600)
        target.write_bytes(content)
        typer.echo(store.say(_("Écrit : {file}", file=target)))
        _tell(store, counts)

    with_store(config, work)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="FICHIER", help="Ce que « keys export » a écrit.")],
    config: Config = DEFAULT,
    passphrase_file: Passphrase = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remplacer les identités qui sont là et qui sont autres.")
    ] = False,
) -> None:
    """Remet des identités et des clés de lecture dans la base. Le pont doit être arrêté.

    Avec elles, un fantôme qui reçoit un nouvel appareil reste le même pour tous : personne n'a rien à accepter.

    Exemple : tchap-bridges keys import cles.json
    """
    from tchap_bridges.matrix.crypto import archive  # noqa: PLC0415

    async def work(store: Store) -> None:
        try:
            content = source.read_bytes()
        except OSError as error:
            raise Misconfigured(_("illisible : {why}", why=error.strerror or ""), where=str(source)) from error
        passphrase = _passphrase(store, passphrase_file, new=False)
        counts = await archive.bring_back(store.db, store.sealer, content, passphrase, overwrite=overwrite)
        _tell(store, counts)
        if counts.kept:
            typer.echo(
                store.say(
                    ngettext(
                        "{n} identité est déjà là, autre : elle est restée. Pour la remplacer : --overwrite",
                        "{n} identités sont déjà là, autres : elles sont restées. Pour les remplacer : --overwrite",
                        counts.kept,
                    )
                )
            )

    with_store(config, work)


@app.command()
def renew(
    user: Annotated[str, typer.Argument(metavar="@COMPTE:SERVEUR", help="Le robot, ou un fantôme.")],
    config: Config = DEFAULT,
) -> None:
    """Donne à un compte du pont un nouvel appareil et de nouvelles sessions, signés par son identité. Pont arrêté.

    Pour un fantôme que certains ne peuvent plus lire, ou un robot qui ne peut plus lire certains : ce qui ne se lit pas
    ne se lira pas mieux, mais ce qui suit se lira.

    Exemple : tchap-bridges keys renew @pont:agent.exemple.tchap.gouv.fr
    """

    async def work(store: Store) -> None:
        async with store.db.transaction() as tx:
            if await tx.one("crypto_account_get", mxid=user) is None:
                raise Misconfigured(
                    _("ce compte n'a pas d'appareil"), where=user, remedy=_("Écrivez-le en entier : @nom:serveur.")
                )
            for query in ("crypto_account_delete", "crypto_olm_forget", "crypto_outbound_forget"):
                await tx.run(query, mxid=user)
        typer.echo(store.say(_("✓ {user} aura un nouvel appareil dès qu'il servira.", user=user)))

    with_store(config, work)


def _passphrase(store: Store, file: Path | None, *, new: bool) -> str:
    """Raises Misconfigured for one that is too short to keep anything."""
    if file is not None:
        try:
            said = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(_("illisible"), where=str(file)) from error
    else:
        said = typer.prompt(store.say(_("Phrase secrète")), hide_input=True, confirmation_prompt=new)
    if new and len(said) < SHORTEST:
        raise Misconfigured(_("la phrase secrète est trop courte"), remedy=_("Au moins {n} caractères.", n=SHORTEST))
    return said


def _tell(store: Store, counts: "archive.Counts") -> None:
    say = store.say
    typer.echo(say(ngettext("{n} identité", "{n} identités", counts.identities)))
    typer.echo(say(ngettext("{n} clé de lecture", "{n} clés de lecture", counts.sessions)))
