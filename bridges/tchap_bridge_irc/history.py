"""What was said in channels while we were away: which pages to ask for, and what of them is news. Pure.

A cursor per channel says up to when all is kept. Where the server has draft/chathistory it is asked for what came
after, page by page; InspIRCd gives some of it by itself, as a batch after our JOIN (its channel mode +H). Nothing is
taken twice: what is told again has the key it had, and what is older than the cursor is passed over. A cursor may lag
behind, and never runs ahead of what is kept.

Sources: IRCv3 chathistory, batch/chathistory, draft/chathistory-end as Ergo has it; InspIRCd's module chanhistory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.wire import Line

CAP = "draft/chathistory"
END = "draft/chathistory-end"
PAGE = 100
"""Messages to ask for at once where the server names no limit (CHATHISTORY=0)."""
MOST = 5000
"""Messages of one channel that are caught up with; those before them stay where they are, and the room is told."""
PATIENCE = 30.0
"""Seconds after which a history that was asked for is given up, and what waited behind it goes on."""
SETTLE = 10.0
"""Seconds after our joining at which a server that gives history by itself would have given it."""


def dump(at: datetime) -> str:
    """A cursor as it is kept."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def load(text: str | None) -> datetime | None:
    """A cursor; None for none, or for what is not one."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Page:
    """What follows from a batch: what of it is news, what to send, and whether that was all.

    ``gap``: something before it is out of our reach.
    """

    news: tuple[Line | Batch, ...] = ()
    send: tuple[Line, ...] = ()
    over: bool = False
    gap: bool = False


@dataclass(slots=True)
class _Channel:
    name: str
    after: datetime | None
    until: float
    asked: bool = False
    given: bool = False  # the server gave some by itself
    count: int = 0
    overlaps: bool = False  # some of that is not newer than the cursor: nothing is missing between
    latest: bool = False  # it was asked for the last messages, for want of an order from the cursor on
    taken: int = 0
    last: str = ""
    seen: set[str] = field(default_factory=set)


class History:
    """Catching up in one session. ``offered``: whether history can be asked for."""

    def __init__(self, support: Isupport, *, offered: bool) -> None:
        self._support = support
        self._offered = offered
        self._open: dict[str, _Channel] = {}

    def joined(self, name: str, after: datetime | None, now: float) -> Sequence[Line]:
        """We are in a channel whose cursor is ``after``, None for none. What to send."""
        channel = _Channel(name, after, now + (PATIENCE if self._offered else SETTLE))
        self._open[self._support.fold(name)] = channel
        if not self._offered or after is None:
            return ()
        channel.asked = True
        return (self._after(channel, f"timestamp={dump(after)}"),)

    def holds(self, name: str) -> bool:
        """Whether what is said there now has to wait for what was said before."""
        channel = self._open.get(self._support.fold(name))
        return channel is not None and channel.asked

    def page(self, batch: Batch) -> Page:
        """A chathistory batch, asked for or not."""
        channel = self._open.get(self._support.fold(batch.params[0] if batch.params else ""))
        entries = tuple(_entries(batch))
        if channel is None:
            return Page()
        channel.given = True
        if channel.after is None:
            return Page()
        known = floor(channel.after)
        moments = [_moment(one) for one in entries]
        news = [one for one, at in zip(entries, moments, strict=True) if at is None or at >= known]
        if not channel.asked:
            channel.count = len(entries)
            channel.overlaps = any(at is not None and at <= channel.after for at in moments)
            return Page(tuple(news))
        fresh = [one for one in news if _id(one) not in channel.seen]
        channel.seen.update(filter(None, map(_id, fresh)))
        channel.taken += len(fresh)
        done = END in batch.opening.tags or not fresh or channel.latest or not batch.complete
        if done or channel.taken >= MOST:
            cut = channel.taken >= MOST or (channel.latest and not any(at and at <= channel.after for at in moments))
            return Page(tuple(fresh), over=self._over(channel), gap=cut or not batch.complete)
        return Page(tuple(fresh), (self._after(channel, self._reference(fresh[-1])),))

    def failed(self, line: Line) -> tuple[str, Page] | None:
        """``FAIL CHATHISTORY <code> …``: which channel it is about, and what follows. None: nothing was asked for."""
        channel = next(
            (one for one in self._open.values() if one.asked and any(map(self._same(one.name), line.params[1:-1]))),
            next((one for one in self._open.values() if one.asked), None),
        )
        if channel is None:
            return None
        if not channel.latest and not channel.taken:  # the reference may be what it does not like
            channel.latest = True
            return channel.name, Page(send=(Line("CHATHISTORY", ("LATEST", channel.name, "*", str(self._limit))),))
        return channel.name, Page(over=self._over(channel), gap=True)

    def kept(self, name: str, now: float) -> None:
        """A page is kept: the next one has its own time to come."""
        if (channel := self._open.get(self._support.fold(name))) is not None and channel.asked:
            channel.until = now + PATIENCE

    def listed(self, name: str, kept: str | None) -> bool:
        """The server has said all that it says at a joining: whether some of what was said is out of our reach.

        That is told by its answer to MODE. ``kept``: the parameter of mode +H (``20:1d``), None without that mode.
        """
        channel = self._open.get(self._support.fold(name))
        if channel is None or channel.asked:
            return False
        self._over(channel)
        most = (kept or "").partition(":")[0]
        full = most.isascii() and most.isdigit() and len(most) < 6 and channel.count >= int(most)
        return not channel.given if kept is None else full and not channel.overlaps

    def expired(self, now: float) -> Sequence[tuple[str, bool]]:
        """Channels whose history did not come, and whether it had been asked for."""
        late = [channel for channel in self._open.values() if channel.until <= now]
        for channel in late:
            self._over(channel)
        return [(channel.name, channel.asked or not channel.given) for channel in late]

    def left(self, name: str) -> None:
        """We are out of it."""
        self._open.pop(self._support.fold(name), None)

    @property
    def due(self) -> float | None:
        """When to call `expired` next."""
        return min((channel.until for channel in self._open.values()), default=None)

    # Details

    @property
    def _limit(self) -> int:
        said = self._support.tokens.get("CHATHISTORY", "")
        return (int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 0) or PAGE

    def _after(self, channel: _Channel, reference: str) -> Line:
        return Line("CHATHISTORY", ("AFTER", channel.name, reference, str(self._limit)))

    def _reference(self, last: Line | Batch) -> str:
        tags = last.opening.tags if isinstance(last, Batch) else last.tags
        kinds = self._support.tokens.get("MSGREFTYPES", "msgid,timestamp").split(",")
        if "msgid" in kinds and "msgid" in tags:
            return f"msgid={tags['msgid']}"
        return f"timestamp={tags.get('time', '')}"

    def _same(self, name: str) -> "_Same":
        return _Same(self._support, name)

    def _over(self, channel: _Channel) -> bool:
        self._open.pop(self._support.fold(channel.name), None)
        return True


@dataclass(frozen=True, slots=True)
class _Same:
    support: Isupport
    name: str

    def __call__(self, other: str) -> bool:
        return self.support.same(self.name, other)


def floor(at: datetime) -> datetime:
    """The second it is in: a history may tell no more than that (InspIRCd), and a second is had twice by its keys."""
    return at - timedelta(microseconds=at.microsecond)


def _entries(batch: Batch) -> Iterator[Line | Batch]:
    """Messages of a history; those of several lines stay whole."""
    for item in batch.items:
        if isinstance(item, Batch) and item.kind != "draft/multiline":
            yield from _entries(item)
        else:
            yield item


def _id(item: Line | Batch) -> str:
    return (item.opening if isinstance(item, Batch) else item).tags.get("msgid", "")


def _moment(item: Line | Batch) -> datetime | None:
    return load((item.opening if isinstance(item, Batch) else item).tags.get("time"))
