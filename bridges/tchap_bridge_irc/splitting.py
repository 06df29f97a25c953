r"""A text as lines that arrive whole: cut by bytes, between words where it can be, never inside a character.

A server cuts what it passes on at 512 bytes, our name as others see it included, or throws us out. So each piece is as
long as what is left after ``:nick!user@host PRIVMSG target :``. Formatting that is on where a piece ends is switched on
again where the next begins. A space at a cut stays at the end of its piece, so that pieces joined are the text again;
some servers take it away (ngIRCd), so whoever compares an echo with what was sent must not count it.

Sources: RFC 1459 section 2.3, IRCv3 multiline "Splitting long lines", modern.ircdocs.horse/formatting, the CTCP draft
(``\x01ACTION …\x01``), Unicode UAX #29 for what belongs to one character.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tchap_bridge_irc.wire import LINE_BYTES, Source, Unsendable, clean

LEAST_ROOM = 64
"""Bytes of text that a line must have room for; a target's name that leaves less is refused."""
_LONGEST_USER, _LONGEST_HOST = 20, 63
"""What is reckoned with while the server has not shown us ourselves (multiline, "Splitting long lines")."""

_ACTION, _END = "\x01ACTION ", "\x01"
LEAST_TEXT = LEAST_ROOM - len(_ACTION) - len(_END)
"""Bytes that words need, whatever is around them."""
_CODE = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)
_TOGGLES = "\x02\x11\x16\x1d\x1e\x1f"
"""Bold, monospace, reverse, italic, strikethrough, underline."""
_NOTHING = "\x02\x02"
"""Bold on and off: shows nothing, and ends a colour code."""
_NO_TEXT = re.compile("[\x00\x01\x05-\x08\x0b-\x0c\x0e\x10\x12-\x15\x17-\x1c\x7f]")
"""Control characters that are neither formatting nor tab. \\x01 would make a CTCP request of somebody's words."""
_APART = re.compile(f"([\x03\x04][0-9A-Fa-f,]*){_NO_TEXT.pattern}+(?=[0-9A-Fa-f,])")
_NEWLINE = re.compile("\r\n|[\r\n\u0085\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One line's last parameter. ``joined``: it goes on where the piece before stopped, in one line of the text."""

    text: str
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A text in pieces: those that may be sent, and those beyond the number of lines that was allowed."""

    pieces: tuple[Piece, ...]
    rest: tuple[Piece, ...] = ()


def room(seen_as: Source, target: str, *, command: str = "PRIVMSG", limit: int = LINE_BYTES) -> int:
    """Bytes that a message to ``target`` has for its text when it is passed on from ``seen_as``.

    A user or host that is not known counts as the longest. ``limit``: the server's LINELEN. Raises `Unsendable` when
    too little is left.
    """
    user, host = seen_as.user or "u" * _LONGEST_USER, seen_as.host or "h" * _LONGEST_HOST
    frame = f":{seen_as.nick}!{user}@{host} {command} {target} :\r\n"
    left = limit - len(frame.encode(errors="replace"))
    if left < LEAST_ROOM:
        raise Unsendable(f"a target whose name leaves {left} bytes for a text")
    return left


def split(text: str, room: int, *, action: bool = False, lines: int | None = None) -> Split:
    """The pieces of a text, each of at most ``room`` bytes, none of them empty. Any text gives sound lines.

    Empty lines of the text are passed over, for IRC cannot send them; control characters that mean nothing are taken
    out. ``action``: framed as CTCP ACTION, each piece. ``lines``: so many pieces at most, the others are in `rest`.
    """
    frame = len(_ACTION) + len(_END) if action else 0
    if room - frame < LEAST_TEXT:
        raise ValueError(f"no room for a text: {room} bytes")
    style, pieces = Style(), []
    for line in _NEWLINE.split(text):
        joined = False
        for piece, after in _pieces(_sound(line), style, room - frame):
            style = after
            if piece:
                pieces.append(Piece(f"{_ACTION}{piece}{_END}" if action else piece, joined))
                joined = True
    kept = len(pieces) if lines is None else lines
    return Split(tuple(pieces[:kept]), tuple(pieces[kept:]))


def plain(text: str) -> str:
    """A text without its formatting codes."""
    return _CODE.sub("", text)


@dataclass(frozen=True, slots=True)
class Style:
    """Which formatting is on. ``kind`` is the code of the colours, "\\x03" by number or "\\x04" by value."""

    toggles: str = ""
    kind: str = ""
    front: str = ""
    back: str = ""

    def after(self, code: str) -> "Style":
        """The style after a formatting code; any other text leaves it as it is."""
        mark = code[:1]
        if mark == "\x0f":
            return Style()
        if mark and mark in _TOGGLES:
            on = mark in self.toggles
            return replace(self, toggles=self.toggles.replace(mark, "") if on else self.toggles + mark)
        if mark not in ("\x03", "\x04"):
            return self
        front, _comma, back = code[1:].partition(",")
        if not front:
            return Style(self.toggles)
        kept = self.back if self.kind == mark else ""
        return Style(self.toggles, mark, front, back or kept)

    def opening(self, text: str) -> str:
        """The codes that bring this style about before ``text``, whose digits and commas they do not swallow."""
        if not self.kind:
            return self.toggles
        width = 2 if self.kind == "\x03" else 6
        colours = self.kind + self.front.zfill(width) + (f",{self.back.zfill(width)}" if self.back else "")
        return self.toggles + colours + (_NOTHING if text.startswith(",") else "")


def _sound(line: str) -> str:
    """A line without what is no text. Digits and commas that stood apart from a colour code are not drawn into it."""
    return clean(_NO_TEXT.sub("", _APART.sub(rf"\1{_NOTHING}", line)))


def _pieces(line: str, style: Style, room: int) -> Iterator[tuple[str, Style]]:
    """Pieces of one line, each with the style at its end; one that shows nothing is ''."""
    atoms = list(_atoms(line))
    start = 0
    while start < len(atoms):
        opening = style.opening(atoms[start])
        end, after = _end(atoms, start, style, room - len(opening))
        if end == start:  # more combining marks than a line holds: then between them, after all
            atoms[start : start + 1] = list(atoms[start])
            continue
        body = "".join(atoms[start:end])
        yield (opening + body if plain(body).strip() else ""), after
        start, style = end, after


def _end(atoms: list[str], start: int, style: Style, room: int) -> tuple[int, Style]:
    """Where a piece that begins at ``start`` ends: all that fits, back to a space if one is in its second half."""
    size, end = 0, start
    word: tuple[int, Style] | None = None
    while end < len(atoms):
        atom = atoms[end]
        width = len(atom.encode())
        if size + width > room:
            return word if word and atom != " " else (end, style)
        size, end, style = size + width, end + 1, style.after(atom)
        if atom == " " and size * 2 >= room:
            word = end, style
    return end, style


def _atoms(line: str) -> Iterator[str]:
    """Formatting codes, and between them characters as people count them."""
    at = 0
    for code in _CODE.finditer(line):
        yield from _characters(line[at : code.start()])
        yield code[0]
        at = code.end()
    yield from _characters(line[at:])


def _characters(text: str) -> Iterator[str]:
    """Grapheme clusters, by the rules of UAX #29 that matter to a cut: marks, emoji, flags, Hangul."""
    start, flags = 0, 0
    for index, char in enumerate(text):
        flags = flags + 1 if "\U0001f1e6" <= char <= "\U0001f1ff" else 0
        if index and not _goes_on(text[index - 1], char, flags):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _goes_on(before: str, char: str, flags: int) -> bool:
    if char < "\u0300":
        return False
    return (
        (before == "\u200d" and unicodedata.category(char) == "So")
        or char in "\u200c\u200d"
        or unicodedata.category(char) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\U000e0020" <= char <= "\U000e007f"
        or (flags > 0 and flags % 2 == 0)
        or _one_syllable(before, char)
    )


def _one_syllable(before: str, char: str) -> bool:
    """Hangul: leading consonants, vowels, trailing consonants, and whole syllables that take more of them."""
    if "\u1100" <= before <= "\u115f":
        return "\u1100" <= char <= "\u11a7" or "\uac00" <= char <= "\ud7a3"
    syllable = "\uac00" <= before <= "\ud7a3"
    if "\u1160" <= before <= "\u11a7" or (syllable and (ord(before) - 0xAC00) % 28 == 0):
        return "\u1160" <= char <= "\u11ff"
    return ("\u11a8" <= before <= "\u11ff" or syllable) and "\u11a8" <= char <= "\u11ff"
