"""What is known of one hook's notices, and what a step asks the caller to do. Plain data, kept as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_alerts.notice import Notice, State
from tchap_bot_alerts.values import cut
from tchap_bridges.events import Text


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody sees to it. ``who`` tells them from others, ``name`` is for eyes."""

    who: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A trouble, or a piece of news. ``notice``: what was heard last. ``since``: None when nobody knows.

    ``count``: how often it was heard. ``over``: since when it is. ``said``: when people last heard of it by a message.
    """

    notice: Notice
    since: datetime | None
    last: datetime
    count: int = 1
    over: datetime | None = None
    taken: Taken | None = None
    said: datetime | None = None

    @property
    def ongoing(self) -> bool:
        return self.notice.state is State.FIRING and self.over is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What stands in the room. ``entries``: ids. ``dropped``: how many more it told of.

    ``reminders``: keys of the messages that said it again.
    """

    group: str
    at: datetime
    entries: tuple[str, ...]
    digest: bool = False
    dropped: int = 0
    reminders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """``held``: ids of what waits until ``due``, ``dropped``: how many more. ``deliveries``: ids of those taken."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    messages: Mapping[str, Message] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    dropped: int = 0
    due: datetime | None = None
    deliveries: tuple[str, ...] = ()
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a message shows: troubles and news, in the order in which they came."""

    entries: tuple[Entry, ...]
    digest: bool = False
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Say it under a new key. ``reminds``: the key of the message that it says again, "" for none."""

    key: str
    shown: Shown
    reminds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The message with this key now reads so."""

    key: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class Wait:
    """Call `wake` then. It stands instead of any earlier one."""

    until: datetime


Action = Say | Edit | Wait


@dataclass(frozen=True, slots=True)
class Step:
    """The book after it, and what to do."""

    book: Book
    actions: tuple[Action, ...] = ()


LARGEST: Final = 400_000
"""Characters of a book that keep their texts and labels; a larger one keeps titles only, of the longest first."""
_HEADLINE: Final = 200
_BOOKS: Final = TypeAdapter(Book)


def dumped(book: Book) -> str:
    """The book as JSON, bounded."""
    text = _BOOKS.dump_json(book).decode()
    return text if len(text) <= LARGEST else _BOOKS.dump_json(_thinned(book, len(text) - LARGEST)).decode()


def loaded(text: str) -> Book:
    """What `dumped` gave. Raises pydantic's `ValidationError` for anything else."""
    return _BOOKS.validate_json(text)


def _thinned(book: Book, over: int) -> Book:
    entries = dict(book.entries)
    for one in sorted(entries, key=lambda one: -_weight(entries[one].notice)):
        if over <= 0:
            break
        over -= _weight(entries[one].notice)
        entries[one] = replace(entries[one], notice=_thin(entries[one].notice))
    return replace(book, entries=entries)


def _weight(notice: Notice) -> int:
    labels = sum(len(name) + len(value) for name, value in notice.labels.items())
    return labels + len(notice.text.plain) + len(notice.text.html or "") + len(notice.url) + len(notice.title)


def _thin(notice: Notice) -> Notice:
    return replace(notice, title=cut(notice.headline, _HEADLINE), text=Text(), labels={}, url="")
