"""A document in nodes of which none is too long for a message. Pure."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tchap_bridge_slack.document import (
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
"""Marks on both sides of a style, and a line's end."""
_PER_LINE: Final = {False: 6, True: 60}
"""What a line may have before it: a quotation's sign, and within a list its margin."""
_STICKS = re.compile("[\u0300-\u036f\u200d\ufe00-\ufe0f\u20d0-\u20ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Characters that are a part of the one before."""


def cut(document: Document, longest: int) -> Iterator[Node]:
    """The same, with what is longer than ``longest`` as mrkdwn in several nodes."""
    for node in document:
        if len(mrkdwn((node,), shield=True)) <= longest:
            yield node
            continue
        match node:
            case Section(inlines, border):
                yield from (Section(part, border) for part in _parts(inlines, longest, in_list=False))
            case Preformatted(inlines, border):
                yield from (Preformatted(part, border) for part in _parts(inlines, longest, in_list=False))
            case Items():
                yield from _items(node, longest)
            case _:
                yield node


def _items(node: Items, longest: int) -> Iterator[Node]:
    """Items go together as far as they fit; the rest of one that is too long stands below it."""
    held: list[Inlines] = []
    room, number = longest, node.offset

    def together() -> Iterator[Node]:
        if held:
            yield replace(node, items=tuple(held), offset=number - len(held) if node.ordered else 0)
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
        first, *others = _parts(item, longest, in_list=True)
        held.append(first)
        yield from together()
        yield from (Section(part, node.border) for part in others)
    yield from together()


def _parts(inlines: Inlines, longest: int, *, in_list: bool) -> Iterator[Inlines]:
    """Inline elements in parts that fit, each without white space at its ends."""
    part: list[Inline] = []
    room = longest - _PER_LINE[in_list] - _AROUND
    full = room
    last_line = -1  # how many of the part stand before its last line end
    units = list(_units(inlines, full // 2))
    place = 0
    begin = 0
    while place < len(units):
        unit = units[place]
        size = _size(unit, in_list=in_list)
        if size <= room:
            if isinstance(unit, Words) and unit.text.startswith("\n") and room < full // 2:
                last_line = place
            part.append(unit)
            room -= size
            place += 1
            continue
        if last_line > begin:
            part, place = part[: last_line - begin], last_line
        if trimmed := _trimmed(part):
            yield trimmed
        elif not part:
            place += 1
            yield (unit,)
        begin, part, room, last_line = place, [], full, -1
    if trimmed := _trimmed(part):
        yield trimmed


def _units(inlines: Inlines, longest: int) -> Iterator[Inline]:
    """Words one by one, lines ends between them; what is longer than ``longest`` is cut wherever it may be."""
    for inline in inlines:
        if isinstance(inline, Link) and _size(inline, in_list=False) > 2 * longest:
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


def _size(unit: Inline, *, in_list: bool) -> int:
    if isinstance(unit, Words):
        lines = unit.text.count("\n")
        return len(escaped(unit.text)) + unit.text.count("@") + lines * _PER_LINE[in_list] + 1
    return len(mrkdwn((Section((unit,)),), shield=True)) + _AROUND


def _trimmed(part: list[Inline]) -> Inlines:
    """Without line ends and spaces at both ends; code keeps what its first line begins with."""
    inlines = list(joined(part))
    while inlines and isinstance(first := inlines[0], Words) and not (words := first.text.lstrip("\n")).strip(" "):
        inlines.pop(0)
    if inlines and isinstance(first := inlines[0], Words):
        inlines[0] = Words(first.text.lstrip("\n"), first.style)
    while inlines and isinstance(last := inlines[-1], Words):
        if words := last.text.rstrip():
            inlines[-1] = Words(words, last.style)
            break
        inlines.pop()
    return tuple(inlines)
