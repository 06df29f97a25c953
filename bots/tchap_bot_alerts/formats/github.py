"""GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from tchap_bot_alerts.formats import forge, runs
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, block, items, line, link, moment, severity
from tchap_bot_alerts.words import code, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator, _

_EVENTS: Final[Mapping[str, Callable[[Translator, str, Json], Notice]]] = {
    "push": forge.push,
    "pull_request": forge.pull_request,
    "issues": forge.issues,
    "release": forge.release,
    "create": forge.ref_created,
    "delete": forge.ref_deleted,
    "issue_comment": forge.remark,
    "commit_comment": forge.remark,
    "pull_request_review_comment": forge.remark,
    "pull_request_review": forge.review,
}
_SHOWN: Final = 10
# One version that comes out is told as published, created and released at once.
_ECHOES: Final = frozenset(("created", "released", "prereleased"))
_ALERTS: Final = frozenset((
    "code_scanning_alert", "dependabot_alert", "secret_scanning_alert", "repository_vulnerability_alert",
))  # fmt: skip
_CLOSED: Final = frozenset(("fixed", "resolve", "resolved", "dismiss", "dismissed", "auto_dismissed", "closed_by_user"))
_ADVICE: Final[Mapping[str, Phrase]] = {
    "withdrawn": _("Avis de sécurité retiré : {title}"),
    "updated": _("Avis de sécurité modifié : {title}"),
    "": _("Avis de sécurité : {title}"),
}
_SAFETY: Final[Mapping[State, Phrase]] = {
    State.FIRING: _("[{repo}] Alerte de sécurité : {title}"),
    State.RESOLVED: _("[{repo}] Alerte de sécurité close : {title}"),
}


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery; what has only begun to run says nothing, its end will."""
    event = line(headers.get("x-github-event", "")) or "?"
    kind = f"github.{event}"
    if event == "ping":
        return [_ping(value, say)]
    if event == "workflow_run":
        return _workflow(value, say)
    if event in _RUNS:
        return _RUNS[event](value, say, kind)
    if event == "security_advisory":
        return [_advisory(value, say)]
    if event in _ALERTS:
        return [_alert(value, say, kind)]
    if event == "release" and line(value, "action") in _ECHOES:
        return []
    if event in _EVENTS:
        return [_EVENTS[event](say, kind, value)]
    return [forge.other(say, kind, value, event)]


def _ping(value: Json, say: Translator) -> Notice:
    title = say.gettext(_("Le webhook de {sender} fonctionne."), sender=forge.repository(value, "GitHub"))
    return Notice(kind="github.ping", title=title, text=words(line(value, "zen")))


def _workflow(value: Json, say: Translator) -> list[Notice]:
    """Failing and passing again are one trouble of a workflow on a branch."""
    run = value.get("workflow_run")
    conclusion, repo = line(run, "conclusion"), forge.repository(value)
    if line(value, "action") != "completed":
        return []
    name, branch = line(run, "name") or line(value, "workflow", "name"), line(run, "head_branch")
    workflow = line(run, "workflow_id") or name
    return [
        replace(
            one,
            group=f"github:{repo}:{workflow}",
            labels={"repo": repo, "branch": branch, "conclusion": conclusion},
        )
        for one in runs.ran(
            say,
            "github.workflow_run",
            conclusion,
            repo=repo,
            name=name,
            branch=branch,
            trouble=f"{workflow}:{branch}",
            url=link(run, "html_url"),
            text=row(words(line(run, "display_title")), words(line(run, "actor", "login")), between=" — "),
            at=moment(run, "updated_at"),
        )
    ]


def _check(value: Json, say: Translator, kind: str) -> list[Notice]:
    """A check, a suite of them or a job of a workflow, which are alike."""
    run: Any = value.get(kind.removeprefix("github."))
    if line(value, "action") != "completed":
        return []
    branch = line(run, "head_branch") or line(run, "check_suite", "head_branch")
    name = line(run, "name") or line(run, "app", "name")
    return runs.ran(
        say,
        kind,
        line(run, "conclusion"),
        repo=forge.repository(value),
        name=name,
        branch=branch,
        trouble=f"{line(run, 'workflow_name') or kind.partition('.')[2]}:{name}:{branch}",
        url=link(run, "html_url") or link(value, "repository", "html_url"),
        text=words(line(run, "output", "title") or line(run, "workflow_name")),
        at=moment(run, "completed_at") or moment(run, "updated_at"),
    )


def _status(value: Json, say: Translator, kind: str) -> list[Notice]:
    branch = next((line(one, "name") for one in items(value, "branches")), "") or line(value, "sha")[:8]
    name = line(value, "context")
    return runs.ran(
        say,
        kind,
        line(value, "state"),
        repo=forge.repository(value),
        name=name,
        branch=branch,
        trouble=f"status:{name}:{branch}",
        url=link(value, "target_url") or link(value, "commit", "html_url"),
        text=words(line(value, "description")),
        at=moment(value, "updated_at"),
    )


def _deployment(value: Json, say: Translator, kind: str) -> list[Notice]:
    status: Any = value.get("deployment_status")
    return runs.deployed(
        say,
        kind,
        line(status, "state"),
        repo=forge.repository(value),
        where=line(status, "environment") or line(value, "deployment", "environment"),
        url=link(status, "log_url") or link(status, "target_url") or link(value, "repository", "html_url"),
        text=row(code(line(value, "deployment", "ref")), words(line(status, "description"))),
        at=moment(status, "updated_at"),
    )


_RUNS: Final[Mapping[str, Callable[[Json, Translator, str], list[Notice]]]] = {
    "check_run": _check,
    "check_suite": _check,
    "workflow_job": _check,
    "status": _status,
    "deployment_status": _deployment,
}


def _alert(value: Json, say: Translator, kind: str) -> Notice:
    """A weakness that GitHub found: in the code, in what it depends on, or a secret that everybody can read."""
    alert: Any = value.get("alert")
    repo, number = forge.repository(value), line(alert, "number")
    state = State.RESOLVED if line(value, "action") in _CLOSED else State.FIRING
    found = (
        line(alert, "rule", "description"),
        line(alert, "security_advisory", "summary"),
        line(alert, "secret_type_display_name"),
        line(alert, "secret_type"),
        line(alert, "external_identifier"),
        f"#{number}",
    )
    package = line(alert, "dependency", "package", "name") or line(alert, "affected_package_name")
    bad = line(alert, "rule", "security_severity_level") or line(alert, "rule", "severity")
    bad = bad or line(alert, "security_advisory", "severity") or line(alert, "severity")
    return Notice(
        kind=kind,
        title=say.gettext(_SAFETY[state], repo=repo, title=next(filter(None, found))),
        text=row(code(package), words(block(alert, "tool", "name", most=60))),
        url=link(alert, "html_url") or link(alert, "external_reference") or link(value, "repository", "html_url"),
        severity=severity(bad) if state is State.FIRING else Severity.NONE,
        state=state if number else State.NONE,
        fingerprint=f"{kind.replace('.', ':')}:{repo}:{number}" if number else "",
        group=f"{kind.replace('.', ':')}:{repo}",
        labels={"repo": repo, "number": number},
        at=moment(alert, "fixed_at") or moment(alert, "created_at"),
    )


def _advisory(value: Json, say: Translator) -> Notice:
    """A weakness that the world is told of, in no repository: what is affected, and in which version mended."""
    advisory: Any = value.get("security_advisory")
    action, known = line(value, "action"), line(advisory, "ghsa_id")
    pages = [link(advisory, "html_url"), *(link(one, "url") for one in items(advisory, "references"))]
    sentence = _ADVICE.get(action, _ADVICE[""])
    return Notice(
        kind="github.security_advisory",
        title=say.gettext(sentence, title=line(advisory, "summary") or known or "?"),
        text=stacked(_affected(one, say) for one in items(advisory, "vulnerabilities")[:_SHOWN]),
        url=next(filter(None, pages), ""),
        severity=severity(line(advisory, "severity")) if action != "withdrawn" else Severity.NONE,
        group=f"github:security_advisory:{known}",
        labels={name: one for name, one in (("advisory", known), ("action", action)) if one},
        at=moment(advisory, "updated_at") or moment(advisory, "published_at"),
    )


def _affected(one: Json, say: Translator) -> Text:
    """``django >= 2.0.0, < 2.0.2 (pip) — corrigé en 2.0.2``."""
    mended, ecosystem = line(one, "first_patched_version", "identifier"), line(one, "package", "ecosystem")
    return row(
        code(line(one, "package", "name")),
        words(line(one, "vulnerable_version_range")),
        words(f"({ecosystem})" if ecosystem else ""),
        words(say.gettext(_("— corrigé en {version}"), version=mended) if mended else ""),
    )
