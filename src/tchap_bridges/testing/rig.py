"""A bridge at work between a fake host and a real (or fake) network, as the contract suite needs it.

The author of a bridge writes one `Peer`: how somebody of the network speaks, and what they see. `at_work` puts the
bridge between the two and keeps it alive as the core does: a connection that raises `NotReady` is run again.
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from tchap_bridges.bridge import Asker, Bridge, Chat, Connection, Destination, Direction, NamesChats
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Event, Form, Message, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId, UserId
from tchap_bridges.outgoing import Attachment, Outgoing, no_public_address
from tchap_bridges.testing.host import FakeHost

T = TypeVar("T")

ASKER = Asker(user=UserId("@jeanne:exemple.fr"), name="Jeanne Martin", room_name="Essais")
JEANNE = Author(person=PersonId("@jeanne:exemple.fr"), name="Jeanne Martin")
CHUNK = 64 * 1024
TEXT_LINK = "https://fichiers.exemple.fr/f/2"
PATIENCE = 10.0  # seconds after which something that should have happened has not


class Cannot(Exception):
    """The people of this network have no such thing: the tests of it are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message as a person of the network sees it now."""

    id: str
    author: str
    text: str
    thread: str = ""
    reply_to: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    reactions: Sequence[str] = ()


class Peer(ABC):
    """The other side. Set ``bridge``, ``config`` and ``argument``; write `say`, `waiting` and `shown`; the rest where
    the network has it.

    ``argument`` is what a command would name the chat by, ``nowhere`` what names none; ``chat`` is what the bridge made
    of the argument, and set before anything is said. ``wrong`` is a configuration whose credentials are refused;
    ``vanished`` a chat that there was and is no longer. ``threads``: who answers what can be told. ``empty_files``: a
    file without a byte is taken.
    """

    bridge: Bridge[Any]
    config: BaseModel
    argument: str
    nowhere: str = ""
    wrong: BaseModel | None = None
    vanished: ChatId | None = None
    threads: bool = True
    empty_files: bool = True
    chat: Chat | None = None

    @abstractmethod
    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        """Somebody of the network says it, in the thread whose ids are given, root first.

        Goes on as that network's software would until it was taken, or returns at once where the network keeps it.
        """

    @abstractmethod
    def waiting(self) -> int:
        """How much of what was said the bridge has not acknowledged."""

    @abstractmethod
    def shown(self) -> Sequence[Shown]:
        """What was posted from our side, oldest first, as a person sees it: edits applied, deletions gone."""

    async def cut(self) -> None:
        """Break the bridge's session, without a word."""
        raise Cannot("has no session")

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """The network does not answer at all meanwhile."""
        raise Cannot("is never away")
        yield

    def lose_answer(self) -> None:
        """The next post is shown, and the bridge never hears that it was."""
        raise Cannot("answers always")

    async def edit(self, message: MessageId, text: str) -> None:
        del message, text
        raise Cannot("has no edits")

    async def delete(self, message: MessageId) -> None:
        del message
        raise Cannot("has no deletions")

    async def react(self, message: MessageId, symbol: str) -> None:
        del message, symbol
        raise Cannot("has no reactions")

    async def unreact(self, message: MessageId, symbol: str) -> None:
        del message, symbol
        raise Cannot("has no reactions")

    async def types(self) -> None:
        raise Cannot("does not show who writes")

    def typing(self) -> Sequence[str]:
        """The names of those who are seen writing."""
        raise Cannot("does not show who writes")


@dataclass(slots=True)
class FakeSteps:
    """`outgoing.Steps` in memory."""

    results: dict[str, str] = field(default_factory=dict)

    def get(self, step: str) -> str | None:
        return self.results.get(step)

    async def done(self, step: str, result: str) -> None:
        self.results[step] = result


@dataclass(slots=True)
class FakeAttachment:
    """`outgoing.Attachment`. ``opened`` and ``closed`` count; ``gone``: it cannot be opened any more.

    ``address``: where its link leads; none when it is empty.
    """

    name: str
    data: bytes
    mime: str = "application/octet-stream"
    gone: bool = False
    size_known: bool = True
    opened: int = 0
    closed: int = 0
    address: str = "https://fichiers.exemple.fr/f/1"

    @property
    def size(self) -> int | None:
        return len(self.data) if self.size_known else None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        if self.gone:
            raise Undeliverable("le fichier n'existe plus")
        self.opened += 1
        try:
            yield self._chunks()
        finally:
            self.closed += 1

    async def link(self) -> str:
        return self.address or await no_public_address()

    async def _chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.data), CHUNK):
            await asyncio.sleep(0)
            yield self.data[start : start + CHUNK]


async def link_to_text() -> str:
    """`Outgoing.link_to_text` of every message of `Rig.message`."""
    return TEXT_LINK


@dataclass(slots=True, eq=False)
class Rig:
    """The bridge at work. ``restarts`` counts how often `Connection.run` was called again."""

    peer: Peer
    host: FakeHost
    connection: Connection
    chat: Chat = field(init=False)
    restarts: int = 0
    _keys: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    # In

    def events(self) -> Sequence[Event]:
        """All that the host has been given, read as the core would."""
        read = (self.peer.bridge.read(item, self.peer.config) for item in self.host.items)
        return (*self.host.events, *itertools.chain.from_iterable(read))

    def heard(self) -> Sequence[Message]:
        """What people of the network said: messages, our own copies apart."""
        return [event for event in self.events() if isinstance(event, Message) and not event.echo]

    async def hears(self, count: int = 1) -> Sequence[Message]:
        """Wait for so many messages."""
        await until(lambda: len(self.heard()) >= count)
        return self.heard()

    async def hears_event(self, kind: type[T]) -> T:
        """Wait for an event of that kind."""
        found = await until(lambda: [event for event in self.events() if isinstance(event, kind)])
        return found[-1]

    # Out

    def message(
        self,
        text: str = "",
        *,
        key: str = "",
        author: Author | None = JEANNE,
        files: Sequence[Attachment] = (),
        thread: Sequence[MessageId] = (),
        reply_to: MessageId | None = None,
        title: str | None = None,
        form: Form = Form.TEXT,
    ) -> Outgoing:
        return Outgoing(
            key=key or self.key(),
            chat=self.chat.id,
            author=author,
            network="Tchap",
            at=datetime.now(UTC),
            text=Text(plain=text),
            steps=FakeSteps(),
            files=tuple(files),
            thread=tuple(thread),
            reply_to=reply_to,
            title=title,
            form=form,
            options=self.chat.options,
            link_to_text=link_to_text,
        )

    def key(self) -> str:
        return f"essai {next(iter(self._keys))}"

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        """As the core does it: again while the connection is not ready."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.connection.send(message)
                except NotReady:
                    await asyncio.sleep(0.02)

    async def shows(self, count: int) -> Sequence[Shown]:
        """Wait until so many messages are shown."""
        await until(lambda: len(self.peer.shown()) >= count)
        return self.peer.shown()


@asynccontextmanager
async def at_work(peer: Peer, host: FakeHost | None = None) -> AsyncIterator[Rig]:
    """The bridge, open, up, and its chat linked. A host used again plays a disk that outlives the bridge.

    What ends `Connection.run` other than `NotReady` fails the test.
    """
    host = host or FakeHost()
    host.is_up.clear()
    if peer.chat is not None:  # it was linked in an earlier run, and links are remembered
        link(peer.chat, host)
    async with peer.bridge.open(peer.config, host) as connection:
        rig = Rig(peer, host, connection)
        running = asyncio.create_task(_run(rig))
        try:
            await _or_dead(running, host.is_up.wait())
            rig.chat = peer.chat = peer.chat or await find(peer, connection)
            link(peer.chat, host)
            yield rig
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def find(peer: Peer, connection: Connection) -> Chat:
    """The chat, as a command finds it."""
    if isinstance(connection, NamesChats):
        return await connection.find(peer.argument, {}, ASKER)
    id_ = ChatId(peer.argument)
    return Chat(id=id_, name=id_, destination=Destination.STATE, direction=Direction.BOTH)


def link(chat: Chat, host: FakeHost) -> None:
    host.link(chat.id, *chat.aliases, direction=Direction.BOTH, options=chat.options)


async def _run(rig: Rig) -> None:
    while True:
        try:
            await rig.connection.run()
        except NotReady:
            await asyncio.sleep(0.02)
        rig.restarts += 1


async def _or_dead(running: asyncio.Task[None], ready: Any) -> None:
    """Wait for ``ready``, unless what should make it so has failed."""
    waiting = asyncio.ensure_future(ready)
    done, _pending = await asyncio.wait({running, waiting}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running in done:
        running.result()
    if waiting not in done:
        raise TimeoutError("the bridge never said that the network is up")


async def until(true: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """Look until it is true, and return what was seen. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not (seen := true()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # what changes belongs to others and rings no bell
    return seen
