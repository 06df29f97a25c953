"""One line of Slack's markup, "mrkdwn": marks, tokens, emoji and code. Pure, and linear in the length of the line.

https://docs.slack.dev/messaging/formatting-message-text; where it is silent, what Slack's clients do.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tchap_bridge_slack.document import (
    PLAIN,
    Broadcast,
    Date,
    Emoji,
    Inline,
    Inlines,
    Link,
    Mention,
    Style,
    Words,
    clean,
    joined,
)

BROADCASTS: Final = frozenset(("here", "channel", "everyone", "group"))

_ATOM = re.compile(r"<(?P<token>[^<>\n]+)>|`(?P<code>[^`\n]+)`|:(?P<emoji>[^\s:<>`*~&]+(?:::skin-tone-[2-6])?):")
_TOKEN = re.compile(r"<([^<>\n]+)>")
_DATE = re.compile(r"!date\^(-?[0-9]{1,15})\^([^^]*)(?:\^(.*))?", re.DOTALL)
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\s).+", re.DOTALL)
_MARKS = {"*": "bold", "_": "italic", "~": "strike"}
_STUCK = "@/\\"
"""Signs that hold on to what stands beside them, as letters do."""


def inlines(text: str) -> Inlines:
    """One line, without quotes and lists."""
    return tuple(joined(_marked(list(_atoms(text)))))


def plain(text: str, style: Style = PLAIN) -> Inlines:
    """A string that is shown as it is, but for emoji names and the three entities."""
    return tuple(_named(clean(text), style))


def unescaped(text: str) -> str:
    """Slack escapes three characters and no other."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


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
                yield Words(in_code(words), style)
            yield replace(link, style=style)
            position = match.end()
    if words := text[position:]:
        yield Words(in_code(words), style)


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


def in_code(text: str) -> str:
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
