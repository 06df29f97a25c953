"""Slack's markup of strings, "mrkdwn", as a document. Pure, and linear in the length of the text.

https://docs.slack.dev/messaging/formatting-message-text; where it is silent, what Slack's clients do.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tchap_bridge_slack.document import (
    DEEPEST,
    PLAIN,
    Broadcast,
    Date,
    Document,
    Emoji,
    Inline,
    Inlines,
    Items,
    Link,
    Mention,
    Node,
    Preformatted,
    Section,
    Style,
    Words,
    clean,
)

BROADCASTS: Final = frozenset(("here", "channel", "everyone", "group"))

_FENCE = "```"
_ATOM = re.compile(r"<(?P<token>[^<>\n]+)>|`(?P<code>[^`\n]+)`|:(?P<emoji>[^\s:<>`*~&]+(?:::skin-tone-[2-6])?):")
_TOKEN = re.compile(r"<([^<>\n]+)>")
_QUOTE = re.compile(r"(?:&gt;|>)(?!(?:&gt;|>){2}) ?")
_QUOTE_REST = re.compile(r"(?:&gt;|>){3} ?")
_ITEM = re.compile(r"( *)([•◦▪‣⁃]\ufe0e?|[0-9]{1,4}\.|[a-z]{1,3}\.) +(.*)")
_DATE = re.compile(r"!date\^(-?[0-9]{1,15})\^([^^]*)(?:\^(.*))?", re.DOTALL)
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\s).+", re.DOTALL)
_MARKS = {"*": "bold", "_": "italic", "~": "strike"}
_STUCK = "@/\\"
"""Signs that hold on to what stands beside them, as letters do."""


def document(text: str) -> Document:
    """Any string has a meaning: what is no markup is words."""
    reader = _Reader()
    text = clean(text)
    position = start = 0
    while (start := text.find(_FENCE, start)) >= 0 and (end := text.find(_FENCE, start + 3)) >= 0:
        code = text[start + 3 : end]
        if code.isspace() or not code:
            start = end
            continue
        reader.lines(text[position:start].removesuffix("\n"))
        reader.preformatted(_in_code(code.removeprefix("\n").removesuffix("\n")))
        position = start = end + 3
        if text.startswith("\n", position):
            position += 1
    reader.lines(text[position:])
    return reader.document()


def plain(text: str, style: Style = PLAIN) -> Inlines:
    """A string that is shown as it is, but for emoji names and the three entities."""
    return tuple(_named(clean(text), style))


def unescaped(text: str) -> str:
    """Slack escapes three characters and no other."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def inlines(text: str) -> Inlines:
    """One line, without quotes and lists."""
    return tuple(joined(_marked(list(_atoms(text)))))


# Lines


class _Reader:
    """The document so far; the last node may still grow."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._quoting = False
        self._section: list[Inline] = []
        self._filled = False
        self._border = False
        self._list: Items | None = None
        self._items: list[Inlines] = []

    def document(self) -> Document:
        """What was read."""
        self._end()
        return tuple(self._nodes)

    def preformatted(self, code: str) -> None:
        """Text between fences."""
        self._end()
        self._nodes.append(Preformatted((Words(code),), border=self._quoting))

    def lines(self, text: str) -> None:
        """Text outside of fences."""
        for line in text.split("\n") if text else ():
            quoted = self._quoting
            rest = line
            if not quoted and (match := _QUOTE_REST.match(line) or _QUOTE.match(line)):
                quoted = True
                self._quoting = match.re is _QUOTE_REST
                rest = line[match.end() :]
            self._line(rest, border=quoted)

    def _line(self, line: str, *, border: bool) -> None:
        if item := self._item(line, border=border):
            if self._list is None or not self._goes_on(item):
                self._end()
                self._list = item
            self._items.extend(item.items)
            return
        if self._list is not None or self._border != border:
            self._end()
        if self._filled:
            self._section.append(Words("\n"))
        self._filled, self._border = True, border
        self._section.extend(inlines(line))

    def _goes_on(self, item: Items) -> bool:
        before = self._list
        return (
            before is not None
            and (before.ordered, before.indent, before.border) == (item.ordered, item.indent, item.border)
            and (not item.ordered or item.offset == before.offset + len(self._items))
        )

    def _item(self, line: str, *, border: bool) -> Items | None:
        """A list as Slack writes it in strings. Numbers begin a list with 1, letters lie within one."""
        match = _ITEM.fullmatch(line)
        if match is None:
            return None
        spaces, marker, text = match.groups()
        indent = min(len(spaces) // 4, DEEPEST)
        number = _number(marker.removesuffix("."), indent) if marker.endswith(".") else 0
        ours = self._list is not None and self._list.border == border
        if number is None or (number > 1 and not ours) or (marker[0].isalpha() and not (ours and indent)):
            return None
        return Items((inlines(text),), number > 0, indent, max(number - 1, 0), border)

    def _end(self) -> None:
        if self._list is not None:
            self._nodes.append(replace(self._list, items=tuple(self._items)))
        elif self._filled:
            self._nodes.append(Section(tuple(joined(self._section)), self._border))
        self._list, self._items, self._section, self._filled = None, [], [], False


def _number(marker: str, indent: int) -> int | None:
    """What a marker counts: 1, a and i by level, over and over."""
    if marker.isdigit():
        return int(marker) or None
    kinds = (from_letters, from_roman) if indent % 3 == 1 else (from_roman, from_letters)
    return next((number for kind in kinds if (number := kind(marker))), None)


def letters(number: int) -> str:
    """1 is a, 27 is aa."""
    said = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        said = chr(ord("a") + rest) + said
    return said


def from_letters(marker: str) -> int:
    """The number that `letters` says so."""
    number = 0
    for letter in marker:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number


_ROMAN = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def roman(number: int) -> str:
    """In small Roman numerals."""
    said = ""
    for value, sign in _ROMAN:
        times, number = divmod(number, value)
        said += sign * times
    return said


def from_roman(marker: str) -> int | None:
    """The number that `roman` says so, to 399."""
    rest, number = marker, 0
    for value, sign in _ROMAN:
        while rest.startswith(sign):
            rest, number = rest[len(sign) :], number + value
    return number if number and roman(number) == marker else None


# Within a line


@dataclass(slots=True)
class _Mark:
    """A sign that begins or ends a style, unless it stands alone."""

    sign: str
    opens: bool
    closes: bool
    starts_tight: bool
    """Text follows at once."""
    ends_tight: bool
    """Text stands right before."""


def _atoms(line: str) -> Iterator[Inline | _Mark]:
    """Words, whole tokens, and the signs between them."""
    position = 0
    for match in _ATOM.finditer(line):
        if match.start() < position or (match["code"] and not _is_code(line, match)):
            continue
        atoms = list(_atom(match))
        if not atoms:
            continue
        yield from _signs(line, position, match.start())
        yield from atoms
        position = match.end()
    yield from _signs(line, position, len(line))


def _is_code(line: str, match: re.Match[str]) -> bool:
    before, after = line[: match.start()][-1:], line[match.end() :][:1]
    return not match["code"].isspace() and not holds(before) and not holds(after) and "`" not in (before, after)


def _atom(match: re.Match[str]) -> Iterator[Inline]:
    if match["token"]:
        yield _token(match["token"])
    elif match["code"]:
        yield from _code(match["code"])
    elif not match["emoji"].isdigit():
        yield Emoji(match["emoji"])


def _code(text: str) -> Iterator[Inline]:
    """Code is shown as it is, but for what leads somewhere."""
    style = Style(code=True)
    position = 0
    for match in _TOKEN.finditer(text):
        if isinstance(link := _token(match[1]), Link):
            if words := text[position : match.start()]:
                yield Words(_in_code(words), style)
            yield replace(link, style=style)
            position = match.end()
    if words := text[position:]:
        yield Words(_in_code(words), style)


def _token(token: str) -> Inline:
    """What stands between angle brackets; what is no token is the words."""
    target, _, label = token.partition("|")
    target, label = unescaped(target), unescaped(label)
    if target.startswith("@") and len(target) > 1:
        return Mention("user", target[1:], label.removeprefix("@"))
    if target.startswith("#") and len(target) > 1:
        return Mention("channel", target[1:], label.removeprefix("#"))
    if target.startswith("!subteam^") and len(target) > len("!subteam^"):
        return Mention("usergroup", target.removeprefix("!subteam^"), label.removeprefix("@"))
    if match := _DATE.fullmatch(target):
        return Date(int(match[1]), match[2], label, match[3] or "")
    if target.startswith("!"):
        return Broadcast(target[1:]) if target[1:] in BROADCASTS else Words(label or f"<{unescaped(token)}>")
    if _LINK.fullmatch(target):
        return Link(target, label)
    return Words(label or f"<{unescaped(token)}>")


def _in_code(text: str) -> str:
    """Code is shown as it is, but its addresses come as tokens."""
    return unescaped(_TOKEN.sub(_words_of_token, text))


def _words_of_token(match: re.Match[str]) -> str:
    """Escaped, as what is around it."""
    match _token(match[1]):
        case Link(url, label):
            said = label or url
        case Mention(kind, id, label):
            said = ("#" if kind == "channel" else "@") + (label or id)
        case Broadcast(range):
            said = f"@{range}"
        case Date(_, _, fallback):
            said = fallback or match[0]
        case Words(text) | Emoji(text):
            said = text
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _named(text: str, style: Style) -> Iterator[Inline]:
    """Emoji names among words, as the strings without marks have them."""
    position = 0
    for match in _ATOM.finditer(text):
        if match["emoji"] and not match["emoji"].isdigit():
            if words := text[position : match.start()]:
                yield Words(unescaped(words), style)
            yield Emoji(match["emoji"], style=style)
            position = match.end()
    if words := text[position:]:
        yield Words(unescaped(words), style)


def _signs(line: str, start: int, end: int) -> Iterator[Words | _Mark]:
    """The words of a part of the line, and its signs with what their neighbours allow."""
    position = start
    for place in range(start, end):
        sign = line[place]
        if sign not in _MARKS:
            continue
        before, after = line[place - 1 : place] if place else "", line[place + 1 : place + 2]
        if sign in (before, after):
            continue
        if place > position:
            yield Words(unescaped(line[position:place]))
        # A token beside the sign is no letter, whatever its last character.
        opens = bool(after) and (place == start or not holds(before))
        closes = bool(before) and (place == end - 1 or not holds(after))
        yield _Mark(sign, opens, closes, not after.isspace(), not before.isspace())
        position = place + 1
    if end > position:
        yield Words(unescaped(line[position:end]))


def holds(character: str) -> bool:
    """Whether a mark beside this character is none: it stands within a word."""
    return character.isalnum() or (character != "" and character in _STUCK)


def _marked(atoms: Sequence[Inline | _Mark]) -> Iterator[Inline]:
    """Pairs of signs become styles; the others are words again."""
    pairs: dict[int, int] = {}
    waiting: dict[str, int] = {}
    for place, atom in enumerate(atoms):
        if not isinstance(atom, _Mark):
            continue
        begin = waiting.get(atom.sign)
        opener = atoms[begin] if begin is not None else None
        if begin is not None and isinstance(opener, _Mark) and atom.closes and (opener.starts_tight or atom.ends_tight):
            pairs[begin] = place
            waiting = {sign: one for sign, one in waiting.items() if one < begin}
        elif atom.opens and (not isinstance(opener, _Mark) or (atom.starts_tight and not opener.starts_tight)):
            waiting[atom.sign] = place
    ends = {end: begin for begin, end in pairs.items()}
    styles: list[Style] = [PLAIN]
    for place, atom in enumerate(atoms):
        if not isinstance(atom, _Mark):
            yield replace(atom, style=_both(styles[-1], atom.style))
        elif place in pairs:
            styles.append(_with(styles[-1], atom.sign))
        elif place in ends:
            styles.pop()
        else:
            yield Words(atom.sign, styles[-1])


def _with(style: Style, sign: str) -> Style:
    match _MARKS[sign]:
        case "bold":
            return replace(style, bold=True)
        case "italic":
            return replace(style, italic=True)
        case _:
            return replace(style, strike=True)


def _both(outer: Style, inner: Style) -> Style:
    return replace(outer, code=True) if inner.code else outer


def joined(inlines_: Iterable[Inline]) -> Iterator[Inline]:
    """Neighbouring words of one style are one."""
    held: Words | None = None
    for inline in inlines_:
        if isinstance(inline, Words) and held is not None and held.style == inline.style:
            held = Words(held.text + inline.text, held.style)
            continue
        if held is not None:
            yield held
        held = inline if isinstance(inline, Words) else None
        if held is None:
            yield inline
    if held is not None:
        yield held
