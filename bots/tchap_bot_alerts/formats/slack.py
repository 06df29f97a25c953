"""The body of Slack's and Mattermost's incoming webhooks: ``text``, ``attachments``, ``blocks`` in their simple forms.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/messaging/formatting-message-text/#attachments
https://docs.slack.dev/reference/block-kit/blocks
https://developers.mattermost.com/integrate/webhooks/incoming/
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from tchap_bot_alerts.formats.mrkdwn import text_of
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.values import LINE, MOST, Json, at, block, cut, items, line, link, severity
from tchap_bot_alerts.words import LONGEST, bold, linked, row, stacked, words
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, ngettext

_COLOURS: Final = {"danger": Severity.ERROR, "warning": Severity.WARNING, "good": Severity.INFO}
_DEEPEST: Final = 6
_SECTION: Final = 3000
_FIELD: Final = 500
"""Characters of a part that are read: a message has many."""
_STATE: Final = re.compile(r"\[(?:(?P<firing>FIRING):(?P<n>[0-9]{1,6})|RESOLVED)\] (?P<title>.+)")
"""What the titles of Alertmanager's ``slack_configs`` begin with, unless they were given others (default.tmpl)."""


def read(value: Json, headers: Mapping[str, str], say: Translator) -> list[Notice]:
    """A delivery: one message, or none when there are no words."""
    del headers
    attachments = items(value, "attachments")[:MOST]
    blocks = stacked(_blocks(value))
    # Beside blocks, ``text`` is only what a notification shows.
    said = blocks or text_of(block(value, "text", most=LONGEST))
    if not said and len(attachments) == 1 and (group := _group(attachments[0], say)) is not None:
        return [group]
    text = stacked((said, *map(_attachment, attachments)))
    return [
        Notice(
            kind="slack",
            text=text,
            url=next((link(one, "title_link") for one in attachments if link(one, "title_link")), ""),
            severity=min((_severity(one) for one in attachments), default=Severity.NONE, key=list(Severity).index),
        )
    ] if text else []  # fmt: skip


def _group(one: Json, say: Translator) -> Notice | None:
    """A group of alerts that Alertmanager tells: as a whole it fires, and is over when all of it is."""
    url, match = link(one, "title_link"), _STATE.fullmatch(line(one, "title", most=2 * LINE))
    if match is None:
        return None
    title, firing = match["title"].strip(), bool(match["firing"])
    # The labels of the group, then in brackets those that all of its alerts share just now.
    named = title.partition(" (")[0]
    trouble = sha256(f"{url} {named or title}".encode()).hexdigest()[:16]
    n = int(match["n"] or 0)
    count = say(ngettext("{n} alerte", "{n} alertes", n)) if n > 1 else ""
    return Notice(
        kind="slack",
        title=cut(title, LINE),
        text=stacked((words(count), _attachment({**one, "title": "", "title_link": "", "fallback": ""}))),
        url=url,
        severity=_severity(one) if firing else Severity.NONE,
        state=State.FIRING if firing else State.RESOLVED,
        fingerprint=f"slack:{trouble}",
        group=f"slack:{trouble}",
    )


def _attachment(one: Json) -> Text:
    title, url = line(one, "title"), link(one, "title_link")
    footer = row(words(line(one, "author_name")), words(line(one, "footer")), between=" · ")
    said = (
        linked(url, title) if url else bold(title),
        text_of(block(one, "text", most=_SECTION)),
        *_blocks(one),
        *(_field(field) for field in items(one, "fields")[:MOST]),
        linked(link(one, "image_url"), "") if link(one, "image_url") else Text(),
    )
    if not any(said):
        return text_of(block(one, "pretext") or block(one, "fallback"))
    return stacked((text_of(block(one, "pretext")), *said, footer))


def _field(one: Json) -> Text:
    title, value = line(one, "title"), text_of(block(one, "value", most=_FIELD))
    return row(bold(f"{title} :"), value) if title else value


def _severity(one: Json) -> Severity:
    return _COLOURS.get(line(one, "color").lower(), severity(line(one, "severity")))


def _blocks(value: Json) -> Iterator[Text]:
    for one in items(value, "blocks")[: 2 * MOST]:
        match line(one, "type"):
            case "header":
                yield bold(line(one, "text", "text"))
            case "section" | "markdown":
                yield _object(one.get("text"))
                yield from (_object(field) for field in items(one, "fields")[:MOST])
            case "context":
                yield row(*(_object(element) for element in items(one, "elements")[:MOST]))
            case "image" | "video":
                url = link(one, "image_url") or link(one, "video_url")
                yield linked(url, line(one, "alt_text") or line(one, "title", "text"))
            case "rich_text":
                yield words(_rich(one))
            case "actions":
                buttons = [one for one in items(one, "elements")[:MOST] if link(one, "url")]
                yield row(*(linked(link(one, "url"), line(one, "text", "text")) for one in buttons), between=" · ")
            case _:
                pass


def _object(value: Any) -> Text:
    """A text object, an image of a context, or the bare string of a ``markdown`` block."""
    if isinstance(value, str):
        return text_of(block({"": value}, "", most=LONGEST))
    said = block(value, "text", most=_SECTION)
    if line(value, "type") == "image":
        return words(line(value, "alt_text"))
    return words(said) if line(value, "type") == "plain_text" else text_of(said)


def _rich(value: Json, depth: int = 0) -> str:
    """The words of rich text; its marks are not kept."""
    if depth > _DEEPEST:
        return ""
    said: list[str] = []
    for one in items(value, "elements")[: 5 * MOST]:
        match line(one, "type"):
            case "text":
                said.append(_string(one, "text"))
            case "link":
                said.append(line(one, "text") or link(one, "url"))
            case "emoji":
                said.append(f":{line(one, 'name')}:")
            case "user" | "broadcast" | "channel" as kind:
                said.append(f"@{line(one, 'user_id') or line(one, 'range') or line(one, 'channel_id') or kind}")
            case "rich_text_list":
                said += [f"\n• {_rich(item, depth + 2)}" for item in items(one, "elements")[:MOST]]
            case _:
                said.append(("\n" if said else "") + _rich(one, depth + 1))
    return "".join(said)[:LONGEST]


def _string(value: Json, key: str) -> str:
    """As `block`, the spaces at its ends kept: it is a part of a line."""
    found = at(value, key)
    if not isinstance(found, str):
        return ""
    inner = block(value, key)
    before, after = found[:1].isspace(), found[-1:].isspace()
    return f"{' ' * before}{inner}{' ' * (after and bool(inner))}" if len(found) < LINE * 10 else inner
