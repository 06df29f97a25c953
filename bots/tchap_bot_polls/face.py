"""The typeface of the charts: what it can draw, how wide a text is, where a line ends."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final

from PIL import ImageDraw, ImageFont

from tchap_bot_polls.signs import clusters

PACKAGE: Final = "font_source_sans_pro"
_NOTHING: Final = "\U0010ffff"
"""A code point that will never be a character: what is drawn for it is drawn for whatever the face does not have."""
_SPACE = " "
_SPACES = re.compile(" +")


class Weight(StrEnum):
    """A file of the package."""

    PLAIN = "SourceSansPro-Regular.ttf"
    BOLD = "SourceSansPro-Semibold.ttf"


class Face:
    """One weight in one size (pixels).

    Pillow's own layout: that of Raqm depends on what the machine has installed, and so would the bytes.
    """

    def __init__(self, weight: Weight, size: int) -> None:
        self._font = ImageFont.truetype(BytesIO(_file(weight)), size, layout_engine=ImageFont.Layout.BASIC)
        self._missing = bytes(self._font.getmask(_NOTHING))
        self._known: dict[str, bool] = {}
        self.height = round(size * 1.3)

    def draw(self, on: ImageDraw.ImageDraw, at: tuple[int, int], text: str, ink: tuple[int, int, int]) -> None:
        on.text(at, text, fill=ink, font=self._font)

    def width(self, text: str) -> float:
        return self._font.getlength(text)

    def has(self, c: str) -> bool:
        """Whether the face has a glyph of its own for it."""
        if c not in self._known:
            self._known[c] = c == _SPACE or bytes(self._font.getmask(c)) != self._missing
        return self._known[c]

    def drawable(self, text: str) -> str:
        """The text as far as it can be drawn; "" when that is less than half of its letters, or only some signs.

        A sign that the face lacks gives way to its plainer forms (Unicode NFKD: ① is 1, 𝐀 is A, ṩ is s).
        """
        words = _SPACES.sub(_SPACE, text).strip(_SPACE)
        kept = _SPACES.sub(_SPACE, "".join(map(self._plainer, clusters(words)))).strip(_SPACE)
        letters = _letters(kept)
        return kept if 2 * letters >= _letters(words) and (letters or kept == words) else ""

    def _plainer(self, unit: str) -> str:
        if len(unit) == 1 and self.has(unit):
            return unit
        parts = unicodedata.normalize("NFKD", unit)  # an accent alone would stand beside its letter
        return "".join(c for c in parts if not unicodedata.category(c).startswith("M") and self.has(c))

    def wrapped(self, text: str, width: int, most: int) -> list[str]:
        """At most ``most`` lines of ``width`` pixels, broken between words where that can be; … ends what is cut."""
        lines: list[str] = []
        rest = text
        while rest and len(lines) < most:
            before = rest
            line, rest = self._line(before, width)
            lines.append(line if not rest or len(lines) < most - 1 else self._cut(before, width))
        return lines

    def _cut(self, text: str, width: int) -> str:
        units = list(clusters(text))
        kept = self._fitting(units, width, "…")
        return "".join(units[:kept]).rstrip() + "…"

    def _fitting(self, units: Sequence[str], width: int, end: str = "") -> int:
        """How many of them fit, from the first, with ``end`` after them. By halves: to measure is what takes time."""
        return bisect_right(range(1, len(units) + 1), float(width), key=lambda n: self.width("".join(units[:n]) + end))

    def _line(self, text: str, width: int) -> tuple[str, str]:
        units = list(clusters(text))
        end = len(units)
        if self.width(text) > width:
            end = max(self._fitting(units, width), 1)
            if units[end] != _SPACE:
                space = next((n for n in range(end, 0, -1) if units[n - 1] == _SPACE), 0)
                end = space or end
        return "".join(units[:end]).rstrip(_SPACE), "".join(units[end:]).lstrip(_SPACE)


def _letters(text: str) -> int:
    return sum(unicodedata.category(c)[0] in "LN" for c in text)


@cache
def _file(weight: Weight) -> bytes:
    return resources.files(PACKAGE).joinpath("files", weight).read_bytes()
