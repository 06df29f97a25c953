"""Slack's rich text as nodes. Pure; JSON of any shape has a meaning.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tchap_bridge_slack.document import (
    DEEPEST,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Inlines,
    Items,
    Link,
    Mention,
    Node,
    Preformatted,
    Section,
    Style,
    Words,
    clean,
    joined,
)
from tchap_bridge_slack.values import Json, each, number, string

_SPEAKING: Final = ("text", "fallback", "label", "title", "name", "value")
_DEEP: Final = 12


def rich_text(block: Json) -> Iterator[Node]:
    """The nodes of a ``rich_text`` block, or of a cell that is one."""
    loose: list[Inline] = []
    for element in each(block.get("elements")):
        node = _rich_node(element)
        if node is None:
            loose += _inline(element)
            continue
        if loose:
            yield Section(tuple(loose))
            loose = []
        yield node
    if loose:
        yield Section(tuple(loose))


def _rich_node(element: Any) -> Node | None:
    if not isinstance(element, Mapping):
        return None
    border = element.get("border") in (1, True)
    match element.get("type"):
        case "rich_text_quote":
            return Section(_inlines(element), border=True)
        case "rich_text_preformatted":
            return Preformatted(_inlines(element), border)
        case "rich_text_list":
            items = tuple(tuple(_inline(item)) for item in each(element.get("elements")))
            ordered = element.get("style") == "ordered"
            return Items(items, ordered, number(element, "indent", DEEPEST), number(element, "offset", 9999), border)
        case _:
            return Section(_inlines(element)) if _holds(element) else None


def _holds(element: Any) -> bool:
    return isinstance(element, Mapping) and isinstance(element.get("elements"), list)


def _inlines(element: Json) -> Inlines:
    return tuple(joined(inline for one in each(element.get("elements")) for inline in _inline(one)))


def _inline(element: Any, depth: int = 0) -> Iterator[Inline]:
    if isinstance(element, str):
        yield Words(clean(element))
    if not isinstance(element, Mapping):
        return
    style = _style(element.get("style"))
    match element.get("type"):
        case "text":
            yield Words(string(element, "text"), style)
        case "link" if url := string(element, "url"):
            yield Link(url, string(element, "text"), style)
        case "user" if id_ := string(element, "user_id"):
            yield Mention("user", id_, "", style)
        case "usergroup" if id_ := string(element, "usergroup_id"):
            yield Mention("usergroup", id_, "", style)
        case "channel" if id_ := string(element, "channel_id"):
            yield Mention("channel", id_, "", style)
        case "broadcast" if range_ := string(element, "range"):
            yield Broadcast(range_, style)
        case "emoji" if name := string(element, "name"):
            yield _emoji(element, name, style)
        case "date":
            yield _date(element, style)
        case "color" if value := string(element, "value"):
            yield Words(value, style)
        case _:
            yield from _unknown(element, style, depth)


def _unknown(element: Json, style: Style, depth: int) -> Iterator[Inline]:
    """Its text, or that of what it holds; or, as Slack does it for a canvas, its id."""
    if _holds(element) and depth < _DEEP:
        for one in element["elements"]:
            yield from _inline(one, depth + 1)
        return
    words = next((said for key in _SPEAKING if (said := _said(element, key))), "")
    if url := string(element, "url"):
        yield Link(url, words, style)
    elif words or (words := next((string(element, key) for key in element if str(key).endswith("_id")), "")):
        yield Words(words, style)


def _said(element: Json, key: str) -> str:
    """A string, or that of a text object."""
    value = element.get(key)
    return string(value, "text") if isinstance(value, Mapping) else string(element, key)


def _emoji(element: Json, name: str, style: Style) -> Emoji:
    tone = element.get("skin_tone")
    if tone in (2, 3, 4, 5, 6) and "::" not in name:
        name = f"{name}::skin-tone-{int(tone)}"
    return Emoji(name, string(element, "unicode"), style)


def _date(element: Json, style: Style) -> Inline:
    timestamp, fallback = element.get("timestamp"), string(element, "fallback")
    if isinstance(timestamp, str) and timestamp.lstrip("-").isdecimal() and len(timestamp) < 16:
        timestamp = int(timestamp)
    if not isinstance(timestamp, int):
        return Words(fallback, style)
    return Date(timestamp, string(element, "format"), fallback, string(element, "url"), style)


def _style(value: Any) -> Style:
    if not isinstance(value, Mapping):
        return Style()
    marks = (value.get(name) is True for name in ("bold", "italic", "strike", "code", "underline"))
    return Style(*marks)
