"""The filters of a room's template: named as Jinja's, none of them making much out of little. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from tchap_bot_alerts.values import cut
from tchap_bot_alerts.words import LONGEST_HTML


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _default(value: Any, fallback: Any = "") -> Any:
    return value or fallback


def _join(value: Any, between: str = "") -> str:
    """Escaped by whoever shows it: no part of it is trusted."""
    parts = value if isinstance(value, list | tuple | Mapping) else [value]
    return cut(_text(between).join(str(_text(one)) for one in parts), LONGEST_HTML)


def _truncate(value: Any, most: int = 200) -> str:
    return cut(str(_text(value)), max(1, int(most)))


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value)
    return list(value) if isinstance(value, list | tuple) else []


def _items(value: Any) -> list[tuple[Any, Any]]:
    return sorted(value.items()) if isinstance(value, Mapping) else []


def _lines(value: Any) -> list[str]:
    return str(_text(value)).split("\n")[:200]


def _sort(value: Any) -> list[Any]:
    return sorted(_listed(value), key=_text)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple | str | Mapping) else 0


def _first(value: Any) -> Any:
    return next(iter(_listed(value)), "")


def _last(value: Any) -> Any:
    return next(reversed(_listed(value)), "")


def _upper(value: Any) -> str:
    return _text(value).upper()[:LONGEST_HTML]


def _lower(value: Any) -> str:
    return _text(value).lower()[:LONGEST_HTML]


def _capitalize(value: Any) -> str:
    return _text(value).capitalize()[:LONGEST_HTML]


def _trim(value: Any) -> str:
    return _text(value).strip()


def _safe(value: Any) -> Markup:
    """HTML that stays HTML; the whole is cleaned in the end, this too."""
    return Markup(_text(value))  # noqa: S704


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "capitalize": _capitalize,
    "default": _default,
    "first": _first,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "lines": _lines,
    "lower": _lower,
    "safe": _safe,
    "sort": _sort,
    "trim": _trim,
    "truncate": _truncate,
    "upper": _upper,
}
