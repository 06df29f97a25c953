"""The form in words: questions for a direct message, and ``clé=valeur`` in one line.

An answer stands as it is between quotes; otherwise ``ok`` keeps what is there, ``défaut`` goes back to the default of
anything but a text, and ``aucun`` empties what may be empty.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, Final, TypeVar

from tchap_bridges.bot import RoomConfig
from tchap_bridges.fields import did_you_mean
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.roomconfig.checking import Errors, allowed, checked, values_of
from tchap_bridges.roomconfig.fields import Kind, RoomField, fields_of
from tchap_bridges.roomconfig.values import Unreadable, folded, read, told

ModelT = TypeVar("ModelT", bound=RoomConfig)

KEEP: Final = frozenset(("ok", "garder", "keep"))
DEFAULT: Final = frozenset(("defaut", "default"))
NONE: Final = frozenset(("aucun", "aucune", "none"))
_FREE: Final = frozenset((Kind.TEXT, Kind.LINES, Kind.SECRET))
"""Kinds that any word may belong to."""
_QUOTED: Final = re.compile(r'"([^"]*)"|“([^”]*)”|«\s*([^»]*?)\s*»')
_ASSIGNED: Final = re.compile(
    rf"(?<!\S)([^\W\d][\w’'-]*)\s*=\s*({_QUOTED.pattern}|.*?)(?=\s+[^\W\d][\w’'-]*\s*=|\s*\Z)", re.DOTALL
)
_LONGEST: Final = 5000
"""Characters of a line of assignments: finding the keys takes quadratic time on spaces."""
_ENGLISH_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that is no value, and why."""

    reason: Phrase


@dataclass(frozen=True, slots=True)
class Question:
    """``text`` is what to say, of several lines. ``present`` is the value that is kept."""

    name: str
    text: str
    present: Any
    _field: RoomField
    _config: RoomConfig
    _language: Language

    def parse(self, answer: str) -> Any:
        """The value, or `Wrong`. Rules between several fields are checked when all are answered (`checked`)."""
        if folded(answer) in KEEP and not _is_choice(self._field, answer):
            return self.present
        try:
            value = _understood(self._field, _numbered(self._field, answer.strip()), self._language)
        except Unreadable as error:
            return Wrong(error.reason)
        found = checked(type(self._config), {**values_of(self._config), self.name: value})
        if isinstance(found, RoomConfig):
            return getattr(found, self.name)
        return Wrong(found[self.name]) if self.name in found else value


def questions(config: RoomConfig, language: Language) -> Sequence[Question]:
    """One for each field, in the order of the model. ``config`` is what is set now."""
    say = Translator(language)
    return tuple(
        Question(
            field.name,
            _asked(field, getattr(config, field.name), say),
            getattr(config, field.name),
            field,
            config,
            language,
        )
        for field in fields_of(type(config))
    )


def assign(config: ModelT, words: str, language: Language) -> ModelT | Errors:
    """``config`` with what ``clé=valeur clé2="autre valeur"`` changes, or what is wrong, by key as it was typed.

    A key is a field's name or label, accents and case aside. A value reaches up to the next key. A secret is refused:
    a command is read by the whole room.
    """
    values = values_of(config)
    fields = fields_of(type(config))
    errors: Errors = {}
    typed: dict[str, str] = {}
    for key, value in _assignments(words, errors):
        field = _named(fields, key)
        if field is None:
            known = [one.key(language) for one in fields]
            errors[key] = _("clé inconnue ({remedy})", remedy=did_you_mean(folded(key), known))
        elif field.name in typed:
            errors[key] = _("donnée deux fois")
        elif field.kind is Kind.SECRET:
            errors[key] = _("un secret ne s'écrit pas dans un salon : passez par le formulaire")
        else:
            typed[field.name] = key
            try:
                values[field.name] = _understood(field, value, language)
            except Unreadable as error:
                errors[key] = error.reason
    unreadable = {name: errors[key] for name, key in typed.items() if key in errors}
    found = checked(type(config), values, unreadable)
    if isinstance(found, RoomConfig):
        return errors or found
    return {**errors, **{typed.get(name, name): reason for name, reason in found.items() if name or not errors}}


def _assignments(words: str, errors: Errors) -> Iterator[tuple[str, str]]:
    end = 0
    if len(words) > _LONGEST:
        errors[""] = _("trop long : passez par le formulaire")
        return
    for found in _ASSIGNED.finditer(words):
        if words[end : found.start()].strip():
            break
        end = found.end()
        yield found[1], found[2]
    rest = words[end:].strip()
    if rest or not end:
        errors[""] = (
            _("« {words} » n'est pas de la forme clé=valeur", words=shorten(rest, 60, placeholder="…"))
            if rest
            else _("écrivez clé=valeur")
        )


def _named(fields: Sequence[RoomField], key: str) -> RoomField | None:
    english, word = Translator("en"), folded(key)
    for names in (
        [(folded(field.name), folded(field.word)) for field in fields],
        [(folded(field.label), folded(english(field.label))) for field in fields],
    ):
        found = [field for field, own in zip(fields, names, strict=True) if word in own]
        if len(found) == 1:
            return found[0]
    return None


def _understood(field: RoomField, text: str, language: Language) -> Any:
    """Raises `Unreadable`."""
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        return read(field, next(part for part in quoted.groups() if part is not None))
    if field.kind is Kind.CHOICE:
        with suppress(Unreadable):
            return read(field, text)
    word = folded(text)
    if word in NONE and field.optional:
        return None
    if word in NONE and field.kind is Kind.LINES:
        return []
    if word in DEFAULT and field.kind not in _FREE:
        return field.default
    if field.kind is Kind.DECIMAL and language == "en" and _ENGLISH_THOUSANDS.fullmatch(text):
        raise Unreadable(_("on peut lire ce nombre de deux façons : écrivez-le sans virgule"))
    if field.kind is Kind.LINES and "\n" not in text:
        text = text.replace(",", "\n")
    return read(field, text)


def _is_choice(field: RoomField, answer: str) -> bool:
    with suppress(Unreadable):
        return field.kind is Kind.CHOICE and read(field, answer.strip()) is not None
    return False


def _numbered(field: RoomField, answer: str) -> str:
    """The key of the choice with this number, when choices are numbered."""
    if _numbers(field) and answer.isascii() and answer.isdecimal() and 1 <= int(answer[:4]) <= len(field.choices):
        return field.choices[int(answer) - 1].key
    return answer


def _numbers(field: RoomField) -> bool:
    """Choices that are numbers themselves are not numbered: « 1. 3 » would be a riddle."""
    return not any(name.strip().isdecimal() for choice in field.choices for name in (choice.key, choice.label))


def _asked(field: RoomField, present: Any, say: Translator) -> str:
    lines = [say(field.label)]
    if field.help:
        lines.append(say(field.help))
    for n, choice in enumerate(field.choices, 1):
        lines.append(f"{n}. {say(choice.label)}" if _numbers(field) else f"- {say(choice.label)}")
    if (bounds := allowed(field)) is not None:
        lines.append(say(_("Attendu : {bounds}.", bounds=bounds)))
    lines.append(say(_how(field)))
    lines.append(say(_("À présent : {value}. « ok » le garde.", value=told(field, present))))
    return "\n".join(lines)


def _how(field: RoomField) -> Phrase:
    """How to answer."""
    match field.kind:
        case Kind.BOOL:
            how = _("Répondez oui ou non.")
        case Kind.CHOICE:
            how = _("Répondez par un numéro ou par le mot.") if _numbers(field) else _("Répondez par le mot.")
        case Kind.INTEGER:
            how = _("Répondez par un nombre entier.")
        case Kind.DECIMAL:
            how = _("Répondez par un nombre.")
        case Kind.TIME:
            how = _("Répondez par une heure, par exemple 9h30.")
        case Kind.DURATION:
            how = _("Répondez par une durée, par exemple 30 min, 2 h ou 3 jours.")
        case Kind.LINES:
            how = _("Une ligne par élément, ou des virgules ; « aucun » vide la liste.")
        case Kind.TEXT:
            how = _("Répondez par le texte.")
        case Kind.SECRET:
            how = _("Votre réponse reste dans cette discussion : supprimez-la ensuite.")
    if field.optional and field.kind is not Kind.LINES:
        return _("{how} « aucun » l'efface.", how=how)
    return how


def with_answers(config: ModelT, answers: Mapping[str, Any]) -> ModelT | Errors:
    """``config`` with what the questions gave, by name."""
    return checked(type(config), {**values_of(config), **answers})
