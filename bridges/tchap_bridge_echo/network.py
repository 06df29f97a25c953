"""The Echo network itself, without its line: channels, people, posts, and who is still to be told what.

``network.person("alice").say("#general", "salut")`` plays a user; ``network.channel("#general").messages`` is what a
user sees. `server` puts it on a socket. It is the other side of the bridge: nothing here is part of one.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from tchap_bridge_echo import wire
from tchap_bridges.events import Form

T = TypeVar("T")


class NoSuchThing(LookupError):
    """The network has no channel, message, reaction or file of that id."""


class NotAllowed(PermissionError):
    """The network forbids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file. ``data`` is whole: this is a toy."""

    id: str
    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message as a user of the network sees it now. ``nick`` is the account, ``name`` what is shown."""

    id: str
    chat: str
    nick: str
    name: str
    text: str
    at: datetime
    thread: str = ""
    reply_to: str = ""
    form: Form = Form.TEXT
    files: tuple[Stored, ...] = ()
    reactions: tuple[tuple[str, str], ...] = ()  # (name, symbol)
    edited: bool = False


@dataclass(slots=True)
class Channel:
    """Its messages in order, edits applied and withdrawn ones gone. ``writing``: the names of those who write now."""

    id: str
    posts: dict[str, Posted] = field(default_factory=dict)
    topic: str = ""
    writing: set[str] = field(default_factory=set)

    @property
    def messages(self) -> Sequence[Posted]:
        return tuple(self.posts.values())


class Listener(Protocol):
    """A session that is told at once."""

    def tell(self, frame: wire.Frame) -> None: ...


@dataclass(slots=True)
class Account:
    """What the network remembers of a client between two sessions."""

    nick: str
    joined: set[str] = field(default_factory=set)
    waiting: dict[str, wire.News] = field(default_factory=dict)  # told, or to be told, and not yet acknowledged
    session: Listener | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A reaction and where it is set."""

    id: str
    message: str
    nick: str
    name: str
    symbol: str


class Network:
    """The whole state, in memory. Everything is done at once; ``await network.until(…)`` waits for a change."""

    def __init__(self, name: str = "Écho", channels: Sequence[str] = ("#general",)) -> None:
        self.name = name
        self.channels = {id_: Channel(id_) for id_ in channels}
        self.accounts: dict[str, Account] = {}
        self._files: dict[str, Stored] = {}
        self._reactions: dict[str, Reaction] = {}
        self._made: dict[str, str] = {}  # what a request's key has made already
        self._numbers = itertools.count(1)
        self._change = asyncio.Event()

    # Looking

    def channel(self, id_: str) -> Channel:
        """Raises `NoSuchThing`. ``#General`` is ``#general``."""
        found = self.channels.get(id_.casefold())
        if found is None:
            raise NoSuchThing(id_)
        return found

    def person(self, nick: str, name: str = "") -> "Person":
        """A user, known from now on."""
        return Person(self, nick, name or nick.capitalize())

    def account(self, nick: str) -> Account:
        return self.accounts.setdefault(nick, Account(nick))

    def post(self, message: str) -> Posted:
        """Raises `NoSuchThing`."""
        for channel in self.channels.values():
            if message in channel.posts:
                return channel.posts[message]
        raise NoSuchThing(message)

    def file(self, id_: str) -> Stored:
        """Raises `NoSuchThing`."""
        if id_ not in self._files:
            raise NoSuchThing(id_)
        return self._files[id_]

    async def until(self, true: Callable[[], T], *, seconds: float = 5) -> T:
        """Wait until ``true()`` is, and return it. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not (result := true()):
                self._change.clear()
                await self._change.wait()
        return result

    # Doing, in anybody's name

    def say(
        self,
        nick: str,
        name: str,
        chat: str,
        text: str,
        *,
        key: str = "",
        thread: str = "",
        reply_to: str = "",
        form: Form = Form.TEXT,
        files: Sequence[str] = (),
    ) -> str:
        """Post; returns the message's id. The same key again posts nothing and returns the first one's."""
        channel = self.channel(chat)
        if len(text.encode(errors="replace")) > wire.TEXT_BYTES:
            raise NotAllowed("the text is too long")
        if key in self._made:
            return self._made[key]
        post = Posted(
            id=self._new("m", key),
            chat=channel.id,
            nick=nick,
            name=name,
            text=text,
            at=datetime.now(UTC),
            thread=thread,
            reply_to=reply_to,
            form=form,
            files=tuple(self.file(id_) for id_ in files),
        )
        channel.posts[post.id] = post
        channel.writing.discard(name)
        said = wire.Said(
            **self._stamp(channel.id, nick, name),
            message=post.id,
            text=text,
            thread=thread,
            reply_to=reply_to,
            form=form,
            files=tuple(wire.Attached(file=f.id, name=f.name, mime=f.mime, size=len(f.data)) for f in post.files),
        )
        self._publish(said)
        return post.id

    def reword(self, nick: str, message: str, text: str) -> None:
        post = self._own(nick, message)
        self._put(replace(post, text=text, edited=True))
        self._publish(wire.Reworded(**self._stamp(post.chat, nick, post.name), message=message, text=text))

    def withdraw(self, nick: str, message: str) -> None:
        post = self._own(nick, message)
        del self.channels[post.chat].posts[message]
        self._publish(wire.Withdrawn(**self._stamp(post.chat, nick, post.name), message=message))

    def react(self, nick: str, name: str, message: str, symbol: str, *, key: str = "") -> str:
        """Returns the reaction's id."""
        if key in self._made:
            return self._made[key]
        post = self.post(message)
        reaction = Reaction(id=self._new("r", key), message=message, nick=nick, name=name, symbol=symbol)
        self._reactions[reaction.id] = reaction
        self._put(replace(post, reactions=(*post.reactions, (name, symbol))))
        self._tell_reaction(post, reaction, removed=False)
        return reaction.id

    def unreact(self, nick: str, reaction: str) -> None:
        found = self._reactions.get(reaction)
        if found is None:
            raise NoSuchThing(reaction)
        if found.nick != nick:
            raise NotAllowed("that is somebody else's reaction")
        del self._reactions[reaction]
        post = self.post(found.message)
        kept = list(post.reactions)
        kept.remove((found.name, found.symbol))
        self._put(replace(post, reactions=tuple(kept)))
        self._tell_reaction(post, found, removed=True)

    def _tell_reaction(self, post: Posted, reaction: Reaction, *, removed: bool) -> None:
        stamp = self._stamp(post.chat, reaction.nick, reaction.name)
        self._publish(
            wire.Reacted(**stamp, message=post.id, reaction=reaction.id, symbol=reaction.symbol, removed=removed)
        )

    def write(self, nick: str, name: str, chat: str, *, active: bool) -> None:
        """Show, or no longer show, that somebody writes."""
        channel = self.channel(chat)
        (channel.writing.add if active else channel.writing.discard)(name)
        for account in self.accounts.values():
            if account.nick != nick and channel.id in account.joined and account.session is not None:
                account.session.tell(wire.Typed(chat=channel.id, nick=nick, name=name, active=active))
        self._change.set()

    def rename(self, nick: str, name: str, chat: str, topic: str) -> None:
        channel = self.channel(chat)
        channel.topic = topic
        self._publish(wire.Renamed(**self._stamp(channel.id, nick, name), topic=topic))

    def upload(self, key: str, name: str, mime: str, offset: int, data: bytes) -> str:
        """Add bytes to a file; returns its id, the same for the same key."""
        id_ = self._made.get(key) or self._new("f", key)
        before = self._files[id_].data if offset and id_ in self._files else b""
        if offset != len(before):
            raise NotAllowed("the pieces of a file come in order")
        if offset + len(data) > wire.FILE_BYTES:
            raise NotAllowed("the file is too large")
        self._files[id_] = Stored(id=id_, name=name, mime=mime, data=before + data)
        return id_

    def _new(self, letter: str, key: str) -> str:
        id_ = f"{letter}{next(self._numbers)}"
        if key:
            self._made[key] = id_
        return id_

    def _own(self, nick: str, message: str) -> Posted:
        post = self.post(message)
        if post.nick != nick:
            raise NotAllowed("that is somebody else's message")
        return post

    def _put(self, post: Posted) -> None:
        self.channels[post.chat].posts[post.id] = post

    def _stamp(self, chat: str, nick: str, name: str) -> dict[str, Any]:
        return {"event": self._new("e", ""), "at": datetime.now(UTC), "chat": chat, "nick": nick, "name": name}

    def _publish(self, news: wire.News) -> None:
        """Tell everybody in the channel; of our own doing we are told the messages only."""
        for account in self.accounts.values():
            told = news
            if account.nick == news.nick:
                if not isinstance(news, wire.Said):
                    continue
                told = news.model_copy(update={"mine": True})
            if news.chat in account.joined:
                account.waiting[news.event] = told
                if account.session is not None:
                    account.session.tell(told)
        self._change.set()

    def changed(self) -> None:
        """Wake those who wait in `until`."""
        self._change.set()


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the network, as a test or the prompt plays them."""

    network: Network
    nick: str
    name: str

    def say(
        self,
        chat: str,
        text: str,
        *,
        thread: str = "",
        reply_to: str = "",
        form: Form = Form.TEXT,
        files: Sequence[tuple[str, str, bytes]] = (),
    ) -> str:
        """Post a message with files (name, mime, bytes); returns its id."""
        ids = [self.network.upload("", name, mime, 0, data) for name, mime, data in files]
        return self.network.say(
            self.nick, self.name, chat, text, thread=thread, reply_to=reply_to, form=form, files=ids
        )

    def edit(self, message: str, text: str) -> None:
        self.network.reword(self.nick, message, text)

    def delete(self, message: str) -> None:
        self.network.withdraw(self.nick, message)

    def react(self, message: str, symbol: str) -> str:
        return self.network.react(self.nick, self.name, message, symbol)

    def unreact(self, reaction: str) -> None:
        self.network.unreact(self.nick, reaction)

    def types(self, chat: str, *, active: bool = True) -> None:
        self.network.write(self.nick, self.name, chat, active=active)

    def rename(self, chat: str, topic: str) -> None:
        self.network.rename(self.nick, self.name, chat, topic)
