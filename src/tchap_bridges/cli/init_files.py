"""The two files that ``init`` writes, as text. Pure: answers and secrets in, YAML out."""

import json
import re
from dataclasses import dataclass

# The words of these comments are French whatever the language: the operator guide explains every key in both.

CONFIG = """\
# Configuration de tchap-bridges. Toutes les clés : config.yaml.example. À vérifier par « tchap-bridges check ».
# Ce fichier contient des secrets : lui seul et l'utilisateur du pont doivent pouvoir le lire.

language: {language}

homeserver:
  url: {homeserver}                # l'API cliente du serveur, vue d'ici
  server_name: {server_name}
  tchap: {tchap}                   # les salons suivent-ils les règles d'accès de Tchap ?

appservice:
  registration: registration.yaml  # le serveur Matrix doit charger le même fichier
  listen: {listen}                 # le serveur Matrix nous y appelle
  bot:
    localpart: {bot}
    name: {bot_name}
  ghosts: {ghosts}                 # préfixe des utilisateurs que le pont crée

storage:
  url: {database}                  # ou postgresql://utilisateur:motdepasse@hôte/base
  key: {key}                       # scelle les contenus : sans elle, une sauvegarde ne se lit plus
  identity: {identity}             # d'où viennent les noms des correspondants : ne jamais la changer
  content_days: 30

policy:
  users: [{users}]                 # qui peut inviter le bot et s'en servir
  destinations: [état]             # hors-ue est une décision à prendre et à écrire ici
  restricted_rooms: false

operate:
  listen: {operate}                # /health et /metrics

{bridges}
bots: {{}}
"""

EMAIL = """\
bridges:
  email:
    domain: {domain}
    address: {bot}                 # les courriels partent de {bot}@{domain_plain}
    listen:
      smtp: {smtp_in}              # le MX du domaine y relaie (docs/operate/postfix)
    submission:
      host: {smtp_host}
      port: {smtp_port}
      security: {smtp_security}
{login}    allowed_domains: []            # dont une liste se lie sans preuve : [listes.ministere.fr]
"""

LOGIN = """\
      user: {user}
      password: {password}
"""

NO_EMAIL = """\
bridges: {}                        # à remplacer : docs/fr/irc.md, docs/fr/slack.md ; courriel : init --mail-domain
"""

REGISTRATION = """\
# Enregistrement du pont auprès du serveur Matrix, qui doit charger ce fichier (Synapse : app_service_config_files).
id: tchap-bridges
url: {url}
as_token: {as_token}
hs_token: {hs_token}
sender_localpart: {sender}
rate_limited: false
receive_ephemeral: true
de.sorunome.msc2409.push_ephemeral: true
io.element.msc4190: true
namespaces:
  users:
    - exclusive: true
      regex: {bot_regex}
    - exclusive: true
      regex: {ghosts_regex}
  aliases: []
  rooms: []
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What is known of the mail side. ``password`` only with ``user``."""

    domain: str
    smtp_host: str
    smtp_port: int
    smtp_security: str
    smtp_in: str
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the operator decided; every value has been checked."""

    language: str
    homeserver: str
    server_name: str
    tchap: bool
    listen: str
    operate: str
    database: str
    bot: str
    bot_name: str
    ghosts: str
    mail: Mail | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Made anew for each pair of files."""

    key: str
    identity: str
    as_token: str
    hs_token: str
    sender: str


def config_text(answers: Answers, secrets: Secrets) -> str:
    return _aligned(
        CONFIG.format(
            language=answers.language,
            homeserver=_quoted(answers.homeserver),
            server_name=_quoted(answers.server_name),
            tchap=str(answers.tchap).lower(),
            listen=_quoted(answers.listen),
            bot=_quoted(answers.bot),
            bot_name=_quoted(answers.bot_name),
            ghosts=_quoted(answers.ghosts),
            key=_quoted(secrets.key),
            identity=_quoted(secrets.identity),
            users=_quoted(f"*:{answers.server_name}"),
            operate=_quoted(answers.operate),
            database=_quoted(answers.database),
            bridges=_bridges(answers),
        )
    )


def registration_text(answers: Answers, secrets: Secrets) -> str:
    server = re.escape(answers.server_name)
    return REGISTRATION.format(
        url=_quoted(f"http://{answers.listen}"),
        as_token=secrets.as_token,
        hs_token=secrets.hs_token,
        sender=secrets.sender,
        bot_regex=_quoted(f"@{re.escape(answers.bot)}:{server}"),
        ghosts_regex=_quoted(f"@{re.escape(answers.ghosts)}.*:{server}"),
    )


def _bridges(answers: Answers) -> str:
    mail = answers.mail
    if mail is None:
        return NO_EMAIL
    login = LOGIN.format(user=_quoted(mail.user), password=_quoted(mail.password)) if mail.user else ""
    return EMAIL.format(
        domain=_quoted(mail.domain),
        domain_plain=mail.domain,
        bot=_quoted(answers.bot),
        smtp_in=_quoted(mail.smtp_in),
        smtp_host=_quoted(mail.smtp_host),
        smtp_port=mail.smtp_port,
        smtp_security=mail.smtp_security,
        login=login,
    )


def _quoted(text: str) -> str:
    """Every JSON string is a YAML one; plain words need no quotes."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*|(?:https?|sqlite)://[\w.:/-]+", text)
    return text if plain and text.lower() not in {"true", "false", "null"} else json.dumps(text, ensure_ascii=False)


def _aligned(text: str) -> str:
    """Comments after a value start at one column."""
    lines = (re.fullmatch(r"(\s*[\w{-].*?)\s{2,}(# .*)", line) or line for line in text.splitlines())
    return "\n".join(line if isinstance(line, str) else f"{line[1]:<44}  {line[2]}" for line in lines) + "\n"
