"""GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/"""

from collections.abc import Mapping
from typing import Any, Final

from tchap_bot_alerts.formats import forge, gitlab_system, runs
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, at, block, cut, items, line, link, moment, whole
from tchap_bot_alerts.words import bold, code, from_markdown, linked, quoted, row, stacked, words
from tchap_bridges.i18n import Phrase, Translator, _

_ACTIONS: Final = {
    "open": "opened", "close": "closed", "reopen": "reopened", "merge": "merged", "approved": "approved",
    "approval": "approved", "create": "published", "delete": "deleted",
}  # fmt: skip
_STOPPED: Final[Mapping[str, Phrase]] = {
    "canceled": _("[{repo}] Le pipeline {number} est annulé sur {branch}"),
    "skipped": _("[{repo}] Le pipeline {number} est sauté sur {branch}"),
}
_NOTED: Final[Mapping[str, tuple[str, str, Phrase]]] = {
    "MergeRequest": ("merge_request", "!", _("[{repo}] {who} commente la fusion {number} : {title}")),
    "Issue": ("issue", "#", _("[{repo}] {who} commente le ticket {number} : {title}")),
    "Commit": ("commit", "", _("[{repo}] {who} commente le commit {number} : {title}")),
    "Snippet": ("snippet", "$", _("[{repo}] {who} commente l'extrait {number} : {title}")),
}


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery; what is still under way says nothing."""
    # System hooks tell pushes in the ordinary shape, under another key.
    match line(value, "object_kind") or line(value, "event_name"):
        case "push" | "tag_push" as kind:
            commits = items(value, "commits")
            return [
                forge.pushed(
                    say,
                    f"gitlab.{kind}",
                    value,
                    repo=_project(value),
                    who=_who(value),
                    url=link(value, "project", "web_url"),
                    # GitLab lists the newest last, and at most twenty.
                    commits=commits,
                    total=max(whole(value, "total_commits_count"), len(commits)),
                )
            ]
        case "merge_request":
            return [_discussed(value, say, "gitlab.merge_request", forge.MERGES, "!")]
        case "issue" | "work_item":
            return [_discussed(value, say, "gitlab.issue", forge.TICKETS, "#")]
        case "pipeline":
            return _pipeline(value, say)
        case "note":
            return [_note(value, say)]
        case "build":
            return _job(value, say)
        case "deployment":
            return runs.deployed(
                say,
                "gitlab.deployment",
                line(value, "status"),
                repo=_project(value),
                where=line(value, "environment"),
                url=link(value, "deployable_url") or link(value, "project", "web_url"),
                text=row(
                    linked(link(value, "commit_url"), line(value, "short_sha")),
                    words(line(value, "commit_title", most=120)),
                    words(f"— {_who(value)}"),
                ),
                at=moment(value, "status_changed_at"),
            )
        case "release":
            return [_release(value, say)]
        case kind:
            return [gitlab_system.read(value, say) or _other(value, kind, headers, say)]


def _other(value: Json, kind: str, headers: Mapping[str, str], say: Translator) -> Notice:
    """An event that has no words of its own: its name, who, and what it is about."""
    thing: Any = value.get("object_attributes")
    event = (kind or line(headers.get("x-gitlab-event", "")) or "?") + " " + line(thing, "action")
    title = forge.told(say, _project(value, ""), _who(value, ""), event.replace("_", " ").strip())
    url = link(thing, "url") or link(thing, "awarded_on_url") or link(value, "project", "web_url")
    return Notice(
        kind=f"gitlab.{kind or 'other'}", title=title, text=bold(line(thing, "title") or line(thing, "name")), url=url
    )


def _job(value: Json, say: Translator) -> list[Notice]:
    project, branch = link(value, "project", "web_url"), line(value, "ref")
    stage, name = line(value, "build_stage", most=60), line(value, "build_name", most=60)
    commit = block(value, "commit", "message").split("\n", maxsplit=1)[0]
    return runs.ran(
        say,
        "gitlab.build",
        line(value, "build_status"),
        repo=_project(value),
        name=name,
        branch=branch,
        trouble=f"job:{stage}:{name}:{branch}",
        url=link({"": f"{project}/-/jobs/{line(value, 'build_id')}"}, "") if project else "",
        text=row(words(stage), words(cut(commit, 120)), words(_who(value)), between=" — "),
        at=moment(value, "build_finished_at"),
        lenient=at(value, "build_allow_failure") is True,
    )


def _release(value: Json, say: Translator) -> Notice:
    tag, name = line(value, "tag"), line(value, "name")
    return forge.discussed(
        say,
        "gitlab.release",
        forge.VERSIONS,
        _ACTIONS.get(line(value, "action"), ""),
        repo=_project(value),
        who=_who(value) if isinstance(value.get("user"), Mapping) else line(value, "commit", "author", "name") or "?",
        number=tag,
        title=tag if name in {"", tag} else f"{tag} ({name})",
        body=block(value, "description"),
        url=link(value, "url"),
    )


def _discussed(value: Json, say: Translator, kind: str, sentences: Mapping[str, Phrase], mark: str) -> Notice:
    thing = value.get("object_attributes")
    return forge.discussed(
        say,
        kind,
        sentences,
        _ACTIONS.get(line(thing, "action"), line(thing, "action")),
        repo=_project(value),
        who=_who(value),
        number=f"{mark}{line(thing, 'iid')}",
        title=line(thing, "title"),
        body=block(thing, "description"),
        url=link(thing, "url"),
    )


def _pipeline(value: Json, say: Translator) -> list[Notice]:
    """Failing and passing again are one trouble of a branch."""
    pipeline: Any = value.get("object_attributes")
    status, repo, branch = line(pipeline, "status"), _project(value), line(pipeline, "ref")
    if status not in {"failed", "success", *_STOPPED}:
        return []
    failed, passed = status == "failed", status == "success"
    told = {"repo": repo, "branch": branch, "number": f"#{line(pipeline, 'id')}"}
    if failed:
        title = say.gettext(_("[{repo}] Le pipeline {number} échoue sur {branch}"), **told)
    elif passed:
        title = say.gettext(_("[{repo}] Le pipeline {number} réussit sur {branch}"), **told)
    else:
        title = say.gettext(_STOPPED[status], **told)
    jobs = [one for one in items(value, "builds") if line(one, "status") == "failed"]
    broken = [row(words(line(one, "stage", most=60)), code(line(one, "name", most=60)), between=" / ") for one in jobs]
    commit = block(value, "commit", "message").split("\n", maxsplit=1)[0]
    url = link(pipeline, "url")
    if not url and (project := link(value, "project", "web_url")):
        url = link({"": f"{project}/-/pipelines/{line(pipeline, 'id')}"}, "")
    return [
        Notice(
            kind="gitlab.pipeline",
            title=title,
            text=stacked((
                row(linked(link(value, "commit", "url"), line(value, "commit", "id")[:8]), words(cut(commit, 120)),
                    words(f"— {_who(value)}")),
                *(broken[:10] if failed else ()),
            )),
            url=url,
            severity=Severity.ERROR if failed else Severity.NONE,
            state=State.FIRING if failed else State.RESOLVED if passed else State.NONE,
            fingerprint=f"gitlab:{repo}:{branch}" if failed or passed else "",
            group=f"gitlab:{repo}",
            labels={"repo": repo, "branch": branch, "status": status},
            at=moment(pipeline, "finished_at"),
        )
    ]  # fmt: skip


def _note(value: Json, say: Translator) -> Notice:
    key, mark, sentence = _NOTED.get(line(value, "object_attributes", "noteable_type"), _NOTED["Commit"])
    thing: Any = value.get(key)
    number = mark + (line(thing, "iid") or line(thing, "id")[:8])
    title = line(thing, "title") or block(thing, "message").split("\n", maxsplit=1)[0]
    repo, who = _project(value), _who(value)
    return Notice(
        kind="gitlab.note",
        title=say.gettext(sentence, repo=repo, who=who, number=number, title=cut(title, 120)),
        text=quoted(from_markdown(block(value, "object_attributes", "note", most=forge.EXCERPT))),
        url=link(value, "object_attributes", "url"),
        group=f"gitlab:{repo}:{number}",
        labels={"repo": repo, "who": who},
    )


def _project(value: Json, unknown: str = "?") -> str:
    project = line(value, "project", "path_with_namespace") or line(value, "project", "name")
    return project or gitlab_system.place(value) or unknown


def _who(value: Json, unknown: str = "?") -> str:
    user = at(value, "user")
    names = (line(user, "name"), line(value, "user_name"), line(user, "username"), line(value, "user_username"))
    return next(filter(None, names), unknown)
