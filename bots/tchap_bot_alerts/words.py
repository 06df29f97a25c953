"""Words put together, as text that is readable plain and safe as HTML at once.

The HTML is a fragment of what rooms take: https://spec.matrix.org/v1.17/client-server-api/#mroommessage-msgtypes
"""

from collections.abc import Iterable
from html import escape
from typing import Final

import nh3
from markdown_it import MarkdownIt

from tchap_bot_alerts.values import clean, cut, link
from tchap_bridges.events import Text
from tchap_bridges.markup import BLOCKS, SPACES, walked

LONGEST: Final = 8000
"""Characters of plain text in a notice."""
LONGEST_HTML: Final = 24_000
"""Characters of its HTML: with the plain text, well within a room's event (65,536 bytes)."""

_TAGS: Final = {
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
_MARKDOWN.render("*a*")
"""Its rules are compiled by the first use, which no two threads may do at once."""


def words(text: str) -> Text:
    """As it stands."""
    return Text(plain=text, html=escape(text, quote=False).replace("\n", "<br>")) if text else Text()


def bold(text: str) -> Text:
    """Marked."""
    return _within("b", words(text))


def code(text: str) -> Text:
    """A name of machines."""
    return _within("code", words(text))


def linked(url: str, text: str) -> Text:
    """A link, or the words alone when the address is none. ``plain`` has the words and the address."""
    if not link(url):
        return words(text)
    shown = text or url
    plain = shown if shown == url else f"{shown} ({url})"
    return Text(plain=plain, html=f'<a href="{escape(url)}">{escape(shown, quote=False)}</a>')


def preformatted(text: str) -> Text:
    """Lines that keep their spaces."""
    return Text(plain=text, html=f"<pre><code>{escape(text, quote=False)}</code></pre>") if text else Text()


def quoted(text: Text) -> Text:
    """What somebody else said."""
    if not text:
        return text
    plain = "\n".join(f"> {one}" for one in text.plain.split("\n"))
    return Text(plain=plain, html=f"<blockquote>{_html(text)}</blockquote>")


def row(*parts: Text, between: str = " ") -> Text:
    """On one line; what is empty leaves no gap."""
    said = [one for one in parts if one]
    if not said:
        return Text()
    return Text(plain=between.join(one.plain for one in said), html=escape(between).join(map(_html, said)))


def stacked(parts: Iterable[Text]) -> Text:
    """Below one another."""
    said = [one for one in parts if one]
    if not said:
        return Text()
    html = "<br>".join(map(_html, said))
    for tag in ("</blockquote>", "</pre>", "</ul>"):
        html = html.replace(f"{tag}<br>", tag)
    return Text(plain="\n".join(one.plain for one in said), html=html)


def bullets(parts: Iterable[Text]) -> Text:
    """A list."""
    said = [one for one in parts if one]
    if not said:
        return Text()
    html = "".join(f"<li>{_html(one)}</li>" for one in said)
    return Text(plain="\n".join(f"• {one.plain}" for one in said), html=f"<ul>{html}</ul>")


def from_html(html: str) -> Text:
    """Somebody's HTML: what is no part of a room's subset goes, its words stay."""
    kept = nh3.clean(
        cut(clean(html), LONGEST_HTML),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    ).strip()
    return bounded(Text(plain=plain_of(kept), html=kept or None))


def from_markdown(text: str) -> Text:
    """Somebody's Markdown (CommonMark with tables); HTML in it is words."""
    return from_html(_MARKDOWN.render(cut(clean(text), LONGEST)))


def plain_of(html: str) -> str:
    """What safe HTML says."""
    said: list[str] = []
    fixed = 0
    for node, tag, leaving in walked(html):
        if tag == "-text":
            text = node.text_content or ""
            text = text if fixed else SPACES.sub(" ", text)
            said.append(text if fixed or (said and not said[-1].endswith("\n")) else text.lstrip(" "))
        elif tag == "br":
            said.append("" if leaving else "\n")
        elif tag == "a" and leaving:
            href = (node.attributes.get("href") or "").removeprefix("mailto:")
            said.append(f" ({href})" if href and href != node.text() else "")
        elif tag in {"td", "th"} and leaving:
            said.append(" ")
        elif tag in BLOCKS:
            # A paragraph is followed by an empty line, other blocks by the next.
            said.append("\n" if said and not said[-1].endswith("\n") else "")
            said.append("\n" if tag == "p" and leaving else "")
            said.append("• " if tag == "li" and not leaving else "")
        fixed += (tag == "pre") * (-1 if leaving else 1)
        while said and not said[-1]:
            said.pop()
    lines = [one.rstrip() for one in "".join(said).split("\n")]
    return "\n".join(one for n, one in enumerate(lines) if one or (n and lines[n - 1])).strip("\n")


def bounded(text: Text) -> Text:
    """Within the limits; HTML is never cut, it goes whole."""
    plain = cut(text.plain, LONGEST)
    html = text.html if text.html is not None and len(text.html) <= LONGEST_HTML and plain == text.plain else None
    return Text(plain=plain, html=html)


def _within(tag: str, text: Text) -> Text:
    return Text(plain=text.plain, html=f"<{tag}>{text.html}</{tag}>") if text else text


def _html(text: Text) -> str:
    return text.html if text.html is not None else escape(text.plain, quote=False).replace("\n", "<br>")
