"""What is found in plain words and in the words of a link: addresses, emoji, and where white space ends. Pure."""

import re
from collections.abc import Iterator

from tchap_bridge_slack.document import (
    PLAIN,
    Document,
    Emoji,
    Inline,
    Inlines,
    Link,
    Preformatted,
    Section,
    Style,
    Words,
    joined,
    words,
)
from tchap_bridge_slack.emoji import parts
from tchap_bridge_slack.show import address

_ADDRESS = re.compile(r"https?://[^\s<>\"\x00-\x20]+", re.IGNORECASE)
_AFTER = ".,;:!?'»”’…*_~"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_MARKDOWN_LINK = re.compile(r"\[([^\[\]\n]{1,400})\]\((https?://[^\s()<>\"]{1,2000})\)", re.IGNORECASE)
_FENCED = re.compile(r"```[\w+#.-]*[ \t]*\n(.*?)\n?```", re.DOTALL)


def document(plain: str) -> Document:
    """Words as they are; text that is code from end to end is code. Machines write links as Markdown does."""
    stripped = plain.strip()
    if (match := _FENCED.fullmatch(stripped)) and "```" not in match[1] and match[1].strip():
        return (Preformatted((Words(match[1]),)),)
    lines = "\n".join(line.rstrip() for line in plain.strip("\n").split("\n"))
    inlines = tuple(joined(found(lines, markdown=True)))
    return (Section(inlines),) if lines.strip() else ()


def found(text: str, style: Style = PLAIN, *, markdown: bool = False) -> Iterator[Inline]:
    """Words with the addresses and the emoji that are in them, which Slack does not look for in rich text."""
    if style.code:
        yield Words(text, style)
        return
    pattern = _MARKDOWN_LINK if markdown else _ADDRESS
    position = 0
    for match in pattern.finditer(text):
        url = _ending(match[0]) if not markdown else match[2]
        if not address(url):
            continue
        yield from _between(text[position : match.start()], style, markdown=markdown)
        yield Link(url, match[1] if markdown else "", style)
        position = match.end() if markdown else match.start() + len(url)
    yield from _between(text[position:], style, markdown=markdown)


def _between(text: str, style: Style, *, markdown: bool) -> Iterator[Inline]:
    if markdown:
        yield from found(text, style)
        return
    for part, name in parts(text):
        # Two tones have a name in Slack that its blocks do not document.
        known = name is not None and "-" not in name.partition("::skin-tone-")[2]
        yield Emoji(name, style=style) if name is not None and known else Words(part, style)


def _ending(url: str) -> str:
    """An address among words, without the sign that ends the sentence and the bracket that was opened before it."""
    while url and (url[-1] in _AFTER or url.count(url[-1]) > url.count(_PAIRS.get(url[-1], url[-1]))):
        url = url[:-1]
    return url


def linked(inside: list[Inline], url: str, label: str, style: Style) -> Iterator[Inline]:
    """The words of a link lead there, each in its style; a link without words shows its address."""
    if not label:
        yield from inside
        yield Link(url, "", style)
        return
    yield from outer(inside, before=True)
    styles = {one.style for one in inside if words((one,)).strip()}
    if len(styles) == 1:
        yield Link(url, "" if label == url else label, next(iter(styles)))
    else:
        for one in inside:
            shown = words((one,)).replace("\n", " ")
            if shown.strip("> "):
                yield Link(url, shown, one.style)
    yield from outer(inside, before=False)


def outer(inside: list[Inline], *, before: bool) -> Iterator[Inline]:
    """The white space at an end of a link, which is none of it."""
    text = words(inside)
    space = text[: len(text) - len(text.lstrip())] if before else text[len(text.rstrip()) :]
    if space and (before or text.strip()):
        yield Words(space)


def looked_through(inline: Inline) -> Iterator[Inline]:
    """What was kept as words, since it might have been those of a link."""
    if isinstance(inline, Words):
        yield from found(inline.text, inline.style)
    else:
        yield inline


def trimmed(line: Inlines, what: str) -> Inlines:
    """Without white space at both ends."""
    inlines = list(line)
    while inlines and isinstance(first := inlines[0], Words):
        if rest := first.text.lstrip(what):
            inlines[0] = Words(rest, first.style)
            break
        inlines.pop(0)
    while inlines and isinstance(last := inlines[-1], Words):
        if rest := last.text.rstrip(what):
            inlines[-1] = Words(rest, last.style)
            break
        inlines.pop()
    return tuple(inlines)
