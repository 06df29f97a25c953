"""What words about time turn out to be: one moment, several that one must ask about, or none that can be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from tchap_bridges.i18n import Phrase

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """``at``: in UTC, a whole minute. ``words``: those it was read from. ``hour_said``: False when it is a default."""

    at: datetime
    words: str
    hour_said: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous(Generic[T]):
    """At least two readings, soonest first: ask which. ``why``: what people may not know, as that clocks change."""

    readings: tuple[T, ...]
    words: str
    why: Phrase | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Words about time that no moment to come answers to: past, impossible, contradictory, or too vague."""

    reason: Phrase
    words: str
