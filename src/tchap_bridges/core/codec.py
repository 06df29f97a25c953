"""Events to bytes and back: a kind, a newline, JSON. What is on disk can outlive the program that wrote it."""

from typing import Any

from pydantic import TypeAdapter

from tchap_bridges.events import (
    ChatChanged,
    Deletion,
    Delivery,
    Edit,
    Event,
    Membership,
    Message,
    Reaction,
    Read,
    Typing,
)

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    kind.__name__.lower(): TypeAdapter(kind)
    for kind in (Message, Edit, Deletion, Reaction, Typing, Read, Membership, ChatChanged, Delivery)
}


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
