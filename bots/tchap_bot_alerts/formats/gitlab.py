"""GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/"""

from collections.abc import Mapping
from typing import Any, Final

from tchap_bot_alerts.formats import forge
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import Json, at, block, cut, items, line, link, moment, whole
from tchap_bot_alerts.words import code, from_markdown, linked, quoted, row, stacked, words
from tchap_bridges.i18n import Phrase, Translator, _

_ACTIONS: Final = {
    "open": "opened", "close": "closed", "reopen": "reopened", "merge": "merged", "approved": "approved",
    "approval": "approved",
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
    """A delivery; a pipeline that is still under way says nothing."""
    match line(value, "object_kind"):
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
        case kind:
            event = (kind or line(headers.get("x-gitlab-event", "")) or "?").replace("_", " ")
            title = say.gettext(_("[{repo}] {who} : {event}"), repo=_project(value), who=_who(value), event=event)
            url = link(value, "object_attributes", "url") or link(value, "project", "web_url")
            return [Notice(kind=f"gitlab.{kind or 'other'}", title=title, url=url)]


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


def _project(value: Json) -> str:
    return line(value, "project", "path_with_namespace") or line(value, "project", "name") or "?"


def _who(value: Json) -> str:
    user = at(value, "user")
    names = (line(user, "name"), line(value, "user_name"), line(user, "username"), line(value, "user_username"))
    return next(filter(None, names), "?")
