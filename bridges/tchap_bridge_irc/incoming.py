"""What comes from the network, as the core is to keep it: in order, once, and nothing that it could not use.

Every event is on the core's disk before the next is looked at. Its key is the network's msgid; without one, where the
server tells times, it is made of second, speaker and words, so that a history that tells it again tells the same; else
of our own count. A core whose inbox is full is asked again, while the session goes on listening.
"""

import asyncio
import itertools
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from tchap_bridge_irc import convert, history, notices
from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.changes import Change
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.flood import Priority
from tchap_bridge_irc.netsplit import Netsplits, Parted
from tchap_bridge_irc.outgoing import Voice
from tchap_bridge_irc.people import People
from tchap_bridge_irc.presence import Presence, Record
from tchap_bridge_irc.refusals import NOT_JOINED
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.wire import Line
from tchap_bridges.bridge import Host
from tchap_bridges.errors import BridgeError, NotReady
from tchap_bridges.events import Author, ChatChanged, Event, Form, Message, Passing, Text, Typing
from tchap_bridges.i18n import Phrase, Translator
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.logs import harmless

FAREWELL_SECONDS = 1.5
"""When we are stopped: what has been read is kept first, for the network does not say it again."""
SEEN_SECONDS = 30.0
CURSOR_SECONDS = 5.0
"""How often it is written down that we are there, and up to when a channel is kept: later means only read twice."""
AGAIN_SECONDS = 1.0
_MOST_KEYS = 10_000
_TICK = 1.0


@dataclass(slots=True)
class Memory:
    """What outlives one session and not the program."""

    record: Record = field(default_factory=Record)
    people: People = field(default_factory=People)
    greeted: "OrderedDict[str, float]" = field(default_factory=OrderedDict)


class Incoming:
    """The keeper of one session."""

    def __init__(self, session: Session, host: Host, config: IrcConfig, voice: Voice, memory: Memory) -> None:
        self._session = session
        self._host = host
        self._config = config
        self._voice = voice
        self._memory = memory
        self._t = Translator(config.language)
        self._splits = Netsplits(session.support)
        offered = session.has(history.CAP, "batch")
        self._history = history.History(session.support, offered=offered)
        self.presence = Presence(session, host, memory.record)
        self._held: dict[ChatId, list[tuple[Event, str]]] = {}
        self._cursors: dict[ChatId, datetime] = {}  # not written down yet
        self._written = self._seen_at = time.monotonic()
        self._seen: datetime | None = None  # when we were last known to be there, before this session
        self._began = time.time_ns()  # no two sessions of ours give one number twice
        self._numbers = itertools.count(1)
        self._alike: Counter[str] = Counter()
        self._keeping: deque[tuple[Event, str]] = deque()

    # The session

    async def keep(self) -> BridgeError:
        """Keep what comes until the session ends. Returns why it did."""
        self._seen = history.load(await self._host.kv.get("seen"))
        await self.presence.enter()
        self._host.up(self._session.me.nick)
        try:
            while True:
                item = await self._next()
                if isinstance(item, BridgeError):
                    await self._write_down()
                    return item
                if item is not None:
                    await self._take(item)
                await self._tick()
        except asyncio.CancelledError:
            with suppress(TimeoutError, BridgeError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._farewell()
            raise

    async def _next(self) -> Line | Batch | BridgeError | None:
        inbox = self._session.inbox
        if not inbox.empty():
            return inbox.get_nowait()
        try:
            async with asyncio.timeout(_TICK):
                return await inbox.get()
        except TimeoutError:
            return None

    async def _farewell(self) -> None:
        """Keep what was being kept, and what has been read."""
        while self._keeping:
            event, key = self._keeping[0]
            await self._host.receive(event, key)
            self._keeping.popleft()
        inbox = self._session.inbox
        for _n in range(inbox.qsize()):
            item = inbox.get_nowait()
            if not isinstance(item, BridgeError):
                await self._take(item)
        await self._write_down()

    async def _take(self, item: Line | Batch, servers: tuple[str, str] | None = None) -> None:
        """A line, or a batch: those within batches one by one, for a labelled answer may hold a history."""
        if isinstance(item, Batch) and item.kind == "chathistory":
            await self._past(item)
        elif isinstance(item, Batch) and item.kind != "draft/multiline":
            split = item.kind in {"netsplit", "netjoin"} and len(item.params) >= 2
            inner = (item.params[0], item.params[1]) if split else servers
            for one in item.items:
                await self._take(one, inner)
            if split:
                await self._tell_splits(self._splits.ended(time.monotonic()))
        else:
            await self._hear(item)
            if isinstance(item, Line):
                await self._heed(item, servers)

    async def _heed(self, line: Line, servers: tuple[str, str] | None) -> None:
        """What a line changes in channels, and what it says of our own being there."""
        for change in self._session.channels.receive(line):
            for passed in self._splits.take(change, time.monotonic(), servers):
                await self._changed(passed)
        if line.command == "324":
            name = line.param(1)
            self.presence.settled(name)
            if self._history.listed(name, self._session.channels.modes(name).get("H")):
                await self._missed(name)
        elif line.command in NOT_JOINED and line.param(1) not in self._session.channels:
            for told in await self.presence.refused(line):
                await self._notice(line.param(1), told)
        elif line.command == "INVITE":
            await self.presence.invited(line.param(1))
        elif line.command == "FAIL" and line.param(0) == "CHATHISTORY":
            failed = self._history.failed(line)
            if failed is not None:
                await self._turn(*failed)

    # Messages

    def _frame(self) -> convert.Frame:
        session = self._session
        return convert.Frame(
            me=session.me.nick, support=session.support, now=datetime.now(UTC), ours=self._voice.lent.keys()
        )

    async def _hear(self, item: Line | Batch) -> None:
        frame = self._frame()
        key = self._key(item, self._alike)
        event = convert.event_of(item, frame, key)
        if event is None or isinstance(event, Passing):
            if isinstance(event, Typing):
                await self._host.receive(event, key="")
            return
        channel = frame.support.is_channel(event.chat)
        if await self._linked(event.chat):
            if self._unsure(item, event.chat):
                return
            if channel and self._history.holds(event.chat):
                self._held.setdefault(event.chat, []).append((event, key))
            else:
                await self._keep(event, key)
        elif channel:
            self.presence.superfluous(event.chat)
        elif isinstance(event, Message) and event.form is Form.TEXT:
            self._say_who_we_are(event.author.name)

    def _key(self, item: Line | Batch, alike: Counter[str]) -> str:
        line = item.opening if isinstance(item, Batch) else item
        if "msgid" in line.tags:
            return line.tags["msgid"]
        at = history.load(line.tags.get("time"))
        if at is None:
            return f"{self._began}-{next(self._numbers)}"
        words = "\0".join((line.source.nick, line.command, *line.params)).encode(errors="replace")
        key = f"{int(at.timestamp())}-{sha256(words).hexdigest()[:24]}"
        alike[key] += 1
        if len(alike) > _MOST_KEYS:
            alike.clear()
        return f"{key}-{alike[key]}"

    def _unsure(self, item: Line | Batch, chat: ChatId) -> bool:
        """Whether it may be an old line that a server without batches gave at our joining (InspIRCd, +H)."""
        session = self._session
        if session.has("batch") or "H" not in session.support.chanmodes.set_only or isinstance(item, Batch):
            return False
        at = history.load(item.tags.get("time"))
        if at is None:
            return self.presence.fresh(chat)
        return at < self.presence.since(chat)

    async def _keep(self, event: Event, key: str) -> None:
        """On the core's disk when this returns. While the core has no room it is asked again: nothing is let go."""
        kept = f"{type(event).__name__} {key}"
        self._keeping.append((event, kept))
        while True:
            try:
                await self._host.receive(event, key=kept)
                break
            except NotReady as error:
                self._host.log.warning("irc.waiting", waiting=self._session.inbox.qsize(), **harmless(error))
                await asyncio.sleep(AGAIN_SECONDS if error.retry_after is None else min(error.retry_after, 10.0))
        self._keeping.popleft()
        if isinstance(event, Message):
            self._memory.people.spoke(event.chat, self._session.support.fold(event.author.name), event.author)
            self._kept_up_to(event.chat, event.at)

    async def _linked(self, chat: ChatId) -> bool:
        while True:
            try:
                return await self._host.linked(chat) is not None
            except NotReady as error:
                await asyncio.sleep(AGAIN_SECONDS if error.retry_after is None else min(error.retry_after, 10.0))

    def _say_who_we_are(self, nick: str) -> None:
        """Somebody wrote to us alone, and no room is there to read it: never silence, and never a storm of answers."""
        greeted, now = self._memory.greeted, time.monotonic()
        folded = self._session.support.fold(nick)
        if now - greeted.get(folded, -notices.AGAIN) < notices.AGAIN:
            return
        greeted[folded] = now
        greeted.move_to_end(folded)
        if len(greeted) > notices.MOST_GREETED:
            greeted.popitem(last=False)
        line = Line("NOTICE", (nick, self._t(notices.WHO_WE_ARE)))
        self._session.put(line, target=nick, priority=Priority.LATE)

    # What was said while we were away

    async def _past(self, batch: Batch) -> None:
        name = batch.params[0] if batch.params else ""
        await self._turn(name, self._history.page(batch))

    async def _turn(self, name: str, page: history.Page) -> None:
        """Keep a page of history, and go on as it says."""
        session, frame = self._session, self._frame()
        alike: Counter[str] = Counter()
        for item in page.news:
            line = item.opening if isinstance(item, Batch) else item
            key = self._key(item, alike)
            event = convert.event_of(item, frame, key)
            mine = session.account and line.tags.get("account") == session.account
            if event is None or mine or isinstance(event, Passing | ChatChanged):
                continue
            if self._memory.record.was_ours(line.source.nick, session.support) or not await self._linked(event.chat):
                continue
            await self._keep(event, key)
        for line in page.send:
            session.put(line, target=name)
        if page.gap:
            await self._missed(name)
        if page.over:
            await self._release(name)

    async def _release(self, name: str) -> None:
        for event, key in self._held.pop(convert.chat_of(name, self._session.support), ()):
            await self._keep(event, key)

    async def _missed(self, name: str) -> None:
        """Say once that something may have been said that nobody here will read."""
        chat = convert.chat_of(name, self._session.support)
        since, now = self._seen, datetime.now(UTC)
        if since is None or chat not in self.presence.known or (now - since).total_seconds() < notices.LEAST_ABSENCE:
            return
        await self._notice(name, notices.absence(since, now), key=f"gap {chat} {history.dump(since)}")

    def _kept_up_to(self, chat: ChatId, at: datetime) -> None:
        if self._session.support.is_channel(chat) and at > self._cursors.get(chat, datetime.min.replace(tzinfo=UTC)):
            self._cursors[chat] = at

    async def _write_down(self) -> None:
        """Up to when channels are kept, and that we were here until now."""
        cursors, self._cursors = self._cursors, {}
        self._written = time.monotonic()
        for chat, at in cursors.items():
            if chat not in self._held:
                await self._host.kv.set(f"cursor {chat}", history.dump(at))
        await self._host.kv.set("seen", history.dump(datetime.now(UTC)))

    # Who is there, and what becomes of channels

    async def _changed(self, change: Change) -> None:
        session = self._session
        for told in await self.presence.changed(change):
            await self._notice(*told)
        if (joined := self.presence.just_joined(change)) is not None:
            await self._entered(joined)
        for event, key in self._memory.people.changed(change, session.support, datetime.now(UTC)):
            if await self._linked(event.chat):
                await self._keep(event, f"{self._began}-{next(self._numbers)} {key}")

    async def _entered(self, name: str) -> None:
        """We are in a channel: what its modes are, and what was said there before."""
        chat = convert.chat_of(name, self._session.support)
        self._host.log.info("irc.joined", channel=chat)
        cursor = history.load(await self._host.kv.get(f"cursor {chat}")) if await self._linked(chat) else None
        for line in self._history.joined(name, cursor, time.monotonic()):
            self._session.put(line, target=chat)
        if cursor is None:
            await self._host.kv.set(f"cursor {chat}", history.dump(datetime.now(UTC)))
        else:
            self.presence.known.add(chat)
        self._session.put(Line("MODE", (name,)), target=chat, priority=Priority.LATE)

    async def _tick(self) -> None:
        """What is due by the clock."""
        now = time.monotonic()
        if (due := self._splits.due) is not None and due <= now:
            await self._tell_splits(self._splits.told(now))
        if (due := self._history.due) is not None and due <= now:
            for name, missing in self._history.expired(now):
                if missing:
                    await self._missed(name)
                await self._release(name)
        await self.presence.tick(now)
        if (self._cursors and now - self._written >= CURSOR_SECONDS) or now - self._written >= SEEN_SECONDS:
            await self._write_down()

    async def _tell_splits(self, told: Sequence[object]) -> None:
        """A broken link between servers is one notice, however many were behind it; its end needs none."""
        for one in told:
            if isinstance(one, Parted):
                await self._notice(one.channel, notices.split(one.near, one.far, len(one.people)))

    async def _notice(self, channel: str, words: str, *, key: str = "") -> None:
        """Tell the rooms of a channel something that nobody said."""
        chat = convert.chat_of(channel, self._session.support)
        if not await self._linked(chat):
            return
        key = key or f"{self._began}-{next(self._numbers)}"
        author = Author(person=PersonId(chat), name=channel)
        plain = self._t(words) if isinstance(words, Phrase) else words
        notice = Message(
            id=MessageId(f"notice {key}"),
            chat=chat,
            author=author,
            at=datetime.now(UTC),
            text=Text(plain=plain),
            form=Form.NOTICE,
        )
        await self._keep(notice, key)
