"""Slack's attachments as a document, which is what messages had before blocks. Pure.

https://docs.slack.dev/messaging/formatting-message-text/#attachments
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tchap_bridge_slack import mrkdwn
from tchap_bridge_slack.blocks import document, line, linked, spoken
from tchap_bridge_slack.document import BOLD, Document, Heading, Items, Link, Node, Preformatted, Section, words
from tchap_bridge_slack.marks import plain
from tchap_bridge_slack.values import Json, each, string


def attachment(value: Any) -> Document:
    """One of a message's ``attachments``: a quotation, but for what introduces it."""
    if not isinstance(value, Mapping):
        return ()
    said = _attached(value)
    if not said:
        said = list(spoken(mrkdwn.document(string(value, "fallback"))))
    return (*spoken(mrkdwn.document(string(value, "pretext"))), *map(_quoted, said))


def _attached(value: Json) -> list[Node]:
    nodes: list[Node] = []
    author = string(value, "author_name") or string(value, "author_subname")
    nodes += linked(string(value, "author_link"), author)
    if own := spoken(document(value.get("blocks"))):
        return [*nodes, *own]
    if title := string(value, "title"):
        url, shown = string(value, "title_link"), plain(title, BOLD)
        nodes.append(Section((Link(url, words(shown), BOLD),) if url else shown))
    nodes += spoken(tuple(_shared(value))) or spoken(mrkdwn.document(string(value, "text")))
    for one in each(value.get("fields")):
        if isinstance(one, Mapping):
            nodes += spoken((Section(plain(string(one, "title"), BOLD)),))
            nodes += spoken(mrkdwn.document(string(one, "value")))
    for key in ("image_url", "thumb_url"):
        nodes += linked(string(value, key), "")
    nodes += line(each(value.get("actions")))
    nodes += spoken((Section(plain(string(value, "footer"))),))
    return nodes


def _shared(value: Json) -> Iterator[Node]:
    """The blocks of a message that is shown again."""
    for one in each(value.get("message_blocks")):
        message = one.get("message") if isinstance(one, Mapping) else None
        if isinstance(message, Mapping):
            yield from document(message.get("blocks"))


def _quoted(node: Node) -> Node:
    match node:
        case Section(inlines) | Heading(inlines):
            return Section(inlines, border=True)
        case Preformatted(inlines):
            return Preformatted(inlines, border=True)
        case Items():
            return Items(node.items, node.ordered, node.indent, node.offset, border=True)
        case _:
            return node
