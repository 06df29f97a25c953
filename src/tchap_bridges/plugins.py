"""Entry points to plugin classes: only what the configuration names, looked up once, at start.

Our own bridges and bots come this way too, exactly as a stranger's.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any

from pydantic import BaseModel

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import Bridge
from tchap_bridges.core.bots import schedules
from tchap_bridges.errors import Misconfigured
from tchap_bridges.fields import did_you_mean
from tchap_bridges.i18n import _
from tchap_bridges.store import own
from tchap_bridges.store.errors import StoreError
from tchap_bridges.store.sql import DIALECTS

BRIDGES = "tchap_bridges.bridges"
BOTS = "tchap_bridges.bots"

_OF_EXTRA = re.compile(r"""([\w.-]+)[^;]*;\s*extra\s*==\s*['"]([\w.-]+)['"]\s*""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What is known of a plugin without loading it. ``extra`` is its distribution's extra of that name, or ''."""

    group: str
    name: str
    distribution: str
    version: str
    extra: str
    target: str


class Plugins:
    """The plugins installed when this was made. Loading one imports it; all failures are `Misconfigured`."""

    def __init__(self, points: Iterable[EntryPoint] | None = None) -> None:
        if points is None:
            points = (*entry_points(group=BRIDGES), *entry_points(group=BOTS))
        self._points: Mapping[tuple[str, str], EntryPoint] = {(point.group, point.name): point for point in points}

    def bridge(self, name: str) -> type[Bridge[Any]]:
        found: type[Bridge[Any]] = self._load(BRIDGES, name, Bridge)
        if not _is_model(getattr(found, "Config", None)):
            raise Misconfigured(
                _("le greffon « {name} » n'a pas de modèle de configuration", name=name),
                remedy=_("son auteur doit donner à {target} un attribut Config (pydantic)", target=found.__name__),
            )
        return found

    def bot(self, name: str) -> type[Bot]:
        found: type[Bot] = self._load(BOTS, name, Bot)
        schedules.check(found)
        _check_tables(name, found)
        return found

    def version(self, group: str, name: str) -> str:
        """That of the distribution, "" when it has none."""
        point = self._points.get((group, name))
        return _describe(point).version if point is not None else ""

    def installed(self) -> tuple[Plugin, ...]:
        """Every plugin, by group and name."""
        return tuple(_describe(point) for _key, point in sorted(self._points.items()))

    def _load(self, group: str, name: str, contract: type[Any]) -> Any:
        point = self._points.get((group, name))
        if point is None:
            known = (other for kind, other in self._points if kind == group)
            raise Misconfigured(_("aucun greffon ne s'appelle « {name} »", name=name), remedy=did_you_mean(name, known))
        for library in _required(point):
            if not _is_installed(library):  # it may be imported only when there is something to connect to
                raise _missing(point, library)
        try:
            found = point.load()
        except ModuleNotFoundError as error:
            raise _missing(point, error.name or str(error)) from error
        except Exception as error:
            raise Misconfigured(
                _(
                    "le greffon « {name} » ne se charge pas ({kind} : {reason})",
                    name=name,
                    kind=type(error).__name__,
                    reason=error,
                ),
                remedy=_(
                    "réinstallez {distribution}, ou prévenez son auteur", distribution=_describe(point).distribution
                ),
            ) from error
        if not (inspect.isclass(found) and issubclass(found, contract)) or inspect.isabstract(found):
            raise Misconfigured(
                _("{target} n'est pas une classe {contract} complète", target=point.value, contract=contract.__name__),
                remedy=_("prévenez l'auteur de {distribution}", distribution=_describe(point).distribution),
            )
        return found


def _check_tables(name: str, bot: type[Bot]) -> None:
    """What its package holds for either database can be used."""
    if (folder := own.folder_of(bot)) is None:
        return
    try:
        for dialect in DIALECTS:
            own.read(name, folder, dialect)
    except StoreError as error:
        raise Misconfigured(str(error), remedy=_("prévenez son auteur")) from error


def _required(point: EntryPoint) -> Iterator[str]:
    """What the plugin's own extra asks for, whatever the version and the platform."""
    for requirement in (point.dist.requires or ()) if point.dist else ():
        if found := _OF_EXTRA.fullmatch(requirement):
            name, extra = found.groups()
            if extra == point.name:
                yield name


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _missing(point: EntryPoint, module: str) -> Misconfigured:
    plugin = _describe(point)
    what = f"{plugin.distribution}[{plugin.extra}]" if plugin.extra else plugin.distribution
    return Misconfigured(
        _("le greffon « {name} » demande le module {module}, qui manque", name=plugin.name, module=module),
        remedy=_("pip install '{what}'", what=what),
    )


def _describe(point: EntryPoint) -> Plugin:
    extras = point.dist.metadata.get_all("Provides-Extra") if point.dist else None
    return Plugin(
        group=point.group,
        name=point.name,
        distribution=point.dist.name if point.dist else point.module,
        version=point.dist.version if point.dist else "",
        extra=point.name if point.name in (extras or ()) else "",
        target=point.value,
    )


def _is_model(found: Any) -> bool:
    return inspect.isclass(found) and issubclass(found, BaseModel)
