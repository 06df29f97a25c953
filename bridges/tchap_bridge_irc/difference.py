"""An edit as people write it on IRC, where what was said stays said: ``(corrigé) s/le mardi/le jeudi/``. Pure."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

MARK: Final = "(corrigé)"

_WORD = re.compile(r"[^ \t\r\n]+")
"""A no-break space holds « a word and its sign » together."""
_MOST_CHANGES = 3
_COMPARED = 400
"""Words that are compared one by one; what is longer changed as a whole."""
_DELIMITERS = "/|#~"
_NEIGHBOURS = ((1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (3, 3))
"""Words said before and after a change, until it can be found."""

_Change = tuple[int, int, int, int]
"""From, to in the words before; from, to in those after."""


def difference(before: str, after: str, mark: str = MARK) -> str:
    """What to say so that readers of ``before`` know ``after``: changed words with a neighbour, or all where shorter.

    ``mark`` says first that it is a correction. "" when nothing changed that one could read. May have several lines,
    if ``after`` has.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    if old == new and _shape(before) == _shape(after):
        return ""
    whole = f"{mark} {after.strip()}".rstrip()
    changes = list(_changes(old, new))
    if not old or not new or not changes or len(changes) > _MOST_CHANGES:
        return whole
    parts = [_said(old, new, change) for change in changes]
    said = " ".join((mark, *(part for part in parts if part)))
    return said if all(parts) and len(said) < len(whole) else whole


def _shape(text: str) -> list[list[str]]:
    return [words for line in text.splitlines() if (words := _WORD.findall(line))]


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[_Change]:
    """Where the words differ, from left to right."""
    shortest = min(len(old), len(new))
    head = next((n for n in range(shortest) if old[n] != new[n]), shortest)
    tail = next((n for n in range(shortest - head) if old[-1 - n] != new[-1 - n]), shortest - head)
    old_end, new_end = len(old) - tail, len(new) - tail
    if head == old_end and head == new_end:
        return
    if max(old_end, new_end) - head > _COMPARED:
        yield head, old_end, head, new_end
        return
    matcher = SequenceMatcher(None, old[head:old_end], new[head:new_end], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield head + i1, head + i2, head + j1, head + j2


def _said(old: Sequence[str], new: Sequence[str], change: _Change) -> str:
    """One change with the word before it, or after it where it begins the text; more where such words stood before.

    "" when a reader would still look for it in the wrong place.
    """
    for left, right in _NEIGHBOURS:
        before, after = min(left, change[0]), min(right, len(old) - change[1])
        i1, i2, j1, j2 = change[0] - before, change[1] + after, change[2] - before, change[3] + after
        if (before or after) and _first(old, i1, i2):
            gone, come = " ".join(old[i1:i2]), " ".join(new[j1:j2])
            delimiter = next((mark for mark in _DELIMITERS if mark not in gone + come), None)
            return f"{gone} → {come}" if delimiter is None else f"s{delimiter}{gone}{delimiter}{come}{delimiter}"
    return ""


def _first(words: Sequence[str], start: int, end: int) -> bool:
    """Whether these words stand nowhere before: who reads s/old/new/ changes the first."""
    sought = f" {' '.join(words[start:end])} "
    return sought not in f" {' '.join(words[: end - 1])} "
