"""A document as mrkdwn, and the ``text`` that Slack itself makes of a message's blocks. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tchap_bridge_slack import blocks as blocks_
from tchap_bridge_slack.document import (
    Broadcast,
    Date,
    Document,
    Emoji,
    Heading,
    Inline,
    Inlines,
    Items,
    Link,
    Mention,
    Names,
    Node,
    NoNames,
    Preformatted,
    Rule,
    Section,
    Style,
    Table,
    Words,
)
from tchap_bridge_slack.marks import holds
from tchap_bridge_slack.numerals import letters, roman

_BULLETS: Final = ("•", "◦", "▪\ufe0e")
_INTERACTIVE: Final = ", with interactive elements"
"""What Slack says of every block that it does not put into words."""
_SIGNS: Final = "~_*`"
"""From the outside in, as Slack nests them."""
_PIECES = re.compile(r"\n|[^\S\n]+|[^\s](?:[^\n]*[^\s])?")
_IN_ADDRESS = {"|": "%7C", "<": "%3C", ">": "%3E", " ": "%20", "\n": "", "\t": ""}
_ALERT = re.compile(r"(?<![\w.])@(?=(?:here|channel|everyone|group)\b)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def fallback(blocks: Any, names: Names | None = None) -> str:
    """The ``text`` of a message as Slack derives it from these blocks when its sender gave none.

    It knows what channels are called, as ``names`` does. Seen in real exports; blocks are joined by a space, and those
    that are not put into words are said to be there.
    """
    names = names or NoNames()
    parts: list[str] = []
    silent = False
    for block in blocks if isinstance(blocks, list) else ():
        said = _said(block, names) if isinstance(block, Mapping) else ""
        parts += [said] if said else []
        silent = silent or not (said or (isinstance(block, Mapping) and block.get("type") in ("divider", "rich_text")))
    if silent and not parts:
        return "This message contains interactive elements."
    return " ".join(parts) + (_INTERACTIVE if silent else "")


def _said(block: Mapping[str, Any], names: Names) -> str:
    """A block in words, "" where Slack has none."""
    match block.get("type"):
        case "rich_text":
            return mrkdwn(blocks_.document([block]), names, boundaries=False)
        case "section":
            fields = block.get("fields")
            return _strings([block.get("text"), *(fields if isinstance(fields, list) else ())])
        case "header":
            return _strings([block.get("text")])
        case "context":
            elements = block.get("elements")
            return _strings(elements if isinstance(elements, list) else ())
        case "image" | "video":
            title = _strings([block.get("title")])
            return title or _strings([{"text": block.get("alt_text")}])
        case "markdown":
            return _strings([block])
        case _:
            return ""


def _strings(values: Iterable[Any]) -> str:
    """Strings of text objects: they are mrkdwn as they are."""
    texts = [value.get("text") or value.get("alt_text") for value in values if isinstance(value, Mapping)]
    return " ".join(text for text in texts if isinstance(text, str) and text)


def mrkdwn(document: Document, names: Names | None = None, *, boundaries: bool = True, shield: bool = False) -> str:
    """The document as one string that Slack reads.

    ``boundaries``: no mark in the middle of a word, where it would be seen as a sign. ``shield``: what a person typed
    alerts nobody.
    """
    writer = _Writer(names or NoNames(), boundaries=boundaries, shield=shield)
    parts: list[str] = []
    tail = "\n"
    for node in document:
        said = ("" if tail.endswith("\n") else "\n") + writer.node(node)
        parts.append(said)
        tail = said or tail
    return "".join(parts)


def escaped(text: str) -> str:
    """Slack wants three characters escaped, and no other."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Piece(NamedTuple):
    text: str
    marks: frozenset[str]
    space: bool = False


class _Writer:
    def __init__(self, names: Names, *, boundaries: bool, shield: bool) -> None:
        self._names = names
        self._boundaries = boundaries
        self._shield = shield

    def node(self, node: Node) -> str:
        """One node; a section ends as it ends, so that what follows may need a line end."""
        match node:
            case Section(inlines, border):
                said = self._inlines(inlines)
                return "\n".join(f"&gt; {line}" for line in said.split("\n")) if border else said
            case Preformatted(inlines):
                return f"```{''.join(self._content(inline) for inline in inlines)}```"
            case Items():
                return "\n".join(self._items(node))
            case Heading(inlines):
                return self._inlines(inlines)
            case Table(rows):
                return "\n".join(" | ".join(self._inlines(cell) for cell in row) for row in rows)
            case Rule():
                return "———"

    def _items(self, node: Items) -> Iterator[str]:
        border, margin = "&gt; " if node.border else "", "    " * node.indent
        for number, item in enumerate(node.items, node.offset + 1):
            marker = _marker(number, node)
            first, *others = self._inlines(item).split("\n")
            yield f"{border}{margin}{marker} {first}"
            for line in others:
                yield f"{border}{margin}{' ' * (len(marker) + 1)}{line}" if line else border.rstrip()

    def _inlines(self, inlines: Inlines) -> str:
        pieces = list(self._pieces(inlines))
        tokens = list(_tokens(pieces, _spread(pieces)))
        dropped = set(_misplaced(tokens)) if self._boundaries else set()
        return "".join(text for place, (text, _) in enumerate(tokens) if place not in dropped)

    def _pieces(self, inlines: Inlines) -> Iterator[_Piece]:
        """Words with the spaces around them apart, since those stand outside the marks."""
        for inline in inlines:
            marks = _marks(inline.style)
            if not isinstance(inline, Words):
                yield _Piece(self._content(inline), marks)
                continue
            for match in _PIECES.finditer(inline.text):
                space = match[0].isspace()
                sealed = inline.style.code and ("`" in match[0])
                yield _Piece(self._words(match[0]), marks - {"`"} if sealed else marks, space)

    def _words(self, text: str) -> str:
        said = escaped(text)
        return _ALERT.sub(f"@{_WORD_JOINER}", said) if self._shield else said

    def _content(self, inline: Inline) -> str:
        match inline:
            case Words(text):
                return self._words(text)
            case Link(url, label):
                shown = escaped(label.replace("\n", " "))
                return f"<{_address(url)}|{shown}>" if shown else f"<{_address(url)}>"
            case Mention("channel", id_, label):
                name = escaped(self._names.channel(id_) or label)
                return f"<#{_id(id_)}|{name}>" if name else f"<#{_id(id_)}>"
            case Mention("user", id_):
                return f"<@{_id(id_)}>"
            case Mention(_, id_):
                return f"<!subteam^{_id(id_)}>"
            case Broadcast(range_):
                return f"<!{_id(range_)}>"
            case Emoji(name):
                return f":{escaped(name)}:"
            case Date(timestamp, format_, fallback_, url):
                link = f"^{_address(url)}" if url else ""
                return f"<!date^{timestamp}^{escaped(format_)}{link}|{escaped(fallback_)}>"


def _id(value: str) -> str:
    return re.sub(r"[<>|&\s]", "", value)


def _address(url: str) -> str:
    return "".join(_IN_ADDRESS.get(character, character) for character in url).replace("&", "&amp;")


def _marks(style: Style) -> frozenset[str]:
    on = ((style.strike, "~"), (style.italic, "_"), (style.bold, "*"), (style.code, "`"))
    return frozenset(sign for is_on, sign in on if is_on)


def _marker(number: int, node: Items) -> str:
    """Slack counts and points by level, over and over."""
    level = node.indent % 3
    if not node.ordered:
        return _BULLETS[level]
    return f"{(str, letters, roman)[level](number)}."


def _spread(pieces: list[_Piece]) -> list[frozenset[str]]:
    """The marks of each; those that go on over a space are those of the words on both sides, on one line."""
    sides: list[list[frozenset[str]]] = []
    for one_way in (pieces, pieces[::-1]):
        beside: list[frozenset[str]] = []
        marks = frozenset[str]()
        for piece in one_way:
            if not piece.space or piece.text == "\n":
                marks = frozenset() if piece.space else piece.marks
            beside.append(marks)
        sides.append(beside)
    found: list[frozenset[str]] = []
    for piece, before, after in zip(pieces, sides[0], sides[1][::-1], strict=True):
        both = before & after
        found.append(both if not piece.space or "`" in piece.marks else both - {"`"})
    return found


_Token = tuple[str, int | None]
"""What is written; for a mark, the number of its pair."""


def _tokens(pieces: list[_Piece], spread: list[frozenset[str]]) -> Iterator[_Token]:
    opened: list[tuple[str, int]] = []
    pairs = 0
    for piece, marks in [*zip(pieces, spread, strict=True), (None, frozenset[str]())]:
        keep = next((n for n, (sign, _) in enumerate(opened) if sign not in marks), len(opened))
        if any(sign == "`" for sign, _ in opened) and marks - {sign for sign, _ in opened}:
            keep = min(keep, next(n for n, (sign, _) in enumerate(opened) if sign == "`"))  # code is innermost
        for sign, pair in reversed(opened[keep:]):
            yield sign, pair
        del opened[keep:]
        for sign in _SIGNS:
            if sign in marks and all(sign != one for one, _ in opened):
                opened.append((sign, pairs))
                yield sign, pairs
                pairs += 1
        if piece is not None:
            yield piece.text, None


def _misplaced(tokens: list[_Token]) -> Iterator[int]:
    """Marks that Slack would not read: within a word, or beside the same sign."""
    beside: dict[int, list[int]] = {}
    bad: set[int] = set()
    for place, (sign, pair) in enumerate(tokens):
        if pair is None:
            continue
        opening = pair not in beside
        beside.setdefault(pair, []).append(place)
        before, after = _neighbour(tokens, place, -1), _neighbour(tokens, place, 1)
        outside = before if opening else after
        if holds(outside) or sign in (before, after):
            bad.add(pair)
    for pair in bad:
        yield from beside[pair]


def _neighbour(tokens: list[_Token], place: int, step: int) -> str:
    """The character beside a mark, other marks left aside."""
    place += step
    while 0 <= place < len(tokens):
        text, pair = tokens[place]
        if pair is None and text:
            return text[-1 if step < 0 else 0]
        place += step
    return ""
