"""What comes from the network, as the core is to keep it: in order, once, and nothing that it could not use.

Every event is on the core's disk (`keeper`) before the next line is looked at. What is said in a channel while its past
is still being fetched waits for that.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tchap_bridge_irc import convert, history, notices
from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.changes import Change, Kicked, Left, Renicked
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.flood import Priority
from tchap_bridge_irc.keeper import OUR_OWN, Keeper
from tchap_bridge_irc.netsplit import Netsplits, Parted
from tchap_bridge_irc.outgoing import Voice
from tchap_bridge_irc.people import People
from tchap_bridge_irc.presence import Presence, Record
from tchap_bridge_irc.refusals import NOT_JOINED
from tchap_bridge_irc.sameness import doubt
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.wire import Line
from tchap_bridges.bridge import Host
from tchap_bridges.errors import BridgeError, NotReady
from tchap_bridges.events import Author, ChatChanged, Event, Form, Message, Passing, Text, Typing
from tchap_bridges.i18n import Phrase, Translator
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.logs import harmless

FAREWELL_SECONDS = 1.0
"""When we are stopped: what has been read is kept first, for the network does not say it again."""
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
        self._keeper = Keeper(host, session)
        self._unkept: Line | Batch | None = None  # what has left the inbox and is not kept yet
        self._past: deque[tuple[Event, str]] = deque()  # what a history told, or waited behind it, and is not kept yet
        self._clock = datetime.now(UTC)  # the network's, by the last line; ours where it tells none
        self._arrived: dict[ChatId, datetime] = {}  # when we came into a channel, by that clock
        self._left: dict[ChatId, datetime] = {}  # when we were put out of a channel
        self._absent: dict[ChatId, datetime | None] = {}  # since when we had not been in a channel that we are in
        self._seen: datetime | None = None  # when we were last known to be there, before this session

    # The session

    async def keep(self) -> BridgeError:
        """Keep what comes until the session ends. Returns why it did."""
        self._seen = await self._keeper.seen()
        for chat in await self.presence.enter():
            why = doubt(chat)
            await self._tell(chat, chat, self._t(notices.told(why.reason, why.remedy)), key=f"casemapping {chat}")
        await self._ask_for_letters()
        self._host.up(self._session.me.nick)
        try:
            while True:
                item = await self._next()
                if isinstance(item, BridgeError):
                    with suppress(NotReady):  # a cursor that lags is only read twice
                        await self._keeper.write_down(but=self._held.keys())
                    return item
                if item is not None:
                    self._unkept = item
                    await self._take(item)
                    self._unkept = None
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
        if not await self._keeper.finish() and self._unkept is not None:
            await self._take(self._unkept)  # it was looked at, and had not come to the keeper
        await self._keep_past()
        inbox = self._session.inbox
        for _n in range(inbox.qsize()):
            item = inbox.get_nowait()
            if not isinstance(item, BridgeError):
                await self._take(item)
        await self._keeper.write_down(but=self._held.keys())

    async def _take(self, item: Line | Batch, servers: tuple[str, str] | None = None) -> None:
        """A line, or a batch: those within batches one by one, for a labelled answer may hold a history."""
        if isinstance(item, Batch) and item.kind == "chathistory":
            await self._remember(item)
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
            me=session.me.nick,
            support=session.support,
            now=datetime.now(UTC),
            ours=self._voice.lent.keys(),
            corrections=self._voice.corrections,
        )

    async def _hear(self, item: Line | Batch) -> None:
        frame = self._frame()
        self._clock = convert.moment(item.opening if isinstance(item, Batch) else item, frame.now)
        key = self._keeper.key(item)
        event = convert.event_of(item, frame, key)
        if event is None or isinstance(event, Passing):
            if isinstance(event, Typing):
                await self._host.receive(event, key="")
            return
        channel = frame.support.is_channel(event.chat)
        if await self._keeper.linked(event.chat):
            if self._unsure(item, event.chat):
                return
            if self._history.holds(event.chat):
                self._held.setdefault(event.chat, []).append((event, key))
            else:
                await self._keep(event, key)
        elif channel:
            self.presence.superfluous(event.chat)
        elif isinstance(event, Message) and event.form is Form.TEXT:
            self._say_who_we_are(event.author.name)

    def _unsure(self, item: Line | Batch, chat: ChatId) -> bool:
        """Whether it may be an old line that a server without batches gave at our joining (InspIRCd, +H)."""
        session = self._session
        if session.has("batch") or "H" not in session.support.chanmodes.set_only or isinstance(item, Batch):
            return False
        at = history.load(item.tags.get("time"))
        if at is None:
            return self.presence.fresh(chat)
        return at < self._arrived.get(chat, at)

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

    async def _keep(self, event: Event, key: str) -> None:
        await self._keeper.keep(event, key)
        self._unkept = None
        if isinstance(event, Message):
            self._memory.people.spoke(event.chat, self._session.support.fold(event.author.name), event.author)

    # What was said while we were away

    async def _ask_for_letters(self) -> None:
        """What people wrote to us alone meanwhile; who writes to somebody away elsewhere is told so by the server."""
        session = self._session
        if not session.has(history.CAP, "batch"):
            return
        for linked in await self._host.chats():
            cursor = await self._keeper.cursor(linked.chat)
            if not session.support.is_channel(linked.chat):
                for line in self._history.joined(linked.chat, cursor, time.monotonic()):
                    session.put(line, target=linked.chat)

    async def _remember(self, batch: Batch) -> None:
        name = batch.params[0] if batch.params else ""
        linked = await self._keeper.linked(convert.chat_of(name, self._session.support))
        await self._turn(name, self._history.page(batch), linked=linked)

    async def _turn(self, name: str, page: history.Page, *, linked: bool = True) -> None:
        """Keep a page of history, and go on as it says."""
        session = self._session
        self._past.extend(self._told(page) if linked else ())
        await self._keep_past()
        self._history.kept(name, time.monotonic())
        for line in page.send:
            session.put(line, target=name)
        if page.gap:
            await self._missed(name)
        if page.over:
            await self._release(name)

    async def _keep_past(self) -> None:
        """To its end, though we are stopped in the middle: a line that comes after it moves the cursor past it all."""
        while self._past:
            await self._keep(*self._past[0])
            self._past.popleft()

    def _told(self, page: history.Page) -> Iterator[tuple[Event, str]]:
        """The events of a page, with their keys; not what we have said ourselves."""
        session, frame = self._session, self._frame()
        alike: Counter[str] = Counter()
        for item in page.news:
            line = item.opening if isinstance(item, Batch) else item
            key = self._keeper.key(item, alike)
            event = convert.event_of(item, frame, key)
            mine = session.account and line.tags.get("account") == session.account
            if event is None or mine or isinstance(event, Passing | ChatChanged):
                continue
            if not self._memory.record.was_ours(line.source.nick, session.support):
                yield replace(event, past=True) if isinstance(event, Message) else event, key

    async def _release(self, name: str) -> None:
        self._past.extend(self._held.pop(convert.chat_of(name, self._session.support), ()))
        await self._keep_past()

    async def _missed(self, name: str) -> None:
        """Say once that something may have been said that nobody here will read."""
        chat = convert.chat_of(name, self._session.support)
        since, now = self._absent.get(chat), datetime.now(UTC)
        if since is None or chat not in self.presence.known or (now - since).total_seconds() < notices.LEAST_ABSENCE:
            return
        await self._notice(name, notices.absence(since, now, self._host.zone), key=f"gap {chat} {history.dump(since)}")

    # Who is there, and what becomes of channels

    async def _changed(self, change: Change) -> None:
        session = self._session
        for told in await self.presence.changed(change):
            await self._notice(*told)
        if isinstance(change, Kicked | Left) and change.me:
            self._left[convert.chat_of(change.channel, session.support)] = datetime.now(UTC)
        if isinstance(change, Renicked) and not change.me:  # whoever is written to alone is so under one nick
            await self._notice(change.old.nick, notices.renicked(change.old.nick, change.new))
        if (joined := self.presence.just_joined(change)) is not None:
            await self._entered(joined)
        for event, key in self._memory.people.changed(change, session.support, datetime.now(UTC)):
            if await self._keeper.linked(event.chat):
                await self._keep(event, f"{self._keeper.number()} {key}")

    async def _entered(self, name: str) -> None:
        """We are in a channel: what its modes are, and what was said there before."""
        chat = convert.chat_of(name, self._session.support)
        self._host.log.info("irc.joined", channel=chat)
        before = None if chat in self._arrived else self._seen
        self._absent[chat] = self._left.pop(chat, before)
        self._arrived[chat] = self._clock
        cursor = await self._keeper.cursor(chat) if await self._keeper.linked(chat) else None
        for line in self._history.joined(name, cursor, time.monotonic()):
            self._session.put(line, target=chat)
        if cursor is None:
            await self._keeper.begin(chat, self._clock)
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
        if self._keeper.due:
            try:
                await self._keeper.write_down(but=self._held.keys())
            except NotReady as error:
                self._host.log.warning("irc.no_cursor", **harmless(error))

    async def _tell_splits(self, told: Sequence[object]) -> None:
        """A broken link between servers is one notice, however many were behind it; its end needs none."""
        for one in told:
            if isinstance(one, Parted):
                await self._notice(one.channel, notices.split(one.near, one.far, len(one.people)))

    async def _notice(self, channel: str, words: str, *, key: str = "") -> None:
        """Tell the rooms of a channel something that nobody said."""
        chat = convert.chat_of(channel, self._session.support)
        if not await self._keeper.linked(chat):
            return
        plain = self._t(words) if isinstance(words, Phrase) else words
        await self._tell(chat, channel, plain, key=key or self._keeper.number())

    async def _tell(self, chat: ChatId, name: str, plain: str, *, key: str) -> None:
        notice = Message(
            id=MessageId(f"notice {key}"),
            chat=chat,
            author=Author(person=PersonId(chat), name=name),
            at=datetime.now(UTC),
            text=Text(plain=plain),
            form=Form.NOTICE,
        )
        await self._keeper.keep(notice, f"{OUR_OWN}{key}")
