"""Text with HTML of the Matrix subset as lines of IRC, with mIRC codes or without. Pure.

HTML is read for what it says, not for how it is laid out: an empty line says nothing and is not sent, and an element
that is not known still has its text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from tchap_bridge_irc.formatting import BLACK, COLOURS, PLAIN, Run, Style, clean, write
from tchap_bridges.events import Text, mentioned
from tchap_bridges.i18n import Translator, _
from tchap_bridges.markup import (
    BLOCKS,
    BOLD,
    CODE,
    FORMULA,
    ITALIC,
    LONGEST,
    LOWERED,
    MATRIX_PERSON,
    RAISED,
    SPACES,
    STRIKE,
    UNDERLINE,
    walked,
)

DEEPEST: Final = 10
"""Quotes and list items in one another that are still shown as such."""

_MONO = CODE | {"pre"}
_NAMES = {
    "white": 0, "black": 1, "navy": 2, "green": 3, "red": 4, "maroon": 5, "purple": 6, "orange": 7, "olive": 7,
    "yellow": 8, "lime": 9, "teal": 10, "aqua": 11, "cyan": 11, "blue": 12, "fuchsia": 13, "magenta": 13, "gray": 14,
    "grey": 14, "silver": 15,
}  # fmt: skip
"""As IRC names its colours."""

_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_LINE_ENDS = re.compile("\r\n|[\r\n\f\v\u2028\u2029\x85]")
_FENCE = re.compile(r"```[\w+#.-]*[ \t]*")
_SCHEME = re.compile(r"(?:https?|mailto|xmpp|ircs?|tel|matrix|ftp|magnet|geo|news|sip):", re.IGNORECASE)
_DULL = re.compile(r"(?:https?://(?:www\.)?|mailto:|tel:)", re.IGNORECASE)
_PLACE = re.compile(r"https?://matrix\.to/#/((?:#|%23)[^/?]+)(?:\?.*)?", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,6}")


def lines(text: Text, t: Translator = Translator(), *, formatted: bool = True) -> list[str]:  # noqa: B008  it holds no state
    """What to send, a message for each line, none of them empty and none with a line end in it.

    Not ``formatted``: without any code, for a channel with mode +c. HTML that says nothing or is too long to be read
    leaves the word to the plain text.
    """
    rows: list[list[Run]] = []
    if text.html and (len(text.html) <= LONGEST or not text.plain):
        rows = _rows(text.html, t, formatted=formatted)
    if not rows:
        rows = [[Run(row)] for row in _plain(text.plain)]
    if formatted:
        return [write(row) for row in rows]
    return ["".join(run.text for run in row) for row in rows]


def _plain(plain: str) -> list[str]:
    cleaned = (clean(line.expandtabs(4)).rstrip() for line in _LINE_ENDS.split(_unfenced(plain)))
    return [line for line in cleaned if line]


def _unfenced(plain: str) -> str:
    """Text that is code from end to end, without the lines that say so."""
    text = plain.strip()
    first, _, rest = text.partition("\n")
    code = rest.removesuffix("```")
    return code if _FENCE.fullmatch(first) and code != rest and "```" not in code else plain


def _rows(html: str, t: Translator, *, formatted: bool) -> list[list[Run]]:
    walk = _Walk(t, formatted=formatted)
    for node, tag, leaving in walked(html):
        if leaving:
            walk.leave(tag)
        elif tag == "-text":
            walk.text(node)
        else:
            walk.enter(tag, node.attributes)
    walk.end_line()
    return walk.rows


@dataclass(slots=True)
class _Open:
    """What an element changed, to be undone at its end."""

    style: Style
    href: str = field(default="", repr=False)
    prefixes: int = 0


class _Walk:
    """The lines so far, and what surrounds the place that was reached."""

    def __init__(self, t: Translator, *, formatted: bool) -> None:
        self._t = t
        self.rows: list[list[Run]] = []
        self._formatted = formatted
        self._style = PLAIN
        self._open: list[_Open] = []
        self._row: list[Run] = []
        self._filled = False
        self._prefixes: list[tuple[str, str]] = []  # on the next line, on those after it
        self._lists: list[int | None] = []  # the next number; None without numbers
        self._cells: list[int] = []  # cells begun in each open row
        self._in_cell = self._pre = 0
        self._link: list[str] = []
        self._scripts: list[dict[int, int]] = []

    def enter(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """An element begins."""
        if tag in BLOCKS:
            self.end_line()
        self._open.append(_Open(self._style, prefixes=len(self._prefixes)))
        self._spoiler(attributes)
        self._style = _styled(self._style, tag, attributes)
        match tag:
            case "br":
                self.end_line()
            case "hr":
                self._add("---")
                self.end_line()
            case "img":
                self._flow(attributes.get("alt") or attributes.get("title") or "[image]")
            case "pre":
                self._pre += 1
            case "sup" | "sub":
                self._scripts.append(RAISED if tag == "sup" else LOWERED)
            case "a":
                self._open[-1].href = _target(attributes.get("href"))
                self._link = []
            case _:
                self._structure(tag, attributes)

    def _structure(self, tag: str, attributes: Mapping[str, str | None]) -> None:
        """Quotes, lists and tables."""
        match tag:
            case "blockquote":
                self._prefix("> ", "> ")
            case "ul":
                self._lists.append(None)
            case "ol":
                start = attributes.get("start") or ""
                self._lists.append(int(start) if _DIGITS.fullmatch(start) else 1)
            case "li":
                marker = self._marker()
                self._prefix(marker, " " * len(marker))
            case "tr":
                self._cells.append(0)
            case "td" | "th":
                if self._cells and self._cells[-1]:
                    self._row.append(Run(" | "))
                if self._cells:
                    self._cells[-1] += 1
                self._in_cell += 1
            case _:
                pass

    def leave(self, tag: str) -> None:
        """An element ends."""
        left = self._open.pop()
        match tag:
            case "a":
                self._say_target(left.href)
            case "pre":
                self._pre -= 1
            case "sup" | "sub":
                self._scripts.pop()
            case "ul" | "ol":
                self._lists.pop()
            case "tr":
                self._cells.pop()
            case "td" | "th":
                self._in_cell -= 1
            case _:
                pass
        self._style = left.style
        if tag in BLOCKS:
            self.end_line()
        del self._prefixes[left.prefixes :]

    def text(self, node: LexborNode) -> None:
        """Characters."""
        text = node.text_content or ""
        if not self._pre or self._in_cell:
            self._flow(text)
            return
        first, *others = _LINE_ENDS.split(text)
        self._add(clean(first.expandtabs(4)))
        for line in others:
            self.end_line()
            self._add(clean(line.expandtabs(4)))

    def end_line(self) -> None:
        """What was gathered is a line, if there is anything to see; in a cell of a table it goes on."""
        if self._in_cell:
            self._flow(" ")
            return
        row, filled = self._row, self._filled
        self._row, self._filled = [], False
        if not filled:
            return
        while row and not (last := row[-1].text.rstrip(" ")):
            row.pop()
        row[-1] = Run(last, row[-1].style)
        prefix = "".join(first for first, _ in self._prefixes)
        self._prefixes = [(others, others) for _, others in self._prefixes]
        self.rows.append([Run(prefix), *row])

    def _flow(self, text: str) -> None:
        """Text whose white space is one space at most, and none where a line begins."""
        text = clean(SPACES.sub(" ", text))
        if not self._row or self._row[-1].text.endswith(" "):
            text = text.lstrip(" ")
        if self._scripts and FORMULA.fullmatch(text):
            text = text.translate(self._scripts[-1])
        self._add(text)

    def _add(self, text: str) -> None:
        if not text:
            return
        self._filled = self._filled or not text.isspace()
        self._row.append(Run(text, self._style))
        self._link.append(text)

    def _prefix(self, first: str, others: str) -> None:
        if len(self._prefixes) < DEEPEST:
            self._prefixes.append((first, others))

    def _marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "- "
        self._lists[-1] = number + 1
        return f"{number}. "

    def _spoiler(self, attributes: Mapping[str, str | None]) -> None:
        """Its reason is said before it; where nothing can be hidden, so is that it was to be."""
        if "data-mx-spoiler" not in attributes:
            return
        reason = SPACES.sub(" ", attributes["data-mx-spoiler"] or "").strip()
        if not self._formatted:
            self._flow(self._t(_("(spoiler : {reason})", reason=reason) if reason else _("(spoiler)")) + " ")
        elif reason:
            self._flow(f"({reason}) ")

    def _say_target(self, href: str) -> None:
        """Where a link leads, unless its text tells; a mention is the name of a person."""
        shown = "".join(self._link).strip()
        self._link = []
        if not href or mentioned(href) or (shown and (MATRIX_PERSON.fullmatch(href) or _says(shown, href))):
            return
        self._add(f" ({href})" if shown else href)


def _styled(style: Style, tag: str, attributes: Mapping[str, str | None]) -> Style:
    if tag in BOLD:
        style = replace(style, bold=True)
    elif tag in ITALIC:
        style = replace(style, italic=True)
    elif tag in UNDERLINE:
        style = replace(style, underline=True)
    elif tag in STRIKE:
        style = replace(style, strike=True)
    elif tag in _MONO:
        style = replace(style, mono=True)
    if style.hidden:
        return style
    if "data-mx-spoiler" in attributes:
        return replace(style, fg=BLACK, bg=BLACK)
    if tag in {"span", "font"}:
        fg = _colour(attributes.get("data-mx-color") or attributes.get("color"))
        bg = _colour(attributes.get("data-mx-bg-color"))
        return replace(style, fg=fg or style.fg, bg=bg or style.bg)
    return style


def _colour(value: str | None) -> str | None:
    value = (value or "").strip().lower()
    if value in _NAMES:
        return COLOURS[_NAMES[value]]
    if not _COLOUR.fullmatch(value):
        return None
    return value if len(value) == 7 else "#" + "".join(digit * 2 for digit in value[1:])


def _target(href: str | None) -> str:
    target = clean(href or "").strip().replace("\t", " ").replace(" ", "%20")
    return target if _SCHEME.match(target) else ""


def _says(shown: str, href: str) -> bool:
    """Whether the text is the address, give or take its scheme, its encoding and a slash at its end."""
    if place := _PLACE.fullmatch(href):
        href = place[1]
    return _bare(shown) == _bare(href)


def _bare(address: str) -> str:
    return unquote(_DULL.sub("", address, count=1)).rstrip("/").casefold()
