"""Clean HTML for Matrix from the tokens of a walk: the tags of the specification, and nothing that fetches or hides."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from html import escape, unescape

import nh3

from tchap_bridge_email.html_walk import Token, Walk

# Client-server API, m.room.message msgtypes, "The HTML tags clients should support" (v1.13).
TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "del", "details", "div", "em", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "summary", "sup", "table", "tbody",
    "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "ftp", "magnet", "cid", "mxc"}

_IMAGE = re.compile(r'<img src="cid:([^"<>]*)" alt="([^"<>]*)">')
_TIDY = (
    (re.compile(r"(?:<br>\s*){3,}"), "<br><br>"),
    (re.compile(r"\A(?:<br>|<hr>|\s)+"), ""),
)


def write(walk: Walk, kept: Container[int] | None = None) -> str:
    """The HTML of the lines whose index is in `kept` (None: all), elements left empty dropped; "" when nothing is left.

    nh3 has the last word on what is safe; the walk only writes what it would let through. Images are `cid:` still.
    """
    clean = nh3.clean(
        "".join(_markup(walk.tokens, kept)).strip(),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        attribute_filter=_only_cid,
        link_rel=None,
    )
    for pattern, replacement in _TIDY:
        clean = pattern.sub(replacement, clean)
    return clean.strip()


def from_text(text: str) -> str:
    """Plain text as HTML with its line breaks."""
    return escape(text, quote=False).replace("\n", "<br>\n")


def place_images(html: str, uploaded: Mapping[str, str]) -> str:
    """`html` with each `cid:` image replaced: by the mxc URI that `uploaded` has for it, else by its alternative text.

    Keys are Content-IDs without brackets. What this returns is what may be sent to a room.
    """

    def place(match: re.Match[str]) -> str:
        uri = uploaded.get(unescape(match[1]))
        if uri is not None and uri.startswith("mxc://"):
            return f'<img src="{escape(uri)}" alt="{match[2]}">'
        return f"[{match[2]}]" if match[2] else ""

    return _IMAGE.sub(place, html)


def _only_cid(tag: str, name: str, value: str) -> str | None:
    scheme = value[:8].lower()
    if tag == "img" and name == "src":
        return value if scheme.startswith("cid:") else None
    return None if name == "href" and scheme.startswith(("cid:", "mxc:")) else value


def _markup(tokens: list[Token], kept: Container[int] | None) -> list[str]:
    """Markup of the kept tokens; an element is written only if something visible is inside it."""
    out: list[str] = []
    opened: list[tuple[int, bool]] = []  # where in `out` each open element stands, and whether it has content
    for token in tokens:
        match token.kind:
            case "open":
                opened.append((len(out), False))
                out.append(token.value)
            case "close":
                position, filled = opened.pop()
                if filled:
                    out.append(f"</{token.value}>")
                    if opened:
                        opened[-1] = (opened[-1][0], True)
                else:
                    del out[position:]
            case "text" | "void":
                if kept is None or token.line in kept:
                    out.append(token.value)
                    if opened and (token.kind == "void" or token.value.strip()):
                        opened[-1] = (opened[-1][0], True)
    return out
