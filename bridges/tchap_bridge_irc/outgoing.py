"""What leaves for the network: one nick of ours, or names that the server lends us, say what people of the rooms said.

Whole messages of several lines where the server keeps them together, else line by line, each confirmed before the next.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TypeVar

from tchap_bridge_irc import convert, multiline, relaying
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.confirmed import Confirmed, Post, cut_short
from tchap_bridge_irc.flood import Priority
from tchap_bridge_irc.refusals import Refused
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.splitting import LEAST_ROOM, Piece, room
from tchap_bridge_irc.wire import Line, Unsendable
from tchap_bridges.errors import NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Form
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.outgoing import Attachment, Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction, Steps

REMEMBERED = 5000
"""Names lent to us, so that what was said under them is known for our own; and lines that told of edits."""
TYPING_SECONDS = 3.0
"""How often it is said of one chat that somebody writes (IRCv3 typing)."""
_LONGEST_ID = 500
_T = TypeVar("_T")


class Voice:
    """How we speak in one session."""

    def __init__(self, session: Session, config: IrcConfig) -> None:
        self._session = session
        self._config = config
        self._t = Translator(config.language)
        self._began = time.time_ns()  # no two sessions of ours give one number twice
        self._numbers = itertools.count(1)
        self._no_relay: set[str] = set()  # channels and nicks for which the server has refused it
        self._may_type: dict[ChatId, float] = {}
        self._may_type_at_all = 0.0
        self._types: set[ChatId] = set()
        self.lent: dict[str, None] = {}
        """Folded names under which we have spoken, the last at the end."""
        self.corrections: dict[str, MessageId] = {}
        """Ids of lines that told of an edit, and what it changed, the last at the end."""

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        """Every id under which it is seen; where the network has none, one of ours, good for a later edit."""
        notes = [await self._note(message, n, file) for n, file in enumerate(message.files)]
        words = convert.words_of(message, self._t, formatted=self._coloured(message.chat), notes=notes)
        if not words:
            return ()
        tags = self._answers(message.reply_to)
        if (name := self._borrowed(message)) is not None:
            ids = await self._relayed(message, words, name, tags)
            if ids is not None:
                return ids
        most, space = self._config.lines, self._room(message.chat)
        action = message.form is Form.EMOTE and message.author is None
        if self._session.has(multiline.CAP, "batch") and not action and message.form is not Form.EMOTE:
            packed = await self._packed(message, words, space)
            if packed is not None:
                return await self._sent(self._batches(message.chat, packed, tags), message.chat, message.steps)
        head = convert.said_by(message)
        lines, whole = convert.laid_out(head, words, space, most=most, action=action)
        if not whole:
            lines[-1] = await self._rest(head, lines[-1], space, message)
        return await self._sent(_posts(message.chat, lines, tags), message.chat, message.steps)

    async def edit(self, edit: OutgoingEdit) -> None:
        """What has changed, as people write it; nothing is said when nothing has."""
        words = convert.correction(edit, self._t)
        if not words:
            return
        head, space = f"<{convert.relayed_name(edit)}>" if edit.author else "", self._room(edit.chat)
        lines, whole = convert.laid_out(head, words, space, most=self._config.lines)
        if not whole:
            lines[-1] = await self._rest(head, lines[-1], space, edit)
        for id_ in await self._sent(_posts(edit.chat, lines, self._answers(edit.target)), edit.chat, None):
            if not id_.startswith(convert.SYNTHETIC):
                _remember(self.corrections, id_, edit.target)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        session = self._session
        if not session.has("draft/message-redaction"):
            raise Unsupported(
                "Deletes",
                _("ce qui est parti ne peut plus y être supprimé"),
                remedy=_("Prévenez les personnes du canal si c'est nécessaire."),
            )
        for target in dict.fromkeys((deletion.target, *deletion.parts)):
            if not target.startswith(convert.SYNTHETIC):
                await session.ask([Line("REDACT", (deletion.chat, target))], deletion.chat)

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        """A tag, where there are tags: a line for each 👍 would be worse than none."""
        session = self._session
        about = self._answers(reaction.target)
        if not about:
            return None
        name = "+draft/unreact" if reaction.removed else "+draft/react"
        tags = {**about, name: convert.symbol_of(reaction.symbol)}
        heard = await session.ask([Line("TAGMSG", (reaction.chat,), tags=tags)], reaction.chat)
        return next((MessageId(line.tags["msgid"]) for line in heard if "msgid" in line.tags), None)

    def typing(self, chat: ChatId, *, active: bool) -> None:
        """One nick of ours types for everybody; seldom enough for the words, which leave by the same door.

        That it has ended is said of what was told to have begun, and of nothing else.
        """
        if not self._session.has("message-tags") or not (self._begins(chat) if active else self._ends(chat)):
            return
        tags = {"+typing": "active" if active else "done"}
        self._session.put(Line("TAGMSG", (chat,), tags=tags), target=chat, priority=Priority.LATE)

    def _begins(self, chat: ChatId) -> bool:
        now = time.monotonic()
        if now < max(self._may_type.get(chat, now), self._may_type_at_all):
            return False
        self._may_type[chat] = now + TYPING_SECONDS
        self._may_type_at_all = now + 2 * self._config.flood.seconds
        self._types.add(chat)
        return True

    def _ends(self, chat: ChatId) -> bool:
        if chat not in self._types:
            return False
        self._types.discard(chat)
        return True

    # Ways to say it

    async def _sent(self, posts: Sequence[Post], chat: str, steps: Steps | None) -> list[MessageId]:
        """One after the other, those that an earlier attempt left unsaid. Returns the ids of all."""
        confirmed = Confirmed(steps, posts)
        await confirmed.begin()
        ids: list[MessageId] = []
        for n, post in enumerate(posts):
            if (there := confirmed.id(n)) is None:
                try:
                    heard = await self._session.ask(post, chat)
                except NotReady:
                    if n and steps is None:
                        raise cut_short() from None
                    raise
                there = self._id(heard)
                await confirmed.done(n, there)
            ids.append(there)
        return [one for one in ids if not one.startswith(convert.SYNTHETIC)] or ids[:1]

    async def _packed(self, message: Outgoing, words: Sequence[str], space: int) -> list[list[Piece]] | None:
        """The batches of a message that has several lines or one that is too long; None when one line holds it.

        And None when a line of it would pass for somebody else's: who cannot see batches sees each by itself.
        """
        session, most = self._session, self._config.lines
        allowed = multiline.Allowance(
            bytes=max(session.option(multiline.CAP, "max-bytes") or 4096, LEAST_ROOM),
            lines=max(session.option(multiline.CAP, "max-lines") or multiline.MOST_LINES, 1),
        )
        head = convert.said_by(message)
        packs = multiline.packs([f"{head} {words[0]}" if head else words[0], *words[1:]], space, allowed)
        pieces = [piece for pack in packs for piece in pack]
        if len(pieces) <= 1 or any(convert.looks_said(piece.text) for piece in pieces[1:]):
            return None
        if len(pieces) > most:
            kept = [piece.text for piece in pieces[:most]]
            kept[-1] = await self._rest("", kept[-1], space, message)
            packs = multiline.packs(kept, space, allowed)
        return packs

    def _batches(self, chat: str, packs: Sequence[Sequence[Piece]], tags: Mapping[str, str]) -> list[Post]:
        posts: list[Post] = []
        for pack in packs:
            if len(pack) == 1:
                posts.append([Line("PRIVMSG", (chat, pack[0].text), tags=tags)])
            else:
                posts.append(list(multiline.batch(pack, chat, f"m{next(self._numbers)}", tags)))
            tags = {}
        return posts

    def _borrowed(self, message: Outgoing) -> str | None:
        """The name under which it may be said as its author's own."""
        session = self._session
        cap = next((cap for cap in relaying.CAPS if session.has(cap)), None)
        if cap is None or message.author is None or not session.support.is_channel(message.chat):
            return None
        longest = min(session.support.nicklen, 60)
        by = relaying.separator(session.value(cap))
        name = relaying.nick(convert.name_of(message.author), message.network, by=by, longest=longest)
        if name is None or {message.chat, session.support.fold(name)} & self._no_relay:
            return None
        return name

    async def _relayed(
        self, message: Outgoing, words: Sequence[str], name: str, tags: Mapping[str, str]
    ) -> list[MessageId] | None:
        """Under the author's own name; None when the server refuses that, and nothing has been shown."""
        session, chat = self._session, message.chat
        space = min(self._room(chat, seen_as=name), self._room(chat) - len(name) - 1)
        if space < LEAST_ROOM:
            return None
        head, action = convert.said_by(message, named=False), message.form is Form.EMOTE
        lines, whole = convert.laid_out("" if action else head, words, space, most=self._config.lines, action=action)
        if not whole:
            lines[-1] = await self._rest(head, lines[-1], space, message)
        _remember(self.lent, session.support.fold(name), None)
        posts = [[Line("RELAYMSG", (chat, name, text), tags=tags if n == 0 else {})] for n, text in enumerate(lines)]
        try:
            return await self._sent(posts, chat, message.steps)
        except Refused as why:
            if message.steps.get("event.0") is not None:
                raise
            self._no_relay.add(chat if why.code == "PRIVS_NEEDED" else session.support.fold(name))
            return None

    # Details

    def _id(self, heard: Sequence[Line]) -> MessageId:
        """The network's id, on the first line that bears one; else one of ours."""
        found = next((line.tags["msgid"] for line in heard if "msgid" in line.tags), None)
        return MessageId(found or f"{convert.SYNTHETIC}{self._began}-{next(self._numbers)}")

    def _answers(self, target: MessageId | None) -> dict[str, str]:
        """The tags that name what is answered: the one of today and the draft's, for both are read."""
        if not target or target.startswith(convert.SYNTHETIC) or not self._session.has("message-tags"):
            return {}
        if "\0" in target or len(target.encode(errors="replace")) > _LONGEST_ID:
            return {}
        return {"+reply": target, "+draft/reply": target}

    def _coloured(self, chat: str) -> bool:
        return "c" not in self._session.channels.modes(chat)

    def _room(self, chat: str, *, seen_as: str = "") -> int:
        me, support = self._session.me, self._session.support
        try:
            return room(convert.renamed(me, seen_as) if seen_as else me, chat, limit=support.linelen)
        except Unsendable as error:
            raise Undeliverable(
                _("le nom de ce salon est trop long pour IRC"), remedy=_("Reliez un canal dont le nom est plus court.")
            ) from error

    async def _note(self, message: Outgoing, n: int, file: Attachment) -> str:
        """IRC has no files: where one lies, or why it cannot be had."""
        name = convert.one_line(file.name)
        try:
            return f"📎 {name} : {await file.link()}"
        except Undeliverable as why:
            await message.leave_out(n, why)
            return f"📎 {name}"

    @staticmethod
    async def _rest(head: str, last: str, size: int, what: Outgoing | OutgoingEdit) -> str:
        """The last line of a text that is too long: where all of it is, or that there was more."""
        try:
            address = f"{head} … {await what.link_to_text()}".strip()
        except Undeliverable as why:  # the operator has given no public address
            address = f"{last} …"
            if isinstance(what, Outgoing):
                await what.leave_out(None, why)
        return convert.shortened(address if len(address.encode()) <= size else f"{last} …", size)


def _posts(chat: str, lines: Sequence[str], tags: Mapping[str, str]) -> list[Post]:
    """Each line by itself; what is answered is named by the first."""
    return [[Line("PRIVMSG", (chat, text), tags=tags if n == 0 else {})] for n, text in enumerate(lines)]


def _remember(known: dict[str, _T], name: str, what: _T) -> None:
    """At the end; the oldest goes."""
    known.pop(name, None)
    known[name] = what
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
