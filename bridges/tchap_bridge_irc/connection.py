"""What the core calls: one nick of ours on one network, which relays for everybody of the rooms.

In: every line is on the core's disk before the next is looked at; its msgid, or our own count where the server has
none, makes it one. Out: a message is there once the server has confirmed it (see `session`); when the connection breaks
in between nobody can know, the room is told so, and it is never sent again blindly.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tchap_bridge_irc import convert
from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.changes import Change, Joined, Kicked
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.flood import Priority
from tchap_bridge_irc.netsplit import Netsplits, Parted, Rejoined
from tchap_bridge_irc.session import Session, connected
from tchap_bridge_irc.splitting import room
from tchap_bridge_irc.wire import Line, Unsendable
from tchap_bridges.bridge import (
    Asker,
    Attachment,
    Chat,
    Connection,
    Deletes,
    Direction,
    Edits,
    Host,
    Limits,
    ListsMembers,
    NamesChats,
    Outgoing,
    OutgoingDeletion,
    OutgoingEdit,
    OutgoingReaction,
    Reacts,
    ShowsTyping,
)
from tchap_bridges.errors import Misconfigured, NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Author, Form, Message, Passing, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, MessageId, PersonId

_JOIN_SECONDS = 10.0
_CASEMAPPING = "casemapping"
"""In a link's options: by which one its chat was named."""


class IrcConnection(Connection, Edits, Deletes, Reacts, ShowsTyping, NamesChats, ListsMembers):
    """Nothing is repeatable: a line that may have been seen is not sent a second time."""

    limits = Limits(repeatable=False)

    def __init__(self, config: IrcConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._session: Session | None = None
        self._numbers = itertools.count(1)
        self._began = time.time_ns()  # no two runs of ours give one number twice

    # The session

    async def run(self) -> None:
        async with connected(self._config, self._host.log) as session:
            self._session = session
            splits = Netsplits(session.support)
            try:
                for linked in await self._host.chats():
                    if _unsure(session, linked.chat, linked.options):
                        await self._tell_unsure(linked.chat)
                    elif session.support.is_channel(linked.chat):
                        session.put(Line("JOIN", (linked.chat,)), target=linked.chat)
                self._host.up(session.me.nick)
                async for item in session.items():
                    await self._take(session, splits, item)
            finally:
                self._session = None

    async def _tell_unsure(self, chat: ChatId) -> None:
        why = _doubt(chat)
        await self._say(chat, chat, f"⚠ {why.reason}. {why.remedy}", key=f"casemapping {chat}")

    async def _take(self, session: Session, splits: Netsplits, item: Line | Batch) -> None:
        lines = tuple(item.lines()) if isinstance(item, Batch) and item.kind != "draft/multiline" else (item,)
        split = item.params[:2] if isinstance(item, Batch) and item.kind in {"netsplit", "netjoin"} else ()
        servers = (split[0], split[1]) if len(split) == 2 else None
        past = isinstance(item, Batch) and item.kind == "chathistory"  # says nothing of who is there now
        for line in lines:
            await self._hear(session, line)
            for change in session.channels.receive(line) if isinstance(line, Line) and not past else ():
                for passed in splits.take(change, time.monotonic(), servers):
                    await self._changed(session, passed)
        for told in splits.ended(time.monotonic()) if servers else splits.told(time.monotonic()):
            await self._split(session, told)

    async def _hear(self, session: Session, item: Line | Batch) -> None:
        frame = convert.Frame(me=session.me.nick, support=session.support, now=datetime.now(UTC))
        tags = item.opening.tags if isinstance(item, Batch) else item.tags
        key = tags.get("msgid") or f"{self._began}-{next(self._numbers)}"
        event = convert.event_of(item, frame, key)
        if event is None:
            return
        if isinstance(event, Passing):
            await self._host.receive(event, key="")
        elif (linked := await self._host.linked(event.chat)) is not None:
            if not _unsure(session, event.chat, linked.options):
                await self._host.receive(event, key=f"{type(event).__name__} {key}")
        elif isinstance(event, Message) and not session.support.is_channel(event.chat) and event.form is Form.TEXT:
            self._say_who_we_are(session, event.author.name)

    def _say_who_we_are(self, session: Session, nick: str) -> None:
        """Somebody wrote to us alone, and no room is there to read it: never silence."""
        words = "Je suis un pont : ce message n'est lu par personne. / I am a bridge: nobody reads this."
        session.put(Line("NOTICE", (nick, words)), target=nick, priority=Priority.LATE)

    async def _changed(self, session: Session, change: Change) -> None:
        if isinstance(change, Kicked) and change.me and await self._host.linked(self._chat(session, change.channel)):
            reason = _("{by} a exclu le pont de {chat}", by=change.by.nick, chat=change.channel)
            await self._notice(session, change.channel, f"⚠ {reason}")
            session.put(Line("JOIN", (change.channel,)), target=change.channel, priority=Priority.LATE)
        elif isinstance(change, Joined) and change.me:
            self._host.log.info("irc.joined", channel=change.channel)

    async def _split(self, session: Session, told: Parted | Rejoined) -> None:
        """A broken link between servers is one notice, however many were behind it; its end needs none."""
        if isinstance(told, Parted):
            await self._notice(
                session,
                told.channel,
                f"⚡ {told.near} ↔ {told.far} : {len(told.people)} hors de portée / out of reach",
            )

    async def _notice(self, session: Session, channel: str, words: str) -> None:
        chat = self._chat(session, channel)
        if await self._host.linked(chat) is None:
            return
        await self._say(chat, channel, words, key=f"{self._began}-{next(self._numbers)}")

    async def _say(self, chat: ChatId, name: str, words: str, *, key: str) -> None:
        author = Author(person=PersonId(chat), name=name)
        message = Message(
            id=MessageId(key), chat=chat, author=author, at=datetime.now(UTC), text=Text(plain=words), form=Form.NOTICE
        )
        await self._host.receive(message, key=f"notice {key}")

    @staticmethod
    def _chat(session: Session, name: str) -> ChatId:
        return convert.chat_of(name, session.support)

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise NotReady(_("la connexion au réseau n'est pas établie"))
        return self._session

    def _sure(self, what: Outgoing | OutgoingEdit | OutgoingDeletion | OutgoingReaction) -> Session:
        """The session, where the chat is still the one that the room was linked to."""
        session = self._live
        if _unsure(session, what.chat, what.options):
            raise _doubt(what.chat)
        return session

    # Messages

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        session = self._sure(message)
        notes = [await self._note(message, n, file) for n, file in enumerate(message.files)]
        formatted = "c" not in session.channels.modes(message.chat)
        lines, whole = convert.lines_of(
            message, self._room(session, message.chat), most=self._config.lines, formatted=formatted, notes=notes
        )
        if not whole:
            lines[-1] = await self._rest(message, lines[-1], self._room(session, message.chat))
        tags = {"+draft/reply": message.reply_to} if message.reply_to and session.has("message-tags") else {}
        ids: list[MessageId] = []
        for n, text in enumerate(lines):
            line = Line("PRIVMSG", (message.chat, text), tags=tags if n == 0 else {})
            heard = await session.ask([line], message.chat)
            ids.extend(MessageId(one.tags["msgid"]) for one in heard if "msgid" in one.tags)
        return ids

    async def _note(self, message: Outgoing, n: int, file: Attachment) -> str:
        """IRC has no files: where one lies, or why it cannot be had."""
        try:
            return f"📎 {file.name} : {await file.link()}"
        except Undeliverable as why:
            await message.leave_out(n, why)
            return f"📎 {file.name}"

    @staticmethod
    async def _rest(message: Outgoing, last: str, size: int) -> str:
        """The last line of a text that is too long: where all of it is, or that there was more."""
        try:
            return f"{convert.said_by(message)} … {await message.link_to_text()}".strip()
        except Undeliverable:  # the operator has given no public address
            return _cut(f"{last} …", size)

    def _room(self, session: Session, chat: str) -> int:
        try:
            return room(session.me, chat, limit=session.support.linelen)
        except Unsendable as error:
            raise Undeliverable(_("le nom de ce salon est trop long")) from error

    async def edit(self, edit: OutgoingEdit) -> None:
        session = self._sure(edit)
        text = _cut(convert.correction(edit), self._room(session, edit.chat))
        await session.ask([Line("PRIVMSG", (edit.chat, text))], edit.chat)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        session = self._sure(deletion)
        if not session.has("draft/message-redaction"):
            raise Unsupported(
                "Deletes",
                _("ce qui est parti ne peut plus y être supprimé"),
                remedy=_("Prévenez les personnes du canal si c'est nécessaire."),
            )
        for target in dict.fromkeys((deletion.target, *deletion.parts)):
            await session.ask([Line("REDACT", (deletion.chat, target))], deletion.chat)

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        session = self._sure(reaction)
        if not session.has("message-tags"):
            return None  # a line for each 👍 would be worse than none
        name = "+draft/unreact" if reaction.removed else "+draft/react"
        tags = {"+draft/reply": reaction.target, name: reaction.symbol}
        heard = await session.ask([Line("TAGMSG", (reaction.chat,), tags=tags)], reaction.chat)
        return next((MessageId(line.tags["msgid"]) for line in heard if "msgid" in line.tags), None)

    async def typing(self, chat: ChatId, author: Author, *, active: bool) -> None:
        del author  # one nick of ours types for everybody
        session = self._session
        if session is not None and session.has("message-tags"):
            tags = {"+typing": "active" if active else "done"}
            session.put(Line("TAGMSG", (chat,), tags=tags), target=chat, priority=Priority.LATE)

    # Chats

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        """``!pont irc #canal``, or a nick: then what is said in the room goes to that person."""
        del options, asker
        session = self._live
        name = argument.strip()
        channel = session.support.is_channel(name)
        if not (session.support.valid_channel(name) if channel else session.support.valid_nick(name)):
            raise Misconfigured(
                _("« {name} » n'est ni un canal ni un pseudo de ce réseau", name=name[:100]),
                remedy=_("Exemple : !pont irc #general"),
            )
        if channel and name not in session.channels:
            await self._join(session, name)
        return Chat(
            id=convert.chat_of(name, session.support),
            name=name,
            destination=self._config.destination,
            direction=Direction.BOTH,
            options={_CASEMAPPING: session.support.casemapping},
        )

    async def _join(self, session: Session, name: str) -> None:
        try:
            await session.ask([Line("JOIN", (name,))], name)
        except Undeliverable as error:
            raise Misconfigured(
                error.reason, remedy=_("Invitez le pont sur ce canal, ou choisissez-en un autre.")
            ) from error

    async def members(self, chat: ChatId) -> Sequence[Author]:
        session = self._live
        return [
            convert.author_of(member.who, session.support)
            for member in session.channels.members(chat)
            if not session.support.same(member.who.nick, session.me.nick)
        ]


def _unsure(session: Session, chat: ChatId, options: Mapping[str, str]) -> bool:
    """Whether the network compares names in another way than when the chat was named, and it matters for this one."""
    return session.support.unsure(chat, options.get(_CASEMAPPING, session.support.casemapping))


def _doubt(chat: ChatId) -> Undeliverable:
    return Undeliverable(
        _("le réseau a changé sa façon de comparer les noms : {chat} y est peut-être un autre", chat=chat),
        remedy=_("Retirez ce lien et reliez de nouveau."),
    )


def _cut(text: str, size: int) -> str:
    data = text.encode()
    return text if len(data) <= size else data[: size - 4].decode(errors="ignore") + " …"
