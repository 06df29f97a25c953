"""A result as a picture, and the words that stand for it. Clients refuse SVG, so it is a PNG drawn by Pillow.

The face is Source Sans Pro (SIL Open Font License, package font-source-sans-pro): Latin, Greek and Cyrillic. Other
signs have a plainer form where Unicode gives one, else they are left out; an answer that would lose half of its letters
is called by its number in the question. `describe` has them all.

Contrasts are those of WCAG 2.2: 4.5 for text (1.4.3), 3 for bars beside what is around them (1.4.11). The picture
brings its own background, so they hold in a dark client too. Nothing is told by colour alone (1.4.1): a winner has a
mark and a bold name, "if need be" is striped, and every bar has its number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from tchap_bot_polls.face import Face, Weight
from tchap_bot_polls.model import Count, Kind, Majority, Outcome, Result
from tchap_bot_polls.signs import clean, cut, shown
from tchap_bot_polls.wording import Words, given, leaders, outcome, turnout, whole
from tchap_bridges.i18n import Language

Colour = tuple[int, int, int]

WIDTH: Final = 960
"""Pixels: fine screens have more to show, and it is still read at 600."""
PAPER: Final[Colour] = (255, 255, 255)
INK: Final[Colour] = (22, 28, 38)
FAINT: Final[Colour] = (85, 94, 110)
TRACK: Final[Colour] = (233, 237, 243)
WON: Final[Colour] = (11, 79, 148)
OTHER: Final[Colour] = (98, 116, 143)

_MARGIN = 42
_INNER = WIDTH - 2 * _MARGIN
_MARK = 28
_AFTER_MARK = _MARK + 10
_LEAST = 3
_KEY = 40
_EDGE = 2
_MANY = 8
"""More answers than these stand closer together, on one line each."""
_DESCRIBED = 200
_IN_SENTENCE = 40
_FINER = 4
_LIMITS = {Majority.ABSOLUTE: (1, 2), Majority.TWO_THIRDS: (2, 3)}


class _Key(Enum):
    YES = auto()
    MAYBE = auto()
    LIMIT = auto()


@dataclass(frozen=True, slots=True)
class _Row:
    """One answer as it will be drawn; ``yes`` and ``both`` (with "if need be") are pixels of the bar."""

    lines: Sequence[str]
    value: str
    won: bool
    yes: int
    both: int


def png(result: Result, language: Language) -> bytes:
    """The chart, `WIDTH` pixels wide: the same bytes for the same result, as long as Pillow is the same."""
    return _Drawing(result, Words(language)).png()


def describe(result: Result, language: Language) -> str:
    """What the chart shows, for those who cannot see it: all of it, in the chart's order."""
    words = Words(language)
    first = leaders(result)
    parts = [words.gettext("Diagramme en barres : {question}", question=shown(result.question, _DESCRIBED))]
    for count in result.counts:
        said = f"{shown(count.option.text, _DESCRIBED)} — {given(words, result, count)}"
        parts.append(words.gettext("{answer}, en tête", answer=said) if count in first else said)
    parts += [outcome(words, result), ", ".join(turnout(words, result))]
    return "\n".join(parts)


class _Drawing:
    """What is written is known at first, then all is drawn from the top down; ``y`` is where the next thing goes."""

    def __init__(self, result: Result, words: Words) -> None:
        self._result, self._words = result, words
        self._title, self._bold = Face(Weight.BOLD, 34), Face(Weight.BOLD, 26)
        self._plain, self._small = Face(Weight.PLAIN, 26), Face(Weight.PLAIN, 24)
        self._thick, self._gap, self._most = (20, 24, 2) if len(result.counts) <= _MANY else (14, 18, 1)
        names = self._names()
        first = leaders(result)
        self._rows = [self._row(count, names, won=count in first) for count in result.counts]
        question = self._title.drawable(clean(result.question)) or words.gettext("Résultat du vote")
        called = {id_: cut(name, _IN_SENTENCE) for id_, name in names.items()}
        self._question = self._title.wrapped(question, _INNER, 3)
        self._end = self._bold.wrapped(outcome(words, result, called), _INNER, 3)
        self._notes = self._small.wrapped(", ".join(turnout(words, result)), _INNER, 2)
        self._keys = self._legend()

    def _names(self) -> dict[str, str]:
        return {
            count.option.id: self._bold.drawable(clean(count.option.text))
            or self._words.gettext("Réponse {n}", n=self._words.number(n))
            for n, count in enumerate(self._result.counts, 1)
        }

    def _row(self, count: Count, names: Mapping[str, str], *, won: bool) -> _Row:
        face = self._bold if won else self._plain
        value = given(self._words, self._result, count)
        width = _INNER - math.ceil(face.width(value)) - 32 - (_AFTER_MARK if won else 0)
        return _Row(
            lines=face.wrapped(names[count.option.id], width, self._most),
            value=value,
            won=won,
            yes=_pixels(count.votes, whole(self._result)),
            both=_pixels(count.votes + count.maybe, whole(self._result)),
        )

    def _legend(self) -> dict[_Key, str]:
        """What a sign means that no number explains."""
        found = {}
        if self._result.rules.kind is Kind.DATE:
            found = {_Key.YES: self._words.gettext("oui"), _Key.MAYBE: self._words.gettext("si besoin")}
        match self._result.rules.majority:
            case Majority.ABSOLUTE:
                found[_Key.LIMIT] = self._words.gettext("plus de la moitié")
            case Majority.TWO_THIRDS:
                found[_Key.LIMIT] = self._words.gettext("deux tiers")
            case Majority.PLURALITY:
                pass
        return found

    def png(self) -> bytes:
        self._image = Image.new("RGB", (WIDTH, self._height()), PAPER)
        self._on = ImageDraw.Draw(self._image)
        y = self._written(_MARGIN - 6, self._question, self._title, INK) + 20
        for row in self._rows:
            y = self._drawn(y, row) + self._gap
        if self._keys:
            y = self._explained(y) + 16
        self._on.rectangle((_MARGIN, y, WIDTH - _MARGIN - 1, y + 2), fill=TRACK)
        y = self._written(y + 16, self._end, self._bold, INK) + 4
        self._written(y, self._notes, self._small, FAINT)
        out = BytesIO()
        self._image.quantize(palette=palette(), dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()

    def _height(self) -> int:
        rows = sum(len(row.lines) * self._plain.height + 6 + self._thick + self._gap for row in self._rows)
        legend = self._small.height + 16 if self._keys else 0
        texts = (self._question, self._title), (self._end, self._bold), (self._notes, self._small)
        return 2 * _MARGIN + 28 + rows + legend + sum(len(lines) * face.height for lines, face in texts)

    def _written(self, y: int, lines: Sequence[str], face: Face, ink: Colour, x: int = _MARGIN) -> int:
        for line in lines:
            face.draw(self._on, (x, y), line, ink)
            y += face.height
        return y

    def _drawn(self, y: int, row: _Row) -> int:
        face, colour = (self._bold, WON) if row.won else (self._plain, OTHER)
        if row.won:
            mark = _mark(tied=self._result.outcome is Outcome.TIED)
            self._image.paste(mark, (_MARGIN, y + (face.height - _MARK) // 2 + 1))
        self._written(y, [row.value], face, INK, WIDTH - _MARGIN - math.ceil(face.width(row.value)))
        y = self._written(y, row.lines, face, INK, _MARGIN + (_AFTER_MARK if row.won else 0)) + 6
        self._on.rectangle((_MARGIN, y, WIDTH - _MARGIN - 1, y + self._thick - 1), fill=TRACK)
        if row.both > row.yes:
            hidden = min(_EDGE, row.yes)  # of the frame, where the solid bar is one
            stripes = _stripes(row.both - row.yes + hidden, self._thick, colour)
            self._image.paste(stripes, (_MARGIN + row.yes - hidden, y))
        if row.yes:
            self._on.rectangle((_MARGIN, y, _MARGIN + row.yes - 1, y + self._thick - 1), fill=colour)
        if limit := _LIMITS.get(self._result.rules.majority):
            self._limit(_MARGIN + _INNER * limit[0] // limit[1], y)
        return y + self._thick

    def _limit(self, x: int, y: int) -> None:
        self._on.rectangle((x - 4, y, x + 3, y + self._thick - 1), fill=PAPER)
        self._on.rectangle((x - 2, y - 4, x + 1, y + self._thick + 3), fill=INK)

    def _explained(self, y: int) -> int:
        x, top = _MARGIN, y + (self._small.height - self._thick) // 2 + 1
        for key, text in self._keys.items():
            match key:
                case _Key.YES:
                    self._on.rectangle((x, top, x + _KEY - 1, top + self._thick - 1), fill=OTHER)
                    x += _KEY + 12
                case _Key.MAYBE:
                    self._image.paste(_stripes(_KEY, self._thick, OTHER), (x, top))
                    x += _KEY + 12
                case _Key.LIMIT:
                    self._limit(x + 2, top)
                    x += 16
            self._written(y, [text], self._small, FAINT, x)
            x += math.ceil(self._small.width(text)) + 36
        return y + self._small.height


def _pixels(part: int, most: int) -> int:
    """Of the bar; one vote among ten thousand is still seen."""
    return min(max(round(_INNER * part / most), _LEAST), _INNER) if part and most else 0


def _stripes(width: int, height: int, colour: Colour) -> Image.Image:
    image = Image.new("RGB", (width, height), PAPER)
    on = ImageDraw.Draw(image)
    for x in range(-height, width, 10):
        on.line((x, height, x + height, 0), fill=colour, width=3)
    on.rectangle((0, 0, width - 1, height - 1), outline=colour, width=_EDGE)
    return image


def _mark(*, tied: bool) -> Image.Image:
    """A tick in a disc, or two strokes for a tie; drawn large and made small, for smooth edges."""
    image = Image.new("RGB", (_MARK * _FINER, _MARK * _FINER), PAPER)
    on = ImageDraw.Draw(image)
    on.ellipse((0, 0, _MARK * _FINER - 1, _MARK * _FINER - 1), fill=WON)
    strokes = [((7, 11), (20, 11)), ((7, 17), (20, 17))] if tied else [((7, 14), (12, 19), (21, 9))]
    for points in strokes:
        on.line([(x * _FINER, y * _FINER) for x, y in points], fill=PAPER, width=3 * _FINER, joint="curve")
    return image.resize((_MARK, _MARK), Image.Resampling.BOX)


def palette() -> Image.Image:
    """The colours of such drawings, and few between for the edges of letters: shades are what weighs.

    Yet more than sixteen, so that a pixel is a byte: of half bytes the same letter is rarely the same again.
    """
    edges = [_between(colour, PAPER, n, of) for colour, of in ((INK, 6), (FAINT, 4), (WON, 4)) for n in range(1, of)]
    colours = [PAPER, INK, FAINT, TRACK, WON, OTHER, *edges]
    image = Image.new("P", (1, 1))
    image.putpalette([part for colour in colours for part in colour])
    return image


def _between(one: Colour, other: Colour, n: int, of: int) -> Colour:
    red, green, blue = (a + (b - a) * n // of for a, b in zip(one, other, strict=True))
    return red, green, blue
