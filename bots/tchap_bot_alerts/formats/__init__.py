"""A delivery's bytes and headers, read into notices. Nothing here raises, whatever comes.

One module a sender; each has ``read(value, headers, say)``: a JSON object, headers in lower case, the room's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from tchap_bot_alerts.formats import (
    alertmanager,
    forgejo,
    github,
    gitlab,
    grafana,
    plain,
    sentry,
    slack,
    tchap,
    unknown,
)
from tchap_bot_alerts.notice import Notice, Refused
from tchap_bot_alerts.values import Json, at, decoded, from_form, line, parsed
from tchap_bot_alerts.words import bounded
from tchap_bridges.i18n import Translator


class Format(StrEnum):
    """Who sends. ``SLACK`` is also Mattermost, ``FORGEJO`` also Gitea."""

    SLACK = "slack"
    TCHAP = "tchap"
    PLAIN = "plain"
    ALERTMANAGER = "alertmanager"
    GRAFANA = "grafana"
    GITLAB = "gitlab"
    GITHUB = "github"
    FORGEJO = "forgejo"
    SENTRY = "sentry"
    UNKNOWN = "unknown"


_READERS: Final[Mapping[Format, Callable[[Json, Mapping[str, str], Translator], list[Notice]]]] = {
    Format.SLACK: slack.read,
    Format.TCHAP: tchap.read,
    Format.ALERTMANAGER: alertmanager.read,
    Format.GRAFANA: grafana.read,
    Format.GITLAB: gitlab.read,
    Format.GITHUB: github.read,
    Format.FORGEJO: forgejo.read,
    Format.SENTRY: sentry.read,
    Format.UNKNOWN: unknown.read,
}
# Forgejo also names itself GitHub, so it is looked for first.
_HEADERS: Final = {
    "x-forgejo-event": Format.FORGEJO,
    "x-gitea-event": Format.FORGEJO,
    "x-gogs-event": Format.FORGEJO,
    "x-github-event": Format.GITHUB,
    "x-gitlab-event": Format.GITLAB,
    "sentry-hook-resource": Format.SENTRY,
}


def read(
    headers: Mapping[str, str], body: bytes, say: Translator, *, sender: Format | None = None
) -> tuple[Notice, ...] | Refused:
    """What a delivery says, () for nothing worth telling. ``sender``: who sends, None to find out."""
    headers = {name.lower(): value for name, value in headers.items()}
    text = decoded(body)
    if isinstance(text, Refused):
        return text
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    # Mattermost takes a form that nobody calls one, and so do the scripts that were written for it.
    unsaid = text.startswith("payload=") and kind != "text/plain" and sender is not Format.PLAIN
    formed = kind == "application/x-www-form-urlencoded" or unsaid
    if formed and (form := from_form(text)):
        text, kind = form, "application/json"
    if sender is Format.PLAIN or (sender is None and kind == "text/plain"):
        return _finished(plain.read(text))
    value = parsed(text)
    if isinstance(value, Refused):
        # Whoever does not claim to send JSON, nor begins like it, sends words.
        words = sender is None and not kind.endswith("json") and not text.lstrip().startswith(("{", "["))
        return _finished(plain.read(text)) if words else value
    if not isinstance(value, Mapping):
        return _finished(unknown.read(value, headers, say))
    return _finished(_READERS[sender or sniffed(headers, value)](value, headers, say))


def sniffed(headers: Mapping[str, str], value: Json) -> Format:
    """Who sends, by the headers (in lower case) and by the shape."""
    for name, sender in _HEADERS.items():
        if name in headers:
            return sender
    if isinstance(value.get("alerts"), list):
        return Format.GRAFANA if "orgId" in value else Format.ALERTMANAGER
    if grafana.of_a_dashboard(value):
        return Format.GRAFANA
    if line(value, "object_kind") and isinstance(at(value, "project"), Mapping):
        return Format.GITLAB
    if isinstance(value.get("message"), str) and not value.keys() - {"message", "message_format", "message_raw"}:
        return Format.TCHAP
    if isinstance(value.get("text"), str) or any(_listed(value.get(key)) for key in ("attachments", "blocks")):
        return Format.SLACK
    return Format.UNKNOWN


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _finished(notices: list[Notice]) -> tuple[Notice, ...]:
    return tuple(replace(one, text=bounded(one.text)) for one in notices)
