"""One walk over a mail's HTML: into lines, for finding quotes, and into tokens, for writing clean HTML of some of them.

Both come from the same walk, so that a line that is left out of the text is left out of the HTML too. What a reader of
the mail would not see (scripts, styles, hidden elements, tracking images) is not walked. Remote images are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tchap_bridge_email.charsets import printable
from tchap_bridge_email.lines import Hint, Line
from tchap_bridge_email.quotes_html import Mark, mark_of
from tchap_bridge_email.tables import is_data_table

MAX_NESTING = 1000
"""Open elements before parsing: HTML parsers take quadratic time beyond."""
MAX_OUTPUT_NESTING = 60
"""Open elements in what is written: the Matrix specification lets clients stop at 100."""

_SKIPPED = frozenset({
    "head", "title", "style", "script", "noscript", "template", "object", "embed", "applet", "iframe", "frame",
    "frameset", "audio", "video", "canvas", "svg", "math", "map", "select", "button", "textarea", "input", "meta",
    "link", "base", "xml",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "dir", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
    "thead", "tr", "ul",
})  # fmt: skip
_SPACED = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "blockquote", "table",
})  # fmt: skip
# Element in the mail → element in Matrix (client-server API, m.room.message); every other one is transparent.
_SAME = (
    "a", "b", "blockquote", "caption", "code", "del", "details", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6",
    "i", "li", "ol", "p", "pre", "s", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr",
    "u", "ul",
)  # fmt: skip
_KEPT = dict(zip(_SAME, _SAME, strict=True)) | {
    "strike": "del", "ins": "u", "tt": "code", "kbd": "code", "samp": "code", "center": "div", "menu": "ul",
    "dir": "ul", "section": "div", "article": "div",
    "header": "div", "footer": "div", "main": "div", "dl": "div", "dt": "div",
    "dd": "div", "figure": "div", "fieldset": "div", "tfoot": "tbody",
}  # fmt: skip
_TABLE_PARTS = frozenset({
    "table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption",
})  # fmt: skip
_HIDDEN = re.compile(
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:[a-z%]*\s*(?:;|!|$))"
    r"|max-height\s*:\s*0(?:[a-z%]*\s*(?:;|!|$))|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$))",
    re.IGNORECASE,
)
_NO_MARGIN = re.compile(r"margin(?:-top|-bottom)?\s*:\s*0", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?|mailto|ftp|magnet):", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,30})[^<>]{0,4000}>")
# Elements whose end is implied, or that have none: they do not nest by being many.
_UNCOUNTED = frozenset({
    "p", "li", "td", "th", "tr", "tbody", "thead", "dt", "dd", "option", "br", "hr", "img", "input", "meta", "link",
    "base", "area", "col", "wbr",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of clean HTML, written when its line is."""

    kind: Literal["open", "close", "text", "void"]
    value: str = field(repr=False)
    """Markup for open and void, the element's name for close, escaped text for text."""
    line: int
    """Index into the walk's lines; for open and close, where it stands."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The same document twice."""

    lines: list[Line]
    tokens: list[Token]
    remote_images: int
    """Images not shown because they would have to be fetched; trackers included."""


def walk(html: str) -> Walk:
    """Read a mail's HTML. Never raises; a document without a body gives no lines."""
    root = LexborHTMLParser(shallow(printable(html))).body
    walker = _Walker()
    if root is not None:
        walker.run(root)
    return Walk(walker.lines, walker.tokens, walker.remote_images)


def shallow(html: str) -> str:
    """`html` without the tags nested deeper than `MAX_NESTING`; unchanged for what a person or a program wrote."""
    depth = 0

    def bounded(match: re.Match[str]) -> str:
        nonlocal depth
        if match[2].lower() in _UNCOUNTED:
            return match[0]
        if match[1]:
            over = depth > MAX_NESTING
            depth = max(0, depth - 1)
        else:
            depth += 1
            over = depth > MAX_NESTING
        return " " if over else match[0]

    return _TAG.sub(bounded, html)


@dataclass(slots=True)
class _Open:
    """An element being walked: what to undo when it ends."""

    node: LexborNode
    tag: str
    written: str = field(default="", repr=False)
    block: bool = False
    spaced: bool = False
    cite: bool = False
    soft: bool = False
    hint: Hint | None = None
    href: str = ""
    text_from: int = 0
    ordinal: int = 0
    data_table: bool = False


class _Walker:
    """State of one walk. Iterative: the depth of a mail's HTML is its sender's choice."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.tokens: list[Token] = []
        self.remote_images = 0
        self._open: list[_Open] = []
        self._buffer: list[str] = []
        self._blank_due = False
        self._depth = self._soft = self._pre = self._written = 0
        self._hints: list[Hint] = []
        self._once = Hint.NONE
        self._marker = ""

    def run(self, root: LexborNode) -> None:
        node: LexborNode | None = root
        while node is not None:
            child = self._enter(node)
            if child is not None:
                node = child
                continue
            while node is not None:
                if self._open and self._open[-1].node.mem_id == node.mem_id:
                    self._leave(self._open.pop())
                if node.mem_id == root.mem_id:
                    node = None
                elif node.next is not None:
                    node = node.next
                    break
                else:
                    node = node.parent
        self._end_line()

    def _enter(self, node: LexborNode) -> LexborNode | None:
        """Take a node in; the child to walk next, None when there is none or it is not to be walked."""
        tag = node.tag or ""
        if tag == "-text":
            self._text(node.text_content or "")
            return None
        if tag.startswith("-") or tag in _SKIPPED:
            return None
        attributes = node.attributes
        if "hidden" in attributes or _HIDDEN.search(attributes.get("style") or ""):
            return None
        match tag:
            case "br":
                self._break()
            case "img":
                self._image(attributes)
            case "hr":
                self._mark(mark_of(tag, attributes), None)
                self._rule()
            case _:
                self._start(node, tag, attributes)
                if node.first_child is not None:
                    return node.first_child
                self._leave(self._open.pop())
        return None

    def _start(self, node: LexborNode, tag: str, attributes: Mapping[str, str | None]) -> None:
        data = is_data_table(node) if tag == "table" else bool(self._open and self._open[-1].data_table)
        cell = tag in ("td", "th")
        item = _Open(node, tag, block=tag in _BLOCKS or (cell and not data), data_table=data)
        item.spaced = tag in _SPACED and not (tag == "table" and not data) and not _tight(tag, attributes)
        if tag in ("ul", "ol") and any(outer.tag == "li" for outer in self._open[-4:]):
            item.spaced = False
        if item.block:
            self._end_line()
            self._blank_due = self._blank_due or (item.spaced and bool(self.lines))
        self._mark(mark_of(tag, attributes), item)
        if cell and data and self._buffer:
            self._buffer.append(" | ")
        if tag == "pre":
            self._pre += 1
        if tag == "li":
            self._marker = self._list_marker()
        if tag == "a":
            item.href = _link(attributes.get("href"))
            item.text_from = len(self._buffer)
        self._open.append(item)
        self._write_open(item, attributes)

    def _mark(self, mark: Mark | None, item: _Open | None) -> None:
        match mark:
            case Mark.CUT:
                self._end_line()
                self._once = Hint.CUT
            case Mark.CITE if item:
                item.cite = True
                self._depth += 1
            case Mark.SOFT if item:
                item.soft = True
                self._soft += 1
            case Mark.ATTRIBUTION | Mark.SIGNATURE if item:
                self._end_line()
                item.block = True
                item.hint = Hint.ATTRIBUTION if mark is Mark.ATTRIBUTION else Hint.SIGNATURE
                self._hints.append(item.hint)
            case _:
                pass

    def _leave(self, item: _Open) -> None:
        if item.href and _WEB.match(item.href):
            shown = "".join(self._buffer[item.text_from :]).strip()
            if shown and not _says(shown, item.href):
                self._buffer.append(f" ({item.href})")
        if item.block:
            self._end_line()
            self._blank_due = self._blank_due or item.spaced
        if item.cite:
            self._depth -= 1
        if item.soft:
            self._soft -= 1
        if item.hint is not None:
            self._hints.pop()
        if item.tag == "pre":
            self._pre -= 1
        if item.written:
            self._written -= 1
            self.tokens.append(Token("close", item.written, len(self.lines)))

    def _write_open(self, item: _Open, attributes: Mapping[str, str | None]) -> None:
        name = _KEPT.get(item.tag, "")
        if item.tag in _TABLE_PARTS and not item.data_table:
            name = "div" if item.tag in ("td", "th", "tr", "caption") else ""
        if item.tag == "a" and not item.href:
            name = ""
        if not name or self._written >= MAX_OUTPUT_NESTING:
            return
        extra = f' href="{escape(item.href)}"' if item.tag == "a" else ""
        start = attributes.get("start") or ""
        if item.tag == "ol" and start.isascii() and start.isdigit() and len(start) < 6:
            extra = f' start="{start}"'
        item.written = name
        self._written += 1
        self.tokens.append(Token("open", f"<{name}{extra}>", len(self.lines)))

    def _list_marker(self) -> str:
        for depth, item in enumerate(reversed(self._open)):
            if item.tag in ("ul", "ol", "menu", "dir") or depth > 6:
                item.ordinal += 1
                return f"{item.ordinal}. " if item.tag == "ol" else "- "
        return "- "

    def _text(self, text: str) -> None:
        if self._pre:
            first, *rest = text.split("\n")
            self._piece(first)
            for piece in rest:
                self._break(visible=False)
                self._piece("\n" + piece, piece)
            return
        self._piece(_SPACE.sub(" ", text))

    def _piece(self, text: str, shown: str | None = None) -> None:
        if not text:
            return
        shown = text if shown is None else shown
        if shown.strip(" ") or self._buffer:
            self._buffer.append(shown.replace("\u00a0", " "))
        self.tokens.append(Token("text", escape(text, quote=False), len(self.lines)))

    def _image(self, attributes: Mapping[str, str | None]) -> None:
        source = (attributes.get("src") or "").strip()
        alt = _SPACE.sub(" ", attributes.get("alt") or "").strip()[:200]
        if source.lower().startswith("cid:"):
            if alt:
                self._buffer.append(f"[{alt}]")
            markup = f'<img src="{escape(source)}" alt="{escape(alt)}">'
            self.tokens.append(Token("void", markup, len(self.lines)))
            return
        self.remote_images += 1
        if alt and not _tiny(attributes):
            self._piece(f"[{alt}]")

    def _rule(self) -> None:
        self._end_line()
        hint = self._once if self._once is not Hint.NONE else Hint.RULE
        self._once = Hint.NONE
        self.tokens.append(Token("void", "<hr>", len(self.lines)))
        self.lines.append(Line("", self._prefix(), self._depth, self._soft > 0, hint))
        self._blank_due = False

    def _break(self, *, visible: bool = True) -> None:
        """A `<br>`: ends the line, an empty one too."""
        if visible:
            self.tokens.append(Token("void", "<br>", len(self.lines)))
        if not self._end_line():
            self.lines.append(self._line(""))

    def _end_line(self) -> bool:
        """Close the line being gathered; False when there was nothing on it."""
        joined = "".join(self._buffer)
        text = joined.rstrip() if self._pre else _SPACE.sub(" ", joined).strip()
        self._buffer.clear()
        if not text:
            if joined:  # a paragraph of no-break spaces is how Word writes an empty line
                self.lines.append(self._line(""))
            return bool(joined)
        if self._blank_due and self.lines and not self.lines[-1].blank:
            # The blank line stands before its text: tokens already written for that text move with it.
            above = self.lines[-1]
            depth = min(self._depth, above.depth)
            self.lines.append(Line("", "> " * min(depth, 10), depth, self._soft > 0 and above.soft))
            self._renumber()
        self._blank_due = False
        self.lines.append(self._line(text, self._marker))
        self._marker = ""
        return True

    def _renumber(self) -> None:
        now = len(self.lines)
        for position in range(len(self.tokens) - 1, -1, -1):
            token = self.tokens[position]
            if token.line < now - 1:
                break
            if token.line == now - 1:
                self.tokens[position] = replace(token, line=now)

    def _line(self, text: str, marker: str = "") -> Line:
        hint = self._hints[-1] if self._hints else Hint.NONE
        if text and self._once is not Hint.NONE:
            hint, self._once = self._once, Hint.NONE
        lists = sum(item.tag in ("ul", "ol") for item in self._open[-20:])
        indent = "    " * min(self._soft, 5) + "  " * max(0, lists - 1)
        return Line(text, f"{self._prefix()}{indent}{marker}{text}", self._depth, self._soft > 0, hint)

    def _prefix(self) -> str:
        return "> " * min(self._depth, 10)


def _tight(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Word and Outlook write every line as a paragraph without margins."""
    if tag != "p":
        return False
    return (attributes.get("class") or "").startswith("Mso") or bool(_NO_MARGIN.search(attributes.get("style") or ""))


def _tiny(attributes: Mapping[str, str | None]) -> bool:
    return any(
        (attributes.get(side) or "").strip().rstrip("px") in ("0", "1", "2", "3") for side in ("width", "height")
    )


def _link(href: str | None) -> str:
    target = re.sub(r"[\x00-\x20]+", "", href or "")
    return target if _SCHEME.match(target) and len(target) <= 4000 else ""


def _says(shown: str, href: str) -> bool:
    """The text of a link already gives its target."""
    bare = _WEB.sub("", href).rstrip("/").lower()
    text = _WEB.sub("", shown).rstrip("/").lower()
    return text in (bare, bare.removeprefix("www.")) or (
        len(text) > 8 and text in bare and "." in text and " " not in text
    )
