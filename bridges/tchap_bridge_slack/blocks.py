"""Slack's blocks and attachments as a document. Pure.

JSON of any shape has a meaning, and what is not known is shown by its words.

https://docs.slack.dev/reference/block-kit/blocks and, for what came before,
https://docs.slack.dev/messaging/formatting-message-text/#attachments.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from tchap_bridge_slack import mrkdwn
from tchap_bridge_slack.document import (
    BOLD,
    DEEPEST,
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
    clean,
)

_SPEAKING: Final = (
    "pretext", "author_name", "title", "label", "name", "text", "label_text", "value", "alt_text", "description",
    "subtitle", "body", "content", "hint", "placeholder", "fallback", "fields", "blocks", "elements", "rows", "items",
    "cards", "tasks", "element", "accessory", "options", "option_groups", "actions", "footer", "url",
)  # fmt: skip
"""Where words may be in what is not known, in the order in which they are read."""
_DEEP: Final = 12
_Json = Mapping[str, Any]


def document(blocks: Any) -> Document:
    """The blocks of a message, one after the other."""
    return tuple(node for block in _each(blocks) for node in _block(block))


def attachment(value: Any) -> Document:
    """One of a message's ``attachments``: a quotation, but for what introduces it."""
    if not isinstance(value, Mapping):
        return ()
    said = _attached(value)
    if not said:
        said = list(_spoken(mrkdwn.document(_string(value, "fallback"))))
    return (*_spoken(mrkdwn.document(_string(value, "pretext"))), *map(_quoted, said))


def speaks(nodes: Document) -> bool:
    """Whether there is anything to read."""
    return any(not isinstance(node, Rule) and _filled(node) for node in nodes)


# Blocks


def _block(block: Any) -> Iterable[Node]:
    if not isinstance(block, Mapping):
        return _gathered(block)
    kind = block.get("type")
    read = _BLOCKS.get(kind) if isinstance(kind, str) else None
    return _gathered(block) if read is None else read(block)


def _rich_text(block: _Json) -> Iterator[Node]:
    loose: list[Inline] = []
    for element in _each(block.get("elements")):
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
            items = tuple(tuple(_inline(item)) for item in _each(element.get("elements")))
            ordered = element.get("style") == "ordered"
            return Items(items, ordered, _number(element, "indent", DEEPEST), _number(element, "offset", 9999), border)
        case _:
            return Section(_inlines(element)) if _holds(element) else None


def _holds(element: Any) -> bool:
    return isinstance(element, Mapping) and isinstance(element.get("elements"), list)


def _section(block: _Json) -> Iterator[Node]:
    yield from _said(block.get("text"))
    for one in _each(block.get("fields")):
        yield from _said(one)
    if "accessory" in block:
        yield from _line([block["accessory"]])


def _heading(block: _Json) -> Iterator[Node]:
    yield Heading(_flat(_said(block.get("text"))))


def _line(elements: Iterable[Any]) -> Iterator[Node]:
    """Small things that stand beside one another."""
    held: list[Inline] = []
    for element in elements:
        for node in _element(element):
            if isinstance(node, Section) and not node.border:
                held += (Words(" "), *node.inlines) if held else node.inlines
                continue
            if held:
                yield Section(tuple(held))
                held = []
            yield node
    if held:
        yield Section(tuple(held))


def _element(element: Any) -> Iterable[Node]:
    """A text, a picture or something to press."""
    if not isinstance(element, Mapping):
        return _gathered(element)
    match element.get("type"):
        case "image":
            return _image(element)
        case "button" | "workflow_button" | "icon_button":
            words = _flat(_said(element.get("text")))
            url = _string(element, "url")
            if url:
                return (Section((Link(url, _words(words)),)),)
            return (Section((Words("["), *words, Words("]"))),) if words else ()
        case _:
            return _gathered(element)


def _image(block: _Json) -> Iterator[Node]:
    title = _words(_flat(_said(block.get("title"))))
    file = block.get("slack_file")
    url = _string(block, "image_url") or (_string(file, "url") if isinstance(file, Mapping) else "")
    yield from _linked(url, title or _string(block, "alt_text"))


def _video(block: _Json) -> Iterator[Node]:
    title = _words(_flat(_said(block.get("title")))) or _string(block, "alt_text")
    yield from _linked(_string(block, "title_url") or _string(block, "video_url"), title)
    yield from _said(block.get("description"))


def _call(block: _Json) -> Iterator[Node]:
    call = block.get("call")
    call = call.get("v1", call) if isinstance(call, Mapping) else block
    if isinstance(call, Mapping):
        yield from _linked(_string(call, "join_url"), _string(call, "name"))


def _file(block: _Json) -> Iterator[Node]:
    file = block.get("file")
    file = file if isinstance(file, Mapping) else block
    name = next((said for key in ("title", "name", "external_id", "file_id") if (said := _string(file, key))), "")
    yield from _linked(_string(file, "permalink"), name)


def _linked(url: str, words: str) -> Iterator[Node]:
    if url:
        yield Section((Link(url, words),))
    elif words:
        yield Section((Words(words),))


def _input(block: _Json) -> Iterator[Node]:
    for key in ("label", "hint"):
        yield from _said(block.get(key))
    yield from _line([block.get("element")])


def _table(block: _Json) -> Iterator[Node]:
    rows = tuple(tuple(_flat(_cell(cell)) for cell in _each(row)) for row in _each(block.get("rows")))
    if any(cell for row in rows for cell in row):
        yield Table(tuple(row for row in rows if row))


def _cell(cell: Any) -> Iterable[Node]:
    rich = isinstance(cell, Mapping) and cell.get("type") == "rich_text"
    return _rich_text(cell) if rich else _gathered(cell)


def _markdown(block: _Json) -> Iterator[Node]:
    if words := _string(block, "text"):
        yield Section((Words(words),))


_BLOCKS: Final[Mapping[str, Callable[[_Json], Iterable[Node]]]] = {
    "rich_text": _rich_text,
    "section": _section,
    "header": _heading,
    "context": lambda block: _line(_each(block.get("elements"))),
    "actions": lambda block: _line(_each(block.get("elements"))),
    "context_actions": lambda block: _line(_each(block.get("elements"))),
    "divider": lambda _block: (Rule(),),
    "image": _image,
    "video": _video,
    "call": _call,
    "file": _file,
    "input": _input,
    "table": _table,
    "markdown": _markdown,
}


# Text objects and what is not known


def _said(value: Any) -> Iterable[Node]:
    """A text object, or a string where one should be."""
    if isinstance(value, str):
        return _spoken((Section(mrkdwn.plain(value)),))
    if not isinstance(value, Mapping):
        return ()
    words = value.get("text")
    match value.get("type"), words:
        case "mrkdwn", str():
            return _spoken(mrkdwn.document(words))
        case "plain_text", str():
            return _spoken((Section(mrkdwn.plain(words)),))
        case _:
            return _gathered(value)


def _spoken(nodes: Document) -> Document:
    return nodes if speaks(nodes) else ()


def _gathered(value: Any, depth: int = 0, *, rich: bool = True) -> Iterator[Node]:
    """The words of something unknown, wherever it keeps them."""
    if depth > _DEEP:
        return
    if isinstance(value, list):
        for one in value:
            yield from _gathered(one, depth + 1, rich=rich)
    elif isinstance(value, str):
        if words := clean(value):
            yield Section((Words(words),))
    elif isinstance(value, Mapping):
        kind = value.get("type")
        if kind in ("mrkdwn", "plain_text") and isinstance(value.get("text"), str):
            yield from _said(value)
        elif kind == "rich_text" and rich:
            yield from _rich_text(value)
        else:
            for key in _SPEAKING:
                if key == "value":
                    # Beside a text it is for machines.
                    yield from _linked("", "" if "text" in value else _string(value, key))
                elif key in value:
                    yield from _gathered(value[key], depth + 1, rich=rich)


def _flat(nodes: Iterable[Node]) -> Inlines:
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


def _words(inlines: Inlines) -> str:
    """Words alone, for a label."""
    said: list[str] = []
    for inline in inlines:
        match inline:
            case Words(words):
                said.append(words)
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


def _filled(node: Node) -> bool:
    return any(not isinstance(inline, Words) or inline.text.strip() for inline in _flat((node,)))


# Inline elements


def _inlines(element: _Json) -> Inlines:
    return tuple(mrkdwn.joined(inline for one in _each(element.get("elements")) for inline in _inline(one)))


def _inline(element: Any, depth: int = 0) -> Iterator[Inline]:
    if isinstance(element, str):
        yield Words(clean(element))
    if not isinstance(element, Mapping):
        return
    style = _style(element.get("style"))
    match element.get("type"):
        case "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" if _holds(element) and depth < _DEEP:
            for one in element["elements"]:
                yield from _inline(one, depth + 1)
        case "text":
            yield Words(_string(element, "text"), style)
        case "link" if url := _string(element, "url"):
            yield Link(url, _string(element, "text"), style)
        case "user" if id_ := _string(element, "user_id"):
            yield Mention("user", id_, "", style)
        case "usergroup" if id_ := _string(element, "usergroup_id"):
            yield Mention("usergroup", id_, "", style)
        case "channel" if id_ := _string(element, "channel_id"):
            yield Mention("channel", id_, "", style)
        case "broadcast" if range_ := _string(element, "range"):
            yield Broadcast(range_, style)
        case "emoji" if name := _string(element, "name"):
            yield _emoji(element, name, style)
        case "date":
            yield _date(element, style)
        case "color" if value := _string(element, "value"):
            yield Words(value, style)
        case _:
            yield from _unknown(element, style)


def _unknown(element: _Json, style: Style) -> Iterator[Inline]:
    """Its text, or that of what it holds; or, as Slack does it for a canvas, its id."""
    keys = ("text", "fallback", "label", "title", "name", "value")
    words = next((said for key in keys if (said := _string(element, key))), "") or _words(
        _flat(_gathered(element, rich=False))
    )
    if url := _string(element, "url"):
        yield Link(url, words, style)
    elif words or (words := next((_string(element, key) for key in element if str(key).endswith("_id")), "")):
        yield Words(words, style)


def _emoji(element: _Json, name: str, style: Style) -> Emoji:
    tone = element.get("skin_tone")
    if tone in (2, 3, 4, 5, 6) and "::" not in name:
        name = f"{name}::skin-tone-{int(tone)}"
    return Emoji(name, _string(element, "unicode"), style)


def _date(element: _Json, style: Style) -> Inline:
    timestamp, fallback = element.get("timestamp"), _string(element, "fallback")
    if isinstance(timestamp, str) and timestamp.lstrip("-").isdecimal() and len(timestamp) < 16:
        timestamp = int(timestamp)
    if not isinstance(timestamp, int):
        return Words(fallback, style)
    return Date(timestamp, _string(element, "format"), fallback, _string(element, "url"), style)


def _style(value: Any) -> Style:
    if not isinstance(value, Mapping):
        return Style()
    marks = (value.get(name) is True for name in ("bold", "italic", "strike", "code", "underline"))
    return Style(*marks)


# Attachments


def _attached(value: _Json) -> list[Node]:
    nodes: list[Node] = []
    author = _string(value, "author_name") or _string(value, "author_subname")
    nodes += _linked(_string(value, "author_link"), author)
    if own := _spoken(document(value.get("blocks"))):
        return [*nodes, *own]
    if title := _string(value, "title"):
        url, words = _string(value, "title_link"), mrkdwn.plain(title, BOLD)
        nodes.append(Section((Link(url, _words(words), BOLD),) if url else words))
    nodes += _spoken(tuple(_shared(value))) or _spoken(mrkdwn.document(_string(value, "text")))
    for one in _each(value.get("fields")):
        if isinstance(one, Mapping):
            nodes += _spoken((Section(mrkdwn.plain(_string(one, "title"), BOLD)),))
            nodes += _spoken(mrkdwn.document(_string(one, "value")))
    for key in ("image_url", "thumb_url"):
        nodes += _linked(_string(value, key), "")
    nodes += _line(_each(value.get("actions")))
    nodes += _spoken((Section(mrkdwn.plain(_string(value, "footer"))),))
    return nodes


def _shared(value: _Json) -> Iterator[Node]:
    """The blocks of a message that is shown again."""
    for one in _each(value.get("message_blocks")):
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


# JSON


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: _Json, key: str) -> str:
    """A string, "" for anything else but a number."""
    found = value.get(key)
    if isinstance(found, str):
        return clean(found)
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _number(value: _Json, key: str, most: int) -> int:
    found = value.get(key)
    return min(max(found, 0), most) if isinstance(found, int) else 0
