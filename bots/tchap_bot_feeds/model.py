"""What a feed and its entries are, and what is remembered of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

LONGEST_URL: Final = 2000
"""Characters."""
MOST_ITEMS: Final = 60
"""Entries that one digest names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as the feed has it now. ``summary`` is plain text, already short; ``link`` is absolute, or "".

    ``at``: when it is dated, None when it is not, or not readably.
    """

    id: str
    title: str
    link: str
    summary: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was fetched. ``feeds``: of a page that is no feed, the addresses of those that it names."""

    title: str = ""
    entries: tuple[Entry, ...] = ()
    feeds: tuple[str, ...] = ()
    is_feed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """By which a server knows what we have of ``url``: its ETag and Last-Modified, and the SHA-256 of the bytes."""

    url: str = ""
    etag: str = ""
    modified: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed of a room. ``due``: when it is fetched next, None when it never is again.

    ``failures``: in a row, up to now; ``since``: when they began; ``told``: whether the room knows; ``why``: the reason
    of the last, packed.
    """

    number: int
    url: str
    title: str
    due: datetime | None
    version: Version = field(default_factory=Version)
    failures: int = 0
    since: datetime | None = None
    told: bool = False
    why: str = ""


class Seen(NamedTuple):
    """An entry that was there: ``shape`` is a hash of how it looks, ``link`` one of where it leads.

    ``said`` is the message that tells it, "" where none does, or none that is edited any more; ``edits``: how often it
    has changed.
    """

    shape: str
    link: str
    said: str = ""
    edits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An entry that waits for the digest: of which feed, under which key."""

    feed: int
    key: str
    title: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What the next digest tells. ``more``: of how many it will only say that there were."""

    items: tuple[Item, ...] = ()
    more: int = 0

    def without(self, feed: int) -> "Digest":
        return Digest(items=tuple(item for item in self.items if item.feed != feed), more=self.more)

    def with_changed(self, feed: int, changed: Mapping[str, Entry]) -> "Digest":
        """The items of this feed as they are now."""
        items = tuple(
            replace(item, title=changed[item.key].title, link=changed[item.key].link)
            if item.feed == feed and item.key in changed
            else item
            for item in self.items
        )
        return Digest(items=items, more=self.more)

    def with_new(self, feed: int, new: Mapping[str, Entry]) -> "Digest":
        items = (
            *self.items,
            *(Item(feed=feed, key=key, title=entry.title, link=entry.link) for key, entry in new.items()),
        )
        return Digest(items=items[-MOST_ITEMS:], more=self.more + max(0, len(items) - MOST_ITEMS))
