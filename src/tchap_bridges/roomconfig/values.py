"""One value as people write it and as it is told to them. What is told can be written again, and means the same.

Nothing is guessed: « 30 » is no duration and « 9 » no time, so the answer says how to write it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import time, timedelta
from decimal import Decimal
from enum import Enum
from math import isinf
from typing import Any, Final

from pydantic import SecretStr

from tchap_bridges.i18n import Phrase, Translator, _, ngettext
from tchap_bridges.roomconfig.fields import Bound, Choice, Kind, RoomField

YES: Final = frozenset(("oui", "o", "yes", "y", "vrai", "true", "on", "1"))
NO: Final = frozenset(("non", "n", "no", "faux", "false", "off", "0"))
UNITS: Final[Mapping[str, int]] = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
"""Seconds of each unit that a duration is asked in, the shortest first."""
_UNIT_WORDS: Final[Mapping[str, str]] = {
    word: unit
    for unit, words in (
        ("s", "s sec secs seconde secondes second seconds"),
        ("min", "mn min mins minute minutes"),
        ("h", "h hr hrs heure heures hour hours"),
        ("d", "j d jour jours day days"),
    )
    for word in words.split()
}
_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{1,2})\s*(?:(?:h|:)\s*(?:(\d{2})(?::(\d{2}))?)?)?\s*([ap]\.?m\.?)?", re.ASCII | re.IGNORECASE
)
_LENGTH: Final = re.compile(r"(\d{1,20}(?:[.,]\d{1,20})?)\s*([a-z]+)", re.ASCII)
_HOURS: Final = re.compile(r"(-?)\s*(\d+)\s*h\s*(\d{1,2})", re.ASCII)
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Never typed on purpose, and neither a page nor a database can hold all of them."""


class Unreadable(ValueError):
    """These words are no such value. ``reason`` says what is expected."""

    def __init__(self, reason: Phrase) -> None:
        super().__init__(reason)
        self.reason = reason


def folded(text: str) -> str:
    """As words are compared: « À la fin », « a-la-fin » and « a_la_fin » are one."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[\s_'’-]+", "", "".join(c for c in letters if not unicodedata.combining(c)))


# ---- read


def read(field: RoomField, text: str) -> Any:
    """The value that is written; bounds are the model's business. Raises `Unreadable`.

    Of a text that is optional, nothing is None, never "". Lists have a line each; blank ones are dropped.
    Times are to the second, without a zone.
    """
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if field.kind is Kind.SECRET:
        return SecretStr(text) if text or not field.optional else None
    if field.kind is Kind.TEXT:
        return text if text or not field.optional else None
    if field.kind is Kind.LINES:
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return lines if lines or not field.optional else None
    text = unicodedata.normalize("NFKC", text).strip() if field.kind is not Kind.CHOICE else text
    if not text and field.optional:
        return None
    if field.kind is Kind.CHOICE:
        return chosen(field.choices, text).value
    return _READERS[field.kind](text)


def chosen(choices: Iterable[Choice], text: str) -> Choice:
    """By key, or by what is shown of it in either language; accents and case only count where they tell two apart."""
    english = Translator("en")
    choices = tuple(choices)
    keys = [(choice, (choice.key,)) for choice in choices]
    labels = [(choice, (str(choice.label), english(choice.label))) for choice in choices]
    for same in (str, folded):
        word = same(text)
        for named in (keys, labels):
            found = [choice for choice, names in named if word in map(same, names)]
            if len(found) == 1 and (word or same is str):
                return found[0]
    raise Unreadable(_("choix inconnu ; possibles : {words}", words=listed([choice.label for choice in choices])))


def listed(words: Iterable[Phrase]) -> Phrase:
    """« a, b, c », each still to be read in any language."""
    first, *others = [*words] or [Phrase("–")]
    for other in others:
        first = _("{words}, {word}", words=first, word=other)
    return first


def _read_bool(text: str) -> bool:
    word = folded(text)
    if word in YES or word in NO:
        return word in YES
    raise Unreadable(_("répondez oui ou non"))


def _read_integer(text: str) -> int:
    text = re.sub(r"\s", "", text) if _GROUPED.fullmatch(text) else text
    if not re.fullmatch(r"[+-]?[0-9]{1,400}", text):
        raise Unreadable(_("un nombre entier est attendu, par exemple 3"))
    return int(text)


def _read_decimal(text: str) -> float:
    text = re.sub(r"\s", "", text) if _GROUPED.fullmatch(text) else text
    if not _NUMBER.fullmatch(text):
        raise Unreadable(_("un nombre est attendu, par exemple 2,5"))
    number = float(text.replace(",", "."))
    if isinf(number):
        raise Unreadable(_("ce nombre est trop grand"))
    return number


def _read_time(text: str) -> time:
    expected = Unreadable(_("une heure est attendue, par exemple 9h30"))
    found = _TIME.fullmatch(text)
    if found is None or text.isdecimal():
        raise expected
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            raise expected
        hour = hour % 12 + (12 if found[4][0] in "pP" else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        raise expected from None


def _read_duration(text: str) -> timedelta:
    expected = Unreadable(_("une durée est attendue, avec son unité : par exemple 30 min, 2 h ou 3 jours"))
    words = unicodedata.normalize("NFKD", text.casefold())
    if whole := _HOURS.fullmatch(words):
        minus, words = whole[1], f"{whole[2]}h {whole[3]}min"
    else:
        minus, words = ("-", words[1:]) if words.startswith("-") else ("", words)
    parts = _LENGTH.findall(words)
    if not parts or re.sub(r"\s|,|\bet\b|\band\b", "", _LENGTH.sub("", words)):
        raise expected
    units = [_UNIT_WORDS.get(word) for _number, word in parts]
    if len(set(units)) < len(units):
        raise expected
    seconds = Decimal(0)
    for (number, _word), unit in zip(parts, units, strict=True):
        if unit is None:
            raise expected
        seconds += Decimal(number.replace(",", ".")) * UNITS[unit]
    try:
        return timedelta(microseconds=int((-seconds if minus else seconds) * 1_000_000))
    except OverflowError:
        raise Unreadable(_("cette durée est trop longue")) from None


_READERS: Final[Mapping[Kind, Callable[[str], Any]]] = {
    Kind.BOOL: _read_bool,
    Kind.INTEGER: _read_integer,
    Kind.DECIMAL: _read_decimal,
    Kind.TIME: _read_time,
    Kind.DURATION: _read_duration,
}


# ---- tell


def told(field: RoomField, value: Any) -> Phrase:
    """A value in words. Of a secret only whether there is one."""
    match field.kind, value:
        case Kind.SECRET, _:
            return _("défini") if value and value.get_secret_value() else _("non défini")
        case _, None:
            return _("aucun")
        case Kind.BOOL, _:
            return _("oui") if value else _("non")
        case Kind.CHOICE, _:
            return next((choice.label for choice in field.choices if choice.value == value), Phrase(str(value)))
        case Kind.LINES, _:
            return Phrase(", ".join(value)) if value else _("aucun")
        case Kind.TEXT, _:
            return _("« {text} »", text=value) if value else _("vide")
        case _:
            return measure(value)


def measure(value: Bound) -> Phrase:
    """A number, a time or a duration."""
    if isinstance(value, timedelta):
        number, unit = in_unit(value)
        return _unit(float(number), _number(number))[unit]
    if isinstance(value, time):
        hour, minute = str(value.hour), f"{value.minute:02}"
        if value.second:
            return Phrase(f"{hour}:{minute}:{value.second:02}")
        return _("{hour} h {minute}", hour=hour, minute=minute)
    return _number(str(value).removesuffix(".0"))


def in_unit(value: timedelta) -> tuple[str, str]:
    """The number and its unit, the longest in which it is whole; parts of a second as a decimal fraction."""
    micros = value // timedelta(microseconds=1)
    for unit, seconds in reversed([*UNITS.items()]):
        if micros and micros % (seconds * 1_000_000) == 0:
            return str(micros // (seconds * 1_000_000)), unit
    return (f"{Decimal(micros) / 1_000_000:f}", "s") if micros else ("0", "min")


def _unit(n: float, number: Phrase) -> Mapping[str, Phrase]:
    many = int(abs(n)) if n == int(n) or abs(n) >= 2 else 0
    return {
        "s": ngettext("{number} seconde", "{number} secondes", many, number=number),
        "min": ngettext("{number} minute", "{number} minutes", many, number=number),
        "h": ngettext("{number} heure", "{number} heures", many, number=number),
        "d": ngettext("{number} jour", "{number} jours", many, number=number),
    }


def _number(text: str) -> Phrase:
    whole, point, fraction = text.partition(".")
    return _("{whole},{fraction}", whole=whole, fraction=fraction) if point else Phrase(text)


def key_of(value: Any) -> str:
    """Of a choice, as `Choice.key`."""
    return str(value.value if isinstance(value, Enum) else value)
