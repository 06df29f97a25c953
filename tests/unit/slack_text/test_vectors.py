"""Cases of our own: French typography, nesting, mentions, hostile input, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridge_slack.document import NoNames
from tchap_bridge_slack.formatting import text_of
from tchap_bridge_slack.writing import pieces, written
from tchap_bridges.events import Text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "slack"


class Workspace(NoNames):
    """What the cases say of it."""

    def person(self, id_: str, /) -> str | None:
        return {"U1": "Zoé Martin"}.get(id_)

    def channel(self, id_: str, /) -> str | None:
        return {"C1": "général"}.get(id_)

    def group(self, id_: str, /) -> str | None:
        return {"S1": "astreinte"}.get(id_)

    def emoji(self, name: str, /) -> str | None:
        return {"oui": "alias:+1", "logo": "https://exemple.fr/logo.png"}.get(name)


def cases(name: str):
    return pytest.mark.parametrize("case", YAML(typ="safe").load(VECTORS / name), ids=lambda case: case["name"])


@cases("to_room.yaml")
def test_messages_are_read(case):
    message = {key: value for key, value in case.items() if key not in {"name", "plain", "html"}}
    assert text_of(message, Workspace()) == Text(plain=case["plain"], html=case.get("html"))


@cases("to_slack.yaml")
def test_texts_are_written(case):
    one = written(Text(plain=case.get("plain", ""), html=case.get("html")))
    assert one.text == case["text"]
    assert short(one.blocks) == case["elements"]
    whole = pieces(Text(plain=case.get("plain", ""), html=case.get("html")))
    assert whole == ([one] if case["elements"] else [])


MARKS = {"bold": "b", "italic": "i", "strike": "s", "code": "c", "underline": "u"}
KINDS = {"section": "section", "quote": "quote", "preformatted": "code"}


def short(blocks: list[dict[str, Any]]) -> list[Any]:
    """Blocks as the cases say them."""
    found: list[Any] = []
    for block in blocks:
        if block == {"type": "divider"}:
            found.append("rule")
            continue
        for place, element in enumerate(block["elements"]):
            kind = element["type"].removeprefix("rich_text_")
            more = {key: value for key, value in element.items() if key not in {"type", "elements"}}
            if kind == "list":
                items = [[inline(one) for one in item["elements"]] for item in element["elements"]]
                more |= {"style": None} if more["style"] == "bullet" else {}
                found.append({"list": items} | {key: value for key, value in more.items() if value})
                continue
            inlines = [inline(one) for one in element["elements"]]
            if kind == "section" and place + 1 < len(block["elements"]):
                # As Slack's own editor ends a line before what stands apart.
                assert isinstance(inlines[-1], str)
                assert inlines[-1].endswith("\n")
                inlines[-1:] = [inlines[-1].removesuffix("\n")] if inlines[-1] != "\n" else []
            found.append({KINDS[kind]: inlines} | more)
    return found


def inline(one: dict[str, Any]) -> Any:
    if one["type"] != "text":
        return one
    style = one.get("style")
    return [one["text"], "".join(MARKS[mark] for mark in style)] if style else one["text"]
