"""Events to bytes and back: a kind, a newline, JSON. What is on disk can outlive the program that wrote it."""

from typing import Any, get_args

from pydantic import TypeAdapter

from tchap_bridges.events import Event

_ADAPTERS: dict[str, TypeAdapter[Any]] = {kind.__name__.lower(): TypeAdapter(kind) for kind in get_args(Event)}


def dump(event: Event) -> bytes:
    kind = type(event).__name__.lower()
    return kind.encode() + b"\n" + _ADAPTERS[kind].dump_json(event, exclude_defaults=True)


def load(data: bytes) -> Event:
    """Raises ValueError when the bytes are no event that this version knows."""
    kind, _, json = data.partition(b"\n")
    adapter = _ADAPTERS.get(kind.decode("ascii", "replace"))
    if adapter is None:
        raise ValueError(f"no kind of event is called {kind!r}")
    event: Event = adapter.validate_json(json)
    return event
