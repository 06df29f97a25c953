"""What all have answered as pictures, a few questions on each: bars in the face and the colours of polls. Pure.

Contrasts and sizes are argued in `tchap_bot_polls.chart`. Nothing is told by the picture alone: `bars` says it all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from tchap_bot_polls.chart import FAINT, INK, PAPER, TRACK, WIDTH, WON, Colour, palette
from tchap_bot_polls.face import Face, Weight
from tchap_bot_polls.signs import clean, cut
from tchap_bot_polls.wording import Words
from tchap_bot_surveys.bars import MOST_BARS, given, turnout
from tchap_bot_surveys.summary import Count, Summary
from tchap_bridges.i18n import Language, Translator

TALLEST: Final = 1800
"""Pixels, unless that makes too many pictures; a question that alone is taller has one to itself."""
_MANY: Final = 6
_MARGIN: Final = 42
_INNER: Final = WIDTH - 2 * _MARGIN
_THICK: Final = 14
_LEAST: Final = 3
_LONGEST: Final = 140


@dataclass(frozen=True, slots=True)
class _Bar:
    lines: Sequence[str]
    value: str
    filled: int


@dataclass(frozen=True, slots=True)
class _Section:
    """One question as it will be drawn; ``height`` in pixels."""

    title: Sequence[str]
    bars: Sequence[_Bar]
    notes: Sequence[str]
    height: int


def pngs(title: str, found: Sequence[Summary], language: Language) -> list[bytes]:
    """Pictures `WIDTH` pixels wide; none where no question has bars."""
    return list(_Drawing(Words(language)).pngs(title, found))


class _Drawing:
    def __init__(self, words: Words) -> None:
        self._words = words
        self._head, self._bold = Face(Weight.BOLD, 34), Face(Weight.BOLD, 26)
        self._plain, self._small = Face(Weight.PLAIN, 26), Face(Weight.PLAIN, 24)

    def pngs(self, title: str, found: Sequence[Summary]) -> Iterator[bytes]:
        head = self._head.wrapped(self._head.drawable(_short(title)) or self._words.gettext("Enquête"), _INNER, 2)
        sections = [self._section(n, summary) for n, summary in enumerate(found, 1) if summary.counts]
        tallest = max(TALLEST, sum(section.height for section in sections) // _MANY)
        page: list[_Section] = []
        for section in sections:
            if page and sum(one.height for one in page) + section.height > tallest:
                yield self._png(head, page)
                page = []
            page.append(section)
        if page:
            yield self._png(head, page)

    def _section(self, n: int, summary: Summary) -> _Section:
        text = self._bold.drawable(_short(summary.question.text)) or self._words.gettext("Question {n}", n=str(n))
        title = self._bold.wrapped(f"{n}. {text}", _INNER, 2)
        bars = [self._bar(place, summary, count) for place, count in enumerate(summary.counts[:MOST_BARS], 1)]
        notes = self._small.wrapped(", ".join(turnout(self._words, summary)), _INNER, 2)
        height = 24 + len(title) * self._bold.height + len(notes) * self._small.height
        height += sum(len(one.lines) * self._plain.height + 4 + _THICK + 12 for one in bars)
        return _Section(title=title, bars=bars, notes=notes, height=height)

    def _bar(self, place: int, summary: Summary, count: Count) -> _Bar:
        value = given(self._words, summary, count)
        text = Translator(self._words.language)(count.text)
        name = self._plain.drawable(_short(text)) or self._words.gettext("Réponse {n}", n=str(place))
        lines = self._plain.wrapped(name, _INNER - math.ceil(self._plain.width(value)) - 32, 2)
        part = round(_INNER * count.votes / summary.answered) if summary.answered else 0
        return _Bar(lines=lines, value=value, filled=max(part, _LEAST) if count.votes else 0)

    def _png(self, head: Sequence[str], page: Sequence[_Section]) -> bytes:
        height = 2 * _MARGIN + len(head) * self._head.height + sum(section.height for section in page)
        image = Image.new("RGB", (WIDTH, height), PAPER)
        on = ImageDraw.Draw(image)
        y = _written(on, _MARGIN - 6, head, self._head, INK)
        for section in page:
            y = _written(on, y + 24, section.title, self._bold, INK)
            for bar in section.bars:
                x = WIDTH - _MARGIN - math.ceil(self._plain.width(bar.value))
                _written(on, y, [bar.value], self._plain, INK, x)
                y = _written(on, y, bar.lines, self._plain, INK) + 4
                on.rectangle((_MARGIN, y, WIDTH - _MARGIN - 1, y + _THICK - 1), fill=TRACK)
                if bar.filled:
                    on.rectangle((_MARGIN, y, _MARGIN + bar.filled - 1, y + _THICK - 1), fill=WON)
                y += _THICK + 12
            y = _written(on, y, section.notes, self._small, FAINT)
        out = BytesIO()
        image.quantize(palette=palette(), dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def _short(text: str) -> str:
    """What may find room in two lines: to cut is to measure, again and again."""
    return cut(clean(text), _LONGEST)


def _written(on: ImageDraw.ImageDraw, y: int, lines: Sequence[str], face: Face, ink: Colour, x: int = _MARGIN) -> int:
    for line in lines:
        face.draw(on, (x, y), line, ink)
        y += face.height
    return y
