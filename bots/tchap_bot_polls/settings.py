"""The settings of one poll as people type them, ``choix=2 majorite=absolue``, French or English. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from tchap_bot_polls.model import Kind, Majority, Rules, Tie
from tchap_bot_polls.signs import plain
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _

Value = TypeVar("Value")

_NAMES: Final = {
    "type": "type",
    "choix": "choix",
    "choices": "choix",
    "quorum": "quorum",
    "majorite": "majorite",
    "majority": "majorite",
    "egalite": "egalite",
    "tie": "egalite",
    "secret": "secret",
    "resultats": "resultats",
    "results": "resultats",
    "fin": "fin",
    "until": "fin",
    "rappel": "rappel",
    "reminder": "rappel",
    "pv": "pv",
    "minutes": "pv",
    "csv": "csv",
}
_KINDS: Final = {
    "unique": Kind.SINGLE,
    "single": Kind.SINGLE,
    "plusieurs": Kind.SEVERAL,
    "several": Kind.SEVERAL,
    "classement": Kind.RANKED,
    "ranked": Kind.RANKED,
    "date": Kind.DATE,
    "dates": Kind.DATE,
}
_MAJORITIES: Final = {
    "simple": Majority.PLURALITY,
    "relative": Majority.PLURALITY,
    "absolue": Majority.ABSOLUTE,
    "absolute": Majority.ABSOLUTE,
    "deux-tiers": Majority.TWO_THIRDS,
    "two-thirds": Majority.TWO_THIRDS,
}
_TIES: Final = {"partage": Tie.SHARED, "shared": Tie.SHARED, "premier": Tie.FIRST, "first": Tie.FIRST}
_YES: Final = {"oui": True, "yes": True, "non": False, "no": False}
_SPAN: Final = re.compile(r"(\d{1,4})\s*(min|mn|m|h|j|d)")
_UNITS: Final[Mapping[str, str]] = {
    "min": "minutes",
    "mn": "minutes",
    "m": "minutes",
    "h": "hours",
    "j": "days",
    "d": "days",
}


def settings(found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By their French names, without accents; kinds as `Kind` has them. Raises `Misconfigured` for unknown ones."""
    said: dict[str, str] = {}
    for name, value in found:
        known = _NAMES.get(plain(name))
        if known is None:
            raise Misconfigured(
                _("« {word} » n'est pas un réglage d'un sondage", word=name[:40]),
                remedy=_(
                    "Réglages : type=classement, choix=2, quorum=10, majorite=absolue, egalite=premier, secret=oui, "
                    "resultats=fin, fin=…, rappel=2h, pv=oui, csv=oui."
                ),
            )
        said[known] = value.strip('"«»\u00a0\u202f ')
    if "type" in said:
        remedy = _("Écrivez type=unique, type=plusieurs, type=classement ou type=date.")
        said["type"] = _of(_KINDS, said["type"], _("« {word} » n'est pas un type de sondage"), remedy)
    return said


def rules(said: Mapping[str, str], kind: Kind | None, options: int) -> Rules:
    """How it is counted. ``kind``: None where nobody has said which; ``options``: how many there are."""
    most = _number(said, "choix", options if kind is Kind.SEVERAL else 1, least=1)
    if kind in {Kind.SINGLE, Kind.RANKED, Kind.DATE} and "choix" in said:
        raise Misconfigured(_("choix= est pour un sondage à plusieurs réponses"), remedy=_("Exemple : choix=2"))
    kind = kind or (Kind.SEVERAL if most > 1 else Kind.SINGLE)
    if kind is Kind.DATE and "egalite" in said:
        raise Misconfigured(_("entre deux dates qui conviennent autant, la première proposée est retenue"))
    majority = _of(
        _MAJORITIES,
        said.get("majorite", "simple"),
        _("« {word} » n'est pas une majorité"),
        _("Écrivez majorite=simple, majorite=absolue ou majorite=deux-tiers."),
    )
    tie = _of(
        _TIES,
        said.get("egalite", "premier" if kind is Kind.DATE else "partage"),
        _("« {word} » n'est pas une règle d'égalité"),
        _("Écrivez egalite=partage (toutes sont annoncées) ou egalite=premier (la première de la question)."),
    )
    return Rules(
        kind=kind,
        most={Kind.SINGLE: 1, Kind.RANKED: options, Kind.DATE: 2 * options}.get(kind, min(most, options)),
        majority=majority,
        tie=tie,
        quorum=_number(said, "quorum", 0, least=0),
        secret=yes(said, "secret"),
    )


def yes(said: Mapping[str, str], name: str) -> bool:
    remedy = _("Écrivez {name}=oui ou {name}=non.", name=name)
    return _of(_YES, said.get(name, "non"), _("« {word} » n'est ni oui ni non"), remedy)


def span(words: str) -> timedelta:
    """``2h``, ``30min``, ``1j``."""
    found = _SPAN.fullmatch(words.strip().lower())
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not length:
        raise Misconfigured(
            _("« {word} » n'est pas une durée", word=words[:40]),
            remedy=_("Exemples : rappel=30min, rappel=2h, rappel=1j."),
        )
    return length


def _of(known: Mapping[str, Value], word: str, unknown: Phrase, remedy: Phrase) -> Value:
    """``unknown`` has a place for the word."""
    found = known.get(word.lower())
    if found is None:
        raise Misconfigured(Phrase(str(unknown), word=word[:40]), remedy=remedy)
    return found


def _number(said: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    word = said.get(name)
    if word is None:
        return default
    if not word.isdecimal() or len(word) > 6 or int(word) < least:
        raise Misconfigured(_("« {word} » n'est pas un nombre possible", word=word[:40]), where=name)
    return int(word)
