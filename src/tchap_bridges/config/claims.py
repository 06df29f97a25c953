"""What only one may use: told when two sections claim it, or when another program already has the port."""

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from tchap_bridges import system
from tchap_bridges.config.document import Document
from tchap_bridges.config.problems import KeyPath, Problem, dotted, undotted
from tchap_bridges.fields import Endpoint, Exclusive
from tchap_bridges.i18n import _

Sections = Sequence[tuple[KeyPath, Any]]
"""Models, each with the path of its section."""


def claims(sections: Sections) -> Iterator[tuple[KeyPath, str]]:
    """Every resource that the sections want for themselves, with its key."""
    for prefix, model in sections:
        if isinstance(model, Exclusive):
            for key, resource in model.exclusive():
                yield (*prefix, *undotted(key)), resource


def doubles(sections: Sections, config: Document) -> Iterator[Problem]:
    """A listening address, a mailbox … claimed twice: a problem at the second key."""
    seen: list[tuple[KeyPath, str]] = []
    for path, resource in claims(sections):
        first = next((place for place, other in seen if _same(resource, other)), None)
        if first is not None:
            yield config.problem(
                path,
                _(
                    "{resource} sert déjà à {key} (ligne {line})",
                    resource=resource.partition(":")[2],
                    key=dotted(first),
                    line=config.line(first),
                ),
                _("donnez à chacun le sien, ou retirez l'un des deux"),
            )
        seen.append((path, resource))


def taken(sections: Sections, config: Document) -> Iterator[Problem]:
    """Listening addresses that this machine does not give us now."""
    for path, resource in claims(sections):
        endpoint = _endpoint(resource)
        if endpoint is None:
            continue
        try:
            if endpoint.unix:
                _try_unix(endpoint.host)
            else:
                _try_tcp(endpoint)
        except OSError as error:
            yield config.problem(path, *_refused(endpoint, error))


def _same(one: str, other: str) -> bool:
    ours, theirs = _endpoint(one), _endpoint(other)
    return one == other or (ours is not None and theirs is not None and ours.overlaps(theirs))


def _endpoint(resource: str) -> Endpoint | None:
    kind, _colon, rest = resource.partition(":")
    if kind == "unix":
        return Endpoint(rest, 0)
    if kind != "tcp":
        return None
    host, _colon, port = rest.rpartition(":")
    return Endpoint(host.strip("[]"), int(port))


def _try_tcp(endpoint: Endpoint) -> None:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((endpoint.host, endpoint.port))
        probe.listen(1)


def _try_unix(path: str) -> None:
    """A socket file that nobody answers on is a leftover, and no obstacle."""
    if not os.access(os.path.dirname(path) or ".", os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _refused(endpoint: Endpoint, error: OSError) -> tuple[str, str]:
    shown = endpoint.shown
    match error.errno:
        case errno.EADDRINUSE:
            return (
                _("l'adresse {shown} est déjà prise par un autre programme", shown=shown),
                _("arrêtez-le (« ss -lntp » dit lequel), ou changez de port"),
            )
        case errno.EACCES:
            return (
                _("ce compte n'a pas le droit d'écouter sur {shown}", shown=shown),
                _("prenez un port au-dessus de 1024, ou un dossier où le pont peut écrire"),
            )
        case errno.EADDRNOTAVAIL:
            return (
                _("{shown} n'est pas une adresse de cette machine", shown=shown),
                _("écrivez 127.0.0.1, ou 0.0.0.0 pour écouter sur toutes les interfaces"),
            )
        case _:
            return _("impossible d'écouter sur {shown} ({reason})", shown=shown, reason=system.reason(error)), _(
                "corrigez l'adresse"
            )
