"""What a message of Slack says, whether it came as blocks, as mrkdwn or as HTML: nodes, each on lines of its own.

It is Slack's own rich text (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block) with types, and with the
headings, tables and rules of the other blocks. Texts are raw: no entity, no escape, no control character but tab and
newline.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

_LINE_END = re.compile("\r\n|[\r\f\v\u2028\u2029\x85]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")

DEEPEST: Final = 8
"""List levels that Slack shows."""


class Names(Protocol):
    """What the workspace calls things; None for what is not known."""

    def person(self, id: str, /) -> str | None:  # noqa: A002  Slack's word for it
        """The name a user is shown by, without "@"."""

    def channel(self, id: str, /) -> str | None:  # noqa: A002
        """A channel's name, without "#"."""

    def group(self, id: str, /) -> str | None:  # noqa: A002
        """A user group's handle, without "@"."""

    def emoji(self, name: str, /) -> str | None:
        """For a custom emoji that is another name of one: that name, with ``alias:`` before it or not."""


class NoNames:
    """`Names` where nothing is known."""

    def person(self, _id: str, /) -> str | None:
        """None."""
        return None

    def channel(self, _id: str, /) -> str | None:
        """None."""
        return None

    def group(self, _id: str, /) -> str | None:
        """None."""
        return None

    def emoji(self, _name: str, /) -> str | None:
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks."""

    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    underline: bool = False


PLAIN: Final = Style()
BOLD: Final = Style(bold=True)


@dataclass(frozen=True, slots=True)
class Words:
    """Text as it is."""

    text: str = field(repr=False)
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Link:
    """``label`` leads to ``url``, or ``url`` to itself."""

    url: str = field(repr=False)
    label: str = field(default="", repr=False)
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Mention:
    """A user, a channel or a user group by its id; ``label`` is the name that came with it."""

    kind: Literal["user", "channel", "usergroup"]
    id: str
    label: str = field(default="", repr=False)
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Everybody who is ``here``, or in the ``channel``, or ``everyone``."""

    range: str
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Emoji:
    """By name, with its skin tone; ``unicode`` where the name alone does not tell."""

    name: str
    unicode: str = ""
    style: Style = PLAIN


@dataclass(frozen=True, slots=True)
class Date:
    """A moment in seconds that Slack shows in the reader's zone, as ``format`` says."""

    timestamp: int
    format: str = ""
    fallback: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    style: Style = PLAIN


Inline = Words | Link | Mention | Broadcast | Emoji | Date
Inlines = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Running text; a quotation with ``border``."""

    inlines: Inlines
    border: bool = False


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Text whose spaces and line ends count, in letters of one width."""

    inlines: Inlines
    border: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """Neighbouring items of one level (0 and on); ``offset`` of them came before, when they are numbered."""

    items: tuple[Inlines, ...]
    ordered: bool = False
    indent: int = 0
    offset: int = 0
    border: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A title."""

    inlines: Inlines


@dataclass(frozen=True, slots=True)
class Table:
    """Cells by row; the first row is the head."""

    rows: tuple[tuple[Inlines, ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


Node = Section | Preformatted | Items | Heading | Table | Rule
Document = tuple[Node, ...]


def clean(text: str) -> str:
    """Text as the contract wants it: one kind of line end, no control character, U+FFFD for half a surrogate pair."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", _LINE_END.sub("\n", text)))


def joined(inlines: Iterable[Inline]) -> Iterator[Inline]:
    """Neighbouring words of one style are one."""
    held: Words | None = None
    for inline in inlines:
        if isinstance(inline, Words) and held is not None and held.style == inline.style:
            held = Words(held.text + inline.text, held.style)
            continue
        if held is not None:
            yield held
        held = inline if isinstance(inline, Words) else None
        if held is None:
            yield inline
    if held is not None:
        yield held


def flat(nodes: Iterable[Node]) -> Inlines:
    """Nodes on one line after the other, for a place that holds no more."""
    out: list[Inline] = []
    for node in nodes:
        match node:
            case Section(inlines) | Preformatted(inlines) | Heading(inlines):
                parts: Iterable[Inlines] = (inlines,)
            case Items(items):
                parts = items
            case Table(rows):
                parts = (cell for row in rows for cell in row)
            case _:
                parts = ()
        for part in parts:
            if part:
                out += (Words("\n"), *part) if out else part
    return tuple(out)


def words(inlines: Iterable[Inline]) -> str:
    """Words alone, for a label."""
    said: list[str] = []
    for inline in inlines:
        match inline:
            case Words(text):
                said.append(text)
            case Emoji(name):
                said.append(f":{name}:")
            case Link(url, label):
                said.append(label or url)
            case Mention(_, id_, label):
                said.append(label or id_)
            case Broadcast(range_):
                said.append(f"@{range_}")
            case Date(_, _, fallback):
                said.append(fallback)
    return "".join(said)


def speaks(nodes: Document) -> bool:
    """Whether there is anything to read."""
    return any(not isinstance(node, Rule) and _filled(node) for node in nodes)


def _filled(node: Node) -> bool:
    return any(not isinstance(inline, Words) or inline.text.strip() for inline in flat((node,)))
