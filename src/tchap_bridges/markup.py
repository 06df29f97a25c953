"""A room's HTML, element by element, for bridges that write it in their network's own way. Pure.

It is read for what it says, not for how it is laid out: an element that is not known still has its text.
https://spec.matrix.org/v1.17/client-server-api/#mroommessage-msgtypes
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

LONGEST: Final = 65_536
"""Characters of HTML that are read: parsers take quadratic time on what is nested, and a room's event has no more."""

BLOCKS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "footer", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table",
    "tbody", "tfoot", "thead", "tr", "ul",
))  # fmt: skip
"""Elements that begin and end a line."""
BOLD: Final = frozenset(("b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "summary", "th"))
ITALIC: Final = frozenset(("i", "em", "cite", "var", "dfn"))
UNDERLINE: Final = frozenset(("u", "ins"))
STRIKE: Final = frozenset(("s", "del", "strike"))
CODE: Final = frozenset(("code", "tt", "kbd", "samp"))
RAISED: Final = str.maketrans("0123456789+-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
LOWERED: Final = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
FORMULA: Final = re.compile(r"[0-9+\-=()]+")
"""What can be raised and lowered letter by letter."""
SPACES: Final = re.compile("[ \t\n\r\f\v\u2028\u2029\x85]+")
MATRIX_PERSON: Final = re.compile(r"(?:https?://matrix\.to/#/(?:@|%40)[^/?]+|matrix:u/[^/?]+)(?:\?.*)?", re.IGNORECASE)
"""A link to somebody of Matrix, who is nobody elsewhere but a name."""

_GONE = frozenset(("mx-reply", "script", "style", "title", "head", "template", "noscript"))
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]*>")


def walked(html: str) -> Iterator[tuple[LexborNode, str, bool]]:
    """Elements as they begin and as they end (True), and text as ``-text``, from the body on.

    Not recursive, since depth is the writer's choice. What is longer than `LONGEST` has no elements, only text.
    """
    if len(html) > LONGEST:
        html = unescape(_TAG.sub(" ", html)).replace("<", "&lt;")
    body = LexborHTMLParser(_SURROGATE.sub("\ufffd", html)).body
    stack = [(body, "body", False)] if body is not None else []
    while stack:
        node, tag, leaving = stack.pop()
        yield node, tag, leaving
        if leaving or tag == "-text":
            continue
        stack.append((node, tag, True))
        child = node.last_child
        while child is not None:
            name = child.tag or "-none"
            if name == "-text" or not (name.startswith("-") or name in _GONE):
                stack.append((child, name, False))
            child = child.prev
