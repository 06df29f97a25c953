"""What the handler of a command wants to be called with, as its signature says it. Read once, when a bot is loaded."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

_POSITIONAL = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """``label`` is what people are told; ``default`` is meant where it is not ``needed``. ``last``: none follows."""

    label: str
    kind: type[Any]
    needed: bool
    default: Any
    last: bool


def parameters_of(handler: Callable[..., Any], kinds: Collection[type[Any]]) -> tuple[Parameter, ...]:
    """The parameters after ``self`` and the room. Raises TypeError for what is none of ``kinds``.

    ``Annotated[int, "numéro"]`` gives a label, ``int | None`` says what the default is already; none is a `str`.
    """
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(f"{handler.__qualname__} has to be async")
    own, *others = tuple(inspect.signature(handler).parameters.values()) or (None,)
    if own is None or not others or any(one.kind not in _POSITIONAL for one in (own, *others)):
        raise TypeError(f"{handler.__qualname__} has to be called as handler(self, room, …)")
    found = others[1:]
    hints = _hints(handler, found)
    return tuple(_parameter(handler, one, hints[one.name], kinds, last=one is found[-1]) for one in found)


def _hints(handler: Callable[..., Any], parameters: Collection[inspect.Parameter]) -> dict[str, Any]:
    """Those of these parameters only: that of the room may name what stands in the class."""
    said = {one.name: one.annotation for one in parameters if one.annotation is not inspect.Parameter.empty}
    names = inspect.unwrap(handler).__globals__
    try:
        hints = get_type_hints(SimpleNamespace(__annotations__=said), globalns=names, include_extras=True)
    except NameError as error:
        raise TypeError(f"{handler.__qualname__}: {error}; what a parameter's type names has to be imported") from error
    return {one.name: hints.get(one.name, str) for one in parameters}


def _parameter(
    handler: Callable[..., Any], one: inspect.Parameter, hint: Any, kinds: Collection[type[Any]], *, last: bool
) -> Parameter:
    label: Any = one.name.replace("_", " ")
    while (origin := get_origin(hint)) in {Annotated, Union, UnionType}:
        if origin is Annotated:
            hint, label, *_more = get_args(hint)
            continue
        alternatives = [kind for kind in get_args(hint) if kind is not type(None)]
        if len(alternatives) > 1:
            break
        (hint,) = alternatives
    if hint not in kinds or not isinstance(label, str):
        names = ", ".join(kind.__name__ for kind in kinds)
        shown = getattr(hint, "__name__", hint)
        raise TypeError(f"{handler.__qualname__}: {one.name} cannot be read as {shown}; use one of {names}")
    default = None if one.default is inspect.Parameter.empty else one.default
    rest = last and hint is str  # which may be empty
    needed = one.default is inspect.Parameter.empty and not rest
    return Parameter(label=label, kind=hint, needed=needed, default="" if rest and not default else default, last=last)
