"""Other people's vectors of IRC formatting; what we do otherwise stands in differences.yaml with its reason."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from selectolax.lexbor import LexborHTMLParser

from tchap_bridge_irc.formatting import COLOURS, PLAIN, Style, read, runs, strip
from tchap_bridge_irc.markup import lines
from tchap_bridges.events import Text

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "irc"
DIFFERENCES = YAML(typ="safe").load(VECTORS / "differences.yaml")
MOZILLA = {"maroon": 5, "blue": 12, "green": 3, "navy": 2, "yellow": 8, "orange": 7}


def judge(name: str, corpora: Path, said, ours, expected, *, count: int) -> None:
    """Every case as expected, but for those that are listed; these as listed."""
    cases = json.loads((corpora / "formatting" / name).read_text(encoding="utf-8"))
    assert len(cases) == count
    listed = {one.get("name") or one["input"]: one["ours"] for one in DIFFERENCES[name]}
    differing = {said(case): ours(case) for case in cases if ours(case) != expected(case)}
    assert differing == listed


def test_the_lounge(irc_corpora: Path):
    judge(
        "thelounge-parseStyle.json",
        irc_corpora,
        lambda case: case["name"],
        lambda case: [
            {"text": run.text} | {k: v for k, v in asdict(run.style).items() if v} for run in runs(case["input"])
        ],
        lambda case: [lounge(fragment) for fragment in case["expected"]],
        count=26,
    )


def lounge(fragment: dict[str, Any]) -> dict[str, Any]:
    """A fragment of theirs in our words: a colour in six digits is seen before a numbered one."""
    marks = {"bold": "bold", "italic": "italic", "underline": "underline", "strikethrough": "strike"}
    ours = {"text": fragment["text"]}
    ours |= {name: True for theirs, name in (marks | {"monospace": "mono"}).items() if fragment[theirs]}
    for name, numbered, digits in (("fg", "textColor", "hexColor"), ("bg", "bgColor", "hexBgColor")):
        if digits in fragment:
            ours[name] = f"#{fragment[digits].lower()}"
        elif numbered in fragment:
            ours[name] = (*COLOURS, "the reader's own")[fragment[numbered]]
    return ours


def test_mozilla(irc_corpora: Path):
    """What each character looks like: they nest where we do not."""
    judge(
        "mozilla-ctcpFormatting.json",
        irc_corpora,
        lambda case: case["input"],
        lambda case: (read(case["input"]).plain, seen(read(case["input"]).html or case["text"])),
        lambda case: (case["text"], seen(case["html"])),
        count=9,
    )


def seen(html: str) -> list[tuple[str, Style]]:
    """The characters of HTML, theirs or ours, each with its style."""
    found: list[tuple[str, Style]] = []

    def walk(node, style: dict[str, Any]) -> None:
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                found.extend((character, Style(**style)) for character in child.text_content)
                continue
            mark = {"b": "bold", "i": "italic", "u": "underline", "del": "strike", "code": "mono"}.get(child.tag)
            more: dict[str, Any] = {mark: True} if mark else {}
            for attribute, value in child.attributes.items():
                colour = value if value.startswith("#") else COLOURS[MOZILLA[value]]
                more["bg" if "bg" in attribute or attribute == "background" else "fg"] = colour
            walk(child, style | more)

    walk(LexborHTMLParser(html).body, asdict(PLAIN))
    return found


def test_matrix_appservice_irc(irc_corpora: Path):
    ways = {
        "htmlToIrc": lambda given: "\n".join(lines(Text(html=given))),
        "ircToHtml": lambda given: read(given).html,
        "stripIrcFormatting": strip,
        "markdownCodeToIrc": lambda given: "\n".join(lines(Text(plain=given))),
    }
    judge(
        "matrix-appservice-irc.json",
        irc_corpora,
        lambda case: case["input"],
        lambda case: ways[case["fn"]](case["input"]),
        lambda case: case["expected"],
        count=12,
    )


def test_every_code_of_irc_defs_is_known(irc_corpora: Path):
    """None of them reaches the words; the list has codes, and no colours."""
    listed = YAML(typ="safe").load(irc_corpora / "irc-defs" / "formatting.yaml")["values"]
    codes = {chr(int(one["char"], 16)) for one in listed}
    assert len(codes) == 10
    for code in codes:
        assert read(f"a{code}b").plain == "ab"


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_has_its_reason(name: str):
    assert all(one["why"] for one in DIFFERENCES[name])
