"""What a room admin sets of alerts, and the policy that it makes."""

import re
from datetime import datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from tchap_bot_alerts.formats import Format
from tchap_bot_alerts.notice import Severity
from tchap_bot_alerts.policy import Hours, Policy
from tchap_bot_alerts.template import LONGEST_TEMPLATE
from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import _

_TIME: Final = re.compile(r"(\d{1,2})\s*[h:]\s*(\d{2})?", re.ASCII | re.IGNORECASE)
_USER: Final = re.compile(r"@[^\s:]+:[^\s]+")


def _time_of(text: str) -> time:
    """``9h``, ``9h30`` or ``09:30``. Raises ValueError for anything else."""
    found = _TIME.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59:
        raise ValueError(_("une heure est attendue, par exemple 9h30"))
    return time(int(found[1]), int(found[2] or 0))


def _a_time(text: str) -> str:
    return f"{_time_of(text):%H:%M}"


def _a_user(text: str) -> str:
    if not _USER.fullmatch(text):
        raise ValueError(_("un identifiant est attendu, par exemple @jeanne.martin:agent.tchap.gouv.fr"))
    return text


class AlertsConfig(RoomConfig):
    """What a room admin sets of alerts."""

    sender: Literal[
        "auto", "alertmanager", "grafana", "gitlab", "github", "forgejo", "sentry", "slack", "tchap", "plain"
    ] = field("auto", word="format", label="Format", help="Qui envoie. « auto » le reconnaît à chaque envoi.")
    template: str = field(
        "",
        word="modele",
        label="Modèle",
        help="Comment un message est écrit ; vide, le robot choisit les mots. Voyez !alertes modele.",
        long=True,
        max_length=LONGEST_TEMPLATE,
    )
    window: timedelta = field(
        timedelta(minutes=10),
        word="regroupement",
        label="Regroupement",
        help="Pendant cette durée, ce qui va ensemble tient dans un seul message.",
        ge=timedelta(0),
        le=timedelta(days=1),
    )
    repeat: timedelta | None = field(
        timedelta(hours=4),
        word="rappel",
        label="Rappel",
        help="Au bout de cette durée, ce que personne ne prend en charge est redit quand l'envoi se répète.",
        ge=timedelta(minutes=1),
    )
    quiet: bool = field(
        False, word="calme", label="Heures calmes", help="Rien n'est dit pendant ces heures : tout l'est après."
    )
    quiet_from: time = field(time(20), word="calme_de", label="Calme de")
    quiet_until: time = field(time(7), word="calme_a", label="Calme à")
    through: Literal[Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO] | None = field(
        Severity.CRITICAL, word="passe", label="Passe toujours", help="Ce qui est aussi grave est dit sans attendre."
    )
    digest: list[Annotated[str, AfterValidator(_a_time)]] = field(
        [],
        word="resumes",
        label="Résumés",
        help="À ces heures, tout ce qui a attendu est dit en un message.",
        max_length=12,
    )
    call: list[Annotated[str, AfterValidator(_a_user)]] = field(
        [], word="appeler", label="Appeler", help="Qui est appelé par son nom pour une alerte critique.", max_length=10
    )

    @property
    def format(self) -> Format | None:
        """Who sends; None: to be found out."""
        return None if self.sender == "auto" else Format(self.sender)

    def policy(self, zone: ZoneInfo, muted: datetime | None, *, crowded: bool) -> Policy:
        """When the room wants to be told."""
        return Policy(
            window=self.window,
            quiet=Hours(self.quiet_from, self.quiet_until) if self.quiet else None,
            digest=tuple(map(_time_of, self.digest)),
            through=self.through,
            repeat=self.repeat,
            zone=zone,
            muted=muted,
            crowded=crowded,
        )
