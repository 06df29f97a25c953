"""GitLab's system hooks: what befalls accounts, projects and groups of a whole instance.

They have an ``event_name`` and no ``object_kind``; who did it is not told, an ``owner_name`` is only the owner's.
Groups send their projects, subgroups and members in the same shape. https://docs.gitlab.com/administration/system_hooks/
"""

from collections.abc import Mapping
from typing import Final

from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import Json, line, link
from tchap_bot_alerts.words import words
from tchap_bridges.i18n import Phrase, Translator, _

_GROUP_MADE: Final = _("[{place}] Le groupe est créé")
_GROUP_GONE: Final = _("[{place}] Le groupe est supprimé")
_JOINED: Final = _("[{place}] {who} devient membre")
_LEFT: Final = _("[{place}] {who} n'est plus membre")
_ROLE: Final = _("[{place}] {who} change de rôle")
_ASKED: Final = _("[{place}] {who} demande à devenir membre")
_ASKED_NO_MORE: Final = _("[{place}] {who} ne demande plus à devenir membre, ou n'est pas admis")

_PLACES: Final[Mapping[str, Phrase]] = {
    "project_create": _("[{place}] Le projet est créé"),
    "project_destroy": _("[{place}] Le projet est supprimé"),
    "project_rename": _("[{place}] Le projet est renommé : c'était {old}"),
    "project_transfer": _("[{place}] Le projet est déplacé : c'était {old}"),
    "project_update": _("[{place}] Les réglages du projet changent"),
    "group_create": _GROUP_MADE,
    "group_destroy": _GROUP_GONE,
    "group_rename": _("[{place}] Le groupe est renommé : c'était {old}"),
    "subgroup_create": _GROUP_MADE,
    "subgroup_destroy": _GROUP_GONE,
}
_ACCOUNTS: Final[Mapping[str, Phrase]] = {
    "user_create": _("Compte créé : {who}"),
    "user_destroy": _("Compte supprimé : {who}"),
    "user_rename": _("Compte renommé : {who}, c'était {old}"),
    "user_failed_login": _("Connexion refusée à un compte bloqué : {who}"),
    "key_create": _("Clé SSH ajoutée : {who}"),
    "key_destroy": _("Clé SSH retirée : {who}"),
}
_MEMBERS: Final[Mapping[str, Phrase]] = {
    "user_add_to_team": _JOINED,
    "user_add_to_group": _JOINED,
    "user_update_for_team": _ROLE,
    "user_update_for_group": _ROLE,
    "user_remove_from_team": _LEFT,
    "user_remove_from_group": _LEFT,
    "user_access_request_to_team": _ASKED,
    "user_access_request_to_group": _ASKED,
    "user_access_request_revoked_for_team": _ASKED_NO_MORE,
    "user_access_request_revoked_for_group": _ASKED_NO_MORE,
}


def read(value: Json, say: Translator) -> Notice | None:
    """What an event of an instance or group says; None for one that has no words here, or that names nothing."""
    event, where, who = line(value, "event_name"), place(value), ""
    account, member = _account(value, "name", "username"), _account(value, "user_name", "user_username")
    if event in _PLACES and where:
        title = say.gettext(_PLACES[event], place=where, old=_old(value))
    elif event in _ACCOUNTS and account:
        where, who = "", account
        title = say.gettext(_ACCOUNTS[event], who=who, old=_old(value))
    elif event in _MEMBERS and where and member:
        who = member
        title = say.gettext(_MEMBERS[event], place=where, who=who)
    else:
        return None
    role = line(value, "group_access") or line(value, "project_access") or line(value, "access_level")
    return Notice(
        kind=f"gitlab.{event}",
        title=title,
        text=words(role if event in _MEMBERS else ""),
        url=link(value, "project", "web_url"),
        labels={name: one for name, one in (("repo", where), ("who", who)) if one},
    )


def place(value: Json) -> str:
    """The project or group that it is about; "" for none."""
    project = line(value, "path_with_namespace") or line(value, "project_path_with_namespace")
    group = line(value, "full_path") or line(value, "group_full_path") or line(value, "group_path")
    # A group of the top is told by its bare ``path`` alone.
    bare = line(value, "path") if line(value, "event_name").startswith("group_") else ""
    return project or group or bare


def _old(value: Json) -> str:
    """What it was called before."""
    keys = ("old_path_with_namespace", "old_full_path", "old_path", "old_username")
    return next((old for key in keys if (old := line(value, key))), "?")


def _account(value: Json, name: str, username: str) -> str:
    """``Inès Dupont (idupont)``."""
    full, short = line(value, name), line(value, username)
    return f"{full} ({short})" if full and short and full != short else full or short
