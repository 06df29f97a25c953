"""The contract that the author of a bridge reads; what is told and what is shown are in `events` and `outgoing`.

Three things make a bridge: `Bridge.open`, `Connection.run` and `Connection.send`. Everything else is an ability that
a connection declares by inheriting it (`Edits`, `Deletes`, `Reacts` …); what is not declared is told to the room as
unsupported and never dropped in silence. ``tchap_bridge_echo`` is a complete example.

Who owes what
    A bridge turns the network's words into `events` and back. It keeps no message, retries nothing, orders nothing:
    the core stores what `Host.accept` or `Host.receive` was given before they return, and calls `send` for one
    message of a chat at a time, in order, until it returns or raises one of `errors`.
    A bridge never blocks the event loop, and starts no task outside `Connection.run`.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from tchap_bridges.events import Author, Event
from tchap_bridges.i18n import Phrase
from tchap_bridges.ids import ChatId, ConnectionName, FileRef, MessageId, UserId
from tchap_bridges.outgoing import (
    Outgoing,
    OutgoingDeletion,
    OutgoingEdit,
    OutgoingPoll,
    OutgoingPollEnd,
    OutgoingReaction,
)

ConfigT = TypeVar("ConfigT", bound=BaseModel)
Logger = Any
"""A structlog logger, bound to the connection. Never log a body, an address or a secret."""


class Direction(StrEnum):
    """Which way a link carries."""

    BOTH = "both"
    IN = "in"
    REPLIES = "replies"  # in, and out only what answers inside a thread that came from there
    OUT = "out"


class Destination(StrEnum):
    """Where what leaves comes to rest, in the words of the State's doctrine on data."""

    STATE = "état"
    SECNUMCLOUD = "secnumcloud"
    ABROAD = "hors-ue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the network can carry. Sizes in bytes, ``edit_age`` in seconds; None: no limit known.

    They are told to people; to keep to them (split, shorten, refuse with `Undeliverable`) is the connection's part.

    ``repeatable``: sending one `Outgoing.key` twice shows it once. Where that is not so, a send whose end is unknown
    is reported as uncertain and never repeated.
    ``patience``: for how many seconds a message is tried again before its author is told that it failed.
    """

    text_bytes: int | None = None
    file_bytes: int | None = None
    edit_age: float | None = None
    repeatable: bool = True
    patience: float = 24 * 3600


class Ability(StrEnum):
    """What a network may carry beside words, as people are told (``docs/operate/abilities.md``, ``!pont etat``)."""

    EDITS = "edits"
    DELETIONS = "deletions"
    REACTIONS = "reactions"
    THREADS = "threads"
    REPLIES = "replies"
    FILES = "files"
    FORMATTING = "formatting"
    MENTIONS = "mentions"  # `events.mention` on either way
    AVATARS = "avatars"  # the author's picture beside what they say
    TYPING = "typing"
    MEMBERSHIP = "membership"  # who comes and goes there is told to us
    READ_MARKS = "read marks"
    CATCH_UP = "catch-up"  # what was said there while we were away comes in later
    EXACTLY_ONCE = "exactly once"  # what we send is shown once, whatever broke meanwhile


class Carried(StrEnum):
    """How far. ``OTHERWISE``: shown in another form (an edit as a line that tells what changed, a file as a link)."""

    YES = "yes"
    OTHERWISE = "otherwise"
    SERVER = "server"  # it depends on what the network's server offers: known once it is asked
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Bytes as the network gave them, with what it said around them (an envelope, a time of arrival)."""

    key: str
    raw: bytes
    meta: Mapping[str, str]
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation that a command named and the bridge found.

    ``aliases``: other names under which its events arrive. ``proof``: where the core sends, through `Proves`, a
    code that must come back before the link is made; None when the operator's rules already allow it.
    ``moderated``: a first message from somebody unknown waits until a member lets them in. ``correspondents``: it has
    no members, what is said there goes to whoever is answered; one who cannot be reached keeps no other waiting.
    ``directions`` are those that make sense there. ``waiting``: what has to happen elsewhere before it lives, told in
    the room among other things: a sentence without its full stop.
    """

    id: ChatId
    name: str
    destination: Destination
    direction: Direction
    directions: frozenset[Direction] = frozenset(Direction)
    aliases: tuple[ChatId, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    proof: str | None = None
    moderated: bool = False
    correspondents: bool = False
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who typed a command, and where: for a rule or for a name, never for a permission (the core has asked)."""

    user: UserId
    name: str
    room_name: str


class Connection(ABC):
    """A live session with a network.

    Everything may be called while `run` is not running: raise `NotReady` then. Calls for different chats overlap.

    ``carries`` is for people to read, and says what cannot be seen from the abilities that are inherited; `carried`
    reads both. The class says what is so in general; a live connection may set its own once it knows its server.
    """

    limits: Limits = Limits()
    carries: Mapping[Ability, Carried] = MappingProxyType({})

    @abstractmethod
    async def run(self) -> None:
        """Serve until cancelled. Call `Host.up` once the network answers. Raises `BridgeError`; the core comes back."""

    @abstractmethod
    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        """Show it; return the ids it got, the main one first (empty where the network has none).

        A file that can never pass does not hold the text back: it is told in the text to those who read it there, and
        by `Outgoing.leave_out` to whoever sent it.
        """


class Edits(ABC):
    """Messages can be reworded."""

    @abstractmethod
    async def edit(self, edit: OutgoingEdit) -> None: ...


class Deletes(ABC):
    """Messages can be withdrawn."""

    @abstractmethod
    async def delete(self, deletion: OutgoingDeletion) -> None: ...


class Reacts(ABC):
    """Messages can carry reactions. Returns the reaction's id where it has one."""

    @abstractmethod
    async def react(self, reaction: OutgoingReaction) -> MessageId | None: ...


class AsksPolls(ABC):
    """A question can be asked so that people vote on it; elsewhere it is shown as a numbered text."""

    @abstractmethod
    async def ask(self, poll: OutgoingPoll) -> MessageId: ...
    @abstractmethod
    async def end_poll(self, end: OutgoingPollEnd) -> None: ...


class ShowsTyping(ABC):
    """It can be seen that somebody is writing."""

    @abstractmethod
    async def typing(self, chat: ChatId, author: Author, *, active: bool) -> None: ...


_INHERITED: Mapping[Ability, type[Any]] = MappingProxyType(
    {Ability.EDITS: Edits, Ability.DELETIONS: Deletes, Ability.REACTIONS: Reacts, Ability.TYPING: ShowsTyping}
)


def carried(connection: Connection | type[Connection], ability: Ability) -> Carried:
    """How far a connection, or in general those of a class, carry something."""
    if (said := connection.carries.get(ability)) is not None:
        return said
    kind = connection if isinstance(connection, type) else type(connection)
    if ability in _INHERITED:
        return Carried.YES if issubclass(kind, _INHERITED[ability]) else Carried.NO
    if ability is Ability.EXACTLY_ONCE:
        return Carried.YES if connection.limits.repeatable else Carried.NO
    return Carried.NO


class NamesChats(ABC):
    """Chats are linked by a command: ``!pont <word> <argument> [option=value …]``."""

    @abstractmethod
    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        """The chat that these words mean. Raises `Misconfigured` with a remedy when there is none or it may not be."""


class ListsMembers(ABC):
    """It can be told who is in a chat: ``!pont <word> qui``."""

    @abstractmethod
    async def members(self, chat: ChatId) -> Sequence[Author]:
        """Everybody who is there now, ourselves aside. Raises `NotReady` while the network cannot tell."""


class Proves(ABC):
    """That those who read an address, or are in a chat, agree can be shown by a code sent there."""

    @abstractmethod
    async def challenge(self, address: str, code: str, asker: Asker, *, key: str) -> None:
        """Send the code, with words that say who asked and what it allows."""


class OpensFiles(ABC):
    """The bytes of files named by `Host.receive`d events are fetched from the network."""

    @abstractmethod
    def open_file(self, ref: FileRef) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Bridge(ABC, Generic[ConfigT]):
    """What an entry point of the group ``tchap_bridges.bridges`` names: one class for one kind of network."""

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]  # how commands call it, the French word first
    label: ClassVar[str]  # the visible origin of its ghosts: "Jean Dupont (courriel)"
    Config: type[ConfigT]
    examples: ClassVar[Sequence[tuple[Phrase, Phrase]]] = ()  # what is typed to link a chat, and what that does
    options: ClassVar[frozenset[str]] = (
        frozenset()
    )  # what `NamesChats.find` takes beside the argument; others are refused
    same_people: ClassVar[bool] = False  # a person's id means that person on every connection, as an address does
    hostile: ClassVar[bool] = False  # read() meets bytes that strangers wrote: it runs in a process that can be killed

    @abstractmethod
    def open(self, config: ConfigT, host: "Host") -> AbstractAsyncContextManager[Connection]: ...

    @classmethod
    def connection(cls) -> type[Connection] | None:
        """The class of what `open` gives: what it can do is read there without a session, for documents.

        Import it in here: whoever only validates a configuration loads no sockets. None: nothing is said.
        """
        return None

    @classmethod
    def read(cls, item: Item, config: ConfigT) -> Iterable[Event]:
        """The events that the accepted bytes mean. Pure: no clock, no network, no disk. Only for `Host.accept`."""
        raise NotImplementedError(f"{cls.__name__} accepts raw items and does not read them")

    @classmethod
    def file_bytes(cls, item: Item, ref: FileRef) -> bytes:
        """The bytes of one file inside accepted bytes. Pure."""
        raise NotImplementedError(f"{cls.__name__} names files in raw items and does not open them")

    @classmethod
    def grace(cls, config: ConfigT) -> float:
        """For how many seconds a message waits before it leaves, so that corrections can still go into it."""
        del config
        return 0.0

    @classmethod
    def read_seconds(cls, config: ConfigT) -> float:
        """After how many seconds `read` of one item is given up, where it is ``hostile``."""
        del config
        return 20.0

    @classmethod
    async def check(cls, config: ConfigT) -> "Sequence[Finding]":
        """What ``tchap-bridges check`` should tell about this network, from the nearest to the farthest."""
        del config
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of ``check``: what was looked at, how it is, and how to mend it."""

    subject: str
    level: "Level"
    detail: str
    remedy: str = ""


class Level(StrEnum):
    """How grave a `Finding` is; ``FAIL`` alone makes ``check`` fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A chat that some room is linked to."""

    chat: ChatId
    direction: Direction
    options: Mapping[str, str]


class Store(Protocol):
    """A small durable dictionary of the connection's own (a UID, a cursor)."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str) -> None: ...


class Host(Protocol):
    """What the core gives to a connection."""

    @property
    def connection(self) -> ConnectionName: ...
    @property
    def log(self) -> Logger: ...
    @property
    def kv(self) -> Store: ...
    @property
    def secret(self) -> bytes:
        """32 bytes that belong to this connection and never change: for opaque ids that nobody can guess."""
        ...

    @property
    def zone(self) -> tzinfo:
        """By which clocks the operator's people live: a time that is told in words is told in it."""
        ...

    async def accept(self, key: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        """Keep the bytes; when this returns they are on disk and it is safe to acknowledge them.

        ``meta["chat"]``, when given, names the chat whose rooms are told when the bytes cannot be read.
        ``key`` is the transport's own: a second call with it is answered False and changes nothing. `Bridge.read` is
        called later. Raises `NotReady` when the inbox is full or the disk refuses: do not acknowledge then.
        """
        ...

    async def receive(self, event: Event, key: str) -> bool:
        """The same for an event that has meaning only in this session's state. `Passing` events are not kept.

        Of `Membership` only what concerns people who have spoken is kept; False for everybody else.
        """
        ...

    async def chats(self) -> Sequence[Linked]:
        """Every chat of this connection that is linked. May be long: ask once, at start."""
        ...

    async def linked(self, chat: ChatId) -> Linked | None:
        """The link of this chat or alias, paused ones too; None when no room has it."""
        ...

    def up(self, note: str = "") -> None:
        """The network answers: the connection is shown as up, and what waited for it leaves."""
        ...
