"""What the core needs from the outside, and nothing of how it is done.

`Database` is implemented by ``store/``, `Homeserver` by ``matrix/``, `Scanner` by ``antivirus/``. A room is a
destination like any other: the homeserver offers it as a `bridge.Connection` whose chats are rooms.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from tchap_bridges.bridge import Connection, Item
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Event, Related
from tchap_bridges.ids import FileRef, MessageId, PersonId, RoomId, UserId

Row = Mapping[str, Any]


class Snapshot(Protocol):
    """A view of one moment. Queries are named; their text is in ``store/queries``."""

    async def one(self, name: str, /, **values: Any) -> Row | None: ...
    async def all(self, name: str, /, **values: Any) -> Sequence[Row]: ...
    async def value(self, name: str, /, **values: Any) -> Any: ...


class Tx(Snapshot, Protocol):
    """One transaction: it can be looked through like a snapshot, and written to."""

    async def run(self, name: str, /, **values: Any) -> int: ...
    async def run_many(self, name: str, rows: Sequence[Mapping[str, Any]], /) -> int: ...
    def savepoint(self) -> AbstractAsyncContextManager[None]: ...
    def after_commit(self, callback: Callable[[], object], /) -> None: ...


class Database(Protocol):
    """Either of the two databases. Every method raises `errors.NotReady` while the store is away."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]: ...
    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]: ...
    async def fold(self) -> None:
        """Leave nothing of what was erased, or written over, in a log beside the database, as far as that is ours."""
        ...

    def queries_of(self, bot: str) -> Mapping[str, Collection[str]]:
        """The queries of a bot's own, and their parameters; they are called ``"bot:<bot> <query>"``."""
        ...


class Sealer(Protocol):
    """Content at rest is sealed; ``place`` binds the bytes to their column."""

    def seal(self, data: bytes, *, place: str) -> bytes: ...
    def open(self, sealed: bytes, *, place: str) -> bytes: ...


class Meter(Protocol):
    """Counts what the operator watches."""

    def count(self, what: str, where: str, n: int = 1) -> None:
        """``what``: in, out, retry, dead, link (made to a file), fetch (of one), refused (posted to a webhook), or the
        `Outcome` of looking at a file.

        ``where``: a connection, ``matrix`` or ``webhook``.
        """
        ...


# What is looked at before it is relayed


class Outcome(StrEnum):
    """What looking at a file came to. All but the first hold it back, each under this name in audit and metrics."""

    CLEAN = "clean"
    INFECTED = "infected"
    FORBIDDEN = "forbidden type"
    TOO_LARGE = "too large"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    AWAY = "scanner away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``detail`` is a word or two that people may read: what was found, or the type; never content."""

    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A file that is to be looked at. ``open`` as in `outgoing.Attachment`; whoever opens it may read it to its end.

    ``ref`` is an mxc URI, or the JSON of an EncryptedFile, where the file lies ``in_matrix``.
    """

    name: str
    mime: str
    size: int | None
    ref: FileRef
    in_matrix: bool
    open: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]


class ScannerAway(NotReady):
    """It does not answer, does not answer in time, or has trouble of its own: nothing is known of the file."""


class Scanner(Protocol):
    """An antivirus."""

    async def scan(self, suspect: Suspect) -> Verdict:
        """Raises `ScannerAway`, and whatever opening and reading the file raises."""
        ...

    async def probe(self) -> str:
        """Ask whether it is there and works; returns what it calls itself. Raises `ScannerAway`."""
        ...


# What a room's traffic says beside conversation. All of it is read from events, in order.


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """The bot is asked into a room. ``encrypted`` as far as the invite tells; ``direct``: a conversation of two."""

    room: RoomId
    by: UserId
    encrypted: bool
    direct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Somebody does not come into a room to which they were invited."""

    room: RoomId
    user: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The bot is no longer in the room: kicked, banned, or it left."""

    room: RoomId
    by: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChanged:
    """State that a permission or a voice may hang on. ``by`` changed it.

    ``value`` is what it is from then on, as in `RoomFacts`: the access rule, or ``public``, or '' for a room that not
    everybody may join; None where it is not told, or nothing hangs on it.
    """

    room: RoomId
    what: Literal["encryption", "access", "power", "join", "create"]
    by: UserId
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """A tombstone: the room says that ``to`` replaces it. To be believed only if ``to`` says so too."""

    room: RoomId
    to: RoomId
    by: UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class GhostMoved:
    """A ghost's membership changed by somebody else's hand (a kick, a ban) or ours."""

    room: RoomId
    ghost: UserId
    present: bool


RoomFact = Invited | Declined | Gone | RoomChanged | Upgraded | GhostMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomFacts:
    """What policy looks at, read from the room's current state.

    ``tchap``: the homeserver keeps Tchap's access rules. ``rule`` is the ``im.vector.room.access_rules`` value:
    '' when the room has none, 'malformed' when it cannot be understood. ``levels`` are those of the users named;
    a version 12 creator counts as 2**53. ``predecessor`` is what the create event names. ``present``: who is in the
    room; a level outlives its owner's stay.
    From ``redact_level`` on one may remove what others say. ``in_sync``: the bot is in the room whose state this is.
    """

    room: RoomId
    name: str
    encrypted: bool
    tchap: bool
    rule: str
    public: bool
    users_default: int
    levels: Mapping[UserId, int]
    invite_level: int
    version: str
    present: Collection[UserId]
    predecessor: RoomId | None = None
    federates: bool = True
    redact_level: int = 50
    in_sync: bool = True

    def level(self, user: UserId) -> int:
        return self.levels.get(user, self.users_default)

    def may_redact(self, user: UserId) -> bool:
        return self.level(user) >= self.redact_level


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """Whom one of our users stands for. ``network`` is the label of their origin (`bridge.Bridge.label`).

    ``name`` is what rooms show, its origin behind it; '' when that cannot be told.
    """

    network: str
    person: PersonId
    name: str = ""


class KeyAwaited(Exception):
    """An event whose key is not there, or not yet: ``key`` is told by `Edge.keys` once it is."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Homeserver(Protocol):
    """The Matrix side. Every method raises `errors.BridgeError` and nothing else."""

    @property
    def rooms(self) -> Connection:
        """All rooms, as one connection: ``chat`` is the room id; edits, deletions, reactions and typing supported."""
        ...

    @property
    def bot(self) -> UserId: ...

    async def opened(self, item: Item) -> Item:
        """An event that came encrypted, as it was said. Raises KeyAwaited; RemoteViolation where it cannot be read."""
        ...

    def read(self, item: Item) -> Sequence[Event | RoomFact]:
        """What one room event means. Pure. Events of our own ghosts and bot mean nothing, but for membership."""
        ...

    def room_of(self, item: Item) -> RoomId | None:
        """The room of an event that could not be read, as far as it can be told. Never raises."""
        ...

    def is_ours(self, user: UserId) -> bool:
        """The user is the bot or one of its ghosts."""
        ...

    def ghost_of(self, network: str, person: PersonId) -> UserId:
        """The user that stands, or would stand, for somebody; ``network`` as in `Ghost`. Pure."""
        ...

    async def depart(self, room: RoomId, user: UserId) -> None:
        """A ghost leaves the room; it comes back when it speaks. Idempotent."""
        ...

    async def ghost(self, user: UserId) -> Ghost | None:
        """The person that a ghost stands for; None for anybody else."""
        ...

    async def facts(self, room: RoomId) -> RoomFacts: ...
    async def is_external(self, address: str) -> bool:
        """Whether a mail address is no agent's, or nobody can tell. Raises nothing."""
        ...

    async def display_name(self, room: RoomId, user: UserId) -> str: ...
    async def members(self, room: RoomId) -> Mapping[UserId, str]:
        """Who is in the room, the bot left out, with what each is called there."""
        ...

    async def related(self, room: RoomId, event: MessageId) -> Related:
        """An event of the room and all that refers to it or edits it, page by page."""
        ...

    async def avatar(self, room: RoomId, user: UserId) -> str:
        """What to call the user's picture in `thumbnail`; '' when they have none, or none that everybody may see."""
        ...

    def thumbnail(self, picture: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A small rendering of a picture, streamed. Raises `Undeliverable` when there is none."""
        ...

    async def join(self, room: RoomId) -> None:
        """Idempotent."""
        ...

    async def leave(self, room: RoomId, reason: str) -> None:
        """Leave, or refuse an invite; the reason is seen in the room, encrypted or not. Ghosts leave with the bot."""
        ...

    async def call_off(self, room: RoomId) -> None:
        """The bot is out of the room: its ghosts leave too. An invite that has come since stays."""
        ...

    async def make_direct(self, user: UserId) -> RoomId:
        """A new room for a conversation of two, and nobody in it yet. Not idempotent: nobody sees one too many."""
        ...

    async def invite_direct(self, room: RoomId, user: UserId, reason: str) -> None:
        """Idempotent. Raises `Undeliverable` when they cannot be invited."""
        ...

    async def wear(self, room: RoomId, name: str | None) -> None:
        """Show ``name`` as the bot's name in this one room (a state, never a message); None takes it off."""
        ...

    async def mark_read(self, room: RoomId, event: MessageId) -> None: ...
    def forget_voice(self, room: RoomId) -> None:
        """Powers or join rules changed: ask again whether ghosts can enter."""
        ...
