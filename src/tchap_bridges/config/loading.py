"""From files to `Settings`, or to every problem at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import Bridge
from tchap_bridges.config import claims, places
from tchap_bridges.config.document import Document, read_document
from tchap_bridges.config.models import (
    Antivirus,
    Appservice,
    Development,
    Homeserver,
    Limits,
    Operate,
    Policy,
    Root,
    Storage,
    Web,
)
from tchap_bridges.config.problems import ConfigError, KeyPath, Problem, explain
from tchap_bridges.config.registration import Registration, agree
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Language, _
from tchap_bridges.ids import ConnectionName
from tchap_bridges.plugins import BOTS, Plugins

ModelT = TypeVar("ModelT", bound=BaseModel)

OURS = frozenset({"matrix", "desk", "review", "core"})
"""Sources, pools and origins of the core's own: a connection of that name would be taken for them."""


class BridgeSettings(NamedTuple):
    """A connection: the plugin's class, and its section read by its own model."""

    bridge: type[Bridge[Any]]
    config: BaseModel


class BotSettings(NamedTuple):
    """A bot, with its section when its class has a ``Config`` model. ``version``: that of its distribution."""

    bot: type[Bot]
    config: BaseModel | None
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that holds together. Secrets in it print as stars."""

    path: Path
    language: Language
    timezone: ZoneInfo
    homeserver: Homeserver
    appservice: Appservice
    registration: Registration
    storage: Storage
    policy: Policy
    antivirus: Antivirus | None
    operate: Operate
    web: Web | None
    limits: Limits
    development: Development
    bridges: Mapping[ConnectionName, BridgeSettings]
    bots: Mapping[str, BotSettings]
    document: Document = field(repr=False)

    @property
    def database(self) -> str:
        """The URL of the store, a relative SQLite path made absolute. Holds a password: never print it."""
        url = self.storage.url.get_secret_value()
        path = url.removeprefix("sqlite:///")
        if path == url or path.startswith("/"):  # urlunsplit would not give back what it was given
            return url
        return f"sqlite:///{quote(str((self.path.parent / unquote(path)).resolve()))}"

    @property
    def marks(self) -> Path:
        """What the names of files begin with that lie beside the store, or, where that is a server, where we run."""
        if self.database.startswith("sqlite:"):
            return Path(unquote(self.database.removeprefix("sqlite:///")))
        return Path.cwd() / self.registration.id

    @property
    def bot(self) -> str:
        """The bot's Matrix user id."""
        return f"@{self.appservice.bot.localpart}:{self.homeserver.server_name}"

    @property
    def sections(self) -> claims.Sections:
        return _sections(self.appservice, self.operate, self.web, self.bridges)


def load(path: Path, plugins: Plugins | None = None) -> Settings:
    """Read the configuration, the registration it names and the plugins' sections. Raises `ConfigError`."""
    return _Loading(path, plugins or Plugins()).settings()


def probe_ports(settings: Settings) -> None:
    """Raises `ConfigError` when a listening address is taken on this machine: for `run`, before anything starts."""
    problems = tuple(claims.taken(settings.sections, settings.document))
    if problems:
        raise ConfigError(problems, settings.language)


def probe_storage(settings: Settings, *, make: bool = False, write: bool = True) -> None:
    """Raises `ConfigError` when the database cannot be where ``storage.url`` says: for whatever opens it.

    ``make`` its folder when that is not there; without ``write`` it is only read.
    """
    folder: places.Lacking = "make" if make else "refuse"
    problems = tuple(places.unusable(settings.database, settings.document, folder, write=write))
    if problems:
        raise ConfigError(problems, settings.language)


def _sections(
    appservice: Appservice | None,
    operate: Operate | None,
    web: Web | None,
    bridges: Mapping[ConnectionName, BridgeSettings],
) -> claims.Sections:
    return (
        (("appservice",), appservice),
        (("operate",), operate),
        (("web",), web),
        *((("bridges", name), setting.config) for name, setting in bridges.items()),
    )


class _Loading:
    """One reading of one file. Goes as far as it can, so that one run tells all there is to mend."""

    def __init__(self, path: Path, plugins: Plugins) -> None:
        self._path = path
        self._plugins = plugins
        self._config = read_document(path)
        self._problems: dict[tuple[str, str, int], Problem] = {}

    def settings(self) -> Settings:
        config = self._config
        self._note(config.problems)
        if config.data is None:
            raise ConfigError(config.problems)
        root = self._validate(Root, config.data, (), config)
        bridges = dict(self._bridges())
        bots = dict(self._bots())
        appservice, homeserver = self._section(root, Appservice), self._section(root, Homeserver)
        registration = self._registration(appservice, homeserver)
        web = self._section(root, Web)
        self._note(claims.doubles(_sections(appservice, self._section(root, Operate), web, bridges), config))
        self._note(self._links_outlive(web, self._section(root, Storage)))
        if self._problems or root is None or registration is None:
            found = sorted(self._problems.values(), key=lambda each: (each.file != config.name, each.line))
            raise ConfigError(found, "en" if self._top("language") == "en" else "fr")
        return Settings(
            path=self._path.absolute(),
            language=root.language,
            timezone=ZoneInfo(root.timezone),
            homeserver=root.homeserver,
            appservice=root.appservice,
            registration=registration,
            storage=root.storage,
            policy=root.policy,
            antivirus=root.antivirus,
            operate=root.operate,
            web=root.web,
            limits=root.limits,
            development=root.development,
            bridges=bridges,
            bots=bots,
            document=config,
        )

    def _note(self, problems: Iterator[Problem] | tuple[Problem, ...]) -> None:
        """Keep the first thing said of a key: what follows from it would only hide it."""
        for problem in problems:
            self._problems.setdefault((problem.file, problem.key, 0 if problem.key else problem.line), problem)

    def _validate(self, model: type[ModelT], data: Any, path: KeyPath, document: Document) -> ModelT | None:
        try:
            return model.model_validate(data, context={"folder": document.path.absolute().parent})
        except ValidationError as error:
            details = error.errors(include_url=False)
            for detail in details:
                if detail["type"] == "too_short" and any(other["loc"][:-1] == detail["loc"] for other in details):
                    continue  # it is short only for the items that were refused
                what, remedy = explain(detail, model)
                problem = document.problem((*path, *detail["loc"]), what, remedy)
                if not any(other.key.startswith(f"{problem.key}.") for other in document.problems):
                    self._note((problem,))  # a section that lacks what the document could not give is not told again
            return None

    def _links_outlive(self, web: Web | None, storage: Storage | None) -> Iterator[Problem]:
        """A link that promises more days than the content has would be a lie."""
        if web is not None and storage is not None and web.links_days > storage.content_days:
            yield self._config.problem(
                ("web", "links_days"),
                _(
                    "des liens de {days} jours mèneraient à des contenus effacés après {kept}",
                    days=web.links_days,
                    kept=storage.content_days,
                ),
                _(
                    "écrivez links_days: {days}, ou gardez les contenus plus longtemps (storage.content_days)",
                    days=max(1, storage.content_days),
                ),
            )

    def _section(self, root: Root | None, model: type[ModelT]) -> ModelT | None:
        """A top section, also when another one is broken: its problems are known already and not told twice."""
        key = model.__name__.lower()
        if root is not None:
            found: ModelT = getattr(root, key)
            return found
        data = self._top(key)
        return self._validate(model, data, (key,), self._config) if isinstance(data, dict) else None

    def _top(self, key: str) -> Any:
        return self._config.data.get(key) if isinstance(self._config.data, dict) else None

    def _named(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        group = self._top(key)
        if not isinstance(group, dict):
            return
        for name, section in group.items():
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
                self._note(
                    (
                        self._config.problem(
                            (key, name),
                            _("« {name} » ne peut pas être un nom", name=name),
                            _("minuscules, chiffres et tirets, une lettre d'abord"),
                        ),
                    )
                )
            elif isinstance(section, dict):
                yield name, section

    def _bridges(self) -> Iterator[tuple[ConnectionName, BridgeSettings]]:
        for name, section in self._named("bridges"):
            if name in OURS:
                what = _("« {name} » est un nom que le pont emploie lui-même", name=name)
                remedy = _(
                    "donnez un autre nom à cette connexion, et le greffon sous « bridge: {plugin} »",
                    plugin=section.get("bridge", name),
                )
                self._note((self._config.problem(("bridges", name), what, remedy),))
                continue
            plugin = section.get("bridge", name)
            here: KeyPath = ("bridges", name, "bridge") if "bridge" in section else ("bridges", name)
            try:
                bridge = self._plugins.bridge(str(plugin))
            except Misconfigured as error:
                self._note((self._config.problem(here, error.reason, error.remedy),))
                continue
            own = {key: value for key, value in section.items() if key != "bridge"}
            config = self._validate(bridge.Config, own, ("bridges", name), self._config)
            if config is not None:
                yield ConnectionName(name), BridgeSettings(bridge, config)

    def _bots(self) -> Iterator[tuple[str, BotSettings]]:
        for name, section in self._named("bots"):
            try:
                bot = self._plugins.bot(name)
            except Misconfigured as error:
                self._note((self._config.problem(("bots", name), error.reason, error.remedy),))
                continue
            version = self._plugins.version(BOTS, name)
            model: type[BaseModel] | None = getattr(bot, "Config", None)
            if model is not None:
                config = self._validate(model, section, ("bots", name), self._config)
                if config is not None:
                    yield name, BotSettings(bot, config, version)
                continue
            for key in section:
                what = _("clé inconnue : ce robot n'a pas de réglage")
                self._note((self._config.problem(("bots", name, key), what, _("retirez-la")),))
            yield name, BotSettings(bot, None, version)

    def _registration(self, appservice: Appservice | None, homeserver: Homeserver | None) -> Registration | None:
        if appservice is None:
            return None
        path = appservice.registration
        if not path.is_file():
            what = _("le fichier d'enregistrement {path} n'existe pas", path=path.name)
            remedy = _("créez-le avec « tchap-bridges init », ou corrigez le chemin")
            self._note((self._config.problem(("appservice", "registration"), what, remedy),))
            return None
        folder = self._path.absolute().parent
        name = str(self._path.parent / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
        file = read_document(path, name)
        self._note(file.problems)
        if file.data is None:
            return None
        registration = self._validate(Registration, file.data, (), file)
        if registration is not None and homeserver is not None:
            self._note(agree(registration, file, appservice, homeserver.server_name, self._config))
        return registration
