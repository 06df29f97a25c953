"""Slack's markup of strings, "mrkdwn", as a document. Pure, and linear in the length of the text.

https://docs.slack.dev/messaging/formatting-message-text; where it is silent, what Slack's clients do.
"""

import re
from dataclasses import replace

from tchap_bridge_slack.document import (
    DEEPEST,
    Document,
    Inline,
    Inlines,
    Items,
    Node,
    Preformatted,
    Section,
    Words,
    clean,
    joined,
)
from tchap_bridge_slack.marks import in_code, inlines
from tchap_bridge_slack.numerals import from_letters, from_roman

_FENCE = "```"
_QUOTE = re.compile(r"(?:&gt;|>)(?!(?:&gt;|>){2}) ?")
_QUOTE_REST = re.compile(r"(?:&gt;|>){3} ?")
_ITEM = re.compile(r"( *)([•◦▪‣⁃]\ufe0e?|[0-9]{1,4}\.|[a-z]{1,3}\.) +(.*)")


def document(text: str) -> Document:
    """Any string has a meaning: what is no markup is words."""
    reader = _Reader()
    text = clean(text)
    position = start = 0
    while (start := text.find(_FENCE, start)) >= 0 and (end := text.find(_FENCE, start + 3)) >= 0:
        code = text[start + 3 : end]
        if code.isspace() or not code:
            start = end
            continue
        reader.lines(text[position:start].removesuffix("\n"))
        reader.preformatted(in_code(code.removeprefix("\n").removesuffix("\n")))
        position = start = end + 3
        if text.startswith("\n", position):
            position += 1
    reader.lines(text[position:])
    return reader.document()


class _Reader:
    """The document so far; the last node may still grow."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._quoting = False
        self._section: list[Inline] = []
        self._filled = False
        self._border = False
        self._list: Items | None = None
        self._items: list[Inlines] = []

    def document(self) -> Document:
        """What was read."""
        self._end()
        return tuple(self._nodes)

    def preformatted(self, code: str) -> None:
        """Text between fences."""
        self._end()
        self._nodes.append(Preformatted((Words(code),), border=self._quoting))

    def lines(self, text: str) -> None:
        """Text outside of fences."""
        for line in text.split("\n") if text else ():
            quoted = self._quoting
            rest = line
            if not quoted and (match := _QUOTE_REST.match(line) or _QUOTE.match(line)):
                quoted = True
                self._quoting = match.re is _QUOTE_REST
                rest = line[match.end() :]
            self._line(rest, border=quoted)

    def _line(self, line: str, *, border: bool) -> None:
        if item := self._item(line, border=border):
            if self._list is None or not self._goes_on(item):
                self._end()
                self._list = item
            self._items.extend(item.items)
            return
        if self._list is not None or self._border != border:
            self._end()
        if self._filled:
            self._section.append(Words("\n"))
        self._filled, self._border = True, border
        self._section.extend(inlines(line))

    def _goes_on(self, item: Items) -> bool:
        before = self._list
        return (
            before is not None
            and (before.ordered, before.indent, before.border) == (item.ordered, item.indent, item.border)
            and (not item.ordered or item.offset == before.offset + len(self._items))
        )

    def _item(self, line: str, *, border: bool) -> Items | None:
        """A list as Slack writes it in strings. Numbers begin a list with 1, letters lie within one."""
        match = _ITEM.fullmatch(line)
        if match is None:
            return None
        spaces, marker, text = match.groups()
        indent = min(len(spaces) // 4, DEEPEST)
        number = _number(marker.removesuffix("."), indent) if marker.endswith(".") else 0
        ours = self._list is not None and self._list.border == border
        if number is None or (number > 1 and not ours) or (marker[0].isalpha() and not (ours and indent)):
            return None
        return Items((inlines(text),), number > 0, indent, max(number - 1, 0), border)

    def _end(self) -> None:
        if self._list is not None:
            self._nodes.append(replace(self._list, items=tuple(self._items)))
        elif self._filled:
            self._nodes.append(Section(tuple(joined(self._section)), self._border))
        self._list, self._items, self._section, self._filled = None, [], [], False


def _number(marker: str, indent: int) -> int | None:
    """What a marker counts: 1, a and i by level, over and over."""
    if marker.isdigit():
        return int(marker) or None
    kinds = (from_letters, from_roman) if indent % 3 == 1 else (from_roman, from_letters)
    return next((number for kind in kinds if (number := kind(marker))), None)
