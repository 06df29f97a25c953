"""What configuration models are made of, ours and a plugin's alike.

A plugin's ``Config`` inherits `Section`, so that a key it does not know is refused, and says what is wrong with
``raise ValueError(what, remedy)``: two phrases, which the loader prints with the file, the line and the key.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from tchap_bridges.i18n import _


class Section(BaseModel):
    """A mapping of the configuration: frozen, and every key known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


@runtime_checkable
class Exclusive(Protocol):
    """A ``Config`` that uses things nobody else may use.

    Yields (key path, resource): ``("mailboxes.0.address", "mailbox:liste@exemple.fr")``. One resource claimed twice,
    wherever in the file, is refused at the second key. ``str(Endpoint)`` is the resource of a listening address.
    """

    def exclusive(self) -> Iterable[tuple[str, str]]: ...


class Endpoint(NamedTuple):
    """Where to listen: an address and port, or a socket file (then ``port`` is 0 and ``host`` its path)."""

    host: str
    port: int

    @property
    def unix(self) -> bool:
        return self.port == 0

    def __str__(self) -> str:
        if self.unix:
            return f"unix:{self.host}"
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"

    @property
    def shown(self) -> str:
        """As it is written in the configuration."""
        return str(self).removeprefix("tcp:")

    def overlaps(self, other: "Endpoint") -> bool:
        """Whether both cannot be had at once: ``0.0.0.0`` and ``::`` take the port on every address."""
        if self.unix or other.unix:
            return self == other
        anywhere = {"0.0.0.0", "::", ""}  # noqa: S104  compared, not bound
        return self.port == other.port and (self.host == other.host or bool({self.host, other.host} & anywhere))


def loopback(host: str) -> bool:
    """Whether what is said to this host stays on this machine. A name is trusted only when it is ``localhost``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known word, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return _("vouliez-vous dire « {word} » ?", word=near[0])
    return _("possibles : {words}", words=", ".join(known) or "–")


def _endpoint(value: Any, info: ValidationInfo) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    remedy = _("écrivez « adresse:port », par exemple 127.0.0.1:2525")
    if not isinstance(value, str):
        raise ValueError(_("une adresse d'écoute est attendue"), remedy)  # noqa: TRY004  pydantic gathers ValueErrors
    if value.startswith("unix:"):
        return Endpoint(str(_beside(Path(value.removeprefix("unix:")), info)), 0)
    host, colon, port = value.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(_("« {value} » n'est pas une adresse d'écoute", value=value), remedy)
    try:
        return Endpoint(str(ipaddress.ip_address(host)), int(port))
    except ValueError:
        if host == "localhost":
            return Endpoint("127.0.0.1", int(port))
        raise ValueError(
            _("« {host} » n'est pas une adresse IP de cette machine", host=host),
            _("écrivez 127.0.0.1, ou 0.0.0.0 pour écouter sur toutes les interfaces"),
        ) from None


def _tcp_only(value: Endpoint) -> Endpoint:
    if value.unix:
        raise ValueError(_("une socket unix n'est pas possible ici"), _("écrivez « adresse:port »"))
    return value


def _server(value: Any, info: ValidationInfo) -> Endpoint:
    if isinstance(value, str) and value.startswith("unix:"):
        return _endpoint(value, info)
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if (
        not colon
        or not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", host)
        or not re.fullmatch(r"\d{1,5}", port, re.ASCII)
    ):
        raise ValueError(
            _("« {value} » n'est pas l'adresse d'un serveur", value=value),
            _("écrivez « hôte:port » ou « unix:chemin »"),
        )
    if not 0 < int(port) < 65536:
        raise ValueError(_("le port {port} n'existe pas", port=port), _("écrivez un port de 1 à 65535"))
    return Endpoint(host.strip("[]"), int(port))


def _beside(path: Path, info: ValidationInfo) -> Path:
    """Relative paths start at the configuration file, which the loader gives as the context's ``folder``."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path.expanduser()


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(
            _("le fichier {path} n'existe pas", path=path),
            _("corrigez le chemin ; il part du dossier de la configuration"),
        )
    if not os.access(path, os.R_OK):
        raise ValueError(
            _("le fichier {path} ne peut pas être lu", path=path),
            _("donnez-en la lecture à l'utilisateur qui lance le pont"),
        )
    return path


def _domain(value: str) -> str:
    labels = value.lower().rstrip(".").split(".")
    if not all(re.fullmatch(r"[^\W_](?:[\w-]{0,61}[^\W_])?", label) for label in labels):
        raise ValueError(
            _("« {value} » n'est pas un nom de domaine", value=value), _("écrivez par exemple pont.ministere.gouv.fr")
        )
    return ".".join(labels)


def _address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not local or re.search(r"[\s<>@,;:\\\"\x00-\x1f]", local):
        raise ValueError(
            _("« {value} » n'est pas une adresse de courriel", value=value), _("écrivez par exemple liste@domaine.fr")
        )
    return f"{local}@{_domain(domain)}"


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port out of range, a bracket left open
        good = False
    if not good or "?" in value or "#" in value:
        raise ValueError(
            _("« {value} » n'est pas une URL", value=value),
            _("écrivez-la en entier, par exemple http://127.0.0.1:8008"),
        )
    return value.rstrip("/")


def _public(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" and not loopback(parts.hostname or ""):
        raise ValueError(
            _("« {value} » n'est pas chiffrée", value=value),
            _("écrivez https://… : ce qui passe là est lu par d'autres sinon"),
        )
    return value


ListenTcp = Annotated[Endpoint, BeforeValidator(_endpoint), AfterValidator(_tcp_only)]
"""``127.0.0.1:2525`` or ``[::1]:2525``."""

Listen = Annotated[Endpoint, BeforeValidator(_endpoint)]
"""The same, or ``unix:path``."""

ServerPlace = Annotated[Endpoint, BeforeValidator(_server)]
"""Where a server is: ``host:port``, or ``unix:path``."""

LocalPath = Annotated[Path, AfterValidator(_beside)]
"""A path; a relative one starts at the configuration file."""

LocalFile = Annotated[Path, AfterValidator(_beside), AfterValidator(_readable)]
"""The same, of a file that is there and can be read."""

Domain = Annotated[str, AfterValidator(_domain)]
Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
PublicUrl = Annotated[str, AfterValidator(_url), AfterValidator(_public)]
"""One that other people open: https, but for this machine itself."""
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[SecretStr, Field(min_length=1)]
"""Never printed. In the file: the value itself, or ``!file path``."""
