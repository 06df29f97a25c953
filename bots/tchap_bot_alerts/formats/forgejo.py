"""Forgejo and Gitea, whose objects are much like GitHub's: https://forgejo.org/docs/latest/user/webhooks"""

from collections.abc import Callable, Mapping
from typing import Final

from tchap_bot_alerts.formats import forge
from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import Json, line
from tchap_bridges.i18n import Translator

_EVENTS: Final[Mapping[str, Callable[[Translator, str, Json], Notice]]] = {
    "push": forge.push,
    "pull_request": forge.pull_request,
    "issues": forge.issues,
    "release": forge.release,
    "create": forge.ref_created,
    "delete": forge.ref_deleted,
    "issue_comment": forge.remark,
    "pull_request_approved": forge.review,
    "pull_request_rejected": forge.review,
    "pull_request_comment": forge.review,
}


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery."""
    event = line(headers.get("x-forgejo-event") or headers.get("x-gitea-event") or headers.get("x-gogs-event") or "?")
    kind = f"forgejo.{event}"
    if event in _EVENTS:
        return [_EVENTS[event](say, kind, value)]
    return [forge.other(say, kind, value, event)]
