"""What may be set of a bot: the fields of its model, with their words, their bounds and their choices."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from enum import Enum, StrEnum, auto
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tchap_bridges.bot import RoomConfig
from tchap_bridges.i18n import Language, Phrase

Bound = int | float | time | timedelta


class Kind(StrEnum):
    """How a value is asked for. ``LINES``: a list of texts."""

    BOOL = auto()
    INTEGER = auto()
    DECIMAL = auto()
    TEXT = auto()
    CHOICE = auto()
    TIME = auto()
    DURATION = auto()
    LINES = auto()
    SECRET = auto()


@dataclass(frozen=True, slots=True)
class Choice:
    """``key`` is what forms send and commands say for ``value``, a member of an enum or a literal."""

    value: Any
    key: str
    label: Phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """As pydantic names them; lengths are those of a text in characters, of a list in lines."""

    ge: Bound | None = None
    gt: Bound | None = None
    le: Bound | None = None
    lt: Bound | None = None
    multiple_of: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomField:
    """One thing to set. ``optional``: it may be None. ``long``: a text of several lines."""

    name: str
    label: Phrase
    help: Phrase | None
    kind: Kind
    optional: bool
    default: Any
    choices: tuple[Choice, ...] = ()
    bounds: Bounds = Bounds()
    long: bool = False
    word: str = ""

    def key(self, language: Language) -> str:
        """What is typed for it."""
        return self.word if self.word and language == "fr" else self.name

    @property
    def required(self) -> bool:
        """Whether nothing is no answer."""
        if self.optional or self.kind in {Kind.BOOL, Kind.SECRET}:
            return False
        return self.kind not in {Kind.TEXT, Kind.LINES} or bool(self.bounds.min_length)


KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, Kind.BOOL),  # an int too, so it comes first
    (int, Kind.INTEGER),
    (float, Kind.DECIMAL),
    (str, Kind.TEXT),
    (time, Kind.TIME),
    (timedelta, Kind.DURATION),
    (SecretStr, Kind.SECRET),
)


@cache
def fields_of(model: type[RoomConfig]) -> tuple[RoomField, ...]:
    """In the order of the model. Raises TypeError where a field is of no type that `RoomConfig` names."""
    return tuple(_field(model, name, info) for name, info in model.model_fields.items())


def _field(model: type[RoomConfig], name: str, info: FieldInfo) -> RoomField:
    parts = [part for part in _parts(info.annotation) if part is not NoneType]
    optional = any(part is NoneType for part in _parts(info.annotation))
    kind = _kind(parts[0]) if len(parts) == 1 else None
    if kind is None:
        raise TypeError(f"{model.__qualname__}.{name}: {info.annotation!r} has no widget; see RoomConfig")
    choices = tuple(_choices(parts[0])) if kind is Kind.CHOICE else ()
    keys = [choice.key for choice in choices]
    if len(set(keys)) < len(keys) or (optional and "" in keys):
        raise TypeError(f"{model.__qualname__}.{name}: its choices cannot be told apart: {keys}")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return RoomField(
        name=name,
        label=_phrase(info.title or name.replace("_", " ").capitalize()),
        help=_phrase(info.description) if info.description else None,
        kind=kind,
        optional=optional,
        default=info.get_default(call_default_factory=True, validated_data={}),
        choices=choices,
        bounds=_bounds((*info.metadata, *_constraints(info.annotation))),
        long=bool(extra.get("long")),
        word=str(extra.get("word") or ""),
    )


def _parts(annotation: Any) -> Iterator[Any]:
    """The members of a union, bare of their constraints."""
    if get_origin(annotation) is Annotated:
        yield from _parts(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation


def _constraints(annotation: Any) -> Iterator[Any]:
    """Those written inside: ``Annotated[int, Field(ge=1)] | None``. Not those of a list's items."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from _constraints(inner)
        for mark in marks:
            yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
    elif get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _constraints(part)


def _kind(part: Any) -> Kind | None:
    if get_origin(part) is Literal or (isinstance(part, type) and issubclass(part, Enum)):
        return Kind.CHOICE
    if get_origin(part) is list and [*_parts(get_args(part)[0])] == [str]:
        return Kind.LINES
    return next((kind for type_, kind in KINDS if part is type_), None)


def _choices(part: Any) -> Iterator[Choice]:
    for value in get_args(part) if get_origin(part) is Literal else part:
        key = str(value.value) if isinstance(value, Enum) else str(value)
        yield Choice(value, key, _phrase(getattr(value, "label", "") or key.replace("_", " ")))


def _bounds(marks: Iterable[Any]) -> Bounds:
    found = {name: getattr(mark, name, None) for mark in marks for name in Bounds.__slots__ if hasattr(mark, name)}
    return Bounds(**{name: value for name, value in found.items() if value is not None})


def _phrase(text: str) -> Phrase:
    return text if isinstance(text, Phrase) else Phrase(text)
