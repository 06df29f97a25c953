"""GitHub: https://docs.github.com/en/webhooks/webhook-events-and-payloads"""

from collections.abc import Callable, Mapping
from typing import Final

from tchap_bot_alerts.formats import forge
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, line, link, moment
from tchap_bot_alerts.words import row, words
from tchap_bridges.i18n import Translator, _

_EVENTS: Final[Mapping[str, Callable[[Translator, str, Json], Notice]]] = {
    "push": forge.push,
    "pull_request": forge.pull_request,
    "issues": forge.issues,
    "release": forge.release,
}
_FAILED: Final = frozenset(("failure", "timed_out", "startup_failure", "action_required"))


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery; a workflow that has only begun says nothing."""
    event = line(headers.get("x-github-event", "")) or "?"
    kind = f"github.{event}"
    if event == "ping":
        return [_ping(value, say)]
    if event == "workflow_run":
        return _workflow(value, say)
    if event in _EVENTS:
        return [_EVENTS[event](say, kind, value)]
    return [forge.other(say, kind, value, event)]


def _ping(value: Json, say: Translator) -> Notice:
    hook = line(value, "repository", "full_name") or line(value, "organization", "login") or "GitHub"
    title = say.gettext(_("Le webhook de {sender} fonctionne."), sender=hook)
    return Notice(kind="github.ping", title=title, text=words(line(value, "zen")))


def _workflow(value: Json, say: Translator) -> list[Notice]:
    """Failing and passing again are one trouble of a workflow on a branch."""
    run = value.get("workflow_run")
    conclusion, repo = line(run, "conclusion"), forge.repository(value)
    if line(value, "action") != "completed":
        return []
    name, branch = line(run, "name") or line(value, "workflow", "name"), line(run, "head_branch")
    told = {"repo": repo, "name": name, "branch": branch}
    failed, passed = conclusion in _FAILED, conclusion == "success"
    if failed:
        title = say.gettext(_("[{repo}] {name} échoue sur {branch}"), **told)
    elif passed:
        title = say.gettext(_("[{repo}] {name} réussit sur {branch}"), **told)
    else:
        title = say.gettext(_("[{repo}] {name} sur {branch} : {status}"), status=conclusion, **told)
    workflow = line(run, "workflow_id") or name
    return [
        Notice(
            kind="github.workflow_run",
            title=title,
            text=row(words(line(run, "display_title")), words(line(run, "actor", "login")), between=" — "),
            url=link(run, "html_url"),
            severity=Severity.ERROR if failed else Severity.NONE,
            state=State.FIRING if failed else State.RESOLVED if passed else State.NONE,
            fingerprint=f"github:{repo}:{workflow}:{branch}" if failed or passed else "",
            group=f"github:{repo}:{workflow}",
            labels={"repo": repo, "branch": branch, "conclusion": conclusion},
            at=moment(run, "updated_at"),
        )
    ]
