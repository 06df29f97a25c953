"""What runs and ends: checks, jobs, deployments. Failing and passing again are one trouble."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator, _


class End(StrEnum):
    """How it ended, whatever the sender calls it."""

    FAILED = "failed"
    PASSED = "passed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    NEUTRAL = "neutral"


# GitHub's conclusions and states, GitLab's statuses. What is not here is still under way, and says nothing.
_ENDS: Final[Mapping[str, End]] = {
    "failure": End.FAILED,
    "failed": End.FAILED,
    "error": End.FAILED,
    "timed_out": End.FAILED,
    "startup_failure": End.FAILED,
    "action_required": End.FAILED,
    "success": End.PASSED,
    "cancelled": End.CANCELLED,
    "canceled": End.CANCELLED,
    "skipped": End.SKIPPED,
    "neutral": End.NEUTRAL,
    "stale": End.NEUTRAL,
}
_ON_A_BRANCH: Final[Mapping[End, Phrase]] = {
    End.FAILED: _("[{repo}] {name} échoue sur {branch}"),
    End.PASSED: _("[{repo}] {name} réussit sur {branch}"),
    End.CANCELLED: _("[{repo}] {name} est annulé sur {branch}"),
    End.SKIPPED: _("[{repo}] {name} est sauté sur {branch}"),
    End.NEUTRAL: _("[{repo}] {name} finit sans verdict sur {branch}"),
}
_ALONE: Final[Mapping[End, Phrase]] = {
    End.FAILED: _("[{repo}] {name} échoue"),
    End.PASSED: _("[{repo}] {name} réussit"),
    End.CANCELLED: _("[{repo}] {name} est annulé"),
    End.SKIPPED: _("[{repo}] {name} est sauté"),
    End.NEUTRAL: _("[{repo}] {name} finit sans verdict"),
}
_DEPLOYED: Final[Mapping[End, Phrase]] = {
    End.FAILED: _("[{repo}] Le déploiement échoue sur {branch}"),
    End.PASSED: _("[{repo}] Le déploiement réussit sur {branch}"),
    End.CANCELLED: _("[{repo}] Le déploiement est annulé sur {branch}"),
    End.SKIPPED: _("[{repo}] Le déploiement est sauté sur {branch}"),
    End.NEUTRAL: _("[{repo}] Le déploiement finit sans verdict sur {branch}"),
}


def ran(
    say: Translator,
    kind: str,
    status: str,
    *,
    repo: str,
    name: str,
    branch: str,
    trouble: str,
    url: str,
    text: Text,
    at: datetime | None,
    lenient: bool = False,
) -> list[Notice]:
    """A run of *name* on a branch, "" for none. ``trouble``: what fails and passes again; ``lenient``: it may fail."""
    return _told(
        say, _ON_A_BRANCH if branch else _ALONE, kind, status, repo=repo, name=name or "?", branch=branch,
        trouble=trouble, url=url, text=text, at=at, lenient=lenient,
    )  # fmt: skip


def deployed(
    say: Translator, kind: str, status: str, *, repo: str, where: str, url: str, text: Text, at: datetime | None
) -> list[Notice]:
    """A deployment to an environment."""
    return _told(
        say, _DEPLOYED, kind, status, repo=repo, name="", branch=where or "?",
        trouble=f"deployment:{where}", url=url, text=text, at=at, lenient=False,
    )  # fmt: skip


def _told(
    say: Translator,
    sentences: Mapping[End, Phrase],
    kind: str,
    status: str,
    *,
    repo: str,
    name: str,
    branch: str,
    trouble: str,
    url: str,
    text: Text,
    at: datetime | None,
    lenient: bool,
) -> list[Notice]:
    end = _ENDS.get(status)
    if end is None:
        return []
    failed, passed = end is End.FAILED, end is End.PASSED
    sender = kind.partition(".")[0]
    return [
        Notice(
            kind=kind,
            title=say.gettext(sentences[end], repo=repo, name=name, branch=branch),
            text=text,
            url=url,
            severity=Severity.NONE if not failed else Severity.WARNING if lenient else Severity.ERROR,
            state=State.FIRING if failed else State.RESOLVED if passed else State.NONE,
            fingerprint=f"{sender}:{repo}:{trouble}" if failed or passed else "",
            group=f"{sender}:{repo}",
            labels={"repo": repo, **({"branch": branch} if branch else {}), "status": status},
            at=at,
        )
    ]
