"""Slack's blocks as a document. Pure; JSON of any shape has a meaning, and what is not known is shown by its words.

https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from tchap_bridge_slack import mrkdwn
from tchap_bridge_slack.document import (
    Document,
    Heading,
    Inline,
    Link,
    Node,
    Rule,
    Section,
    Table,
    Words,
    clean,
    flat,
    speaks,
    words,
)
from tchap_bridge_slack.elements import rich_text
from tchap_bridge_slack.marks import plain
from tchap_bridge_slack.values import Json, each, string

_SPEAKING: Final = (
    "pretext", "author_name", "title", "label", "name", "text", "label_text", "value", "alt_text", "description",
    "subtitle", "body", "content", "hint", "placeholder", "fallback", "fields", "blocks", "elements", "rows", "items",
    "cards", "tasks", "element", "accessory", "options", "option_groups", "actions", "footer", "url",
)  # fmt: skip
"""Where words may be in what is not known, in the order in which they are read."""
_DEEP: Final = 12


def document(blocks: Any) -> Document:
    """The blocks of a message, one after the other."""
    return tuple(node for block in each(blocks) for node in _block(block))


# Blocks


def _block(block: Any) -> Iterable[Node]:
    if not isinstance(block, Mapping):
        return _gathered(block)
    kind = block.get("type")
    read = _BLOCKS.get(kind) if isinstance(kind, str) else None
    return _gathered(block) if read is None else read(block)


def _section(block: Json) -> Iterator[Node]:
    yield from _said(block.get("text"))
    for one in each(block.get("fields")):
        yield from _said(one)
    if "accessory" in block:
        yield from line([block["accessory"]])


def _heading(block: Json) -> Iterator[Node]:
    yield Heading(flat(_said(block.get("text"))))


def line(elements: Iterable[Any]) -> Iterator[Node]:
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
            shown = flat(_said(element.get("text")))
            url = string(element, "url")
            if url:
                return (Section((Link(url, words(shown)),)),)
            return (Section((Words("["), *shown, Words("]"))),) if shown else ()
        case _:
            return _gathered(element)


def _image(block: Json) -> Iterator[Node]:
    title = words(flat(_said(block.get("title"))))
    file = block.get("slack_file")
    url = string(block, "image_url") or (string(file, "url") if isinstance(file, Mapping) else "")
    yield from linked(url, title or string(block, "alt_text"))


def _video(block: Json) -> Iterator[Node]:
    title = words(flat(_said(block.get("title")))) or string(block, "alt_text")
    yield from linked(string(block, "title_url") or string(block, "video_url"), title)
    yield from _said(block.get("description"))


def _call(block: Json) -> Iterator[Node]:
    call = block.get("call")
    call = call.get("v1", call) if isinstance(call, Mapping) else block
    if isinstance(call, Mapping):
        yield from linked(string(call, "join_url"), string(call, "name"))


def _file(block: Json) -> Iterator[Node]:
    file = block.get("file")
    file = file if isinstance(file, Mapping) else block
    name = next((said for key in ("title", "name", "external_id", "file_id") if (said := string(file, key))), "")
    yield from linked(string(file, "permalink"), name)


def linked(url: str, label: str) -> Iterator[Node]:
    """A label that leads there, or what there is of both."""
    if url:
        yield Section((Link(url, label),))
    elif label:
        yield Section((Words(label),))


def _input(block: Json) -> Iterator[Node]:
    for key in ("label", "hint"):
        yield from _said(block.get(key))
    yield from line([block.get("element")])


def _table(block: Json) -> Iterator[Node]:
    rows = tuple(tuple(flat(_cell(cell)) for cell in each(row)) for row in each(block.get("rows")))
    if any(cell for row in rows for cell in row):
        yield Table(tuple(row for row in rows if row))


def _cell(cell: Any) -> Iterable[Node]:
    rich = isinstance(cell, Mapping) and cell.get("type") == "rich_text"
    return rich_text(cell) if rich else _gathered(cell)


def _markdown(block: Json) -> Iterator[Node]:
    if words := string(block, "text"):
        yield Section((Words(words),))


_BLOCKS: Final[Mapping[str, Callable[[Json], Iterable[Node]]]] = {
    "rich_text": rich_text,
    "section": _section,
    "header": _heading,
    "context": lambda block: line(each(block.get("elements"))),
    "actions": lambda block: line(each(block.get("elements"))),
    "context_actions": lambda block: line(each(block.get("elements"))),
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
        return spoken((Section(plain(value)),))
    if not isinstance(value, Mapping):
        return ()
    words = value.get("text")
    match value.get("type"), words:
        case "mrkdwn", str():
            return spoken(mrkdwn.document(words))
        case "plain_text", str():
            return spoken((Section(plain(words)),))
        case _:
            return _gathered(value)


def spoken(nodes: Document) -> Document:
    """The nodes, () where they say nothing."""
    return nodes if speaks(nodes) else ()


def _gathered(value: Any, depth: int = 0) -> Iterator[Node]:
    """The words of something unknown, wherever it keeps them."""
    if depth > _DEEP:
        return
    if isinstance(value, list):
        for one in value:
            yield from _gathered(one, depth + 1)
    elif isinstance(value, str):
        if words := clean(value):
            yield Section((Words(words),))
    elif isinstance(value, Mapping):
        kind = value.get("type")
        if kind in ("mrkdwn", "plain_text") and isinstance(value.get("text"), str):
            yield from _said(value)
        elif kind == "rich_text":
            yield from rich_text(value)
        else:
            for key in _SPEAKING:
                if key == "value":
                    # Beside a text it is for machines.
                    yield from linked("", "" if "text" in value else string(value, key))
                elif key in value:
                    yield from _gathered(value[key], depth + 1)
