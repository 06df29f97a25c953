"""Our own being in channels: going in, being put out or not let in, and coming back with patience.

A channel is entered because a room is linked to it or because a command has just named it; where neither is so any
more, it is left. Every refusal is told to the rooms once, in words that say what mends it.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tchap_bridge_irc import notices
from tchap_bridge_irc.changes import Change, ChannelRenamed, Joined, Kicked, Left, Renicked
from tchap_bridge_irc.flood import Priority
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.refusals import FORWARDED, not_joined
from tchap_bridge_irc.sameness import unsure
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.wire import LINE_BYTES, Line
from tchap_bridges.bridge import Host
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import ChatId

BACK_OFF = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds until we try to get back in, the last of them for ever."""
FORGIVEN = 1800.0
"""Seconds in a channel after which being put out is the first time again."""
JOIN_SECONDS = 10.0
"""How long a message waits for our joining."""
UNLINKED_SECONDS = 300.0
"""How long a channel that no room is linked to is stayed in: a command may be about to link it."""
NICK_SECONDS = 60.0
"""How often our own nick is asked for again where somebody had it."""

_AT_ONCE = 10
"""Channels in one JOIN where the server does not say how many."""
_JOINS = " joining"
"""The turn of JOINs in the queue: beside that of PONGs."""


@dataclass(slots=True)
class Record:
    """What is remembered of channels from one session to the next."""

    tries: dict[ChatId, int] = field(default_factory=dict)
    told: dict[ChatId, str] = field(default_factory=dict)  # the numeric that the rooms know of
    nicks: dict[str, None] = field(default_factory=dict)  # the nicks that were ours in earlier sessions

    def was_ours(self, nick: str, support: Isupport) -> bool:
        """Whether a nick was ours before, while it was another one."""
        return any(support.same(nick, one) for one in self.nicks)


class Presence:
    """In which channels we are and want to be, in one session."""

    def __init__(self, session: Session, host: Host, record: Record) -> None:
        self._session = session
        self._host = host
        self._record = record
        self.known: set[ChatId] = set()
        """Channels that were linked when we were last here."""
        self._wanted: set[ChatId] = set()
        self._since: dict[ChatId, float] = {}
        self._settled: set[ChatId] = set()
        self._due: dict[ChatId, tuple[float, str]] = {}  # when to try again, and how it is spelt
        self._why: dict[ChatId, Phrase] = {}
        self._refused: dict[ChatId, Phrase] = {}  # what mends it, where the server does not let us in
        self._entered = asyncio.Condition()
        self._nick_at = time.monotonic()

    async def enter(self) -> Sequence[ChatId]:
        """Go into every linked channel, several in a line; before anything that is said there.

        Returns chats that may mean others than they did, which are not entered.
        """
        session = self._session
        linked = await self._host.chats()
        doubtful = [one.chat for one in linked if unsure(session.support, one.chat, one.options)]
        names = [one.chat for one in linked if session.support.is_channel(one.chat) and one.chat not in doubtful]
        self._wanted.update(names)
        for some in _groups(names, session.support.targmax.get("JOIN", _AT_ONCE)):
            session.put(Line("JOIN", (",".join(some),)), target=_JOINS, priority=Priority.URGENT)
        return doubtful

    def want(self, name: str) -> None:
        """A command is about to go in."""
        self._wanted.add(self._chat(name))

    def unwanted(self, name: str) -> None:
        """It came to nothing."""
        self._wanted.discard(self._chat(name))

    async def be_in(self, chat: ChatId) -> None:
        """Return once we are in a channel.

        Raises `NotReady` while we are about to come back, `Undeliverable` with the remedy when we are not let in: what
        is said then is for those who are there, and nobody wants to read it hours later.
        """
        session = self._session
        if chat not in session.channels and chat not in self._why:
            try:
                async with asyncio.timeout(JOIN_SECONDS), self._entered:
                    await self._entered.wait_for(lambda: chat in session.channels or chat in self._why)
            except TimeoutError:
                self._try(chat, chat)
        if chat in session.channels:
            return
        why = self._why.get(chat) or _("le pont n'est pas encore sur {channel}", channel=chat)
        if chat in self._refused:
            raise Undeliverable(why, remedy=self._refused[chat])
        raise NotReady(why, retry_after=max(1.0, min(self._left(chat) + 1.0, 60.0)))

    def fresh(self, chat: ChatId) -> bool:
        """Whether the server may still be telling what it tells at a joining."""
        return chat not in self._settled

    def superfluous(self, chat: ChatId) -> None:
        """Something was said in a channel that no room is linked to."""
        since = self._since.get(chat)
        if since is not None and time.monotonic() - since > UNLINKED_SECONDS:
            self._wanted.discard(chat)
            self._since.pop(chat, None)
            self._session.put(Line("PART", (chat,)), target=chat, priority=Priority.LATE)

    # What happens

    @staticmethod
    def just_joined(change: Change) -> str | None:
        """The channel that this took us into."""
        return change.channel if isinstance(change, Joined) and change.me else None

    async def changed(self, change: Change) -> Sequence[tuple[str, Phrase]]:
        """What the rooms of which channel are to be told of a change."""
        match change:
            case Joined(me=True):
                await self._joined(change.channel)
            case Kicked(me=True):
                delay = self._again(change.channel)
                words = notices.kicked(change.channel, change.by.nick, change.reason, delay)
                self._why[self._chat(change.channel)] = _(
                    "{by} a exclu le pont de {channel}", by=change.by.nick, channel=change.channel
                )
                return [(change.channel, words)]
            case Left(me=True) if self._chat(change.channel) in self._wanted:
                self._again(change.channel)
            case ChannelRenamed():
                return [(change.old, notices.renamed(change.old, change.new))]
            case Renicked(me=True):
                self._record.nicks[change.old.nick] = None
            case _other:
                pass
        return []

    async def refused(self, line: Line) -> Sequence[Phrase]:
        """A JOIN that was refused; the words for the rooms, unless they have read them."""
        chat = self._chat(line.param(1))
        reason, remedy, again = not_joined(line)
        self._why[chat], self._refused[chat] = reason, remedy
        if chat in self._wanted and again:
            self._again(line.param(1))
        if line.command == FORWARDED:
            self._wanted.discard(self._chat(line.param(2)))
        async with self._entered:
            self._entered.notify_all()
        if self._record.told.get(chat) == line.command:
            return []
        self._record.told[chat] = line.command
        return [notices.told(reason, remedy)]

    async def invited(self, name: str) -> None:
        """Somebody lets us in: at once, where a room waits for it; anywhere else nobody asked."""
        chat = self._chat(name)
        if chat not in self._session.channels and await self._host.linked(chat) is not None:
            self._wanted.add(chat)
            self._due.pop(chat, None)
            self._try(chat, name)

    async def tick(self, now: float) -> None:
        """Try again where the time has come."""
        for chat, (due, name) in list(self._due.items()):
            if due <= now:
                del self._due[chat]
                if chat not in self._session.channels and await self._host.linked(chat) is not None:
                    self._try(chat, name)
        mine, wanted = self._session.me.nick, self._session.nick_wanted
        if now - self._nick_at > NICK_SECONDS and not self._session.support.same(mine, wanted):
            self._nick_at = now
            self._session.put(Line("NICK", (wanted,)), priority=Priority.LATE)

    def settled(self, name: str) -> None:
        """The server has told all that it tells at a joining."""
        self._settled.add(self._chat(name))

    # Details

    async def _joined(self, name: str) -> None:
        chat = self._chat(name)
        if chat not in self._wanted and await self._host.linked(chat) is None:
            self._session.put(Line("PART", (name,)), target=chat)  # the server has forwarded us, or somebody forces us
            return
        self._since[chat] = time.monotonic()
        self._settled.discard(chat)
        self._due.pop(chat, None)
        self._why.pop(chat, None)
        self._refused.pop(chat, None)
        self._record.told.pop(chat, None)
        async with self._entered:
            self._entered.notify_all()

    def _again(self, name: str) -> float:
        """Plan to go in again; returns in how many seconds."""
        chat, now = self._chat(name), time.monotonic()
        since = self._since.pop(chat, None)
        if since is not None and now - since > FORGIVEN:
            self._record.tries.pop(chat, None)
        n = self._record.tries.get(chat, 0)
        self._record.tries[chat] = n + 1
        delay = BACK_OFF[min(n, len(BACK_OFF) - 1)]
        self._due[chat] = now + delay, name
        return delay

    def _try(self, chat: ChatId, name: str) -> None:
        self._session.put(Line("JOIN", (name,)), target=chat)

    def _left(self, chat: ChatId) -> float:
        due = self._due.get(chat)
        return due[0] - time.monotonic() if due else 0.0

    def _chat(self, name: str) -> ChatId:
        return ChatId(self._session.support.fold(name))


def _groups(names: Sequence[ChatId], most: int | None) -> Iterator[list[ChatId]]:
    """As many channels in a line as fit, and as the server takes at once (None: any number)."""
    some: list[ChatId] = []
    size = 0
    for name in names:
        width = len(name.encode()) + 1
        if some and (size + width > LINE_BYTES - 20 or (most is not None and len(some) >= max(most, 1))):
            yield some
            some, size = [], 0
        some.append(name)
        size += width
    if some:
        yield some
