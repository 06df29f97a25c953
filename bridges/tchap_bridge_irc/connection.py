"""What the core calls: one nick of ours on one network, which relays for everybody of the rooms.

In: every line is on the core's disk before the next is looked at (`incoming`). Out: a message is there once the server
has confirmed it (`session`); when the connection breaks in between nobody can know, the room is told so, and it is
never sent again blindly.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from tchap_bridge_irc import convert, history
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.connecting import connected
from tchap_bridge_irc.incoming import Incoming, Memory
from tchap_bridge_irc.outgoing import Voice
from tchap_bridge_irc.refusals import Refused, not_linked
from tchap_bridge_irc.sameness import CASEMAPPING, doubt, unsure
from tchap_bridge_irc.session import Session
from tchap_bridge_irc.wire import Line, Source
from tchap_bridges.bridge import (
    Ability,
    Asker,
    Carried,
    Chat,
    Connection,
    Deletes,
    Direction,
    Edits,
    Host,
    Limits,
    ListsMembers,
    NamesChats,
    Reacts,
    ShowsTyping,
)
from tchap_bridges.errors import BridgeError, Misconfigured, NotReady, Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction


class IrcConnection(Connection, Edits, Deletes, Reacts, ShowsTyping, NamesChats, ListsMembers):
    """Nothing is repeatable: a line that may have been seen is not sent a second time."""

    limits = Limits(file_bytes=0, repeatable=False)
    carries: Mapping[Ability, Carried] = MappingProxyType(
        {
            Ability.EDITS: Carried.OTHERWISE,
            Ability.DELETIONS: Carried.SERVER,
            Ability.REACTIONS: Carried.SERVER,
            Ability.REPLIES: Carried.SERVER,
            Ability.FILES: Carried.OTHERWISE,
            Ability.FORMATTING: Carried.YES,
            Ability.MENTIONS: Carried.OTHERWISE,
            Ability.TYPING: Carried.SERVER,
            Ability.MEMBERSHIP: Carried.YES,
            Ability.CATCH_UP: Carried.SERVER,
            Ability.EXACTLY_ONCE: Carried.SERVER,
        }
    )

    def __init__(self, config: IrcConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._memory = Memory()
        self._live: tuple[Session, Voice, Incoming] | None = None

    async def run(self) -> None:
        async with connected(self._config, self._host.log) as session:
            voice = Voice(session, self._config)
            incoming = Incoming(session, self._host, self._config, voice, self._memory)
            self._live = session, voice, incoming
            self.carries = carried_by(session)
            try:
                async with asyncio.TaskGroup() as group:
                    serving = group.create_task(session.serve())
                    end = await _end(incoming)
                    serving.cancel()
            finally:
                self._live = None
                self._memory.record.nicks[session.me.nick] = None
                del self.carries
        raise end

    def _alive(self) -> tuple[Session, Voice, Incoming]:
        if self._live is None:
            raise NotReady(_("la connexion au réseau n'est pas établie"))
        return self._live

    # Messages

    async def _voice(self, what: Outgoing | OutgoingEdit | OutgoingDeletion | OutgoingReaction) -> Voice:
        """What speaks in a chat, once we are there, and while it is the one that the room was linked to."""
        session, voice, incoming = self._alive()
        if unsure(session.support, what.chat, what.options):
            raise doubt(what.chat)
        if session.support.is_channel(what.chat):
            await incoming.presence.be_in(what.chat)
        return voice

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        return await (await self._voice(message)).send(message)

    async def edit(self, edit: OutgoingEdit) -> None:
        await (await self._voice(edit)).edit(edit)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        await (await self._voice(deletion)).delete(deletion)

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        return await (await self._voice(reaction)).react(reaction)

    async def typing(self, chat: ChatId, author: Author, *, active: bool) -> None:
        del author  # one nick of ours types for everybody
        if self._live is not None:
            self._live[1].typing(chat, active=active)

    # Chats

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        """``!pont irc #canal``, or a nick: then what is said in the room goes to that person."""
        del options, asker
        session, _voice, incoming = self._alive()
        name = argument.strip()
        channel = session.support.is_channel(name)
        if not (session.support.valid_channel(name) if channel else session.support.valid_nick(name)):
            raise Misconfigured(
                _("« {name} » n'est ni un canal ni un pseudo de ce réseau", name=convert.shortened(name, 100)),
                remedy=_("Exemple : !pont irc #general"),
            )
        if session.support.same(name, session.me.nick):
            raise Misconfigured(
                _("{name}, c'est le pont lui-même", name=name), remedy=_("Exemple : !pont irc #general")
            )
        chat = convert.chat_of(name, session.support)
        if channel:
            if await self._host.linked(chat) is None:  # what was said before the link is nobody's news
                await self._host.kv.set(f"cursor {chat}", history.dump(datetime.now(UTC)))
            if name not in session.channels:
                await self._join(session, incoming, name)
        return Chat(
            id=chat,
            name=name,
            destination=self._config.destination,
            direction=Direction.BOTH,
            options={CASEMAPPING: session.support.casemapping},
        )

    @staticmethod
    async def _join(session: Session, incoming: Incoming, name: str) -> None:
        incoming.presence.want(name)
        try:
            await session.ask([Line("JOIN", (name,))], name)
        except Refused as refused:
            incoming.presence.unwanted(name)
            raise not_linked(refused) from refused
        except Undeliverable as error:
            raise Misconfigured(
                error.reason, remedy=_("Invitez le pont sur ce canal, ou choisissez-en un autre.")
            ) from error

    async def members(self, chat: ChatId) -> Sequence[Author]:
        """Who is on a channel; of a person, whether they are there."""
        session, _voice, _incoming = self._alive()
        if not session.support.is_channel(chat):
            try:
                await session.ask([Line("WHOIS", (chat,))], chat)
            except Refused:
                return []
            return [convert.author_of(Source(chat), session.support)]
        return [
            convert.author_of(member.who, session.support, member.account if session.has("account-tag") else "")
            for member in session.channels.members(chat)
            if not session.support.same(member.who.nick, session.me.nick)
        ]


async def _end(incoming: Incoming) -> BridgeError:
    """Why a session is over, as a value: a group of tasks would make another kind of error of what is raised."""
    try:
        return await incoming.keep()
    except BridgeError as error:
        return error


def carried_by(session: Session) -> Mapping[Ability, Carried]:
    """What this very server lets through."""
    tags = Carried.YES if session.has("message-tags") else Carried.NO
    return MappingProxyType(
        {
            **IrcConnection.carries,
            Ability.DELETIONS: Carried.YES if session.has("draft/message-redaction") else Carried.NO,
            Ability.REACTIONS: tags,
            Ability.REPLIES: tags if tags is Carried.YES else Carried.OTHERWISE,
            Ability.TYPING: tags,
            Ability.CATCH_UP: (
                Carried.YES
                if session.has(history.CAP, "batch")
                else Carried.SERVER
                if "H" in session.support.chanmodes.set_only
                else Carried.NO
            ),
            Ability.EXACTLY_ONCE: Carried.YES if session.exact else Carried.NO,
        }
    )
