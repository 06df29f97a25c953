"""What a delivery says, whoever sent it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, _


class State(StrEnum):
    """Whether something is wrong: it is, it no longer is, or it is only news."""

    FIRING = "firing"
    RESOLVED = "resolved"
    NONE = "none"


class Severity(StrEnum):
    """How bad, worst first; ``NONE``: nobody says."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NONE = "none"

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return -list(Severity).index(self)

    @property
    def label(self) -> Phrase:
        """What people call it."""
        return _LABELS[self]


_LABELS: Final = {
    Severity.CRITICAL: _("critique"),
    Severity.ERROR: _("erreur"),
    Severity.WARNING: _("avertissement"),
    Severity.INFO: _("information"),
    Severity.NONE: _("inconnue"),
}


_NO_WORDS: Final = Text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that happened. Everything is bounded in length and free of control characters.

    ``kind``: sender and event, ``github.push``. ``title``: one line, "" when the sender gave only words. ``text``: safe
    HTML of the Matrix subset. ``url``: http(s), or "". ``fingerprint``: the same for every notice of one trouble, ""
    for news. ``group``: the same for what belongs together. ``at``: when it began, or was over; None when nobody says.
    """

    kind: str
    title: str = ""
    text: Text = _NO_WORDS
    url: str = ""
    severity: Severity = Severity.NONE
    state: State = State.NONE
    fingerprint: str = ""
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None

    @property
    def headline(self) -> str:
        """One line that says what it is about."""
        return self.title or self.text.plain.strip().split("\n")[0]


@dataclass(frozen=True, slots=True)
class Refused:
    """A delivery that cannot be read, and why."""

    reason: Phrase
