"""What Slack's refusals mean: its error codes as `tchap_bridges.errors`, each with its remedy. Pure.

https://docs.slack.dev/apis/web-api and the error tables of the methods used here.
"""

from collections.abc import Mapping
from typing import Any, Final

from tchap_bridge_slack.config import APP_TOKEN_PLACE, BOT_TOKEN_PLACE
from tchap_bridges.errors import BadCredentials, BridgeError, Misconfigured, NotReady, Undeliverable
from tchap_bridges.i18n import Phrase, _


class Refused(Undeliverable):
    """Slack understood and said no. ``code`` is its word for why; nothing was done."""

    def __init__(self, code: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.code = code


class Doubtful(NotReady):
    """It may have been done, and may not: look before doing it again."""


class Limited(NotReady):
    """Too much was asked of one method; nothing was done. ``retry_after`` is Slack's own."""


# The token is worth nothing (any more): to insist helps nobody.
_LOST: Final[Mapping[str, Phrase]] = {
    "invalid_auth": _("Slack ne connaît pas ce jeton"),
    "not_authed": _("Slack n'a reçu aucun jeton"),
    "account_inactive": _("l'application a été retirée de cet espace Slack, ou son compte désactivé"),
    "app_uninstalled": _("l'application a été retirée de cet espace Slack"),
    "token_revoked": _("le jeton Slack a été révoqué"),
    "tokens_revoked": _("le jeton Slack a été révoqué"),
    "token_expired": _("le jeton Slack a expiré"),
    "user_removed_from_team": _("le compte de l'application a été retiré de cet espace Slack"),
    "team_access_not_granted": _("l'application n'a plus accès à cet espace Slack"),
    "not_allowed_token_type": _("ce jeton n'est pas du genre attendu"),
    "invalid_app": _("Slack ne connaît plus cette application"),
    "org_login_required": _("l'espace Slack est en cours de migration ; Slack refuse tout jusque-là"),
}
_SOCKET: Final = frozenset({"socket_mode_not_enabled", "link_disabled", "forbidden_team"})

# Slack is not well, or asks for another moment; the first ones may have done it all the same.
_MAYBE: Final = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "timeout"})
_LATER: Final = frozenset({"ratelimited", "rate_limited", "team_added_to_org", "message_limit_exceeded"})

_REASONS: Final[Mapping[str, tuple[Phrase, Phrase]]] = {
    "is_archived": (
        _("ce canal Slack est archivé"),
        _("Désarchivez-le dans Slack (« Paramètres » du canal), puis renvoyez le message."),
    ),
    "not_in_channel": (
        _("l'application n'est pas dans ce canal Slack"),
        _("Invitez-la dans le canal : /invite @ suivi de son nom."),
    ),
    "channel_not_found": (
        _("ce canal Slack n'existe pas, ou l'application n'y est pas invitée"),
        _("S'il est privé, invitez l'application dans le canal : /invite @ suivi de son nom."),
    ),
    "restricted_action": (
        _("les règles de l'espace Slack interdisent d'écrire ici"),
        _("Un administrateur de l'espace Slack peut l'autoriser pour l'application."),
    ),
    "restricted_action_read_only_channel": (
        _("seules certaines personnes peuvent écrire dans ce canal Slack"),
        _("Un administrateur de l'espace Slack peut l'autoriser pour l'application."),
    ),
    "restricted_action_thread_locked": (
        _("cette conversation Slack est fermée"),
        _("Écrivez hors du fil."),
    ),
    "edit_window_closed": (
        _("Slack ne laisse plus modifier ce message"),
        _("Envoyez un nouveau message pour corriger."),
    ),
    "message_not_found": (_("ce message n'est plus dans Slack"), Phrase("")),
    "cant_update_message": (
        _("Slack ne laisse pas modifier ce message"),
        _("Envoyez un nouveau message pour corriger."),
    ),
    "cant_delete_message": (_("Slack ne laisse pas supprimer ce message"), _("Un administrateur de Slack le peut.")),
    "file_not_found": (_("Slack n'a pas ou plus ce fichier"), Phrase("")),
    "file_deleted": (_("ce fichier a été supprimé de Slack"), Phrase("")),
    "file_upload_size_restricted": (
        _("l'espace Slack refuse un fichier de cette taille"),
        _("Envoyez un fichier plus petit, ou un lien."),
    ),
    "storage_limit_reached": (_("l'espace Slack n'a plus de place pour des fichiers"), _("Envoyez un lien.")),
    "ekm_access_denied": (
        _("l'espace Slack a suspendu l'accès à ses données"),
        _("Son administrateur peut le rétablir."),
    ),
}


def refusal(code: str, said: Mapping[str, Any], *, app: bool = False) -> BridgeError:
    """The error to raise for ``{"ok": false, "error": code, …}``. ``app``: the app-level token was shown."""
    place = APP_TOKEN_PLACE if app else BOT_TOKEN_PLACE
    if code in _SOCKET:
        return BadCredentials(
            _("le mode socket est désactivé pour cette application"),
            remedy=_("Activez-le sur https://api.slack.com/apps, page « Socket Mode » de votre application."),
        )
    if code in _LOST:
        key = "app_token" if app else "bot_token"
        return BadCredentials(
            _("{why} ({key})", why=_LOST[code], key=key),
            remedy=_("Donnez le bon jeton dans « {key} » et redémarrez : {place}.", key=key, place=place),
        )
    if code == "missing_scope":
        return _missing(said, app=app)
    if code in _MAYBE:
        return Doubtful(_("Slack a eu une panne ({code})", code=code))
    if code in _LATER:
        return Limited(_("Slack demande d'attendre"))
    reason, remedy = _REASONS.get(code, (_("Slack a refusé ({code})", code=code), Phrase("")))
    return Refused(code, reason, remedy=remedy)


def _missing(said: Mapping[str, Any], *, app: bool) -> BridgeError:
    needed, provided = str(said.get("needed") or "?")[:200], str(said.get("provided") or "–")[:1000]
    if app:
        return BadCredentials(_("il manque à app_token le droit {needed}", needed=needed), remedy=APP_TOKEN_PLACE)
    words = {"needed": needed, "provided": provided}
    reason = _("il manque à l'application Slack le droit {needed} ; elle a : {provided}", **words)
    remedy = add_scope(needed)
    if {"chat:write"} & set(needed.split(",")):  # without it nothing leaves at all: messages wait for the operator
        return BadCredentials(reason, remedy=remedy)
    return Refused("missing_scope", reason, remedy=remedy)


def add_scope(scope: str) -> Phrase:
    """How to give the app a further right."""
    return _(
        "Ajoutez {scope} sur https://api.slack.com/apps, page « OAuth & Permissions », « Bot Token Scopes », "
        "puis « Reinstall to Workspace ».",
        scope=scope,
    )


def as_misconfigured(error: Undeliverable) -> Misconfigured:
    """The same for whoever typed a command."""
    remedy = error.remedy or _("Vérifiez le canal dans Slack, puis recommencez.")
    return Misconfigured(error.reason, remedy=remedy)
