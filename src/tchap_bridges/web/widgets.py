"""The fields of a form as its template draws them: which widget, with what in it, described by what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from math import ceil, floor
from typing import Any, Final, TypeGuard

from pydantic import SecretStr

from tchap_bridges.i18n import Phrase, _
from tchap_bridges.roomconfig.checking import allowed
from tchap_bridges.roomconfig.fields import Bound, Bounds, Kind, RoomField
from tchap_bridges.roomconfig.values import UNITS, in_unit, key_of

Form = Mapping[str, Sequence[str]]
"""What a browser sends: under each name its values, in order."""

YES, NO = "oui", "non"
_KEPT: Final = _("Un secret est enregistré ; il n'est pas montré. Laissez vide pour le garder.")
_NONE_KEPT: Final = _("Aucun secret n'est enregistré.")
FEW: Final = 5
"""So many choices are shown at once; more are in a list that opens."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer."""

    id: str
    key: str
    label: Phrase
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One field as the template draws it. ``first`` is the id that a link to the error leads to."""

    id: str
    name: str
    first: str
    shape: str
    label: Phrase
    required: bool
    hints: tuple[Phrase, ...]
    error: Phrase | None
    value: str = ""
    attributes: Mapping[str, str]
    options: tuple[Option, ...] = ()
    kept: bool = False  # of a secret: there is one …
    cleared: bool = False  # … and it is to be forgotten

    @property
    def described(self) -> str:
        """The ids of what describes it."""
        return " ".join([*([f"{self.id}-error"] if self.error else []), *([f"{self.id}-help"] if self.hints else [])])


def last(form: Form, name: str) -> str:
    """A checkbox's own value comes after that of the hidden input, which says that it was shown."""
    return (form.get(name) or [""])[-1]


def widget(field: RoomField, present: Any, error: Phrase | None, sent: Form | None) -> Widget:
    """``present``: what is set now; ``sent``: what was sent and refused, shown again as it was but for secrets."""
    shown = _shown(field, present)
    if sent is not None:
        again = (name for name in shown if sent.get(name) and field.kind is not Kind.SECRET)
        shown |= {name: last(sent, name) for name in again}
    value = shown[field.name]
    ident = f"f-{field.name}"
    shape = _shape(field, value)
    options = tuple(_options(field, ident, shown))
    return Widget(
        id=ident,
        name=field.name,
        first=options[0].id if shape == "radios" else ident,
        shape=shape,
        label=field.label,
        required=field.required,
        hints=tuple(_hints(field, present, again=bool(sent and last(sent, field.name)))),
        error=error,
        value=value,
        attributes=_attributes(field, value),
        options=options,
        kept=_kept(field, present),
        cleared=sent is not None and last(sent, f"{field.name}.clear") == YES,
    )


def _shape(field: RoomField, value: str) -> str:
    match field.kind:
        case Kind.BOOL:
            return "radios" if field.optional else "checkbox"
        case Kind.CHOICE:
            return "radios" if len(field.choices) + field.optional <= FEW else "select"
        case Kind.DURATION:
            return "duration"
        case Kind.SECRET:
            return "secret"
        case Kind.TEXT | Kind.LINES:
            # A value of several lines would lose them in an input of one.
            return "textarea" if field.long or field.kind is Kind.LINES or "\n" in value else "input"
        case Kind.INTEGER | Kind.DECIMAL | Kind.TIME:
            return "input"


def _shown(field: RoomField, value: Any) -> dict[str, str]:
    """What the form would send for a value, by the input's name."""
    name = field.name
    if field.kind is Kind.DURATION:
        number, unit = ("", "min") if value is None else in_unit(value)
        return {name: number, f"{name}.unit": unit}
    if value is None or isinstance(value, SecretStr):
        return {name: ""}
    match field.kind:
        case Kind.BOOL:
            return {name: YES if value else NO}
        case Kind.LINES:
            return {name: "\n".join(value)}
        case Kind.TIME if isinstance(value, time):
            return {name: value.isoformat("seconds" if value.second else "minutes")}
        case _:
            return {name: key_of(value)}


def _options(field: RoomField, ident: str, shown: Mapping[str, str]) -> Iterator[Option]:
    if field.kind is Kind.DURATION:
        present = shown[f"{field.name}.unit"]
        words = (_("secondes"), _("minutes"), _("heures"), _("jours"))
        for n, (unit, label) in enumerate(zip(UNITS, words, strict=True)):
            yield Option(f"{ident}-{n}", unit, label, unit == present)
        return
    choices = [(choice.key, choice.label) for choice in field.choices]
    if field.kind is Kind.BOOL:
        choices = [(YES, _("oui")), (NO, _("non"))]
    if field.optional and choices:
        choices.append(("", _("sans réponse")))
    for n, (key, label) in enumerate(choices):
        yield Option(f"{ident}-{n}", key, label, key == shown[field.name])


def _kept(field: RoomField, present: Any) -> bool:
    return isinstance(present, SecretStr) and bool(present.get_secret_value()) and present != field.default


def _hints(field: RoomField, present: Any, *, again: bool) -> Iterator[Phrase]:
    """``again``: something was sent, and refused because of this or another field."""
    if field.help:
        yield field.help
    if field.kind is Kind.LINES:
        yield _("Une ligne par élément.")
    if (bounds := allowed(field)) is not None:
        yield _("Attendu : {bounds}.", bounds=bounds)
    if field.kind is Kind.SECRET:
        yield _KEPT if _kept(field, present) else _NONE_KEPT
        if again:
            yield _("Écrivez-le de nouveau : un secret n'est pas montré, même à qui vient de l'écrire.")


def _attributes(field: RoomField, value: str) -> dict[str, str]:
    """Of an input. Bounds that are not numbers are only told."""
    bounds = field.bounds
    match field.kind:
        case Kind.INTEGER:
            return {"type": "number", "inputmode": "numeric", **_given(_whole_limits(bounds))}
        case Kind.DECIMAL:
            limits = {"min": bounds.ge, "max": bounds.le, "step": "any"}
            return {"type": "number", "inputmode": "decimal", **_given(limits)}
        case Kind.TIME:
            limits = {"min": bounds.ge, "max": bounds.le, "step": "1" if value.count(":") > 1 else None}
            return {"type": "time", **_given(limits)}
        case Kind.DURATION:
            least = 0 if isinstance(bounds.ge, timedelta) and bounds.ge >= timedelta() else None
            return {"type": "number", "inputmode": "decimal", "step": "any", **_given({"min": least})}
        case _:
            return {"type": "text"}


def _whole_limits(bounds: Bounds) -> dict[str, Any]:
    """A browser counts its steps from the least value."""
    step = int(bounds.multiple_of or 1)
    least = max(
        [
            *([ceil(bounds.ge)] if _is_number(bounds.ge) else []),
            *([floor(bounds.gt) + 1] if _is_number(bounds.gt) else []),
        ],
        default=None,
    )
    most = min(
        [
            *([floor(bounds.le)] if _is_number(bounds.le) else []),
            *([ceil(bounds.lt) - 1] if _is_number(bounds.lt) else []),
        ],
        default=None,
    )
    return {"min": least and -(-least // step) * step, "max": most, "step": step}


def _is_number(bound: Bound | None) -> TypeGuard[int | float]:
    return isinstance(bound, int | float)


def _given(limits: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(limit) for name, limit in limits.items() if limit is not None}
