"""The IRC corpora, and lines as one writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.corpora import folder

from tchap_bridge_irc.wire import Line, parse


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the IRC corpora; a machine without them skips, continuous integration fails."""
    return folder("chat", "irc")


@pytest.fixture(scope="session")
def vectors(corpora: Path) -> Callable[[str], list[dict[str, Any]]]:
    """The cases of one file of ircdocs/parser-tests."""

    def load(name: str) -> list[dict[str, Any]]:
        text = (corpora / "parser-tests" / "tests" / f"{name}.yaml").read_text(encoding="utf-8")
        return YAML(typ="safe", pure=True).load(text)["tests"]

    return load


@pytest.fixture(scope="session")
def line() -> Callable[[str], Line]:
    """A line from how it looks on the wire."""

    def make(text: str) -> Line:
        found = parse(text.encode())
        assert isinstance(found, Line), text
        return found

    return make
