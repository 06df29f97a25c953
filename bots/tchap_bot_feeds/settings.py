"""What a room sets of its feeds."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import field_validator

from tchap_bot_feeds.model import Entry
from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.dates import Recurrence, recurrence
from tchap_bridges.dates.words import fold
from tchap_bridges.i18n import _


class FeedsConfig(RoomConfig):
    """What a room admin sets of feeds."""

    interval: timedelta = field(
        timedelta(minutes=30),
        word="intervalle",
        label=_("Temps entre deux lectures"),
        ge=timedelta(minutes=5),
        le=timedelta(days=1),
    )
    digest: list[str] = field(
        [],
        word="resumes",
        label=_("Résumé : à quelles heures"),
        help=_("Vide : chaque entrée dès qu'elle paraît. Exemples : 8h30, 17h, chaque jour ouvré à 9h"),
        max_length=6,
    )
    summary: bool = field(True, word="debut", label=_("Montrer le début de chaque entrée"))
    most: int = field(5, word="au_plus", label=_("Entrées dites au plus à chaque lecture"), ge=1, le=20)
    keep: list[str] = field(
        [],
        word="garder",
        label=_("Seulement ce qui parle de"),
        help=_("Des débuts de mots ; vide : tout"),
        max_length=20,
    )
    leave_out: list[str] = field([], word="ecarter", label=_("Jamais ce qui parle de"), max_length=20)

    @field_validator("digest")
    @classmethod
    def _said(cls, lines: list[str]) -> list[str]:
        for line in lines:
            recurring(line)
        return lines

    def wants(self, entry: Entry) -> bool:
        """Whether the room is to be told of it."""
        text = fold(f"{entry.title}\n{entry.summary}")
        return not _speaks_of(text, self.leave_out) and (not self.keep or _speaks_of(text, self.keep))

    def next_digest(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """None where each entry is told when it appears."""
        return min((recurring(line).next(now, zone) for line in self.digest), default=None)


def recurring(words: str) -> Recurrence:
    """« 8h30 », every day, or any recurrence. Raises ValueError."""
    for said in (words, f"tous les jours à {words}"):
        found = recurrence(said)
        if isinstance(found, Recurrence):
            return found
    raise ValueError(_("« {words} » n'est ni une heure ni un rythme ; exemple : 8h30", words=words[:40]))


def _speaks_of(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(fold(word))}", text) for word in words)
