"""Cases of our own: French typography, emoji of several characters, both directions of writing, hostile input."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tchap_bridge_irc.difference import difference
from tchap_bridge_irc.formatting import read
from tchap_bridge_irc.markup import lines
from tchap_bridges.events import Text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "irc"


def cases(name: str):
    return pytest.mark.parametrize("case", YAML(typ="safe").load(VECTORS / name), ids=lambda case: case["name"])


@cases("to_html.yaml")
def test_lines_are_read(case):
    assert read(case["line"]) == Text(plain=case["plain"], html=case.get("html"))


@cases("from_html.yaml")
def test_lines_are_written(case):
    text = Text(plain=case.get("plain", ""), html=case.get("html"))
    assert lines(text) == case["lines"]
    assert lines(text, formatted=False) == case.get("bare", case["lines"])


@cases("edits.yaml")
def test_edits_are_told(case):
    assert difference(case["before"], case["after"]) == case["said"]
