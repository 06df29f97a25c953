"""What the app may do: the scopes and events that the bridge needs. ``manifest.yaml`` has the same."""

from collections.abc import Mapping
from typing import Any, Final

from tchap_bridges.i18n import Phrase, _

SCOPES: Final[Mapping[str, Phrase]] = {
    "channels:history": _("lire les canaux publics"),
    "channels:join": _("entrer dans un canal public quand on le relie"),
    "channels:read": _("trouver les canaux publics"),
    "chat:write": _("écrire"),
    "chat:write.customize": _("écrire sous le nom et la photo de chaque agent"),
    "emoji:read": _("reconnaître les emoji de l'espace"),
    "files:read": _("lire les fichiers"),
    "files:write": _("envoyer les fichiers"),
    "groups:history": _("lire les canaux privés où l'application est invitée"),
    "groups:read": _("trouver les canaux privés où l'application est invitée"),
    "im:history": _("répondre à qui écrit au pont lui-même"),
    "reactions:read": _("voir les réactions"),
    "reactions:write": _("réagir"),
    "usergroups:read": _("nommer les groupes mentionnés"),
    "users:read": _("nommer les personnes"),
}
APP_SCOPES: Final = ("connections:write",)
EVENTS: Final = (
    "app_uninstalled",
    "channel_id_changed",
    "channel_rename",
    "emoji_changed",
    "group_rename",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "reaction_added",
    "reaction_removed",
    "team_join",
    "tokens_revoked",
    "user_change",
)


def expiry(said: Mapping[str, Any]) -> int | None:
    """In how many seconds a token ends, by auth.test; None for one that does not (token rotation is off)."""
    seconds = said.get("expires_in")
    return seconds if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0 else None
