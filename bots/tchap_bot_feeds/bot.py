"""``!flux https://…``: new entries of a feed are said in the room, or in a digest."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Final

from tchap_bot_feeds.fetching import Failed, Fetched, Gone, Got, Same, Sockets, checked, fetch
from tchap_bot_feeds.following import News, compare
from tchap_bot_feeds.keeping import Feeds
from tchap_bot_feeds.model import Document, Entry, Feed, Seen, Version
from tchap_bot_feeds.settings import FeedsConfig
from tchap_bot_feeds.showing import digest_text, entry_text, others, overview
from tchap_bot_feeds.worker import read_apart
from tchap_bridges.bot import Bot, Power, Room, command, every
from tchap_bridges.errors import Misconfigured, RemoteViolation
from tchap_bridges.i18n import Phrase, Translator, _, ngettext, pack
from tchap_bridges.ids import MessageId
from tchap_bridges.public import public_socket

MOST: Final = 30
"""Feeds of one room."""
PATIENCE: Final = timedelta(days=1)
"""Of failures, before the room is told; and the longest between two tries."""
LATE: Final = timedelta(minutes=10)
"""Past its time by so much, nothing is going to fetch a feed: its call was lost while the bot was off."""
_ADDING: Final = 18.0
"""Seconds for a page and the feed that it names."""
_EXAMPLE: Final = _("Exemples : !flux https://www.exemple.fr/actu.xml, !flux liste, !flux lire 2, !flux retirer 2")


class FeedsBot(Bot):
    """Flux : dit ce qui paraît sur un site (RSS, Atom), à mesure ou en résumé."""

    name = "flux"
    Config = FeedsConfig

    @property
    def sockets(self) -> Sockets:
        """What may be connected to: the open internet."""
        return public_socket

    @command("flux", english=["feed"], who=Power.MODERATOR)
    async def feeds(self, room: Room[FeedsConfig], words: str) -> Phrase | str:
        """Suit un flux : !flux https://… ; « liste », « lire », « lire 2 », « retirer 2 »"""
        match words.split():
            case [] | ["liste" | "list"]:
                found = await Feeds(room.kv).all()
                if not found:
                    return _("Aucun flux dans ce salon. {example}", example=_EXAMPLE)
                return overview(found, Translator(room.language))
            case ["retirer" | "supprimer" | "remove", number]:
                return await self._remove(room, number)
            case ["lire" | "read", *numbers] if len(numbers) <= 1:
                return await self._ask(room, *numbers)
            case [url] if "://" in url or "." in url:
                return await self._add(room, checked(url if "://" in url else f"https://{url}"))
            case _:
                raise Misconfigured(_("je n'ai pas compris"), remedy=_EXAMPLE)

    async def due(self, room: Room[FeedsConfig], words: str) -> None:
        """A feed is to be fetched; ``words`` is its number."""
        feed = await Feeds(room.kv).get(words)
        if feed is not None and feed.due is not None:
            await self._read(room, feed)

    async def asked(self, room: Room[FeedsConfig], words: str) -> Phrase | None:
        """The same because somebody wants it: they are told what came of it."""
        feed = await Feeds(room.kv).get(words)
        return await self._read(room, feed) if feed is not None else None

    async def tell(self, room: Room[FeedsConfig], words: str) -> None:
        """The time of the digest has come."""
        del words
        kept = Feeds(room.kv)
        digest, feeds = await kept.digest(), {feed.number: feed for feed in await kept.all()}
        if digest.items:
            await room.say(digest_text(digest, feeds, Translator(room.language)))
        await kept.forget_digest()

    @every(hours=1)
    async def wake(self, room: Room[FeedsConfig]) -> None:
        """While the bot was off in the room, times passed without it."""
        for feed in await Feeds(room.kv).all():
            if feed.due is not None and feed.due + LATE < room.now:
                soon = room.now + _part(room, feed, timedelta(minutes=5))
                await room.at(soon, "due", str(feed.number), key=_key(feed))

    async def _add(self, room: Room[FeedsConfig], url: str) -> Phrase | str:
        kept = Feeds(room.kv)
        feeds = await kept.all()
        if len(feeds) >= MOST:
            raise Misconfigured(_("ce salon suit déjà {n} flux", n=MOST), remedy=_("Retirez-en : !flux liste"))
        try:
            async with asyncio.timeout(_ADDING):
                got, document, more = await self._found(url)
        except TimeoutError:
            raise Misconfigured(_("le serveur ne répond pas à temps")) from None
        if same := next((feed for feed in feeds if feed.url == got.moved), None):
            raise Misconfigured(_("ce salon suit déjà ce flux : n° {n}", n=same.number))
        feed = Feed(
            number=await kept.number(), url=got.moved, title=document.title or got.moved, due=None, version=got.version
        )
        await kept.keep_seen(feed, compare({}, document.entries).seen)
        await self._later(room, feed)
        n = len(document.entries)
        lines = [
            ngettext(
                "✓ Flux n° {number} « {title} » : {n} entrée. Je dirai celles qui paraîtront.",
                "✓ Flux n° {number} « {title} » : {n} entrées. Je dirai celles qui paraîtront.",
                n,
                number=feed.number,
                title=feed.title,
            ),
            *(_("La page nomme aussi : {url}", url=other) for other in more),
        ]
        return "\n".join(map(Translator(room.language), lines))

    async def _found(self, url: str) -> tuple[Got, Document, tuple[str, ...]]:
        """The feed at this address, or the first that the page there names; and the others that it names."""
        got, document = await self._fetched(url)
        more: tuple[str, ...] = ()
        if not document.is_feed and document.feeds:
            first, *rest = document.feeds
            got, document = await self._fetched(checked(first))
            more = tuple(rest)
        if not document.is_feed:
            raise Misconfigured(
                _("il n'y a pas de flux à cette adresse, et la page n'en nomme pas"),
                remedy=_("Cherchez sur le site un lien « RSS » ou « Atom », et donnez son adresse."),
            )
        return got, document, more

    async def _fetched(self, url: str) -> tuple[Got, Document]:
        match await self._get(url, Version()):
            case Got() as got, Document() as document:
                return got, document
            case Failed(why=why), _none:
                raise Misconfigured(why, remedy=_("Vérifiez l'adresse, ou réessayez plus tard."))
            case _gone:
                raise Misconfigured(_("ce flux est fermé : son site dit qu'il n'y en a plus"))

    async def _get(self, url: str, version: Version) -> tuple[Fetched, Document | None]:
        fetched = await fetch(url, version, sockets=self.sockets)
        if not isinstance(fetched, Got):
            return fetched, None
        try:
            return fetched, await read_apart(fetched.body, fetched.url, fetched.content_type)
        except RemoteViolation:
            return Failed(why=_("ce qu'il envoie est illisible")), None

    async def _remove(self, room: Room[FeedsConfig], number: str) -> Phrase:
        feed = await self._meant(room, number)
        await Feeds(room.kv).remove(feed)
        await room.forget(_key(feed))
        return _("✓ Flux n° {n} « {title} » retiré.", n=feed.number, title=feed.title)

    async def _ask(self, room: Room[FeedsConfig], number: str = "") -> Phrase:
        feeds = [await self._meant(room, number)] if number else await Feeds(room.kv).all()
        if not feeds:
            raise Misconfigured(_("ce salon ne suit aucun flux"), remedy=_EXAMPLE)
        for feed in feeds:
            await room.at(room.now, "asked", str(feed.number), key=_key(feed))
        return ngettext("Je lis {n} flux…", "Je lis {n} flux…", len(feeds))

    async def _meant(self, room: Room[FeedsConfig], number: str) -> Feed:
        feed = await Feeds(room.kv).get(number)
        if feed is None:
            raise Misconfigured(_("il n'y a pas de flux n° {n}", n=number[:20]), remedy=_("Voyez : !flux liste"))
        return feed

    # What came of a fetch

    async def _read(self, room: Room[FeedsConfig], feed: Feed) -> Phrase:
        match await self._get(feed.url, feed.version):
            case Gone(), _none:
                return await self._gone(room, feed)
            case Same(moved=moved), _none:
                await self._well(room, replace(feed, url=moved))
                return _nothing(feed)
            case Got() as got, Document(is_feed=True) as document:
                count = await self._news(room, feed, document)
                title = document.title or feed.title
                await self._well(room, replace(feed, url=got.moved, title=title, version=got.version))
                return _new(feed, count)
            case Failed() as failed, _none:
                return await self._failed(room, feed, failed)
            case _page:
                return await self._failed(room, feed, Failed(why=_("ce n'est plus un flux")))

    async def _news(self, room: Room[FeedsConfig], feed: Feed, document: Document) -> int:
        """Says what is new, and what has changed; returns how many are new and wanted."""
        kept = Feeds(room.kv)
        before = await kept.seen(feed)
        news = compare(before, document.entries)
        wanted = {key: entry for key, entry in news.new.items() if room.config.wants(entry)}
        seen = dict(news.seen)
        digest = await kept.digest()
        if (when := room.config.next_digest(room.now, room.zone)) is not None:
            later = digest.with_new(feed.number, wanted)
            await room.at(when, "tell", key="digest") if later.items else None
        else:
            later = digest
            seen |= await self._say(room, feed, news, wanted)
        later = later.with_changed(feed.number, news.changed)
        if later != digest:
            await kept.keep_digest(later)
        await self._edit(room, feed, news)
        if seen != before:
            await kept.keep_seen(feed, seen)
        return len(wanted)

    async def _say(self, room: Room[FeedsConfig], feed: Feed, news: News, wanted: dict[str, Entry]) -> dict[str, Seen]:
        """The last of them; of the others how many they are."""
        t = Translator(room.language)
        said = {}
        for key in [*wanted][-room.config.most :]:
            text = entry_text(feed, wanted[key], t, summary=room.config.summary)
            said[key] = news.seen[key]._replace(said=await room.say(text))
        if len(wanted) > len(said):
            await room.say(others(len(wanted) - len(said), feed))
        return said

    async def _edit(self, room: Room[FeedsConfig], feed: Feed, news: News) -> None:
        t = Translator(room.language)
        told = [key for key in news.changed if news.seen[key].said]
        for key in told[: room.config.most]:
            text = entry_text(feed, news.changed[key], t, summary=room.config.summary)
            await room.edit(MessageId(news.seen[key].said), text)

    async def _well(self, room: Room[FeedsConfig], feed: Feed) -> None:
        if feed.told:
            await room.say(_("✓ Le flux n° {n} « {title} » répond de nouveau.", n=feed.number, title=feed.title))
        await self._later(room, replace(feed, failures=0, since=None, told=False, why=""))

    async def _gone(self, room: Room[FeedsConfig], feed: Feed) -> Phrase:
        """410: nothing will come any more."""
        await Feeds(room.kv).keep(replace(feed, due=None))
        await room.forget(_key(feed))
        said = _(
            "Le flux n° {n} « {title} » est fermé par son site : je ne le lis plus.", n=feed.number, title=feed.title
        )
        await room.say(said)
        return _nothing(feed)

    async def _failed(self, room: Room[FeedsConfig], feed: Feed, failed: Failed) -> Phrase:
        since = feed.since or room.now
        long = room.now - since >= PATIENCE
        if long and not feed.told:
            await room.say(
                _(
                    "⚠ Le flux n° {n} « {title} » ne se lit plus depuis le {since} : {why}. J'essaie encore.",
                    n=feed.number,
                    title=feed.title,
                    since=f"{since.astimezone(room.zone):%d/%m %H:%M}",
                    why=failed.why,
                )
            )
        now = replace(feed, failures=feed.failures + 1, since=since, told=feed.told or long, why=pack(failed.why))
        await self._later(room, now, wait=failed.wait)
        return _("⚠ Le flux n° {n} « {title} » : {why}.", n=feed.number, title=feed.title, why=failed.why)

    async def _later(self, room: Room[FeedsConfig], feed: Feed, *, wait: timedelta | None = None) -> None:
        """Twice as long after each failure, and as long as the server asks, up to a day; no two feeds at one time."""
        interval = room.config.interval
        span = min(max(interval * 2 ** min(feed.failures, 10), wait or interval), PATIENCE)
        due = room.now + span + _part(room, feed, interval / 10)
        await Feeds(room.kv).keep(replace(feed, due=due))
        await room.at(due, "due", str(feed.number), key=_key(feed))


def _key(feed: Feed) -> str:
    return f"feed {feed.number}"


def _part(room: Room[FeedsConfig], feed: Feed, span: timedelta) -> timedelta:
    """A part of the span, always the same for this feed of this room."""
    hashed = hashlib.sha256(f"{room.id} {feed.number}".encode()).digest()
    return span * (int.from_bytes(hashed[:2]) / 65_536)


def _nothing(feed: Feed) -> Phrase:
    return _("Flux n° {n} « {title} » : rien de nouveau.", n=feed.number, title=feed.title)


def _new(feed: Feed, count: int) -> Phrase:
    if not count:
        return _nothing(feed)
    return ngettext(
        "Flux n° {number} « {title} » : {n} nouvelle entrée.",
        "Flux n° {number} « {title} » : {n} nouvelles entrées.",
        count,
        number=feed.number,
        title=feed.title,
    )
