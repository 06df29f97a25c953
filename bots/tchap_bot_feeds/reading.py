"""From bytes that a stranger serves to a `Document`. Pure, and called in a process of its own (``worker.py``).

feedparser reads RSS 0.91 to 2.0, RDF and Atom, in any of the encodings that are met, also where the XML is broken; it
defines no entity of a document type (https://feedparser.readthedocs.io/en/latest/). A page is searched for
``<link rel="alternate">`` (https://www.rssboard.org/rss-autodiscovery).
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import feedparser
from selectolax.lexbor import LexborHTMLParser

from tchap_bot_feeds.model import LONGEST_URL, Document, Entry
from tchap_bridges.markup import BLOCKS, walked

MOST_ENTRIES: Final = 10_000
LONGEST_TITLE: Final = 200
LONGEST_SUMMARY: Final = 300
_LONGEST_ID: Final = 4000
_FEEDS: Final = frozenset(("application/rss+xml", "application/atom+xml", "application/rdf+xml"))
_MOST_FEEDS: Final = 10
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
"""Control characters, and those that turn the direction of what follows."""
_HALVES: Final = re.compile(
    rb"&#0*(?:[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2}|55(?:29[6-9]|[3-9]\d\d)|56\d{3}|57[0-2]\d\d|573[0-3]\d|5734[0-3]);"
)
"""References to halves of surrogate pairs, which are no characters: feedparser falls over them."""


def read(body: bytes, url: str, content_type: str) -> Document:
    """``url`` is what relative links are relative to."""
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    body = _HALVES.sub(b"&#xFFFD;", body)
    found = feedparser.parse(
        io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not found.get("version") and not found.entries:
        return Document(is_feed=False, feeds=tuple(_named(body, url)))
    entries = (_entry(one, url) for one in found.entries[:MOST_ENTRIES])
    return Document(
        title=_line(_text(found.feed.get("title", "")), LONGEST_TITLE),
        entries=tuple(one for one in entries if one.id or one.link or one.title or one.summary),
    )


def _entry(one: dict[str, Any], url: str) -> Entry:
    link = _web(one.get("link", ""), url)
    title = _line(_text(one.get("title", "")), LONGEST_TITLE)
    summary = _line(_text(_summary(one)), LONGEST_SUMMARY)
    return Entry(
        id=str(one.get("id", ""))[:_LONGEST_ID].encode("utf-8", "replace").decode(),
        title=title,
        link=link,
        summary="" if summary == title else summary,
        at=_dated(one),
    )


def _summary(one: Mapping[str, Any]) -> str:
    contents = one.get("content") or [{}]
    return str(one.get("summary") or contents[0].get("value") or "")


def _dated(one: dict[str, Any]) -> datetime | None:
    """feedparser gives UTC; it lets through years that no calendar has."""
    parts = dict.get(one, "published_parsed") or dict.get(one, "updated_parsed")  # its own get() mixes them up
    if not parts:
        return None
    try:
        year, month, day, hour, minute, second = parts[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # a leap second among them
    except (ValueError, OverflowError):
        return None


def _text(html: str) -> str:
    """What a fragment of HTML says. A title is often plain text with a bare ``&`` or ``<``: that is read too."""
    return "".join(_spoken(html)) if "<" in html or "&" in html else html


def _spoken(html: str) -> Iterator[str]:
    for node, tag, _leaving in walked(html):
        if tag == "-text":
            yield node.text(deep=False)
        elif tag in BLOCKS or tag == "br":
            yield "\n"


def _line(text: str, longest: int) -> str:
    """In one line, cut between words."""
    said = " ".join(_UNSEEN.sub(" ", text).split())
    if len(said) <= longest:
        return said
    head, _space, tail = said[:longest].rpartition(" ")
    return f"{head if len(tail) < longest // 3 else said[: longest - 1]}…"


def _web(link: str, url: str) -> str:
    """An absolute address of the web, or ""."""
    try:
        whole = urljoin(url, link.strip()) if link.strip() else ""
        scheme, host = urlsplit(whole).scheme, urlsplit(whole).hostname
    except ValueError:
        return ""
    fine = scheme in {"http", "https"} and host and len(whole) <= LONGEST_URL and not _UNSEEN.search(whole)
    return whole if fine else ""


def _named(body: bytes, url: str) -> Iterator[str]:
    page = LexborHTMLParser(body)
    base = page.css_first("base[href]")
    start = urljoin(url, (base.attributes.get("href") if base is not None else "") or "")
    links = [one.attributes for one in page.css("link[rel][href]")]
    named = [
        _web(one.get("href") or "", start)
        for one in links
        if "alternate" in (one.get("rel") or "").lower().split() and _kind(one.get("type")) in _FEEDS
    ]
    yield from [*dict.fromkeys(one for one in named if one)][:_MOST_FEEDS]


def _kind(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()
