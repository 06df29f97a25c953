"""The words of a Slack message as `Text`. Pure."""

from collections.abc import Mapping
from typing import Any

from tchap_bridge_slack import attachments, blocks, mrkdwn, show
from tchap_bridge_slack.document import Document, Names, Section, speaks
from tchap_bridge_slack.marks import plain
from tchap_bridge_slack.values import each
from tchap_bridges.events import Text


def text_of(message: Mapping[str, Any], names: Names) -> Text:
    """What a message says: its ``blocks``, else its ``text``, then its ``attachments``.

    Of any shape: what is not understood is shown by its words. ``html`` has no link but to the web, to mail and to
    ``person:ID``, the user of Slack with this (percent-encoded) id.
    """
    nodes: Document = blocks.document(message.get("blocks"))
    text = message.get("text")
    if isinstance(text, str) and not speaks(nodes):
        nodes = (Section(plain(text)),) if message.get("mrkdwn") is False else mrkdwn.document(text)
    for one in each(message.get("attachments")):
        if not _previews(one, nodes):
            nodes += attachments.attachment(one)
    return show.text(nodes, names)


def _previews(attachment: Any, nodes: Document) -> bool:
    """Whether Slack itself made it of an address that the message says; a message that is shown again is none."""
    if not isinstance(attachment, Mapping) or attachment.get("is_share") or attachment.get("is_msg_unfurl"):
        return False
    made_from = attachment.get("from_url") or attachment.get("original_url") or attachment.get("app_unfurl_url")
    return isinstance(made_from, str) and speaks(nodes)
