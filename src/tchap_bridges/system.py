"""What the operating system refuses, for people: its own sentence is English whatever the reader speaks."""

import errno
import os

from tchap_bridges.i18n import Phrase, _

_REASONS: dict[int, Phrase] = {
    errno.ENOENT: _("fichier ou dossier absent"),
    errno.EACCES: _("ce compte n'en a pas le droit"),
    errno.EPERM: _("ce compte n'en a pas le droit"),
    errno.EEXIST: _("quelque chose de ce nom existe déjà"),
    errno.ENOTDIR: _("le chemin passe par un fichier"),
    errno.EISDIR: _("c'est un dossier"),
    errno.ENOSPC: _("le disque est plein"),
    errno.EDQUOT: _("le quota de disque est atteint"),
    errno.EROFS: _("le disque est en lecture seule"),
    errno.EIO: _("le disque a une panne"),
}


def reason(error: OSError) -> str:
    """Why, without the name of the file. What is not known here is told in the system's words."""
    if error.errno in _REASONS:
        return _REASONS[error.errno]
    return error.strerror or (os.strerror(error.errno) if error.errno else type(error).__name__)
