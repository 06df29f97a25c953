"""``!sondage Question ? A / B / C choix=2``: what is asked, and by which rules. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tchap_bot_polls.model import Kind, Rules
from tchap_bot_polls.settings import rules, settings, span, yes
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _

MOST_OPTIONS: Final = 20
LONGEST: Final = 300  # characters of a question or an answer

EXAMPLE: Final = _("Exemple : !sondage On mange où ? Cantine / Crêperie / Pique-nique")
DATE_EXAMPLE: Final = _("Exemple : !date Réunion ? lundi 9h / mardi 14h")
_SETTING: Final = re.compile(r"(?:^|\s)(\w+)=(\"[^\"]*\"|«[^»]*»|\S+)")
_MARKER: Final = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_SEPARATORS: Final = ("|", " / ", "/", ";", ",")
_BETWEEN_DATES: Final = ("|", " / ", ";", ",")
"""A date may have strokes in it: 24/11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to have decided. ``options`` as they wrote them, dates too; () for yes and no.

    ``closes``: when, in their own words; "" for no end of its own. ``reminder``: so long before that end, or after the
    question where there is none. ``minutes`` and ``table``: they want those papers.
    """

    question: str
    options: tuple[str, ...]
    rules: Rules
    disclosed: bool = True
    closes: str = ""
    reminder: timedelta | None = None
    minutes: bool = False
    table: bool = False


def read(words: str, kind: Kind | None = None) -> Asked:
    """Raises `Misconfigured` with an example. ``kind``: of a command that asks for no other."""
    said = settings(_SETTING.findall(words))
    wanted = Kind(said["type"]) if kind is None and "type" in said else kind
    if kind is not None and said.get("type", kind) != kind:
        raise Misconfigured(_("cette commande ne demande que des dates"), remedy=DATE_EXAMPLE)
    question, options = _parts(_SETTING.sub("", words).strip(), wanted)
    checked(question, options, wanted)
    return asked(question, options, said, wanted)


def checked(question: str, options: Sequence[str], kind: Kind | None = None) -> None:
    """Raises `Misconfigured` for what cannot be asked."""
    example = DATE_EXAMPLE if kind is Kind.DATE else EXAMPLE
    if not question:
        raise Misconfigured(_("il manque la question"), remedy=example)
    if len(options) == 1 or (not options and kind in {Kind.DATE, Kind.RANKED, Kind.SEVERAL}):
        raise Misconfigured(_("une seule réponse ne laisse pas de choix"), remedy=example)
    if len(options) > MOST_OPTIONS:
        raise Misconfigured(_("{n} réponses, c'est trop : {most} au plus", n=len(options), most=MOST_OPTIONS))
    if len({one.casefold() for one in options}) < len(options):
        raise Misconfigured(_("une réponse est proposée deux fois"))
    if any(len(one) > LONGEST for one in (question, *options)):
        raise Misconfigured(_("c'est trop long : {n} caractères au plus par ligne", n=LONGEST))


def asked(question: str, options: Sequence[str], said: Mapping[str, str], kind: Kind | None = None) -> Asked:
    """The question with its settings, names and values as `settings` gives them."""
    return Asked(
        question=question,
        options=tuple(options),
        rules=rules(said, kind, max(len(options), 2)),
        disclosed=said.get("resultats", "").lower() not in {"apres", "après", "fin", "after", "end"},
        closes=said.get("fin", ""),
        reminder=span(said["rappel"]) if "rappel" in said else None,
        minutes=yes(said, "pv"),
        table=yes(said, "csv"),
    )


def options_of(text: str, kind: Kind | None = None) -> tuple[str, ...]:
    """Answers on a line each, or on one with something between them."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return _options(lines)
    separators = _BETWEEN_DATES if kind is Kind.DATE else _SEPARATORS
    separator = next((one for one in separators if one in text), separators[0])
    return _options(text.split(separator))


def _parts(text: str, kind: Kind | None) -> tuple[str, tuple[str, ...]]:
    first, *lines = [line for line in text.splitlines() if line.strip()] or [""]
    if lines:
        return first.strip(), _options(lines)
    question, mark, rest = text.partition("?")
    head, bar, tail = text.partition("|")
    if bar and not head.partition("?")[2].strip():
        return head.strip(), _options(tail.split("|"))
    if not mark:
        question, *parts = text.split("/")
        return question.strip(), _options(parts)
    return f"{question}?".strip() if question.strip() else "", options_of(rest, kind)


def _options(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(shown for part in parts if (shown := _MARKER.sub("", part).strip()))
