"""Sentry: https://docs.sentry.io/integrations/integration-platform/webhooks/"""

from collections.abc import Mapping
from typing import Any, Final

from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, at, block, line, link, moment, severity
from tchap_bot_alerts.words import code, row, stacked, words
from tchap_bridges.i18n import Phrase, Translator, _

_ISSUES: Final[Mapping[str, tuple[State, Phrase]]] = {
    "created": (State.FIRING, _("[{project}] Nouvelle erreur : {title}")),
    "unresolved": (State.FIRING, _("[{project}] L'erreur revient : {title}")),
    "resolved": (State.RESOLVED, _("[{project}] Erreur résolue : {title}")),
    "assigned": (State.NONE, _("[{project}] {who} s'occupe de l'erreur : {title}")),
    "archived": (State.NONE, _("[{project}] Erreur archivée : {title}")),
    "ignored": (State.NONE, _("[{project}] Erreur archivée : {title}")),
}


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery. Alerts and changes of one issue are one trouble."""
    data: Any = value.get("data")
    match line(headers.get("sentry-hook-resource", "")):
        case "event_alert" | "error" as resource:
            return [_event(at(data, "event") or at(data, "error"), data, resource, say)]
        case "issue":
            return [_issue(value, say)]
        case "metric_alert":
            return [_metric(value, say)]
        case resource:
            event = f"{resource or '?'} {line(value, 'action')}".replace("_", " ").strip()
            title = say.gettext(_("Sentry : {event}"), event=event)
            return [Notice(kind=f"sentry.{resource or 'other'}", title=title, text=words(block(data, "comment")))]


def _event(event: Any, data: Any, resource: str, say: Translator) -> Notice:
    title = line(event, "title") or line(event, "message") or say(_("Erreur sans titre"))
    issue = line(event, "issue_id")
    return Notice(
        kind=f"sentry.{resource}",
        title=title,
        text=stacked((
            row(code(line(event, "culprit")), words(line(event, "environment"))),
            words(_rule(line(data, "triggered_rule"), say)),
        )),
        url=link(event, "web_url"),
        severity=severity(line(event, "level")),
        state=State.FIRING if issue else State.NONE,
        fingerprint=f"sentry:{issue}" if issue else "",
        labels=_labels(event, ("level", "platform", "environment", "release")),
        at=moment(event, "datetime"),
    )  # fmt: skip


def _issue(value: Json, say: Translator) -> Notice:
    issue: Any = at(value, "data", "issue")
    action, number = line(value, "action"), line(issue, "id")
    state, sentence = _ISSUES.get(action, (State.NONE, _("[{project}] Erreur mise à jour : {title}")))
    project = line(issue, "project", "slug") or line(issue, "project", "name") or "?"
    who = line(issue, "assignedTo", "name") or line(value, "actor", "name") or "?"
    return Notice(
        kind="sentry.issue",
        title=say.gettext(sentence, project=project, who=who, title=line(issue, "title")),
        text=row(code(line(issue, "shortId")), words(line(issue, "culprit"))),
        url=link(issue, "web_url") or link(issue, "permalink"),
        severity=severity(line(issue, "level")),
        state=state if number else State.NONE,
        fingerprint=f"sentry:{number}" if number and state is not State.NONE else "",
        group=f"sentry:{project}",
        labels=_labels(issue, ("shortId", "level", "platform", "status", "substatus")),
        at=moment(issue, "lastSeen") if state is State.FIRING else None,
    )


def _metric(value: Json, say: Translator) -> Notice:
    data: Any = value.get("data")
    action, number = line(value, "action"), line(data, "metric_alert", "id")
    title = line(data, "description_title") or line(data, "metric_alert", "title") or say(_("Alerte sans nom"))
    state = State.RESOLVED if action == "resolved" else State.FIRING
    return Notice(
        kind="sentry.metric_alert",
        title=title,
        text=words(block(data, "description_text")),
        url=link(data, "web_url"),
        severity=Severity.NONE if action == "resolved" else severity(action),
        state=state if number else State.NONE,
        fingerprint=f"sentry:metric:{number}" if number else "",
        at=moment(data, "metric_alert", "date_closed" if action == "resolved" else "date_started"),
    )


def _rule(name: str, say: Translator) -> str:
    return say.gettext(_("Règle : {name}"), name=name) if name else ""


def _labels(value: Any, names: tuple[str, ...]) -> dict[str, str]:
    return {name: line(value, name) for name in names if line(value, name)}
