"""The sections of the configuration, as typed and frozen models. config.yaml.example shows and explains every key."""

import base64
import binascii
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretBytes,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tchap_bridges.bridge import Destination
from tchap_bridges.core.policy import Shared
from tchap_bridges.fields import ListenTcp, LocalPath, PublicUrl, Section, ServerPlace, Url
from tchap_bridges.i18n import Language, _

_NEW_KEY = _("faites-en une : openssl rand -base64 32")


def _seal(value: Any) -> Any:
    """Base64 of exactly 32 bytes; the bytes are what is kept."""
    if not isinstance(value, str):
        return value
    try:
        key = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_("la clé n'est pas en base64"), _NEW_KEY) from None
    if len(key) != 32:
        raise ValueError(_("la clé a {n} octets au lieu de 32", n=len(key)), _NEW_KEY)
    return SecretBytes(key)


def _server_name(value: str) -> str:
    if not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", value):
        raise ValueError(
            _("« {value} » n'est pas un nom de serveur Matrix", value=value),
            _("écrivez ce qui suit « : » dans un identifiant, sans https://"),
        )
    return value


def _localpart(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9._=/+-]+", value):
        raise ValueError(
            _("« {value} » ne peut pas être un nom Matrix", value=value),
            _("minuscules sans accent, chiffres et . _ = - / + seulement, sans @ ni serveur"),
        )
    return value


def _people(value: str) -> str:
    """``*:server``, ``@jean:server``: the only wildcards are ``*`` and ``?``."""
    name, colon, server = value.partition(":")
    if not colon or not server or not (name.startswith("@") or name == "*") or re.search(r"[\s\[\]{}()|\\^$]", value):
        raise ValueError(
            _("« {value} » ne désigne pas d'utilisateurs", value=value),
            _("écrivez « *:serveur » ou « @nom:serveur » ; jokers : * et ?"),
        )
    return value


def _database(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url.startswith("sqlite:"):
        if re.fullmatch(r"sqlite:///.*[^/]", url):
            return value
        raise ValueError(
            _("ce n'est pas le chemin d'un fichier"),
            _("écrivez sqlite:///data/bridge.db (à côté de la configuration) ou sqlite:////var/lib/pont/bridge.db"),
        )
    parts = urlsplit(url)
    if parts.scheme in {"postgresql", "postgres"} and parts.path.strip("/"):
        return value
    raise ValueError(
        _("ce n'est pas une base que le pont connaît"),
        _("écrivez sqlite:///data/bridge.db ou postgresql://utilisateur:motdepasse@hôte/base"),
    )


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(
            _("« {value} » n'est pas un fuseau horaire", value=value),
            _("écrivez par exemple Europe/Paris ou Pacific/Tahiti"),
        ) from None
    return value


def _type(value: str) -> str:
    if not re.fullmatch(r"(\*|[a-z]+)/(\*|[\w.+-]+\*?)", value, re.ASCII):
        raise ValueError(
            _("« {value} » n'est pas un type de fichier", value=value),
            _("écrivez par exemple application/pdf ou image/*"),
        )
    return value


SealKey = Annotated[SecretBytes, BeforeValidator(_seal)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database)]
ServerName = Annotated[str, AfterValidator(_server_name)]
Localpart = Annotated[str, AfterValidator(_localpart)]
UserPattern = Annotated[str, AfterValidator(_people)]
TypePattern = Annotated[str, AfterValidator(_type)]
Capacity = Annotated[int, Field(ge=1, le=10_000_000)]


class Homeserver(Section):
    """``url`` is its client API; ``tchap`` says whether rooms follow Tchap's access rules."""

    url: Url
    server_name: ServerName
    tchap: bool = True


class Bot(Section):
    localpart: Localpart = "pont"
    name: Annotated[str, Field(min_length=1, max_length=255)] = "Pont Tchap"


class Appservice(Section):
    registration: LocalPath
    listen: ListenTcp
    bot: Bot = Bot()
    ghosts: Localpart = "pont_"

    @field_validator("ghosts")
    @classmethod
    def _unlike_the_bot(cls, ghosts: str, info: ValidationInfo) -> str:
        bot = info.data.get("bot", Bot()).localpart
        if bot.startswith(ghosts):
            raise ValueError(
                _("le bot « {bot} » commence par « {ghosts} », comme les fantômes", bot=bot, ghosts=ghosts),
                _("écrivez par exemple {bot}_", bot=bot),
            )
        return ghosts

    def exclusive(self) -> Iterable[tuple[str, str]]:
        yield "listen", str(self.listen)


class Storage(Section):
    """``old_keys`` open what was sealed before ``key`` was changed; contents go after ``content_days``.

    ``identity`` never changes: ghosts, the secrets of connections and all that is remembered by a hash come from it.
    """

    url: DatabaseUrl = SecretStr("sqlite:///data/bridge.db")
    key: SealKey
    identity: SealKey
    old_keys: tuple[SealKey, ...] = ()
    content_days: Annotated[int, Field(ge=0, le=3650)] = 30


class Policy(Section):
    users: tuple[UserPattern, ...] = Field(min_length=1)
    guests: tuple[UserPattern, ...] = ("*:agent.externe.tchap.gouv.fr",)
    destinations: tuple[Destination, ...] = (Destination.STATE,)
    restricted_rooms: bool = False
    local_rooms: bool = False
    agents_only: tuple[str, ...] = ()
    directory: Url | None = None
    shared: tuple[Shared, ...] = tuple(Shared)
    operator: Annotated[str, Field(max_length=200)] = ""


class Antivirus(Section):
    """Nothing is relayed before each antivirus named here has found it clean. ``seconds``: its longest silence.

    ``patience``: seconds for which a file waits for an antivirus that is away.
    """

    clamd: ServerPlace | None = None
    content_scanner: PublicUrl | None = None
    largest_mb: Annotated[int, Field(ge=1, le=4000)] = 100
    seconds: Annotated[float, Field(ge=1, le=3600)] = 60
    patience: Annotated[float, Field(ge=0, le=86_400)] = 300
    allowed: tuple[TypePattern, ...] = ()
    forbidden: tuple[TypePattern, ...] = ()

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if self.clamd is None and self.content_scanner is None:
            raise ValueError(
                _("aucun antivirus n'est nommé"),
                _("donnez clamd, content_scanner ou les deux ; ou retirez la section, et rien n'est contrôlé"),
            )
        return self


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Operate(Section):
    listen: ListenTcp | None = None
    log: Log = Log()

    def exclusive(self) -> Iterable[tuple[str, str]]:
        if self.listen is not None:
            yield "listen", str(self.listen)


class Web(Section):
    """Links to files, for networks that carry none: ``public_url`` leads, by way of a proxy, to ``listen``."""

    listen: ListenTcp
    public_url: PublicUrl
    links_days: Annotated[int, Field(ge=1, le=3650)] = 30

    def exclusive(self) -> Iterable[tuple[str, str]]:
        yield "listen", str(self.listen)


class Development(Section):
    """For whoever writes bots: ``bots`` is a folder whose files are loaded, and loaded anew when they change."""

    bots: LocalPath | None = None

    @field_validator("bots")
    @classmethod
    def _there(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_dir():
            raise ValueError(
                _("{path} n'est pas un dossier", path=folder), _("créez-le, ou corrigez le chemin ; null : aucun")
            )
        return folder


class Limits(Section):
    """Above ``inbox_high`` waiting items sources are slowed, until ``inbox_low``; ``sends`` go at once at most.

    ``webhooks``: deliveries that each takes in a minute.
    """

    inbox_high: Capacity = 10_000
    inbox_low: Capacity = 8_000
    sends: Annotated[int, Field(ge=1, le=16)] = 16
    webhooks: Capacity = 600

    @field_validator("inbox_low")
    @classmethod
    def _in_order(cls, low: int, info: ValidationInfo) -> int:
        high = info.data.get("inbox_high", low + 1)
        if low >= high:
            raise ValueError(
                _("inbox_low ({low}) n'est pas sous inbox_high ({high})", low=low, high=high),
                _("baissez-le, par exemple à {low}", low=max(1, high * 8 // 10)),
            )
        return low


class Root(Section):
    """The whole file; ``bridges`` and ``bots`` hold what their plugins' own models read."""

    language: Language = "fr"
    timezone: Annotated[str, AfterValidator(_zone)] = "Europe/Paris"
    homeserver: Homeserver
    appservice: Appservice
    storage: Storage
    policy: Policy
    antivirus: Antivirus | None = None
    operate: Operate = Operate()
    web: Web | None = None
    limits: Limits = Limits()
    development: Development = Development()
    bridges: dict[str, dict[str, Any]] = Field(default_factory=dict)
    bots: dict[str, dict[str, Any]] = Field(default_factory=dict)
