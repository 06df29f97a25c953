"""What the core calls: one app in one Slack workspace, which relays for everybody of the rooms.

In: an event is on the core's disk before Slack hears that it came; what was told while nobody listened is read from the
history. Out: each part of a message bears its key, and is looked for before it is posted a second time. Bots cannot
show that somebody writes: Slack has no method for it, so `ShowsTyping` is missing here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.catchup import CatchUp
from tchap_bridge_slack.composing import TEXT_BYTES
from tchap_bridge_slack.config import SlackConfig
from tchap_bridge_slack.convert import Me
from tchap_bridge_slack.crew import crew
from tchap_bridge_slack.downloads import Downloads
from tchap_bridge_slack.finding import Finding
from tchap_bridge_slack.incoming import Incoming
from tchap_bridge_slack.people import Directory
from tchap_bridge_slack.posting import Pace, Posting
from tchap_bridge_slack.progress import Marks
from tchap_bridge_slack.queues import Queues
from tchap_bridge_slack.rewording import Rewording
from tchap_bridge_slack.rights import expiry
from tchap_bridge_slack.sent import Sent
from tchap_bridge_slack.sockets import Envelope, SocketMode
from tchap_bridge_slack.uploads import Uploads
from tchap_bridges.bridge import (
    Ability,
    Asker,
    Carried,
    Chat,
    Connection,
    Deletes,
    Edits,
    Host,
    Limits,
    ListsMembers,
    NamesChats,
    OpensFiles,
    Proves,
    Reacts,
)
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, FileRef, MessageId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction


class SlackConnection(Connection, Edits, Deletes, Reacts, NamesChats, Proves, ListsMembers, OpensFiles):
    """One app in one workspace."""

    limits = Limits(text_bytes=TEXT_BYTES, repeatable=True)
    carries = MappingProxyType(
        {
            Ability.THREADS: Carried.YES,
            Ability.REPLIES: Carried.OTHERWISE,
            Ability.FILES: Carried.YES,
            Ability.FORMATTING: Carried.YES,
            Ability.MENTIONS: Carried.YES,
            Ability.AVATARS: Carried.YES,
            Ability.MEMBERSHIP: Carried.YES,
            Ability.CATCH_UP: Carried.YES,
        }
    )

    def __init__(self, config: SlackConfig, host: Host, api: Api) -> None:
        self._config = config
        self._host = host
        self._api = api
        self._most = config.file_mb * 1_000_000
        self.limits = Limits(text_bytes=TEXT_BYTES, file_bytes=self._most, repeatable=True)
        self._people = Directory(api)
        self._marks = Marks(host.kv)
        self._sent = Sent()
        self._pace = Pace(config.pace)
        self._downloads = Downloads(api, self._most)
        self._session: _Session | None = None

    # The session

    async def run(self) -> None:
        me, bot, team = await self._introduce()
        incoming = Incoming(self._api, self._host, me, self._people, self._marks, self._sent)
        await incoming.open()
        uploads = Uploads(self._api, self._most)
        posting = Posting(self._api, me, self._sent, uploads, self._pace, self._host.log)
        rewording = Rewording(self._api, self._host, me, self._people)
        finding = Finding(self._api, self._config, self._people, bot)
        session = _Session(me, incoming, posting, rewording, finding)
        catch_up = CatchUp(self._api, self._config.catch_up, self._marks, incoming, incoming.where)
        try:
            async with crew() as tasks:
                queues = Queues(tasks)

                async def hello(away: bool) -> None:
                    for linked in await self._host.chats():
                        await queues.put(linked.chat, partial(self._catch_up, catch_up, linked.chat, away=away))
                    self._session = session
                    self._host.up(team)

                async def put(envelope: Envelope) -> None:
                    await queues.put(incoming.chat_of(envelope.event), partial(take, envelope))

                async def take(envelope: Envelope) -> None:
                    await incoming.take(envelope.event)
                    await envelope.acknowledge()
                    if (chat := incoming.back_in(envelope.event)) is not None:
                        await self._catch_up(catch_up, chat, away=True)

                SocketMode(self._api, self._host.log, tasks, hello=hello, put=put).open()
                await tasks.failure()
        finally:
            self._session = None

    async def _introduce(self) -> tuple[Me, str, str]:
        """Who we are, by what name, and where. Raises `BadCredentials`, `NotReady`."""
        said, _headers = await self._api.auth()
        if (warning := expiry(said)) is not None:
            self._host.log.warning("slack.token_expires", seconds=warning)
        me = Me(*(values.string(said, key) for key in ("user_id", "bot_id", "team_id", "url")))
        return me, values.string(said, "user"), values.string(said, "team")

    async def _catch_up(self, catch_up: CatchUp, chat: ChatId, *, away: bool) -> None:
        """What breaks in the middle begins again: events wait behind it, unacknowledged."""
        while True:
            try:
                return await catch_up.run(chat, away=away)
            except NotReady as later:
                await asyncio.sleep(min(later.retry_after or 1.0, 60.0))

    @property
    def _live(self) -> "_Session":
        if self._session is None:
            raise NotReady(_("la connexion à Slack n'est pas établie"))
        return self._session

    # Messages

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        session, channel = self._live, self._live.where(message.chat)
        await session.finding.admit(channel)
        return await session.posting.send(message, channel)

    async def edit(self, edit: OutgoingEdit) -> None:
        session, channel = self._live, self._live.where(edit.chat)
        await session.finding.admit(channel)
        await session.rewording.edit(edit, channel)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        session = self._live
        await session.rewording.delete(deletion, session.where(deletion.chat))

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        session = self._live
        return await session.rewording.react(reaction, session.where(reaction.chat))

    # Channels and files

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        del asker
        session = self._live
        found = await session.finding.find(argument, options)
        chat = replace(found, id=ChatId(session.linked_as(found.id)))
        if await self._host.linked(chat.id) is None:
            await self._marks.begin(chat.id, f"{self._api.now():.6f}")
        return chat

    async def challenge(self, address: str, code: str, asker: Asker, *, key: str) -> None:
        del key  # what is posted twice by chance asks the same
        await self._live.finding.challenge(address, code, asker)

    async def members(self, chat: ChatId) -> Sequence[Author]:
        session = self._live
        return await session.finding.members(session.where(chat), session.me.user)

    @asynccontextmanager
    async def open_file(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._downloads.open(ref) as chunks:
            yield chunks


class _Session:
    """What one run is made of."""

    def __init__(self, me: Me, incoming: Incoming, posting: Posting, rewording: Rewording, finding: Finding) -> None:
        self.me = me
        self.where = incoming.where
        self.linked_as = incoming.linked_as
        self.posting = posting
        self.rewording = rewording
        self.finding = finding
