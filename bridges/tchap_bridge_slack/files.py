"""Files of Slack's messages, as files where their bytes are Slack's own, as links where they lie elsewhere. Pure.

https://docs.slack.dev/reference/objects/file-object
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from tchap_bridge_slack import values
from tchap_bridge_slack.people import one_line
from tchap_bridge_slack.show import address
from tchap_bridges.events import File
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import FileRef

_MIME: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}")
_ID: Final = re.compile(r"F[A-Z0-9]{2,20}")
_GONE: Final[Mapping[str, Phrase]] = {
    "tombstone": _("[fichier supprimé de Slack]"),
    "hidden_by_limit": _("[fichier que Slack ne montre plus : l'espace a dépassé sa limite]"),
    "file_access_denied": _("[fichier que l'application n'a pas le droit de lire]"),
}

Line = tuple[str, str]
"""A line as words and as HTML."""


def of(message: Mapping[str, Any]) -> tuple[tuple[File, ...], list[Line]]:
    """The files of a message, and a line for each that is none of ours to fetch."""
    found: list[File] = []
    lines: list[Line] = []
    for one in values.each(message.get("files")):
        file = _file(values.mapping(one))
        if isinstance(file, File):
            found.append(file)
        elif file:
            lines.append(file)
    return tuple(found), lines


def _file(file: Mapping[str, Any]) -> File | Line | None:
    id_, mode = values.string(file, "id"), values.string(file, "mode")
    if mode in _GONE:
        return _line(_GONE[mode], "")
    if not _ID.fullmatch(id_):
        return None
    name = name_of(file)
    elsewhere = file.get("is_external") is True or mode in {"external", "remote"}
    if elsewhere or mode in {"space", "post", "canvas", "list", "quip", "docs"}:
        url = address(values.string(file, "external_url") or values.string(file, "url_private")) if elsewhere else ""
        url = url or address(values.string(file, "permalink"))
        return _line(f"📎 {one_line(file.get('title')) or name}", url)
    size = file.get("size")
    mime = values.string(file, "mimetype")
    return File(
        name=name,
        mime=mime if _MIME.fullmatch(mime) else "application/octet-stream",
        ref=FileRef(f"file {id_}"),
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 and _told(file) else None,
    )


def _told(file: Mapping[str, Any]) -> bool:
    """Whether the event tells all of the file; of other organisations' files it does not (Slack Connect)."""
    return file.get("file_access") != "check_file_info"


def name_of(file: Mapping[str, Any]) -> str:
    """A name that names no other folder."""
    name = one_line(file.get("name")) or one_line(file.get("title")) or values.string(file, "id")
    return name.replace("/", "_").replace("\\", "_")


def _line(words: str, url: str) -> Line:
    shown = escape(words, quote=False)
    if not url:
        return words, shown
    return f"{words} : {url}", f'<a href="{escape(url)}">{shown}</a>'
