"""``tchap-bridges init``: asks, or takes flags, and writes a configuration and a registration with fresh secrets."""

import base64
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import typer
from pydantic import TypeAdapter, ValidationError

from tchap_bridges.cli.init_files import Answers, Mail, Secrets, config_text, registration_text
from tchap_bridges.config.models import DatabaseUrl, Localpart, ServerName
from tchap_bridges.fields import Domain, ListenTcp, Url, loopback
from tchap_bridges.i18n import Language, Translator, _

app = typer.Typer(rich_markup_mode="markdown")

MAIL = "Courriel"
DATABASE = "sqlite:///data/bridge.db"
YES, NO = frozenset({"o", "oui", "y", "yes"}), frozenset({"n", "non", "no"})
PASSWORD_VARIABLE = "TCHAP_BRIDGES_SMTP_PASSWORD"  # noqa: S105  a name


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DOSSIER", help="Où écrire ; créé s'il manque.")],
    homeserver: Annotated[str, typer.Option(help="L'API cliente du serveur Matrix, vue d'ici.")] = "",
    server_name: Annotated[str, typer.Option(help="Ce qui suit « : » dans les identifiants.")] = "",
    tchap: Annotated[
        bool | None, typer.Option("--tchap/--no-tchap", help="Ses salons suivent-ils les règles d'accès de Tchap ?")
    ] = None,
    listen: Annotated[str, typer.Option(help="Où le serveur Matrix nous appelle.")] = "127.0.0.1:29340",
    operate: Annotated[str, typer.Option(help="Où répondent /health et /metrics.")] = "127.0.0.1:29341",
    database: Annotated[str, typer.Option(help="L'URL de la base, SQLite ou PostgreSQL.")] = DATABASE,
    bot: Annotated[str, typer.Option(help="Le nom Matrix du bot, sans @ ni serveur.")] = "pont",
    mail_domain: Annotated[
        str, typer.Option(help="Le domaine de courriel du pont ; sans lui, pas de courriel.", rich_help_panel=MAIL)
    ] = "",
    smtp_in: Annotated[str, typer.Option(help="Où le pont reçoit en SMTP.", rich_help_panel=MAIL)] = "127.0.0.1:2525",
    smtp_host: Annotated[str, typer.Option(help="Le serveur d'envoi.", rich_help_panel=MAIL)] = "",
    smtp_port: Annotated[int, typer.Option(help="Son port ; 0 choisit selon la protection.", rich_help_panel=MAIL)] = 0,
    smtp_security: Annotated[
        Literal["auto", "none", "starttls", "tls"],
        typer.Option(help="auto : starttls, ou none vers cette machine.", rich_help_panel=MAIL),
    ] = "auto",
    smtp_user: Annotated[
        str,
        typer.Option(
            help=f"Son utilisateur ; mot de passe demandé, ou dans {PASSWORD_VARIABLE}.", rich_help_panel=MAIL
        ),
    ] = "",
    language: Annotated[Language, typer.Option(help="La langue du pont.")] = "fr",
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Ne rien demander : valeurs par défaut ; avec --tchap ou --no-tchap, et --server-name."
        ),
    ] = False,
) -> None:
    """Crée config.yaml et registration.yaml, avec des secrets neufs, lisibles de vous seul.

    Demande ce qui n'est pas donné en option. N'écrase jamais rien.

    Exemple : tchap-bridges init mon-pont --server-name agent.ministere.tchap.gouv.fr --mail-domain pont.ministere.fr
    """
    say = Translator(language)
    targets = (folder / "config.yaml", folder / "registration.yaml")
    for target in targets:
        if target.exists():
            raise _Exists(say(_("{file} existe déjà : choisissez un autre dossier, ou déplacez-le", file=target)))
    asking = _Asking(yes=yes, say=say)
    server_name = asking.text("--server-name", server_name, _("Nom du serveur Matrix (après « : »)"), "", ServerName)
    homeserver = asking.text("--homeserver", homeserver, _("Son API cliente"), "http://127.0.0.1:8008", Url)
    if tchap is None:
        tchap = asking.confirm(
            "--tchap / --no-tchap", _("Est-ce un serveur Tchap ?"), default=server_name.endswith(".tchap.gouv.fr")
        )
    if not yes and not mail_domain:
        mail_domain = asking.prompt(_("Domaine de courriel du pont (vide : pas de courriel)"), default="")
    mail = None
    if mail_domain:
        mail = _mail(asking, mail_domain, smtp_in, smtp_host, smtp_port, smtp_security, smtp_user)
    answers = Answers(
        language=language,
        homeserver=homeserver,
        server_name=server_name,
        tchap=tchap,
        listen=asking.checked("--listen", listen, ListenTcp).shown,
        operate=asking.checked("--operate", operate, ListenTcp).shown,
        database=asking.checked("--database", database, DatabaseUrl).get_secret_value(),
        bot=asking.checked("--bot", bot, Localpart),
        bot_name="Pont Tchap" if tchap else "Pont",
        ghosts=f"{bot}_",
        mail=mail,
    )
    fresh = Secrets(
        key=base64.b64encode(secrets.token_bytes(32)).decode(),
        identity=base64.b64encode(secrets.token_bytes(32)).decode(),
        as_token=secrets.token_hex(32),
        hs_token=secrets.token_hex(32),
        sender=f"{bot}-{secrets.token_hex(6)}",
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database == DATABASE:
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
    for target, text in zip(targets, (config_text(answers, fresh), registration_text(answers, fresh)), strict=True):
        _write(target, text)
    typer.echo(say(_next(folder, answers)))


def _mail(asking: "_Asking", domain: str, smtp_in: str, host: str, port: int, security: str, user: str) -> Mail:
    domain = asking.checked("--mail-domain", domain, Domain)
    host = asking.text("--smtp-host", host, _("Serveur d'envoi"), "127.0.0.1", str)
    if security == "auto":
        security = "none" if loopback(host) else "starttls"
    if not port:
        port = {"none": 25, "starttls": 587, "tls": 465}[security]
    if not asking.yes and not user:
        user = asking.prompt(_("Utilisateur du serveur d'envoi (vide : aucun)"), default="")
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if user and not password:
        if asking.yes:
            raise typer.BadParameter(
                asking.say(_("mettez son mot de passe dans {name}", name=PASSWORD_VARIABLE)), param_hint="--smtp-user"
            )
        password = asking.prompt(_("Son mot de passe"), hide_input=True)
    return Mail(
        domain=domain,
        smtp_host=host,
        smtp_port=port,
        smtp_security=security,
        smtp_in=asking.checked("--smtp-in", smtp_in, ListenTcp).shown,
        user=user,
        password=password,
    )


class _Exists(Exception):
    """Something is there that we would overwrite."""


class _Asking:
    """Asks for what was not given, and takes no answer that the configuration would refuse."""

    def __init__(self, *, yes: bool, say: Translator) -> None:
        self.yes = yes
        self.say = say

    def prompt(self, question: str, **options: Any) -> str:
        with self._terminal():
            return str(typer.prompt(self.say(question), **options))

    def confirm(self, options: str, question: str, *, default: bool) -> bool:
        """What decides how rooms are treated is never answered by a default that nobody saw."""
        if self.yes:
            raise typer.BadParameter(
                self.say(_("l'un des deux est à donner, puisque --yes ne demande rien")), param_hint=options
            )
        choice = self.say(_("O/n") if default else _("o/N"))
        while True:
            answer = self.prompt(f"{self.say(question)} [{choice}]", default="", show_default=False).strip().lower()
            if answer in {"", *YES, *NO}:
                return answer in YES if answer else default
            typer.echo(self.say(_("Répondez o ou n.")), err=True)

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        try:
            yield
        except typer.Abort:
            if sys.stdin.isatty():  # somebody was there, and wants to leave
                raise
            typer.echo(err=True)
            raise typer.BadParameter(
                self.say(
                    _(
                        "il n'y a pas de terminal pour répondre ; ajoutez --yes, "
                        "et donnez en options ce qui n'a pas de valeur par défaut"
                    )
                )
            ) from None

    def text(self, option: str, given: str, question: str, default: str, kind: Any) -> str:
        if given or self.yes:
            value = given or default
            if not value:
                raise typer.BadParameter(self.say(_("à donner, puisque --yes ne demande rien")), param_hint=option)
            return str(self.checked(option, value, kind))
        while True:
            value = self.prompt(question, default=default or None)
            try:
                return str(self.checked(option, value, kind))
            except typer.BadParameter as error:
                typer.echo(error.message, err=True)

    def checked(self, option: str, value: str, kind: Any) -> Any:
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            words = error.errors()[0].get("ctx", {}).get("error", ValueError(error.errors()[0]["msg"])).args
            raise typer.BadParameter(" — ".join(self.say(word) for word in words), param_hint=option) from None


def _write(target: Path, text: str) -> None:
    """Readable by nobody else from its first byte, and never over another file."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _next(folder: Path, answers: Answers) -> str:
    port = urlsplit(f"//{answers.listen}").port
    return _(
        """Écrits dans {folder} : config.yaml et registration.yaml, lisibles de vous seul.

À faire maintenant :
  1. Donner une copie de registration.yaml au serveur Matrix, qui doit pouvoir la lire et joindre le port {port} d'ici.
     Pour Synapse :
         sudo install -m 600 -o matrix-synapse {registration} /etc/matrix-synapse/tchap-bridges.yaml
     puis, dans homeserver.yaml :
         app_service_config_files:
           - /etc/matrix-synapse/tchap-bridges.yaml
     et redémarrez-le.
  2. Pour IRC ou Slack, compléter « bridges » dans config.yaml : docs/fr/irc.md, docs/fr/slack.md
  3. cd {folder} && tchap-bridges check
  4. tchap-bridges run
  5. Dans Tchap ou Element, inviter @{bot}:{server} dans un salon, et y écrire !aide""",
        folder=folder,
        registration=(folder / "registration.yaml").absolute(),
        port=port,
        bot=answers.bot,
        server=answers.server_name,
    )
