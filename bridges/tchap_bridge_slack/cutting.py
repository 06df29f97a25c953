"""A document in nodes of which none is too long for a message. Pure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tchap_bridge_slack.document import (
    PLAIN,
    Document,
    Inline,
    Inlines,
    Items,
    Link,
    Node,
    Preformatted,
    Section,
    Words,
    joined,
)
from tchap_bridge_slack.fallback import escaped, mrkdwn

_UNIT = re.compile(r"\n+|[^\S\n]*[^\s]+|[^\S\n]+")
_AROUND: Final = 10
"""A fence, and a line's end."""
_QUOTED: Final = len("&gt; ")
_MARKER: Final = 10
"""A number, or what stands for it, and a space."""
_STICKS = re.compile("[\u0300-\u036f\u200d\ufe00-\ufe0f\u20d0-\u20ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Characters that are a part of the one before."""


def cut(document: Document, longest: int) -> Iterator[tuple[Node, bool]]:
    """The same, with what is longer than ``longest`` as mrkdwn in several nodes.

    With each node, whether it goes on with the one before, which belongs to another message then.
    """
    for node in document:
        if len(mrkdwn((node,), shield=True)) <= longest:
            yield node, False
            continue
        match node:
            case Section(inlines, border):
                for number, part in enumerate(_parts(inlines, longest, margin=_QUOTED * border)):
                    yield Section(part, border), number > 0
            case Preformatted(inlines, border):
                for number, part in enumerate(_parts(inlines, longest, code=True)):
                    yield Preformatted(part, border), number > 0
            case Items():
                yield from _items(node, longest)
            case _:
                yield node, False


def _items(node: Items, longest: int) -> Iterator[tuple[Node, bool]]:
    """Items go together as far as they fit; the rest of one that is too long stands below it."""
    held: list[Inlines] = []
    room, number = longest, node.offset

    def together() -> Iterator[tuple[Node, bool]]:
        if held:
            yield replace(node, items=tuple(held), offset=number - len(held) if node.ordered else 0), False
        held.clear()

    for item in node.items:
        size = len(mrkdwn((replace(node, items=(item,), offset=number),), shield=True)) + 1
        if size > room:
            yield from together()
            room = longest
        number += 1
        if size <= longest:
            held.append(item)
            room -= size
            continue
        first, *others = _parts(item, longest, margin=4 * node.indent + _MARKER + _QUOTED)
        held.append(first)
        yield from together()
        yield from ((Section(part, node.border), True) for part in others)
    yield from together()


def _parts(inlines: Inlines, longest: int, *, margin: int = 0, code: bool = False) -> Iterator[Inlines]:
    """Inline elements in parts that fit, each without white space at its ends; ``margin`` is before every line."""
    full = longest - margin - _AROUND
    units = list(_units(inlines, full // 2))
    sizes = list(_sizes(units, margin))
    begin = 0
    while begin < len(units):
        room, end, line, paragraph = full, begin, begin, begin
        while end < len(units) and (sizes[end] <= room or end == begin):
            if _line_ends(units[end]) and room < full // 2:
                line, paragraph = end, end if _line_ends(units[end]) > 1 else paragraph
            room -= sizes[end]
            end += 1
        if end < len(units) and line > begin:
            end = paragraph if paragraph > begin else line
        within_line = begin > 0 and not _line_ends(units[begin]) and not code
        if trimmed := _trimmed(units[begin:end], " " if within_line else "\n"):
            yield trimmed
        begin = end


def _units(inlines: Inlines, longest: int) -> Iterator[Inline]:
    """Words one by one, lines ends between them; what is longer than ``longest`` is cut wherever it may be."""
    for inline in inlines:
        if isinstance(inline, Link) and _size(inline, 0) > 2 * longest:
            words = f"{inline.label} ({inline.url})" if inline.label else inline.url
            yield from _units((Words(words, inline.style),), longest)
            continue
        if not isinstance(inline, Words):
            yield inline
            continue
        for match in _UNIT.finditer(inline.text):
            unit = match[0]
            while len(escaped(unit)) + unit.count("@") > longest:
                end = _border(unit, max(longest // 5, 1))
                yield Words(unit[:end], inline.style)
                unit = unit[end:]
            yield Words(unit, inline.style)


def _border(unit: str, end: int) -> int:
    """Where to cut, not after ``end`` and not within what is one character to the eye, unless it is all such."""
    place = end
    while place > end // 2 and place < len(unit) and (_STICKS.match(unit[place]) or unit[place - 1] == "\u200d"):
        place -= 1
    return place if place > end // 2 else end


def _sizes(units: list[Inline], margin: int) -> Iterator[int]:
    """What each may take as mrkdwn; its marks where they begin, which is on every line."""
    before = PLAIN
    for unit in units:
        style = unit.style
        marks = 0 if style == before else 2 * sum((style.bold, style.italic, style.strike, style.code))
        before = PLAIN if _line_ends(unit) else style
        yield marks + _size(unit, margin)


def _size(unit: Inline, margin: int) -> int:
    if isinstance(unit, Words):
        return len(escaped(unit.text)) + unit.text.count("@") + unit.text.count("\n") * margin
    return len(mrkdwn((Section((unit,)),), shield=True))


def _line_ends(unit: Inline) -> int:
    return unit.text.count("\n") if isinstance(unit, Words) else 0


def _trimmed(part: list[Inline], before: str) -> Inlines:
    """Without the characters of ``before`` at the beginning and white space at the end."""
    inlines = list(joined(part))
    while inlines and isinstance(first := inlines[0], Words):
        if rest := first.text.lstrip(before):
            inlines[0] = Words(rest, first.style)
            break
        inlines.pop(0)
    while inlines and isinstance(last := inlines[-1], Words):
        if rest := last.text.rstrip():
            inlines[-1] = Words(rest, last.style)
            break
        inlines.pop()
    return tuple(inlines)
