"""mIRC formatting codes: a line of IRC as styled runs and as `Text`, styled runs as a line of IRC. Pure.

What a code does is https://modern.ircdocs.horse/formatting; where clients disagree, what The Lounge does is done here.
A style lasts until the end of its line and no longer. Colours are ``#rrggbb``; None is the reader's own colour.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape
from typing import Final

from tchap_bridges.events import Text

BLACK: Final = "#000000"
_WHITE: Final = "#ffffff"

_NUMBERED = """
    ffffff 000000 00007f 009300 ff0000 7f0000 9c009c fc7f00 ffff00 00fc00 009393 00ffff 0000fc ff00ff 7f7f7f d2d2d2
    470000 472100 474700 324700 004700 00472c 004747 002747 000047 2e0047 470047 47002a
    740000 743a00 747400 517400 007400 007449 007474 004074 000074 4b0074 740074 740045
    b50000 b56300 b5b500 7db500 00b500 00b571 00b5b5 0063b5 0000b5 7500b5 b500b5 b5006b
    ff0000 ff8c00 ffff00 b2ff00 00ff00 00ffa0 00ffff 008cff 0000ff a500ff ff00ff ff0098
    ff5959 ffb459 ffff71 cfff60 6fff6f 65ffc9 6dffff 59b4ff 5959ff c459ff ff66ff ff59bc
    ff9c9c ffd39c ffff9c e2ff9c 9cff9c 9cffdb 9cffff 9cd3ff 9c9cff dc9cff ff9cff ff94d3
    000000 131313 282828 363636 4d4d4d 656565 818181 9f9f9f bcbcbc e2e2e2 ffffff
"""
COLOURS: Final = tuple(f"#{colour}" for colour in _NUMBERED.split())
"""Colours 0 to 98; 99 is the reader's own. The first 16 are named only, these are mIRC's."""
_EVERYWHERE: Final = 16
"""So many of them are known to every client."""

CODE: Final = re.compile(
    r"\x03(?:([0-9]{1,2})(?:,([0-9]{1,2}))?)?"
    r"|\x04(?:([0-9A-Fa-f]{6})(?:,([0-9A-Fa-f]{6}))?)?"
    r"|[\x02\x0f\x11\x12\x16\x1d\x1e\x1f]"
)
"""One code with its colours: whoever cuts a line cuts beside it, and begins the rest with `reopen`."""

_RESET, _COLOUR, _REVERSE = "\x0f", "\x03", "\x16\x12"
_TOGGLES = {"\x02": "bold", "\x1d": "italic", "\x1f": "underline", "\x1e": "strike", "\x11": "mono"}
_NOTHING = "\x02\x02"
"""Bold on and off: ends a colour code before text that would be read as a part of it."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("\r\n|\r|\n")
_NEXT_SPACE = re.compile("(?<= ) ")


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks."""

    bold: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    mono: bool = False
    fg: str | None = None
    bg: str | None = None

    @property
    def hidden(self) -> bool:
        """Black on black: how IRC says a spoiler."""
        return self.fg == self.bg == BLACK


PLAIN: Final = Style()


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style, without control characters but tab."""

    text: str = field(repr=False)
    style: Style = PLAIN


def clean(text: str) -> str:
    """Text of one line: a control character but tab is a space, so that words stay apart; half a pair is U+FFFD."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))


# From IRC


def read(text: str) -> Text:
    """What a line says; several, where the network has multi-line messages. ``html`` only where there is formatting."""
    lines = [runs(line) for line in _LINE_END.split(text)]
    plain = "\n".join("".join(run.text for run in line) for line in lines)
    if all(run.style == PLAIN for line in lines for run in line):
        return Text(plain=plain)
    return Text(plain=plain, html="<br>".join(_html(line) for line in lines))


def runs(line: str) -> list[Run]:
    """The line's text by style; no run is empty, and no two neighbours look the same."""
    found: list[Run] = []
    for style, text in _scan(line):
        if not text:
            continue
        if found and found[-1].style == style:
            found[-1] = Run(found[-1].text + text, style)
        else:
            found.append(Run(text, style))
    return found


def strip(line: str) -> str:
    """The line without its codes."""
    return clean(CODE.sub("", line))


def _scan(line: str) -> Iterator[tuple[Style, str]]:
    """Styles and the text after them, which may be empty; the last style is the one in which the line ends."""
    style, reversed_, position = PLAIN, False, 0
    for match in CODE.finditer(line):
        yield _seen(style, reversed_), clean(line[position : match.start()])
        position = match.end()
        code = match[0][0]
        if code == _RESET:
            style, reversed_ = PLAIN, False
        elif code in _REVERSE:
            style, reversed_ = replace(style, fg=style.bg, bg=style.fg), not reversed_
        elif code in _TOGGLES:
            style = _toggled(style, _TOGGLES[code])
        else:
            style = _coloured(style, match)
    yield _seen(style, reversed_), clean(line[position:])


def _seen(style: Style, reversed_: bool) -> Style:
    """Reversing swaps the colours there are; the reader's own are taken for black on white."""
    return replace(style, fg=_WHITE, bg=BLACK) if reversed_ and style.fg is style.bg is None else style


def _toggled(style: Style, name: str) -> Style:
    now = not getattr(style, name)
    match name:
        case "bold":
            return replace(style, bold=now)
        case "italic":
            return replace(style, italic=now)
        case "underline":
            return replace(style, underline=now)
        case "strike":
            return replace(style, strike=now)
        case _:
            return replace(style, mono=now)


def _coloured(style: Style, match: re.Match[str]) -> Style:
    """A code without colours takes both away, one without a background leaves it."""
    fg, bg, hex_fg, hex_bg = match.groups()
    if hex_fg is not None:
        return replace(style, fg=f"#{hex_fg.lower()}", bg=f"#{hex_bg.lower()}" if hex_bg else style.bg)
    if fg is None:
        return replace(style, fg=None, bg=None)
    return replace(style, fg=_colour(fg), bg=_colour(bg) if bg else style.bg)


def _colour(number: str) -> str | None:
    return COLOURS[int(number)] if int(number) < len(COLOURS) else None


def _html(line: Iterable[Run]) -> str:
    """HTML as nh3 would write it again, and with no element closed that goes on."""
    out: list[str] = []
    opened: list[tuple[str, str]] = []
    after_space = True
    for run in line:
        wanted = list(_elements(run.style))
        keep = next((n for n, element in enumerate(opened) if element not in wanted), len(opened))
        out += [f"</{tag}>" for tag, _ in reversed(opened[keep:])]
        del opened[keep:]
        fresh = [element for element in wanted if element not in opened]
        out += [f"<{tag}{attributes}>" for tag, attributes in fresh]
        opened += fresh
        text = _spaced(run.text, after_space) if not run.style.mono else run.text
        out.append(escape(text, quote=False).replace("\u00a0", "&nbsp;"))
        after_space = run.text.endswith(" ")
    out += [f"</{tag}>" for tag, _ in reversed(opened)]
    return "".join(out)


def _elements(style: Style) -> Iterator[tuple[str, str]]:
    if style.hidden:
        yield "span", ' data-mx-spoiler=""'
    elif style.fg or style.bg:
        bg = f' data-mx-bg-color="{style.bg}"' if style.bg else ""
        yield "span", bg + (f' data-mx-color="{style.fg}"' if style.fg else "")
    marks = (("b", style.bold), ("i", style.italic), ("u", style.underline), ("del", style.strike))
    yield from ((tag, "") for tag, on in (*marks, ("code", style.mono)) if on)


def _spaced(text: str, after_space: bool) -> str:
    """Drawings in letters live by their spaces, and HTML joins those that are not no-break spaces."""
    return _NEXT_SPACE.sub("\u00a0", (" " if after_space else "_") + text)[1:]


# To IRC


def write(line: Iterable[Run]) -> str:
    """A line of IRC with as few codes as it takes. Colours become the nearest of the 99."""
    out: list[str] = []
    before = PLAIN
    for run in line:
        style = run.style
        if not run.text:
            continue
        if run.text.isspace() and _same_on_space(before, style):
            style = before
        out += (_codes(before, style, run.text), run.text)
        before = style
    return "".join(out)


def reopen(line: str, rest: str) -> str:
    """The codes that give ``rest`` the style in which ``line`` ends: for a line cut in two."""
    *_, (style, _text) = _scan(line)
    return _codes(PLAIN, style, rest)


@lru_cache(maxsize=512)
def nearest(colour: str) -> int:
    """The number of the colour that looks most like it; one of the first 16 when the eye could not tell.

    Distance: https://www.compuphase.com/cmetric.htm
    """
    best = min(range(len(COLOURS)), key=lambda number: _distance(colour, COLOURS[number]))
    known = min(range(_EVERYWHERE), key=lambda number: _distance(colour, COLOURS[number]))
    return known if _distance(colour, COLOURS[known]) <= _distance(colour, COLOURS[best]) + 100 else best


def _same_on_space(one: Style, other: Style) -> bool:
    """Whether a space looks the same in both: weight and colour of letters do not show on it."""
    return (one.bg, one.underline, one.strike, one.mono) == (other.bg, other.underline, other.strike, other.mono)


def _codes(before: Style, after: Style, text: str) -> str:
    """What to write between the two styles, given the text that follows."""
    if before == after:
        return ""
    ways = [_guarded(_change(before, after), text)]
    if before != PLAIN:
        ways.insert(0, _guarded(_RESET + _change(PLAIN, after), text))
    return min(ways, key=len)


def _change(before: Style, after: Style) -> str:
    """The colour first, so that a toggle may stand between it and the text."""
    toggles = (code for code, name in _TOGGLES.items() if getattr(before, name) != getattr(after, name))
    return _colour_change(_pair(before), _pair(after)) + "".join(toggles)


def _pair(style: Style) -> tuple[int | None, int | None]:
    """Numbers of both colours. IRC has no background without a text colour: black or white, whichever can be read."""
    bg = None if style.bg is None else nearest(style.bg)
    if style.fg is not None:
        return nearest(style.fg), bg
    return (None if bg is None else nearest(_readable_on(COLOURS[bg]))), bg


def _colour_change(before: tuple[int | None, int | None], after: tuple[int | None, int | None]) -> str:
    fg, bg = after
    if before == after:
        return ""
    if fg is None:
        return _COLOUR
    if bg is None:
        return f"{_COLOUR if before[1] is not None else ''}{_COLOUR}{fg:02}"
    return f"{_COLOUR}{fg:02}" if bg == before[1] else f"{_COLOUR}{fg:02},{bg:02}"


def _guarded(codes: str, text: str) -> str:
    """A colour code takes the digits after it; a comma and a digit too, while it has no background."""
    numbers = codes.rpartition(_COLOUR)[2] if _COLOUR in codes else None
    if numbers == "":
        return codes + _NOTHING if re.match("[0-9,]", text) else codes
    if numbers is not None and len(numbers) == 2 and numbers.isdigit() and re.match(",[0-9]", text):
        return codes + _NOTHING
    return codes


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


@lru_cache(maxsize=4096)
def _distance(one: str, other: str) -> int:
    (r1, g1, b1), (r2, g2, b2) = _rgb(one), _rgb(other)
    red = (r1 + r2) // 2
    return ((512 + red) * (r1 - r2) ** 2 >> 8) + 4 * (g1 - g2) ** 2 + ((767 - red) * (b1 - b2) ** 2 >> 8)


def _readable_on(bg: str) -> str:
    red, green, blue = _rgb(bg)
    return BLACK if red * 299 + green * 587 + blue * 114 > 127_000 else _WHITE
