"""What a reader sees of HTML, whatever its elements are called."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from tchap_bridge_slack.document import PLAIN, Style
from tchap_bridges.events import Text

MARKS = {"b": "bold", "i": "italic", "u": "underline", "del": "strike", "code": "code"}
PLACES = ("blockquote", "pre", "ol", "ul", "li", "a")


def seen(html: str) -> list[tuple[str, Style, tuple[str, ...]]]:
    """The visible characters, each with its marks, where it leads and what it stands in."""
    found: list[tuple[str, Style, tuple[str, ...]]] = []

    def walk(node: Any, style: Style, places: tuple[str, ...]) -> None:
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                found.extend((one, style, places) for one in visible(child.text_content or ""))
            elif child.tag == "hr":
                found.append(("hr", PLAIN, ()))
            else:
                inner = dict(zip(Style.__slots__, astuple(style), strict=True))
                if child.tag in MARKS and "pre" not in places:
                    inner[MARKS[child.tag]] = True
                place = (f"{child.tag} {child.attributes.get('href') or ''}".strip(),) if child.tag in PLACES else ()
                walk(child, Style(**inner), places + place)

    walk(LexborHTMLParser(html).body, PLAIN, ())
    return found


def visible(text: str) -> str:
    """Without white space."""
    return "".join(text.split())


def say(text: Text) -> str:
    return text.html or "<br>".join(text.plain.replace("&", "&amp;").replace("<", "&lt;").split("\n"))
