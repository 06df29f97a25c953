"""What a bot's model refuses, in words, and what it allows, told beforehand."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tchap_bridges.bot import RoomConfig
from tchap_bridges.i18n import Phrase, _, ngettext
from tchap_bridges.roomconfig.fields import Kind, RoomField, fields_of
from tchap_bridges.roomconfig.values import listed, measure

ModelT = TypeVar("ModelT", bound=RoomConfig)

Errors = dict[str, Phrase]
"""What is wrong, by the name of the field; under "" what is wrong between several. Never empty."""


def values_of(config: RoomConfig) -> dict[str, Any]:
    """By field, as they are."""
    return {name: getattr(config, name) for name in type(config).model_fields}


def checked(
    model: type[ModelT], values: Mapping[str, Any], unreadable: Mapping[str, Phrase] | None = None
) -> ModelT | Errors:
    """The model with these values, or all that is wrong. ``unreadable``: what is known to be wrong already.

    A field that is unreadable needs a stand-in among ``values``; nothing is said of it besides.
    """
    errors = dict(unreadable or {})
    try:
        found = model.model_validate(dict(values))
    except ValidationError as error:
        fields = {field.name: field for field in fields_of(model)}
        for detail in error.errors(include_url=False):
            name = str(detail["loc"][0]) if detail["loc"] else ""
            if name or not errors:  # a stand-in may break a rule that the true value keeps
                errors.setdefault(name, _explained(detail, fields.get(name)))
    else:
        if not errors:
            return found
    order = [field.name for field in fields_of(model)]
    return dict(sorted(errors.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1))


def allowed(field: RoomField) -> Phrase | None:
    """Its bounds, None when it has none: « de 1 à 10 », « 80 caractères au plus »."""
    bounds, lines = field.bounds, field.kind is Kind.LINES
    if field.kind in {Kind.TEXT, Kind.SECRET, Kind.LINES}:
        said = [
            *([_least(bounds.min_length, lines=lines)] if bounds.min_length and bounds.min_length > 1 else []),
            *([_most(bounds.max_length, lines=lines)] if bounds.max_length is not None else []),
        ]
    elif bounds.ge is not None and bounds.le is not None:
        said = [_("de {least} à {most}", least=measure(bounds.ge), most=measure(bounds.le))]
    else:
        said = [
            *([_("{least} au moins", least=measure(bounds.ge))] if bounds.ge is not None else []),
            *([_("plus de {least}", least=measure(bounds.gt))] if bounds.gt is not None else []),
            *([_("{most} au plus", most=measure(bounds.le))] if bounds.le is not None else []),
            *([_("moins de {most}", most=measure(bounds.lt))] if bounds.lt is not None else []),
        ]
    if bounds.multiple_of is not None:
        said.append(_("un multiple de {step}", step=measure(bounds.multiple_of)))
    return listed(said) if said else None


def _least(n: int, *, lines: bool) -> Phrase:
    if lines:
        return ngettext("{n} ligne au moins", "{n} lignes au moins", n)
    return ngettext("{n} caractère au moins", "{n} caractères au moins", n)


def _most(n: int, *, lines: bool) -> Phrase:
    if lines:
        return ngettext("{n} ligne au plus", "{n} lignes au plus", n)
    return ngettext("{n} caractère au plus", "{n} caractères au plus", n)


def _explained(detail: ErrorDetails, field: RoomField | None) -> Phrase:
    """pydantic's finding in words. https://docs.pydantic.dev/latest/errors/validation_errors/"""
    if len(detail["loc"]) > 1 and isinstance(detail["loc"][1], int):
        return _("ligne {n} : {reason}", n=detail["loc"][1] + 1, reason=_reason(detail, None))
    return _reason(detail, field)


def _reason(detail: ErrorDetails, field: RoomField | None) -> Phrase:
    """``field`` is None for a line of a list, and for what concerns several fields."""
    context: Mapping[str, Any] = detail.get("ctx", {})
    kind = field.kind if field else None
    match detail["type"]:
        case "greater_than_equal":
            return _("{what} : {least} au moins", what=_low(kind), least=_limit(field, "ge", context))
        case "greater_than":
            return _("{what} : plus de {least}", what=_low(kind), least=_limit(field, "gt", context))
        case "less_than_equal":
            return _("{what} : {most} au plus", what=_high(kind), most=_limit(field, "le", context))
        case "less_than":
            return _("{what} : moins de {most}", what=_high(kind), most=_limit(field, "lt", context))
        case "multiple_of":
            return _("un multiple de {step} est attendu", step=measure(context["multiple_of"]))
        case "finite_number":
            return _("ce nombre est trop grand")
        case "string_too_short" | "too_short" if not detail["input"]:
            return _("une réponse est attendue")
        case "string_too_short" | "too_short":
            return _("trop court : {least}", least=_least(context["min_length"], lines=kind is Kind.LINES))
        case "string_too_long" | "too_long":
            return _("trop long : {most}", most=_most(context["max_length"], lines=kind is Kind.LINES))
        case "string_pattern_mismatch":
            return _("ce texte n'a pas la forme attendue")
        case "enum" | "literal_error" if field is not None:
            return _("choix inconnu ; possibles : {words}", words=listed([choice.label for choice in field.choices]))
        case "value_error" | "assertion_error":
            return _said(context["error"].args)
        case _:
            return _("valeur refusée ({reason})", reason=detail["msg"])


def _limit(field: RoomField | None, name: str, context: Mapping[str, Any]) -> Phrase:
    """The field's own where it is known: pydantic tells a time as text."""
    known = getattr(field.bounds, name) if field is not None else None
    return measure(context[name] if known is None else known)


def _low(kind: Kind | None) -> Phrase:
    match kind:
        case Kind.TIME:
            return _("trop tôt")
        case Kind.DURATION:
            return _("trop court")
        case _:
            return _("trop petit")


def _high(kind: Kind | None) -> Phrase:
    match kind:
        case Kind.TIME:
            return _("trop tard")
        case Kind.DURATION:
            return _("trop long")
        case _:
            return _("trop grand")


def _said(args: tuple[Any, ...]) -> Phrase:
    """What the author of a model raised: ``ValueError(what, remedy)``, as `tchap_bridges.fields` would have it."""
    what, *remedy = [part for part in args if isinstance(part, str) and part] or [_("valeur refusée")]
    what = what if isinstance(what, Phrase) else Phrase(what)
    return _("{what} : {remedy}", what=what, remedy=remedy[0]) if remedy else what
