"""``tchap-bridges bot``: a new bot to begin with, and what the installed ones answer."""

import re
import unicodedata
from collections.abc import Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tchap_bridges.bot import Bot
from tchap_bridges.cli.failures import telling
from tchap_bridges.core.bots import GUIDE
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.core.builtin import BUILTIN
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import LANGUAGES, Language, Phrase, Translator, _
from tchap_bridges.plugins import BOTS, Plugin, Plugins

app = typer.Typer(help="Écrire un robot, et voir ceux qui sont installés.", no_args_is_help=True)

NAME = re.compile(r"[a-z](?:[a-z0-9_-]{0,22}[a-z0-9])?")
_TEMPLATES = "new_bot"


@app.command()
def new(
    name: Annotated[
        str, typer.Argument(metavar="NOM", help="Ce qu'on tape : minuscules sans accent, chiffres, - et _.")
    ],
    into: Annotated[Path, typer.Option(metavar="DOSSIER", help="Où faire le dossier du robot.")] = Path(),
    language: Annotated[Language, typer.Option(help="Langue des commentaires ; le robot parle les deux.")] = "fr",
) -> None:
    """Fait un robot complet dans un dossier neuf : son code, ses réglages, ses essais, son paquet.

    Exemple : tchap-bridges bot new carnet
    """
    say = Translator(language)
    with telling(language):
        _may(name, say)
        folder = into / name
        if folder.exists():
            raise Misconfigured(
                _("{folder} existe déjà", folder=folder), remedy=_("donnez un autre nom, ou --into un autre dossier")
            )
        files = _files(name, language)
        folder.mkdir(parents=True)
        for path, text in files.items():
            (folder / path).write_text(text, "utf-8")
    typer.echo(say(_next(folder, name, files)))


@app.command("list")
def list_() -> None:
    """Montre les robots installés, leurs commandes, et les mots qui demandent le nom du robot devant.

    Exemple : tchap-bridges bot list
    """
    plugins, say = Plugins(), Translator()
    loaded: dict[str, tuple[Plugin, Bot]] = {}
    table = Table("robot", "paquet", "commandes", box=None, padding=(0, 2, 0, 0))
    for plugin in plugins.installed():
        if plugin.group != BOTS:
            continue
        try:
            loaded[plugin.name] = plugin, plugins.bot(plugin.name)()
        except Misconfigured as error:
            why = Text(f"{error.reason} — {error.remedy}", style="red")
            table.add_row(plugin.name, f"{plugin.distribution} {plugin.version}", why)
    bots = Bots({name: bot for name, (_plugin, bot) in loaded.items()}, BUILTIN)
    for name, (plugin, bot) in loaded.items():
        lines = [f"{bots.typed(name, command.words[0], bots)} — {say(command.help)}" for command in bot.commands]
        table.add_row(name, f"{plugin.distribution} {plugin.version}", Text("\n".join(lines)))
    console = Console()
    console.print(table)
    for phrase in bots.shared():
        console.print(Text(f"! {say(phrase)}", style="yellow"))


def _may(name: str, say: Translator) -> None:
    """Raises BadParameter for a name that is no name, and `Misconfigured` for one that somebody has."""
    if NAME.fullmatch(name) is None:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        better = re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")
        hint = say(_("par exemple {name}", name=better if NAME.fullmatch(better) else "carnet"))
        raise typer.BadParameter(
            say(_("minuscules sans accent, chiffres, - et _, une lettre d'abord ; {hint}", hint=hint)), param_hint="NOM"
        )
    taken = [one for one in Plugins().installed() if one.group == BOTS and one.name == name]
    if taken:
        reason = _("un robot « {name} » est installé ({package})", name=name, package=taken[0].distribution)
        raise Misconfigured(reason, remedy=_("donnez un autre nom"))
    if name in BUILTIN or name == GUIDE:
        raise Misconfigured(_("« {name} » est un mot du pont", name=name), remedy=_("donnez un autre nom"))
    if find_spec(_module(name)) is not None:
        reason = _("un module {module} est installé", module=_module(name))
        raise Misconfigured(reason, remedy=_("donnez un autre nom"))


def _module(name: str) -> str:
    return f"tchap_bot_{name.replace('-', '_')}"


def _files(name: str, language: Language) -> Mapping[str, str]:
    """What the folder holds, by file name."""
    module = _module(name)
    values = {
        "name": name,
        "module": module,
        "bot": "".join(part.capitalize() for part in re.split(r"[-_]", name)) + "Bot",
        "description": {"fr": f"Le robot {name} pour tchap-bridges", "en": f"The bot {name} for tchap-bridges"}[
            language
        ],
    }
    files = {
        "pyproject.toml": _read("pyproject.toml").substitute(values),
        f"{module}.py": _read(f"bot.{language}.py").substitute(values),
        f"test_{module.removeprefix('tchap_bot_')}.py": _read(f"test.{language}.py").substitute(values),
    }
    for one in LANGUAGES:
        page = "README.md" if one == language else f"README.{one}.md"
        other = f"README.{'en' if language == 'fr' else 'fr'}.md" if one == language else "README.md"
        link = {"fr": f"[In English]({other})", "en": f"[En français]({other})"}[one]
        files[page] = _read(f"README.{one}.md").substitute(values, other=link)
    return files


def _read(name: str) -> Template:
    return Template(resources.files(__package__).joinpath(_TEMPLATES, f"{name}.txt").read_text("utf-8"))


def _next(folder: Path, name: str, files: Mapping[str, str]) -> Phrase:
    code = next(file for file in files if file.startswith("tchap_bot_"))
    return _(
        """✓ {folder} : un robot complet, à changer à votre idée. Tout ce qu'il fait est dans {code}.

L'essayer :
    cd {folder}
    python -m pip install -e '.[test]'
    python -m pytest

L'offrir aux salons, dans config.yaml :
    bots:
      {name}: {{}}
puis, dans un salon : !bot activer {name}

Pendant que vous l'écrivez, un pont d'essai le recharge à chaque changement :
    development:
      bots: {path}""",
        folder=folder,
        code=code,
        name=name,
        path=folder.absolute(),
    )
