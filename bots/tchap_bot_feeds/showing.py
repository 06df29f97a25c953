"""How feeds and their entries are shown in a room. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from tchap_bot_feeds.model import Digest, Entry, Feed, Item
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator, _, ngettext, unpack

_LARGEST: Final = 24_000
"""Bytes of both forms of a digest: an event has 65,536 (Matrix 1.17, Size limits), and other things besides."""


def entry_text(feed: Feed, entry: Entry, t: Translator, *, summary: bool) -> Text:
    """One entry: where it is from, its title as a link, its beginning."""
    title = entry.title or entry.summary or entry.link or t(_("(sans titre)"))
    begins = entry.summary if summary and entry.summary != title else ""
    link = entry.link if entry.link != title else ""
    plain = "\n".join(part for part in (f"📰 {feed.title} — {title}", begins, link) if part)
    html = f"<em>{_safe(feed.title)}</em> — <strong>{_linked(title, entry.link)}</strong>"
    return Text(plain=plain, html=f"<p>📰 {html}{'<br>' if begins else ''}{_safe(begins)}</p>")


def digest_text(digest: Digest, feeds: Mapping[int, Feed], t: Translator) -> Text:
    """Every entry a line, under the title of its feed; those that do not fit are counted."""
    plain, html, size, told = [], [], 0, 0
    for number, feed in feeds.items():
        items = [item for item in digest.items if item.feed == number]
        lines, listed = [], []
        for item in items:
            line, entry = _line(item, t)
            size += len(f"{line}{entry}".encode())
            if size > _LARGEST:
                break
            lines.append(line)
            listed.append(entry)
        told += len(lines)
        if lines:
            plain += [feed.title, *lines]
            html.append(f"<p><strong>{_safe(feed.title)}</strong></p><ul>{''.join(listed)}</ul>")
    count = len(digest.items) + digest.more
    head = t(ngettext("📰 Résumé : {n} nouvelle entrée", "📰 Résumé : {n} nouvelles entrées", count))
    rest = [t(ngettext("… et {n} autre.", "… et {n} autres.", count - told))] if count > told else []
    return Text(
        plain="\n".join((head, *plain, *rest)),
        html="".join((f"<p>{_safe(head)}</p>", *html, *(f"<p>{_safe(one)}</p>" for one in rest))),
    )


def _line(item: Item, t: Translator) -> tuple[str, str]:
    title = item.title or item.link or t(_("(sans titre)"))
    plain = f"• {title}" if item.link in {"", title} else f"• {title} {item.link}"
    return plain, f"<li>{_linked(title, item.link)}</li>"


def others(n: int, feed: Feed) -> Phrase:
    """Those of this feed that are not told one by one."""
    return ngettext(
        "… et {n} autre entrée de « {title} ».", "… et {n} autres entrées de « {title} ».", n, title=feed.title
    )


def overview(feeds: Sequence[Feed], t: Translator) -> str:
    """A line for each: its number, title, address, and how it goes."""
    return "\n".join(f"{feed.number}. {feed.title} — {feed.url}{t(_state(feed))}" for feed in feeds)


def _state(feed: Feed) -> str:
    if feed.due is None:
        return _(" (fermé par son site)")
    if feed.failures:
        return _(" (en panne depuis le {since} : {why})", since=f"{feed.since:%d/%m %H:%M}", why=unpack(feed.why))
    return ""


def _linked(title: str, link: str) -> str:
    return f'<a href="{escape(link)}">{_safe(title)}</a>' if link else _safe(title)


def _safe(text: str) -> str:
    return escape(text, quote=False)
