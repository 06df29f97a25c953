"""A body as lines that know how they were quoted: what plain text and HTML become before quotes are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto


class Hint(Enum):
    """What the markup of a client says of a line; plain text says nothing."""

    NONE = auto()
    ATTRIBUTION = auto()
    """Introduces a quote: "Le …, … a écrit :" in an element made for it."""
    CUT = auto()
    """The first line of an element that holds the whole earlier mail, to the end."""
    RULE = auto()
    """A horizontal rule."""
    SIGNATURE = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a body."""

    text: str = field(repr=False)
    """Without quote marks; white space at its ends does not matter."""
    shown: str = field(repr=False)
    """As plain text shows it, quote marks and indentation included."""
    depth: int = 0
    """How many times it is quoted: `>` marks, or enclosing elements that say so."""
    soft: bool = False
    """Inside a bare `<blockquote>`, which indents as often as it quotes."""
    hint: Hint = Hint.NONE

    @property
    def blank(self) -> bool:
        return not self.text or self.text.isspace()


def read_lines(text: str) -> list[Line]:
    """The lines of a plain text; `>` marks at the start of a line, spaces between them, are its depth."""
    return [_line(raw.rstrip()) for raw in text.split("\n")]


def _line(raw: str) -> Line:
    position = depth = 0
    while position < len(raw) and raw[position] in "> \u00a0\t":
        depth += raw[position] == ">"
        position += 1
    if not depth or raw.startswith("    "):  # four spaces before a mark: code or a table, not a mail reader's quote
        return Line(raw, raw)
    return Line(raw[position:], raw, depth)


def join(lines: Iterable[Line]) -> str:
    """Plain text again: at most two blank lines in a row, none at the ends."""
    out: list[str] = []
    blanks = 0
    for line in lines:
        blank = not line.shown.strip()
        blanks = blanks + 1 if blank else 0
        if not blank or (out and blanks <= 2):
            out.append(line.shown.rstrip())
    while out and not out[-1]:
        out.pop()
    return "\n".join(out)
