"""JSON of any shape: what is asked for, or nothing. Pure."""

from collections.abc import Mapping
from typing import Any

from tchap_bridge_slack.document import clean

Json = Mapping[str, Any]


def each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def string(value: Json, key: str) -> str:
    """A string, "" for anything else but a number."""
    found = value.get(key)
    if isinstance(found, str):
        return clean(found)
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def number(value: Json, key: str, most: int) -> int:
    found = value.get(key)
    return min(max(found, 0), most) if isinstance(found, int) else 0


def mapping(value: Any) -> Json:
    """An object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}
