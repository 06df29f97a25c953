"""A room's text, HTML of the Matrix subset or plain, as a document of Slack. Pure.

HTML is read for what it says, not for how it is laid out; an element that is not known still has its text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tchap_bridge_slack.document import (
    DEEPEST,
    PLAIN,
    Document,
    Inline,
    Items,
    Mention,
    Node,
    Preformatted,
    Rule,
    Section,
    Style,
    Words,
    clean,
    joined,
    words,
)
from tchap_bridge_slack.drawing import drawn
from tchap_bridge_slack.found import document as document_of_plain
from tchap_bridge_slack.found import found, linked, looked_through, outer, trimmed
from tchap_bridge_slack.show import address, says
from tchap_bridges.events import Text, mentioned
from tchap_bridges.markup import (
    BLOCKS,
    BOLD,
    CODE,
    FORMULA,
    ITALIC,
    LONGEST,
    LOWERED,
    MATRIX_PERSON,
    RAISED,
    SPACES,
    STRIKE,
    UNDERLINE,
    walked,
)

_BOLD = BOLD | {"caption"}
_USER = re.compile(r"[UW][A-Z0-9]{1,30}")
"""Slack refuses a whole message for one mention of what is no user."""
_DIGITS = re.compile(r"[0-9]{1,4}")


def document(text: Text) -> Document:
    """What the text says. HTML that says nothing or is too long to be read leaves the word to the plain text."""
    if text.html and (len(text.html) <= LONGEST or not text.plain):
        nodes = _of_html(text.html)
        if nodes:
            return nodes
    return document_of_plain(clean(text.plain))


def _of_html(html: str) -> Document:
    walk = _Walk()
    for node, tag, leaving in walked(html):
        if leaving:
            walk.leave(tag)
        elif tag == "-text":
            walk.text(node.text_content or "")
        else:
            walk.enter(tag, node.attributes)
    return walk.document()


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int
    """Of the next item."""


class _Walk:
    """The document so far, and what surrounds the place that was reached."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._line: list[Inline] = []
        self._breaks = 0  # line ends before the next words
        self._style = PLAIN
        self._styles: list[Style] = []  # around each open element
        self._links: list[tuple[str, int]] = []  # where it leads, and where its words begin
        self._quotes = 0
        self._pre = 0
        self._lists: list[_List] = []
        self._item: tuple[int, bool, int] | None = None  # level, numbered, number of the item being written
        self._table: list[list[str]] | None = None
        self._scripts: list[dict[int, int]] = []

    def document(self) -> Document:
        """What was read."""
        self._flush()
        return tuple(self._nodes)

    def enter(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """An element begins."""
        if tag in BLOCKS:
            self._break(2 if tag == "p" else 1)
        self._styles.append(self._style)
        self._spoiler(attributes)
        self._style = _styled(self._style, tag)
        match tag:
            case "br":
                self._line_end()
            case "hr":
                self._flush()
                self._nodes.append(Rule())
            case "img":
                self._flow(attributes.get("alt") or attributes.get("title") or "[image]")
            case "pre" if self._table is None:
                self._flush()
                self._pre += 1
            case "sup" | "sub":
                self._scripts.append(RAISED if tag == "sup" else LOWERED)
            case "a":
                self._links.append((attributes.get("href") or "", len(self._line)))
            case _:
                self._structure(tag, attributes)

    def _structure(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """Quotes, lists and tables."""
        if self._table is not None:
            if tag == "tr":
                self._table.append([])
            elif tag in {"td", "th"}:
                self._line = []
            return
        match tag:
            case "blockquote":
                self._flush()
                self._quotes += 1
            case "ul" | "ol":
                self._flush()
                start = attributes.get("start") or ""
                self._lists.append(_List(tag == "ol", int(start) if _DIGITS.fullmatch(start) and int(start) else 1))
            case "li":
                self._flush()
                list_ = self._lists[-1] if self._lists else _List(ordered=False, number=1)
                self._item = (max(len(self._lists) - 1, 0), list_.ordered, list_.number)
                list_.number += 1
            case "table":
                self._flush()
                self._table = []
            case _:
                pass

    def leave(self, tag: str) -> None:
        """An element ends."""
        match tag:
            case "a":
                self._say_target()
            case "pre" if self._pre:
                self._flush()
                self._pre -= 1
            case "sup" | "sub":
                self._scripts.pop()
            case _:
                self._end_structure(tag)
        self._style = self._styles.pop()
        if tag in BLOCKS:
            self._break(2 if tag == "p" else 1)

    def _end_structure(self, tag: str) -> None:
        if self._table is not None:
            if tag in {"td", "th"} and self._table:
                self._table[-1].append(words(self._line))
                self._line = []
            elif tag == "caption":
                self._flush()
            elif tag == "table":
                self._end_table()
            return
        match tag:
            case "blockquote":
                self._flush()
                self._quotes -= 1
            case "ul" | "ol":
                self._flush()
                self._lists.pop()
            case "li":
                self._flush()
                self._item = None
            case _:
                pass

    def text(self, text: str) -> None:
        """Characters."""
        if self._pre:
            self._line.append(Words(clean(text)))
        else:
            self._flow(text)

    # Words

    def _flow(self, text: str) -> None:
        """Text whose white space is one space at most, and none where a line begins."""
        text = clean(SPACES.sub(" ", text))
        if self._pre:
            self._line.append(Words(text))
            return
        if self._breaks or not self._line or self._ends_in_space():
            text = text.lstrip(" ")
        if not text:
            return
        if self._scripts and FORMULA.fullmatch(text):
            text = text.translate(self._scripts[-1])
        self._end_line()
        if self._links:
            self._line.append(Words(text, self._style))
        else:
            self._line.extend(found(text, self._style))

    def _ends_in_space(self) -> bool:
        last = self._line[-1]
        return isinstance(last, Words) and last.text.endswith((" ", "\n"))

    def _end_line(self) -> None:
        """The line ends that were waiting for words, unless these are the first."""
        if self._breaks and self._line:
            self._line.append(Words("\n" * self._breaks + self._inner_quote()))
        elif not self._line and self._quotes > 1:
            self._line.append(Words(self._inner_quote()))
        self._breaks = 0

    def _inner_quote(self) -> str:
        """Slack has one level of quotations: those within are words."""
        return "> " * min(self._quotes - 1, DEEPEST)

    def _break(self, lines: int) -> None:
        """Before the next words there are so many line ends, or more."""
        self._breaks = max(self._breaks, lines) if self._line else 0

    def _line_end(self) -> None:
        if self._pre:
            self._line.append(Words("\n"))
        elif self._table is not None:
            self._flow(" ")
        elif self._line:
            self._breaks += 1

    def _spoiler(self, attributes: Mapping[str, str | None]) -> None:
        """Slack hides nothing: it is said that the words were to be hidden, and why."""
        if "data-mx-spoiler" in attributes:
            reason = SPACES.sub(" ", attributes["data-mx-spoiler"] or "").strip()
            self._flow(f"(spoiler : {reason}) " if reason else "(spoiler) ")

    def _say_target(self) -> None:
        """A person is mentioned, an address of the web is a link, and of any other only the words are left."""
        href, start = self._links.pop()
        inside = self._line[start:]
        shown = words(inside)
        label = " ".join(shown.split())
        if self._pre or self._table is not None:
            if address(href) and not says(label, href):
                self._flow(f" ({href})")
            return
        if (person := mentioned(href)) is not None and _USER.fullmatch(person):
            self._end_line()
            self._line[start:] = [*outer(inside, before=True), Mention("user", person, label, self._style)]
        elif url := "" if MATRIX_PERSON.fullmatch(href) else address(href):
            self._line[start:] = list(linked(inside, url, label, self._style))
        else:
            self._line[start:] = [one for each in inside for one in looked_through(each)]

    # Nodes

    def _flush(self) -> None:
        """What was gathered is a node, if there is anything to see."""
        line, self._line, self._breaks = tuple(joined(self._line)), [], 0
        self._links = [(href, 0) for href, _ in self._links]
        border = self._quotes > 0
        if self._pre:
            line = trimmed(line, "\n")
            if words(line).strip():
                self._nodes.append(Preformatted(line, border))
            return
        line = trimmed(line, " \n")
        if not words(line).strip():
            return
        if self._item is None:
            self._nodes.append(Section(line, border))
            return
        level, ordered, number = self._item
        self._item = None
        self._add(Items((line,), ordered, min(level, DEEPEST), number - 1 if ordered else 0, border))

    def _add(self, item: Items) -> None:
        """A list goes on, or another one begins."""
        last = self._nodes[-1] if self._nodes else None
        if (
            isinstance(last, Items)
            and (last.ordered, last.indent, last.border) == (item.ordered, item.indent, item.border)
            and (not item.ordered or item.offset == last.offset + len(last.items))
        ):
            self._nodes[-1] = replace(last, items=last.items + item.items)
        else:
            self._nodes.append(item)

    def _end_table(self) -> None:
        """A table is drawn in letters of one width."""
        rows, self._table, self._line = self._table or [], None, []
        if lines := "\n".join(drawn([row for row in rows if any(row)])):
            self._nodes.append(Preformatted((Words(lines),), self._quotes > 0))


def _styled(style: Style, tag: str) -> Style:
    if tag in _BOLD:
        return replace(style, bold=True)
    if tag in ITALIC:
        return replace(style, italic=True)
    if tag in UNDERLINE:
        return replace(style, underline=True)
    if tag in STRIKE:
        return replace(style, strike=True)
    return replace(style, code=True) if tag in CODE else style
