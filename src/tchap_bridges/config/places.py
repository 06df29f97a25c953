"""Where SQLite's file is to lie: told as a mistake of the configuration when this account cannot have it there."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from tchap_bridges import system
from tchap_bridges.config.document import Document
from tchap_bridges.config.problems import Problem
from tchap_bridges.i18n import _

Lacking = Literal["refuse", "make", "allow"]
"""What becomes of a folder that is not there: ``allow`` says whether it could be made, and makes nothing."""


def unusable(url: str, config: Document, folder: Lacking, *, write: bool = True) -> Iterator[Problem]:
    """A problem at ``storage.url`` when the database cannot be opened there, to ``write`` in it or only to read."""
    if not url.startswith("sqlite:"):
        return
    file = Path(unquote(url.removeprefix("sqlite:///")))
    try:
        if folder == "make" and not file.parent.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _try(file, lacking=folder == "allow", need=os.R_OK | (os.W_OK if write else 0))
    except OSError as error:
        what = _("la base ne peut pas être à {path} ({reason})", path=file, reason=system.reason(error))
        match error:
            case FileNotFoundError():
                remedy = _("créez {folder} pour le compte du pont, ou corrigez le chemin", folder=file.parent)
            case PermissionError():
                remedy = _("donnez {folder} au compte du pont, ou choisissez un autre chemin", folder=file.parent)
            case _other:
                remedy = _("choisissez un autre chemin")
        yield config.problem(("storage", "url"), what, remedy)


def _try(file: Path, *, lacking: bool, need: int) -> None:
    """Raises OSError when the file can be neither made nor opened as ``need`` says. ``lacking``: its folder may be."""
    folder = file.parent
    while lacking and not folder.exists():
        folder = folder.parent
    for wrong, number in (
        (not folder.exists(), errno.ENOENT),
        (not folder.is_dir(), errno.ENOTDIR),
        (file.is_dir(), errno.EISDIR),
        (not os.access(folder, os.X_OK | (need & os.W_OK)), errno.EACCES),
        (file.exists() and not os.access(file, need), errno.EACCES),
    ):
        if wrong:
            raise OSError(number, os.strerror(number))
