"""People's words, made fit to stand beside ours: one line, of no more than so many signs, turning nothing. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_BLANK: Final = re.compile(r"[^\S\u00a0\u202f]+")
"""What parts words; a no-break space stays."""
_FSI, _PDI, _ZWJ = "\u2068", "\u2069", "\u200d"
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_RIGHT_TO_LEFT: Final = frozenset(("R", "AL", "AN"))
_UNIT: Final = 16
"""Code points of the longest emoji; what piles up more accents is no letter of any language."""


def clean(text: str) -> str:
    """One line: no control characters, nothing that turns the direction of what follows, no half characters."""
    gone = {"Cc", "Cs", "Co"}
    kept = (c for c in text if c.isspace() or not (c in _TURNING or unicodedata.category(c) in gone))
    return unicodedata.normalize("NFC", _BLANK.sub(" ", "".join(kept))).strip()


def isolated(text: str) -> str:
    """With what is written from right to left kept from turning the numbers beside it (UAX 9, isolates)."""
    turns = any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)
    return f"{_FSI}{text}{_PDI}" if turns else text


def clusters(text: str) -> Iterator[str]:
    """What a reader takes for one sign: a letter with its accents, a flag, an emoji of several."""
    unit = ""
    for c in text:
        sticks = unicodedata.category(c).startswith("M") or c == _ZWJ or "\U0001f3fb" <= c <= "\U0001f3ff"
        sticks = sticks or "\U000e0020" <= c <= "\U000e007f" or (_flag(c) and len(unit) == 1 and _flag(unit))
        if unit and len(unit) < _UNIT and (sticks or unit[-1] == _ZWJ):
            unit += c
        else:
            if unit:
                yield unit
            unit = c
    if unit:
        yield unit


def cut(text: str, longest: int) -> str:
    """At most so many signs, of four bytes each on the whole; the last of them is … where there were more."""
    kept: list[str] = []
    size = 0
    for unit in clusters(text):
        size += len(unit.encode())
        if len(kept) == longest or size > 4 * longest:
            return "".join(kept[: longest - 1]).rstrip() + "…"
        kept.append(unit)
    return text


def shown(text: str, longest: int) -> str:
    """People's words, safe beside ours."""
    return isolated(cut(clean(text), longest)) or "…"


def _flag(c: str) -> bool:
    return "\U0001f1e6" <= c <= "\U0001f1ff"


def plain(word: str) -> str:
    """Without capitals and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


def alphabetical(name: str) -> tuple[str, str]:
    return plain(name), name
