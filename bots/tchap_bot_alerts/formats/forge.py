"""What GitHub and Forgejo say alike: commits, merges, tickets, versions. GitLab's are told in the same words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import Json, at, block, cut, items, line, link
from tchap_bot_alerts.words import bold, from_markdown, linked, quoted, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator, _, ngettext

_TAG_GONE: Final = _("[{repo}] {who} supprime l'étiquette {branch}")
_BRANCH_GONE: Final = _("[{repo}] {who} supprime la branche {branch}")
_TAG_CAME: Final = _("[{repo}] {who} pose l'étiquette {branch}")
_BRANCH_CAME: Final = _("[{repo}] {who} crée la branche {branch}")
SHOWN_COMMITS: Final = 10
EXCERPT: Final = 600
_NOTHING: Final = "0" * 40
_AROUND: Final = frozenset(("sender", "repository", "organization", "enterprise", "installation"))
"""Where an event happened, which is not what it is about."""
_TITLE: Final = 120

MERGES: Final[Mapping[str, Phrase]] = {
    "opened": _("[{repo}] {who} propose la fusion {number} : {title}"),
    "closed": _("[{repo}] {who} ferme sans la fusionner {number} : {title}"),
    "merged": _("[{repo}] {who} fusionne {number} : {title}"),
    "reopened": _("[{repo}] {who} rouvre la fusion {number} : {title}"),
    "ready": _("[{repo}] {who} demande une relecture de {number} : {title}"),
    "approved": _("[{repo}] {who} approuve la fusion {number} : {title}"),
    "refused": _("[{repo}] {who} demande des changements à la fusion {number} : {title}"),
    "commented": _("[{repo}] {who} commente la fusion {number} : {title}"),
    "": _("[{repo}] {who} met à jour la fusion {number} : {title}"),
}
TICKETS: Final[Mapping[str, Phrase]] = {
    "opened": _("[{repo}] {who} ouvre le ticket {number} : {title}"),
    "closed": _("[{repo}] {who} ferme le ticket {number} : {title}"),
    "reopened": _("[{repo}] {who} rouvre le ticket {number} : {title}"),
    "deleted": _("[{repo}] {who} supprime le ticket {number} : {title}"),
    "commented": _("[{repo}] {who} commente le ticket {number} : {title}"),
    "": _("[{repo}] {who} met à jour le ticket {number} : {title}"),
}
COMMITS: Final[Mapping[str, Phrase]] = {"": _("[{repo}] {who} commente le commit {number}")}
_SAID: Final = frozenset(("opened", "published", "approved", "refused", "commented", "noted"))
"""Actions that bring words of their own."""
_REVIEWS: Final = {
    "approved": "approved", "changes_requested": "refused", "commented": "commented",
    # Forgejo and Gitea name the event so.
    "pull_request_approved": "approved", "pull_request_rejected": "refused", "pull_request_comment": "commented",
}  # fmt: skip
VERSIONS: Final[Mapping[str, Phrase]] = {
    "published": _("[{repo}] {who} publie la version {title}"),
    "deleted": _("[{repo}] {who} retire la version {title}"),
    "": _("[{repo}] {who} met à jour la version {title}"),
}


def pushed(
    say: Translator, kind: str, value: Json, *, repo: str, who: str, url: str, commits: Sequence[Json], total: int
) -> Notice:
    """Commits that came onto a branch, or a branch or tag that came or went."""
    ref = line(value, "ref")
    branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    told = {"repo": repo, "who": who, "branch": branch}
    tag = ref.startswith("refs/tags/")
    if at(value, "deleted") is True or line(value, "after") == _NOTHING:
        title = say.gettext(_TAG_GONE if tag else _BRANCH_GONE, **told)
    elif tag:
        title = say.gettext(_TAG_CAME, **told)
    elif not commits and line(value, "before") == _NOTHING:
        title = say.gettext(_BRANCH_CAME, **told)
    elif at(value, "forced") is True:
        title = say.gettext(_("[{repo}] {who} réécrit la branche {branch}"), **told)
    else:
        title = say(
            ngettext("[{repo}] {who} pousse {n} commit sur {branch}", "[{repo}] {who} pousse {n} commits sur {branch}",
                     total, **told)
        )  # fmt: skip
    shown = [_commit(one) for one in commits[:SHOWN_COMMITS]]
    if (more := total - len(shown)) > 0 and shown:
        shown.append(words(say(ngettext("… et {n} autre", "… et {n} autres", more))))
    return Notice(
        kind=kind,
        title=title,
        text=stacked(shown),
        url=url,
        group=f"{kind}:{repo}:{ref}",
        labels={"repo": repo, "who": who, "branch": branch},
    )


def discussed(
    say: Translator,
    kind: str,
    sentences: Mapping[str, Phrase],
    action: str,
    *,
    repo: str,
    who: str,
    number: str,
    title: str,
    body: str,
    url: str,
    labels: Mapping[str, str] | None = None,
) -> Notice:
    """Something that people open, discuss and close. ``body``: what they say now; of a change to it, nothing."""
    sentence = sentences.get(action, sentences[""])
    return Notice(
        kind=kind,
        title=say.gettext(sentence, repo=repo, who=who, number=number, title=cut(title, _TITLE)),
        text=quoted(from_markdown(cut(body, EXCERPT))) if action in _SAID and body else Text(),
        url=url,
        group=f"{kind}:{repo}:{number or title}",
        labels={"repo": repo, "who": who, "number": number, "action": action, **(labels or {})},
    )


def push(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``push``."""
    commits = items(value, "commits")
    total = at(value, "total_commits")
    return pushed(
        say,
        kind,
        value,
        repo=repository(value),
        who=sender(value),
        url=link(value, "compare") or link(value, "compare_url") or link(value, "repository", "html_url"),
        commits=commits,
        total=total if isinstance(total, int) and len(commits) <= total < 10**6 else len(commits),
    )


def pull_request(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``pull_request``."""
    action = line(value, "action")
    if action == "closed" and at(value, "pull_request", "merged") is True:
        action = "merged"
    if action in {"ready_for_review", "review_requested"}:
        action = "ready"
    base, head = line(value, "pull_request", "base", "ref"), line(value, "pull_request", "head", "ref")
    return _opened(say, kind, value, "pull_request", MERGES, action, {"base": base, "head": head})


def issues(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``issues``."""
    return _opened(say, kind, value, "issue", TICKETS, line(value, "action"), {})


def release(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``release``."""
    tag, name = line(value, "release", "tag_name"), line(value, "release", "name")
    return discussed(
        say,
        kind,
        VERSIONS,
        line(value, "action"),
        repo=repository(value),
        who=sender(value),
        number=tag,
        title=tag if name in {"", tag} else f"{tag} ({name})",
        body=block(value, "release", "body"),
        url=link(value, "release", "html_url"),
    )


def ref_created(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``create``."""
    return _ref(say, kind, value, _TAG_CAME if line(value, "ref_type") == "tag" else _BRANCH_CAME)


def ref_deleted(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's ``delete``."""
    return _ref(say, kind, value, _TAG_GONE if line(value, "ref_type") == "tag" else _BRANCH_GONE)


def remark(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's comments on a pull request, an issue or a commit."""
    if line(value, "action") != "created":
        return other(say, kind, value, kind.partition(".")[2])
    comment: Any = at(value, "comment")
    issue, merge = at(value, "issue"), at(value, "pull_request")
    if at(value, "is_pull") is True or isinstance(at(issue, "pull_request"), Mapping):
        # A comment under a pull request calls it an issue.
        merge = issue
    thing: Json
    if isinstance(merge, Mapping):
        thing, sentences, action, number = merge, MERGES, "commented", f"#{line(merge, 'number')}"
    elif isinstance(issue, Mapping):
        thing, sentences, action, number = issue, TICKETS, "commented", f"#{line(issue, 'number')}"
    else:
        thing, sentences, action, number = {}, COMMITS, "noted", line(comment, "commit_id")[:8]
    return discussed(
        say,
        kind,
        sentences,
        action,
        repo=repository(value),
        who=sender(value),
        number=number,
        title=line(thing, "title"),
        body=block(comment, "body"),
        url=link(comment, "html_url") or link(thing, "html_url"),
    )


def review(say: Translator, kind: str, value: Json) -> Notice:
    """GitHub's and Forgejo's reviews of a pull request: approved, refused, or only words."""
    event = kind.partition(".")[2]
    said: Any = at(value, "review")
    verdict = _REVIEWS.get(event) or _REVIEWS.get(line(said, "state").lower(), "")
    if line(value, "action") not in {"submitted", "reviewed"} or not verdict:
        return other(say, kind, value, event)
    merge: Any = at(value, "pull_request")
    return discussed(
        say,
        kind,
        MERGES,
        verdict,
        repo=repository(value),
        who=sender(value),
        number=f"#{line(merge, 'number') or line(value, 'number')}",
        title=line(merge, "title"),
        body=block(said, "body") or block(said, "content"),
        url=link(said, "html_url") or link(merge, "html_url"),
    )


def other(say: Translator, kind: str, value: Json, event: str) -> Notice:
    """An event that has no words of its own: its name, who, and the page of the first thing that has one."""
    action = line(value, "action")
    repo, who = repository(value, ""), sender(value, "")
    things = [one for key, one in value.items() if key not in _AROUND]
    # Of a remark or a review without words, what lies under it is not said by whoever sends it.
    new = [one for one in things if one is not value.get("pull_request") and one is not value.get("issue")]
    said = next((block(one, "body", most=EXCERPT) for one in new if block(one, "body")), "")
    names = (line(one, "title") or line(one, "name") or line(one, "summary") for one in things)
    named = next(filter(None, names), "")
    url = next((link(one, "html_url") for one in things if link(one, "html_url")), "")
    return Notice(
        kind=kind,
        title=told(say, repo, who, f"{event} {action}".replace("_", " ").strip()),
        text=stacked((bold(named), quoted(from_markdown(said)) if said else Text())),
        url=url or link(value, "repository", "html_url"),
        labels={name: one for name, one in (("repo", repo), ("who", who), ("action", action)) if one},
    )


def told(say: Translator, repo: str, who: str, event: str) -> str:
    """The title of an event that has no words of its own; "" where nobody says where it was, or who did it."""
    if repo and who:
        return say.gettext(_("[{repo}] {who} : {event}"), repo=repo, who=who, event=event)
    if repo:
        return say.gettext(_("[{repo}] {event}"), repo=repo, event=event)
    return say.gettext(_("{who} : {event}"), who=who, event=event) if who else event


def repository(value: Json, unknown: str = "?") -> str:
    """``owner/name``; of what is above a repository, the organisation, the enterprise or whose app it is."""
    whose = line(value, "installation", "account", "login") or line(value, "installation", "account", "slug")
    above = line(value, "organization", "login") or line(value, "enterprise", "slug") or whose
    return line(value, "repository", "full_name") or above or unknown


def sender(value: Json, unknown: str = "?") -> str:
    """Who did it."""
    return line(value, "sender", "login") or line(value, "pusher", "name") or line(value, "pusher", "login") or unknown


def _ref(say: Translator, kind: str, value: Json, sentence: Phrase) -> Notice:
    repo, who = repository(value), sender(value)
    branch = line(value, "ref").removeprefix("refs/heads/").removeprefix("refs/tags/")
    return Notice(
        kind=kind,
        title=say.gettext(sentence, repo=repo, who=who, branch=branch),
        url=link(value, "repository", "html_url"),
        group=f"{kind}:{repo}:{branch}",
        labels={"repo": repo, "who": who, "branch": branch},
    )


def _opened(
    say: Translator,
    kind: str,
    value: Json,
    key: str,
    sentences: Mapping[str, Phrase],
    action: str,
    labels: Mapping[str, str],
) -> Notice:
    thing: Any = at(value, key)
    number = line(thing, "number") or line(value, "number")
    return discussed(
        say,
        kind,
        sentences,
        action,
        repo=repository(value),
        who=sender(value),
        number=f"#{number}",
        title=line(thing, "title"),
        body=block(thing, "body"),
        url=link(thing, "html_url"),
        labels={name: one for name, one in labels.items() if one},
    )


def _commit(value: Json) -> Text:
    """``ab12cd34 Title — Author``."""
    author = line(value, "author", "name", most=60)
    title = line({"": block(value, "message").split("\n", maxsplit=1)[0]}, "", most=_TITLE)
    sha = line(value, "id")[:8]
    return row(linked(link(value, "url"), sha), words(title), words(f"— {author}" if author else ""))
