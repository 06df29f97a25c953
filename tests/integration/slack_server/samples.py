"""Slack's published samples as shapes: which keys an answer or event may have, and of which types their values are.

Slack blanks the values of its samples and keeps the keys. Where a sample stands for a map (emoji by name, shares by
channel), and where the vendor names a key that no sample has, `tests/vectors/slack_server/exceptions.yaml` says so.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase as fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests import corpora

EXCEPTIONS = corpora.ROOT / "tests" / "vectors" / "slack_server" / "exceptions.yaml"


# A message is a message wherever it stands, a file a file, a block a block: one shape each, of all samples of it.
_OBJECTS = {
    "messages": "message",
    "message": "message",
    "previous_message": "message",
    "root": "message",
    "files": "file",
    "file": "file",
    "blocks": "block",
}


@dataclass(repr=False)
class Shape:
    """What the samples show at one place; `objects` are the shapes of what may stand at several places."""

    objects: "dict[str, Shape]"
    types: set[str] = field(default_factory=set)
    keys: dict[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None

    def learn(self, value: Any) -> None:
        self.types.add(type_of(value))
        if isinstance(value, dict):
            for key, one in value.items():
                self.keys.setdefault(key, self._within(key, one)).learn(one)
        elif isinstance(value, list):
            self.items = self.items or Shape(self.objects)
            for one in value:
                self.items.learn(one)

    def _within(self, key: str, value: Any) -> "Shape":
        one = value[0] if isinstance(value, list) and value else value
        if key not in _OBJECTS or not isinstance(one, dict):
            return Shape(self.objects)
        shape = self.objects.setdefault(_OBJECTS[key], Shape(self.objects))
        return Shape(self.objects, {"list"}, items=shape) if isinstance(value, list) else shape

    def wrong(self, value: Any, path: str, allowed: "Allowed") -> Iterator[str]:
        """What of `value` the samples do not show."""
        if allowed.any(path):
            return
        if self.types and type_of(value) not in self.types and not (value is None and "null" in self.types):
            yield f"{path}: {type_of(value)} where samples have {sorted(self.types)}"
        elif isinstance(value, dict):
            for key, one in value.items():
                at = f"{path}.{key}" if path else key
                if key in self.keys:
                    yield from self.keys[key].wrong(one, at, allowed)
                elif not allowed.any(at):
                    yield f"{at}: no sample has it"
        elif isinstance(value, list) and self.items is not None:
            for one in value:
                yield from self.items.wrong(one, f"{path}[]", allowed)


def type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


@dataclass(frozen=True)
class Allowed:
    """The exceptions that hold for one method or event."""

    paths: frozenset[str]

    def any(self, path: str) -> bool:
        return any(fnmatch(path, one) for one in self.paths)


@cache
def exceptions() -> dict[str, frozenset[str]]:
    """Paths by method or event; those of `*` hold for all."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in YAML(typ="safe").load(EXCEPTIONS):
        assert row["page"].startswith("https://"), row
        for where in row["where"]:
            found[where] |= set(row["paths"])
    return {where: frozenset(paths) for where, paths in found.items()}


def allowed(name: str) -> Allowed:
    known = exceptions()
    return Allowed(known.get(name, frozenset()) | known.get("*", frozenset()))


@dataclass(repr=False)
class Published:
    """All that the samples show: answers by method, events by type or type/subtype, what is around an event.

    `frames`: the socket's hello, disconnect and envelopes.
    """

    objects: dict[str, Shape] = field(default_factory=dict)
    methods: dict[str, Shape] = field(default_factory=dict)
    events: dict[str, Shape] = field(default_factory=dict)
    frames: dict[str, Shape] = field(default_factory=dict)

    def learn(self, kind: dict[str, Shape], name: str, value: Any) -> None:
        kind.setdefault(name, Shape(self.objects)).learn(value)

    def learn_payload(self, payload: dict[str, Any]) -> None:
        match payload:
            case {"event": {"type": str()} as event}:
                self.learn(self.events, event_name(event), event)
                self.learn(self.frames, "event_callback", {key: one for key, one in payload.items() if key != "event"})
            case {"type": "hello" | "disconnect" | "slash_commands" as type_}:
                self.learn(self.frames, type_, payload)
            case {"type": "events_api", "payload": dict() as inner}:
                self.learn(self.frames, "events_api", {key: one for key, one in payload.items() if key != "payload"})
                self.learn_payload(inner)
            case {"type": str(), "ts": str()} | {"type": str(), "event_ts": str()}:
                self.learn(self.events, event_name(payload), payload)
            case {"blocks": list()} | {"type": "rich_text"}:
                self.learn(self.frames, "any", payload if "blocks" in payload else {"blocks": [payload]})
            case _:
                pass

    def wrong(self, kind: dict[str, Shape], name: str, value: Any) -> list[str]:
        shape = kind.get(name, Shape(self.objects))
        return [f"{name}: {one}" for one in shape.wrong(value, "", allowed(name))]

    def wrong_answer(self, method: str, answer: Any) -> list[str]:
        return self.wrong(self.methods, method, answer)

    def wrong_payload(self, payload: dict[str, Any]) -> list[str]:
        around = {key: one for key, one in payload.items() if key != "event"}
        wrapper = self.wrong(self.frames, "event_callback", around)
        return wrapper + self.wrong(self.events, event_name(payload["event"]), payload["event"])

    def wrong_frame(self, frame: dict[str, Any]) -> list[str]:
        around = {key: one for key, one in frame.items() if key != "payload" or frame["type"] != "events_api"}
        return self.wrong(self.frames, frame["type"], around)


@cache
def published(root: Path) -> Published:
    found = Published()
    for path in (root / "java-slack-sdk" / "samples" / "api").glob("*.json"):
        found.learn(found.methods, path.stem, json.loads(path.read_text()))
    described = json.loads((root / "openapi" / "methods-params-examples.json").read_text())
    for name, method in described.items():
        for examples in method["examples"].values():
            for example in examples:
                found.learn(found.methods, name, example)
    for payload in _payloads(root):
        found.learn_payload(payload)
    return found


def _payloads(root: Path) -> Iterable[dict[str, Any]]:
    for folder in ("events", "rtm"):
        for path in (root / "java-slack-sdk" / "samples" / folder).glob("*.json"):
            yield json.loads(path.read_text())
    for path in (root / "sdk-test-json").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            found = json.loads(line)["json"]
            if isinstance(found, dict):
                yield found
    for path in (root / "zulip").glob("*.json"):
        yield from (one for one in _dicts(json.loads(path.read_text())) if "blocks" in one)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _dicts(one)


def event_name(event: dict[str, Any]) -> str:
    subtype = event.get("subtype") if event["type"] == "message" else ""
    return f"{event['type']}/{subtype}" if subtype else event["type"]
