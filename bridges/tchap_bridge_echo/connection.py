"""What the core calls: a live session with an Echo network, and everything that such a network can do.

The whole of the contract's duties, as they are met here:

- In: what the network tells is given to the host, and acknowledged to the network when the host has it on disk, never
  before. Whatever goes wrong in between, the network tells it again, and its own event id makes it one.
- Out: a message is posted under its key, so that posting it twice shows it once. Nothing is retried and nothing queued
  here: an error of the right kind is raised, and the core does the rest.
- A file that cannot pass never holds the text back. It is told in the text, and its sender is told by the core.
- Each ability is a class that is inherited. What is not inherited the core tells people about; leave it out rather
  than write a method that does nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from tchap_bridge_echo import convert, wire
from tchap_bridge_echo.config import EchoConfig
from tchap_bridge_echo.session import Session, Unknown, connected
from tchap_bridges.bridge import (
    Ability,
    Asker,
    Carried,
    Chat,
    Connection,
    Deletes,
    Destination,
    Direction,
    Edits,
    Host,
    Limits,
    NamesChats,
    OpensFiles,
    Reacts,
    ShowsTyping,
)
from tchap_bridges.errors import Misconfigured, NotReady, Undeliverable
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, FileRef, MessageId
from tchap_bridges.outgoing import Attachment, Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction


class EchoConnection(Connection, Edits, Deletes, Reacts, ShowsTyping, NamesChats, OpensFiles):
    """One nick on one network."""

    limits = Limits(text_bytes=wire.TEXT_BYTES, file_bytes=wire.FILE_BYTES, repeatable=True)
    carries: Mapping[Ability, Carried] = MappingProxyType(
        dict.fromkeys((Ability.THREADS, Ability.REPLIES, Ability.FILES, Ability.CATCH_UP), Carried.YES)
    )

    def __init__(self, config: EchoConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._session: Session | None = None

    # The session

    async def run(self) -> None:
        """One session, from greeting to loss. The core calls it again, with back-off, after `NotReady`."""
        async with connected(self._config, self._host.log) as session:
            for linked in await self._host.chats():
                await session.tell(wire.Join(chat=linked.chat))  # their answers come when nobody waits for them
            self._session = session
            try:
                self._host.up()
                while True:
                    await self._take(session, await session.next())
            finally:
                self._session = None

    async def _take(self, session: Session, news: wire.News | wire.Typed) -> None:
        """Raises `NotReady` when the host cannot keep it: the session ends then, and the network tells it again."""
        if isinstance(news, wire.Typed):
            await self._host.receive(convert.typing_of(news), key="")
            return
        await self._host.receive(convert.event_of(news), key=news.event)
        await session.tell(wire.Ack(event=news.event))

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise NotReady(_("la connexion au réseau n'est pas établie"))
        return self._session

    # Messages

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        """Files first, then the post that names them. Each post and each file has a key, so all may be done again."""
        session = self._live
        files, notes = [], []
        for n, file in enumerate(message.files):
            try:
                files.append(await self._upload(session, file, message, f"file {n}"))
            except Undeliverable as error:
                await message.leave_out(n, error)
                notes.append(_("[fichier non transmis : {name} ({why})]", name=file.name, why=error.reason))
        posts = convert.posts_of(message, files=files, notes=notes)
        return [MessageId((await session.ask(post)).id) for post in posts]

    async def _upload(self, session: Session, file: Attachment, message: Outgoing, step: str) -> str:
        """The file's id on the network. What a crash left half done begins anew; what was done is not done again."""
        done = message.steps.get(step)
        if done is not None:
            return done
        if file.size is not None and file.size > wire.FILE_BYTES:
            raise Undeliverable(
                _("le réseau n'accepte que {n} octets par fichier", n=wire.FILE_BYTES),
                remedy=_("Envoyez un fichier plus petit, ou un lien."),
            )
        id_, offset = "", 0
        async with file.open() as chunks:
            async for data in _at_most(wire.CHUNK, chunks):  # one piece in memory at a time, however long the file
                upload = wire.Upload(
                    key=f"{message.key}/{step}",
                    name=file.name,
                    mime=file.mime,
                    offset=offset,
                    data=data,
                )
                id_, offset = (await session.ask(upload)).id, offset + len(data)
        await message.steps.done(step, id_)
        return id_

    async def edit(self, edit: OutgoingEdit) -> None:
        """The network rewords one post; words that do not fit in it are cut."""
        text = convert.cut(edit.text.plain, wire.TEXT_BYTES)
        await self._live.ask(wire.Reword(message=edit.target, text=text))

    async def delete(self, deletion: OutgoingDeletion) -> None:
        for part in dict.fromkeys((deletion.target, *deletion.parts)):
            try:
                await self._live.ask(wire.Withdraw(message=part))
            except Unknown:
                continue  # gone already: by an earlier attempt, or by somebody there

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        if reaction.removed:
            if reaction.reaction is not None:
                await self._live.ask(wire.Unreact(reaction=reaction.reaction))
            return None
        by = convert.speaker(reaction.author, reaction.network)
        request = wire.React(key=reaction.key, message=reaction.target, by=by, symbol=reaction.symbol)
        return MessageId((await self._live.ask(request)).id)

    async def typing(self, chat: ChatId, author: Author, *, active: bool) -> None:
        await self._live.tell(wire.Writing(chat=chat, by=author.name, active=active))

    # Chats and files

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        """``!pont écho #general``: the network knows its channels, whatever their case, and tells us from now on."""
        del options, asker
        try:
            chat = ChatId((await self._live.ask(wire.Join(chat=argument))).id)
        except Unknown:
            raise Misconfigured(
                _("le réseau n'a pas de salon « {chat} »", chat=wire.one_line(argument)),
                where="argument",
                remedy=_("Donnez le nom d'un salon qui existe, par exemple : !pont écho #general"),
            ) from None
        return Chat(id=chat, name=chat, destination=Destination.STATE, direction=Direction.BOTH)

    @asynccontextmanager
    async def open_file(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        """Asked for piece by piece, so whoever reads slowly is sent slowly."""
        yield self._pieces(ref)

    async def _pieces(self, ref: FileRef) -> AsyncIterator[bytes]:
        offset = 0
        while data := (await self._live.ask(wire.Fetch(file=ref, offset=offset))).data:
            yield data
            offset += len(data)


async def _at_most(size: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of at most ``size``; one empty piece for an empty file."""
    none = True
    async for chunk in chunks:
        for start in range(0, len(chunk), size):
            none = False
            yield chunk[start : start + size]
    if none:
        yield b""
