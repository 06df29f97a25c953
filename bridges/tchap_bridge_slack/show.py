"""A document as `Text`: plain words, and HTML of the Matrix subset where plain words would lose something. Pure.

A person is a link ``person:ID``: whoever puts the text into a room makes it one to who speaks for this person there.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from tchap_bridge_slack.document import (
    PLAIN,
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
    Preformatted,
    Section,
    Style,
    Table,
    Words,
    clean,
)
from tchap_bridge_slack.emoji import unicode_of
from tchap_bridges.events import PERSON, Text

_ADDRESS = re.compile(r"https?://[^/?#@].*|mailto:.+", re.IGNORECASE)
_NOT_IN_ADDRESS = re.compile(r"[\s\"<>\\^`{|}]")
_CODE_POINTS = re.compile(r"[0-9a-fA-F]{2,6}(?:-[0-9a-fA-F]{2,6}){0,15}")
_DULL = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_NAMED = re.compile(r":([a-z0-9_+'-]{1,100}(?:::skin-tone-[2-6])?):")
_NEXT_SPACE = re.compile("(?<= ) ")


class Run(NamedTuple):
    """Text in one style; ``href`` where it leads, "" for nowhere."""

    text: str
    style: Style
    href: str = ""


def text(document: Document, names: Names) -> Text:
    """What the document says; ``html`` only where there is formatting."""
    shown = _Show(names)
    nodes = _trimmed(document)
    plain = "\n".join(line for node in nodes for line in shown.lines(node)).strip("\n")
    if all(isinstance(node, Section) and not node.border and shown.is_plain(node.inlines) for node in nodes):
        return Text(plain=plain)
    return Text(plain=plain, html=shown.html(nodes) or None)


def address(url: str) -> str:
    """An address that a room may lead to, or "": only the web and mail."""
    url = _NOT_IN_ADDRESS.sub(lambda match: quote(match[0], safe=""), clean(url).strip())
    try:
        return url if _ADDRESS.fullmatch(url) and urlsplit(url) else ""
    except ValueError:
        return ""


def says(label: str, url: str) -> bool:
    """Whether the words are the address, give or take its scheme and a slash at its end."""
    bare, target = (_DULL.sub("", one.strip(), count=1).rstrip("/") for one in (label, url))
    return bare == target


def _trimmed(document: Document) -> list[Node]:
    """Nodes without the line end that Slack writes between them, and without those that say nothing."""
    nodes: list[Node] = []
    for node in document:
        if isinstance(node, Section | Preformatted):
            inlines = _cut(node.inlines)
            if inlines:
                nodes.append(type(node)(inlines, node.border))
        else:
            nodes.append(node)
    return nodes


def _cut(inlines: Inlines) -> Inlines:
    """Without the last line end; () for nothing but that."""
    if inlines and isinstance(last := inlines[-1], Words):
        words = last.text.removesuffix("\n")
        return (*inlines[:-1], Words(words, last.style)) if words else inlines[:-1]
    return inlines


class _Show:
    def __init__(self, names: Names) -> None:
        self._names = names

    # Plain words

    def is_plain(self, inlines: Inlines) -> bool:
        """Whether plain words lose nothing."""
        return all(run.style == PLAIN and not run.href for inline in inlines for run in self._runs(inline))

    def lines(self, node: Node) -> Iterator[str]:
        """The node in plain words."""
        border = "> " if isinstance(node, Section | Preformatted | Items) and node.border else ""
        match node:
            case Section(inlines) | Preformatted(inlines) | Heading(inlines):
                for line in self.plain(inlines).split("\n"):
                    yield f"{border}{line}".rstrip(" ")
            case Items(items, ordered, indent, offset):
                for number, item in enumerate(items, offset + 1):
                    marker = f"{number}." if ordered else "•"
                    first, *others = self.plain(item).split("\n")
                    yield f"{border}{' ' * 4 * indent}{marker} {first}".rstrip(" ")
                    for line in others:
                        yield f"{border}{' ' * (4 * indent + len(marker) + 1)}{line}".rstrip(" ")
            case Table(rows):
                for row in rows:
                    yield " | ".join(" ".join(self.plain(cell).split()) for cell in row)
            case _:
                yield "---"

    def plain(self, inlines: Iterable[Inline]) -> str:
        """Inline elements in plain words; where a link leads is said after it, unless its text tells."""
        said: list[str] = []
        for inline in inlines:
            for run in self._runs(inline):
                leads = run.href and not run.href.startswith(PERSON) and not says(run.text, run.href)
                said.append(f"{run.text} ({run.href})" if leads else run.text)
        return "".join(said)

    # HTML

    def html(self, nodes: list[Node]) -> str:
        """Nodes of a quotation stand together in it."""
        out: list[str] = []
        for border, group in groupby(nodes, key=lambda node: getattr(node, "border", False) is True):
            inner = self._blocks(list(group))
            out.append(f"<blockquote>{inner}</blockquote>" if border else inner)
        return "".join(out)

    def _blocks(self, nodes: list[Node]) -> str:
        out: list[str] = []
        after_words = False
        for kind, group in groupby(nodes, key=type):
            if kind is Items:
                out.append(self._list([node for node in group if isinstance(node, Items)]))
                after_words = False
                continue
            for node in group:
                if isinstance(node, Section):
                    out.append(("<br>" if after_words else "") + self._inline(node.inlines))
                else:
                    out.append(self._block(node))
                after_words = isinstance(node, Section)
        return "".join(out)

    def _block(self, node: Node) -> str:
        match node:
            case Heading(inlines):
                return f"<h3>{self._inline(inlines)}</h3>"
            case Preformatted(inlines):
                return f"<pre><code>{escape(self.plain(inlines), quote=False).replace(NBSP, '&nbsp;')}\n</code></pre>"
            case Table(rows):
                head, body = self._row(rows[0], head=True), "".join(self._row(row, head=False) for row in rows[1:])
                return f"<table>{head}{f'<tbody>{body}</tbody>' if body else ''}</table>"
            case _:
                return "<hr>"

    def _row(self, row: Iterable[Inlines], *, head: bool) -> str:
        tag = "th" if head else "td"
        cells = "".join(f"<{tag}>{self._inline(cell)}</{tag}>" for cell in row)
        return f"<thead><tr>{cells}</tr></thead>" if head else f"<tr>{cells}</tr>"

    def _list(self, lists: list[Items]) -> str:
        """Flat lists with levels as lists in one another."""
        out: list[str] = []
        open_: list[tuple[int, bool, int]] = []  # level, numbered, the number of the last item
        for node in lists:
            for number, item in enumerate(node.items, node.offset + 1):
                while open_ and (open_[-1][0] > node.indent or not _goes_on(open_[-1], node, number)):
                    out.append(f"</li></{'ol' if open_.pop()[1] else 'ul'}>")
                if open_ and open_[-1][0] == node.indent:
                    out.append("</li>")
                    open_.pop()
                else:
                    start = f' start="{number}"' if number > 1 else ""
                    out.append(f"<ol{start}>" if node.ordered else "<ul>")
                open_.append((node.indent, node.ordered, number))
                out.append(f"<li>{self._inline(item)}")
        out += [f"</li></{'ol' if ordered else 'ul'}>" for _, ordered, _ in reversed(open_)]
        return "".join(out)

    def _inline(self, inlines: Inlines) -> str:
        """HTML as nh3 would write it again, and with no element closed that goes on."""
        out: list[str] = []
        opened: list[tuple[str, str]] = []
        after_space = True
        for inline in inlines:
            for run in self._runs(inline):
                if not run.text:
                    continue
                wanted = list(_elements(run))
                pairs = enumerate(zip(opened, wanted, strict=False))
                keep = next((n for n, (one, other) in pairs if one != other), min(len(opened), len(wanted)))
                out += [f"</{tag}>" for tag, _ in reversed(opened[keep:])]
                out += [f"<{tag}{attributes}>" for tag, attributes in wanted[keep:]]
                opened = wanted
                out.append(_escaped(run.text, after_space=after_space))
                after_space = run.text[-1] in " \n"
        out += [f"</{tag}>" for tag, _ in reversed(opened)]
        return "".join(out)

    # What is known of each

    def _runs(self, inline: Inline) -> Iterator[Run]:
        style = inline.style
        match inline:
            case Words(words):
                yield Run(clean(words), style)
            case Link(url, label):
                href, shown = address(url), self._label(clean(label), style)
                if href:
                    # An address that shows itself needs no mark-up: every client makes it a link.
                    yield Run(shown or clean(url), style, href if shown and shown != href else "")
                else:
                    yield Run(
                        f"{shown} ({clean(url)})" if shown and not says(shown, url) else shown or clean(url), style
                    )
            case Mention(kind, id_, label):
                yield self._mention(kind, id_, clean(label), style)
            case Broadcast(range_):
                yield Run(f"@{clean(range_)}", style)
            case Emoji():
                yield Run(self._emoji(inline), style)
            case Date():
                yield Run(_date(inline), style, address(inline.url))

    def _mention(self, kind: str, id_: str, label: str, style: Style) -> Run:
        match kind:
            case "user":
                name = clean(self._names.person(id_) or label or id_).strip() or id_
                return Run(f"@{clean(name)}", style, PERSON + quote(clean(id_), safe=""))
            case "channel":
                return Run(f"#{clean(self._names.channel(id_) or label or id_)}", style)
            case _:
                return Run(f"@{clean(self._names.group(id_) or label or id_)}", style)

    def _label(self, label: str, style: Style) -> str:
        """The words of a link, which have their emoji by name; what is none stays."""
        return _NAMED.sub(lambda match: self._emoji(Emoji(match[1], style=style)), label)

    def _emoji(self, emoji: Emoji) -> str:
        name = clean(emoji.name)
        if emoji.style.code:
            return f":{name}:"
        base, _, tone = name.partition("::")
        alias = (self._names.emoji(base) or "").removeprefix("alias:")
        toned = f"{alias}::{tone}" if tone else alias
        return unicode_of(name) or unicode_of(toned) or _characters(emoji.unicode) or f":{name}:"


NBSP: Final = "\u00a0"


def _goes_on(before: tuple[int, bool, int], node: Items, number: int) -> bool:
    """Whether the open list takes the item, or holds the list that does."""
    level, ordered, last = before
    return level < node.indent or (ordered == node.ordered and (not ordered or number == last + 1))


def _elements(run: Run) -> Iterator[tuple[str, str]]:
    """From the outside in. Words of several styles may be one link; a mention is replaced with all that is in it."""
    link = [("a", f' href="{escape(run.href, quote=False)}"')] if run.href else []
    mention = run.href.startswith(PERSON)
    style = run.style
    marks = (("b", style.bold), ("i", style.italic), ("u", style.underline), ("del", style.strike))
    yield from () if mention else link
    yield from ((tag, "") for tag, on in (*marks, ("code", style.code)) if on)
    yield from link if mention else ()


def _escaped(words: str, *, after_space: bool) -> str:
    """Drawings in letters live by their spaces, and HTML joins those that are not no-break spaces."""
    lines = words.split("\n")
    kept = (_NEXT_SPACE.sub(NBSP, (" " if n or after_space else "_") + line)[1:] for n, line in enumerate(lines))
    return "<br>".join(escape(line, quote=False).replace(NBSP, "&nbsp;") for line in kept)


def _characters(hexadecimal: str) -> str:
    """``1f44b-1f3fb`` as the emoji; "" for what is none."""
    if not _CODE_POINTS.fullmatch(hexadecimal):
        return ""
    points = [int(point, 16) for point in hexadecimal.split("-")]
    if any(point > 0x10FFFF or 0xD800 <= point < 0xE000 or point < 0x20 for point in points):
        return ""
    return clean("".join(map(chr, points))).strip()


def _date(date: Date) -> str:
    """What Slack's writer gave for those who cannot show it; else the moment, in the one zone that needs no reader."""
    if date.fallback:
        return clean(date.fallback)
    try:
        return datetime.fromtimestamp(date.timestamp, UTC).strftime("%d/%m/%Y %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return str(date.timestamp)
