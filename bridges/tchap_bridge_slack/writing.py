"""A room's text as what Slack is sent: ``rich_text`` blocks, and the ``text`` that notifications show. Pure.

https://docs.slack.dev/reference/methods/chat.postMessage
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from tchap_bridge_slack.cutting import cut
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
    Node,
    Preformatted,
    Rule,
    Section,
    Style,
    Table,
    Words,
    joined,
)
from tchap_bridge_slack.fallback import mrkdwn
from tchap_bridge_slack.markup import document
from tchap_bridges.events import Text

LONGEST: Final = 4_000
"""Characters of ``text`` that Slack shows as one message; over 40,000 it cuts."""
MOST_BLOCKS: Final = 50


@dataclass(frozen=True, slots=True)
class Written:
    """The arguments ``text`` and ``blocks`` of one message."""

    text: str = field(repr=False)
    blocks: list[dict[str, Any]] = field(repr=False)


def written(text: Text) -> Written:
    """The whole text as one message, whatever its length.

    A link ``person:U123`` alerts this user of Slack; words like ``@here`` alert nobody, however they are typed. A text
    that says nothing has no blocks.
    """
    return _written(document(text))


def pieces(text: Text, *, longest: int = LONGEST) -> list[Written]:
    """The text as messages, in order, of at most ``longest`` characters of ``text`` (200 or more) and 50 blocks.

    It is cut between paragraphs where that can be, else between lines, words, and at last anywhere. Only white space
    is lost where it is cut.
    """
    parts: list[list[Node]] = []
    room = blocks = 0
    for node, goes_on in cut(document(text), longest):
        size, more = len(mrkdwn((node,), shield=True)) + 1, not _same_block(parts[-1][-1] if parts else None, node)
        if not parts or goes_on or size > room or blocks + more > MOST_BLOCKS:
            parts.append([])
            room, blocks, more = longest + 1, 0, True
        parts[-1].append(node)
        room, blocks = room - size, blocks + more
    return [_written(tuple(part)) for part in parts]


def _written(nodes: Document) -> Written:
    return Written(mrkdwn(nodes, shield=True).strip("\n"), list(_blocks(nodes)))


def _same_block(before: Node | None, node: Node) -> bool:
    return before is not None and not isinstance(before, Rule) and not isinstance(node, Rule)


def _blocks(nodes: Iterable[Node]) -> Iterator[dict[str, Any]]:
    for ruled, group in groupby(nodes, key=lambda node: isinstance(node, Rule)):
        if ruled:
            yield from ({"type": "divider"} for _ in group)
        else:
            yield {"type": "rich_text", "elements": list(_elements(list(group)))}


def _elements(nodes: list[Node]) -> Iterator[dict[str, Any]]:
    """As Slack's own editor writes them: running text ends its line before what stands apart."""
    for place, node in enumerate(nodes):
        match node:
            case Section(inlines, border=True):
                yield {"type": "rich_text_quote", "elements": _inlines(inlines)}
            case Section(inlines) | Heading(inlines):
                more = place + 1 < len(nodes)
                yield {"type": "rich_text_section", "elements": _inlines((*inlines, Words("\n")) if more else inlines)}
            case Preformatted(inlines, border):
                flat = tuple(_bare(inline) for inline in inlines)
                yield {"type": "rich_text_preformatted", "elements": _inlines(flat)} | ({"border": 1} if border else {})
            case Items():
                yield _list(node)
            case Table(rows):
                for row in rows:
                    yield {"type": "rich_text_section", "elements": [one for cell in row for one in _inlines(cell)]}
            case Rule():
                pass


def _list(node: Items) -> dict[str, Any]:
    items = [{"type": "rich_text_section", "elements": _inlines(item)} for item in node.items]
    more = {"offset": node.offset} if node.offset else {}
    more |= {"border": 1} if node.border else {}
    style = "ordered" if node.ordered else "bullet"
    return {"type": "rich_text_list", "style": style, "indent": node.indent, "elements": items, **more}


def _bare(inline: Inline) -> Inline:
    """Letters of one width have no other style."""
    return Words(inline.text) if isinstance(inline, Words) else inline


def _inlines(inlines: Inlines) -> list[dict[str, Any]]:
    return [_inline(one) for one in joined(inlines) if not isinstance(one, Words) or one.text]


def _inline(inline: Inline) -> dict[str, Any]:
    """One element; Slack wants no empty string and no empty style."""
    match inline:
        case Words(text):
            said: dict[str, Any] = {"type": "text", "text": text}
        case Link(url, label):
            said = {"type": "link", "url": url} | ({"text": label} if label else {})
        case Mention("user", id_):
            said = {"type": "user", "user_id": id_}
        case Mention("channel", id_):
            said = {"type": "channel", "channel_id": id_}
        case Mention(_, id_):
            said = {"type": "usergroup", "usergroup_id": id_}
        case Broadcast(range_):
            said = {"type": "broadcast", "range": range_}
        case Emoji(name):
            said = {"type": "emoji", "name": name}
        case Date(timestamp, format_, fallback, url):
            said = {"type": "date", "timestamp": timestamp, "format": format_, "fallback": fallback}
            said |= {"url": url} if url else {}
    style = _style(inline.style)
    return said | ({"style": style} if style else {})


def _style(style: Style) -> dict[str, bool]:
    if style == PLAIN:
        return {}
    marks = ("bold", "italic", "strike", "code", "underline")
    return {name: True for name in marks if getattr(style, name)}
