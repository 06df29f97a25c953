"""What GitHub and GitLab themselves publish as samples of their deliveries, as scripts/setup-samples fetches it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tchap_bot_alerts.values import at

SAMPLES = Path(__file__).resolve().parents[3] / ".cache" / "samples"
# Its keys end in spaces, ``"iid "``: a slip of whoever wrote it, which no GitLab sends.
_MISWRITTEN = frozenset(("webhooks/group_merge_request",))


@dataclass(frozen=True)
class Sample:
    """``name``: its file, or its event and number."""

    name: str
    headers: dict[str, str]
    value: dict[str, Any]

    @property
    def body(self) -> bytes:
        return json.dumps(self.value, ensure_ascii=False).encode()

    def has(self, wanted: dict[str, Any]) -> bool:
        """``pull_request.id: 7`` and the like."""
        return all(at(self.value, *path.split(".")) == one for path, one in wanted.items())


def of_github() -> list[Sample]:
    """Of github.com, and of the GitHub Enterprise Servers that the package has."""
    return [
        Sample(
            f"{file.parent.name}/{event['name']} {number}",
            {"X-GitHub-Event": event["name"], "Content-Type": "application/json"},
            body,
        )
        for file in _files("github", "*/index.json")
        for event in json.loads(file.read_bytes())
        for number, body in enumerate(event["examples"])
    ]


def of_gitlab() -> list[Sample]:
    """Of a project's or group's hooks, ``webhooks/…``, and of those of a whole instance, ``systemhooks/…``."""
    return [
        Sample(name, {"X-Gitlab-Event": "System Hook" if name.startswith("system") else "Hook"}, json.loads(text))
        for name, text in _texts("gitlab")
        if name not in _MISWRITTEN
    ]


def _texts(sender: str) -> Iterator[tuple[str, bytes]]:
    for file in _files(sender, "*hooks/*.json"):
        yield f"{file.parent.name}/{file.stem}", file.read_bytes()


def _files(sender: str, pattern: str) -> list[Path]:
    """Missing ones fail a test, as a missing server does."""
    found = sorted((SAMPLES / sender).glob(pattern))
    if not found:
        pytest.fail(f"no samples in {SAMPLES / sender}: run `make samples`")
    return found
