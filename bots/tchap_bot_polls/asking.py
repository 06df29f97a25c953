"""``!sondage Question ? A / B / C choix=2``: what is asked, and by which rules. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tchap_bot_polls.model import Kind, Majority, Rules
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _

MOST_OPTIONS: Final = 20
LONGEST: Final = 300  # characters of a question or an answer

_EXAMPLE: Final = _("Exemple : !sondage On mange où ? Cantine / Crêperie / Pique-nique")
_SETTING: Final = re.compile(r"(?:^|\s)(\w+)=(\"[^\"]*\"|«[^»]*»|\S+)")
_MARKER: Final = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_MAJORITIES: Final = {
    "simple": Majority.PLURALITY,
    "relative": Majority.PLURALITY,
    "absolue": Majority.ABSOLUTE,
    "absolute": Majority.ABSOLUTE,
    "deux-tiers": Majority.TWO_THIRDS,
    "two-thirds": Majority.TWO_THIRDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to have decided. ``closes``: when, in their own words; "" for no end of its own."""

    question: str
    options: tuple[str, ...]
    rules: Rules
    disclosed: bool = True
    closes: str = ""


def read(words: str) -> Asked:
    """Raises `Misconfigured` with an example. A question without answers is one of yes and no."""
    settings = {name.lower(): value.strip('"«» ') for name, value in _SETTING.findall(words)}
    question, options = _parts(_SETTING.sub("", words).strip())
    if not question:
        raise Misconfigured(_("il manque la question"), remedy=_EXAMPLE)
    if len(options) == 1:
        raise Misconfigured(_("une seule réponse ne laisse pas de choix"), remedy=_EXAMPLE)
    if len(options) > MOST_OPTIONS:
        raise Misconfigured(_("{n} réponses, c'est trop : {most} au plus", n=len(options), most=MOST_OPTIONS))
    if len({one.casefold() for one in options}) < len(options):
        raise Misconfigured(_("une réponse est proposée deux fois"))
    if any(len(one) > LONGEST for one in (question, *options)):
        raise Misconfigured(_("c'est trop long : {n} caractères au plus par ligne", n=LONGEST))
    closes = settings.pop("fin", settings.pop("until", ""))
    shown = settings.pop("résultats", settings.pop("resultats", settings.pop("results", "")))
    disclosed = shown.lower() not in {"apres", "après", "fin", "after", "end"}
    return Asked(
        question=question, options=options, rules=_rules(settings, len(options)), disclosed=disclosed, closes=closes
    )


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    first, *lines = [line for line in text.splitlines() if line.strip()] or [""]
    if lines:
        return first.strip(), _options(lines)
    question, mark, rest = text.partition("?")
    if not mark:
        question, *parts = text.split("/")
        return question.strip(), _options(parts)
    separator = next((one for one in "/;," if one in rest), "/")
    return f"{question.strip()} ?", _options(rest.split(separator))


def _options(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(shown for part in parts if (shown := _MARKER.sub("", part).strip()))


def _rules(settings: dict[str, str], options: int) -> Rules:
    most = _number(settings, ("choix", "choices"), 1, least=1)
    quorum = _number(settings, ("quorum",), 0, least=0)
    majority = settings.pop("majorité", settings.pop("majorite", settings.pop("majority", "simple"))).lower()
    if majority not in _MAJORITIES:
        raise Misconfigured(
            _("« {word} » n'est pas une majorité", word=majority[:40]),
            remedy=_("Écrivez majorite=simple, majorite=absolue ou majorite=deux-tiers."),
        )
    if settings:
        raise Misconfigured(
            _("« {word} » n'est pas un réglage d'un sondage", word=next(iter(settings))[:40]),
            remedy=_("Réglages : choix=2, quorum=10, majorite=absolue, resultats=fin."),
        )
    kind = Kind.SEVERAL if most > 1 else Kind.SINGLE
    return Rules(kind=kind, most=min(most, max(options, 2)), majority=_MAJORITIES[majority], quorum=quorum)


def _number(settings: dict[str, str], names: Sequence[str], default: int, *, least: int) -> int:
    for name in names:
        if (said := settings.pop(name, None)) is not None:
            if not said.isdecimal() or len(said) > 6 or int(said) < least:
                raise Misconfigured(_("« {word} » n'est pas un nombre possible", word=said[:40]), where=name)
            return int(said)
    return default
