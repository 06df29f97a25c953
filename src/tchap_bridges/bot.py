"""The whole contract that the author of a bot reads.

A bot is one class in one file::

    class Echo(Bot):
        \"\"\"Répète ce qu'on lui dit.\"\"\"

        @command("echo", "répète")
        async def echo(self, room: Room, words: str) -> str:
            return words

The class docstring is its help text, a command's docstring the command's: French, and read in English where the
catalogue has it. What a handler returns is said in the room, in reply. It is called only in rooms where an admin has
switched the bot on, one call at a time for each room; all that it says and keeps becomes durable when it returns, at
once, and nothing of it when it raises. A call that a crash has cut short is made again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeVar

from tchap_bridges.events import Author, Event, Text
from tchap_bridges.i18n import Language, Phrase
from tchap_bridges.ids import MessageId, PersonId, RoomId


class Power(IntEnum):
    """Who may call a command: the level that the caller's own user must reach in the room."""

    MEMBER = 0
    MODERATOR = 50
    ADMIN = 100


class RoomConfig(BaseModel):
    """What a room admin sets for one room: inherit, and give every field a default and a label (`field`).

    The model is the configuration, its validation, and the form in which it is filled in. Types with a widget of their
    own: `bool`, `int`, `float`, `str`, `StrEnum` and `Literal` (a choice), `datetime.time`, `datetime.timedelta`,
    `list[str]` (a line each), `SecretStr`, and ``| None`` of those. An enum whose members have a ``label``, a `Phrase`,
    is shown by that. Bounds and lengths are pydantic's (``ge``, ``le``, ``max_length``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def field(default: Any, *, label: str, help: str = "", long: bool = False, **bounds: Any) -> Any:  # noqa: A002
    """A field of a `RoomConfig`. ``label`` and ``help`` are French, and read in English where the catalogue has them.

    ``long``: a text of several lines. ``bounds``: as of pydantic's `Field`.
    """
    return Field(default, title=label, description=help or None, json_schema_extra={"long": long}, **bounds)


ConfigT_co = TypeVar("ConfigT_co", bound=RoomConfig, default=Any, covariant=True)


class Store(Protocol):
    """What a bot keeps: texts by key, sealed on disk. What is set is read back at once."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str) -> None: ...
    async def delete(self, key: str) -> None: ...
    async def all(self, prefix: str = "") -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who is in the room. ``ghost``: they stand for somebody of a linked network.

    ``level`` is their own: in a room where everybody has 100 it is nobody's, and counts as 0.
    """

    person: PersonId
    name: str
    level: int
    ghost: bool = False


class Room(Protocol[ConfigT_co]):
    """The room a handler is called for.

    What is said has an id at once, by which later calls, and the events of those who answer, react and vote, know it.
    """

    @property
    def id(self) -> RoomId: ...
    @property
    def config(self) -> ConfigT_co: ...
    @property
    def caller(self) -> Author:
        """Whose doing the call is; the bridge's own for a time that has come."""
        ...

    @property
    def network(self) -> str:
        """The linked network on which it happened, "" for the room itself; with `caller.person` it tells who it was."""
        ...

    @property
    def message(self) -> MessageId | None:
        """What called: the command, the event; None for a time that has come."""
        ...

    @property
    def answered(self) -> MessageId | None:
        """What ``message`` answers, if anything."""
        ...

    @property
    def when(self) -> datetime:
        """When what calls was said, or was due: earlier than `now` where we were away. In the same zone."""
        ...

    @property
    def now(self) -> datetime:
        """In the zone of the operator's people."""
        ...

    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def language(self) -> Language:
        """That of the word that called, or else the operator's: a `Phrase` that is said is said in it."""
        ...

    @property
    def kv(self) -> Store:
        """What the bot keeps of this room."""
        ...

    async def say(self, text: str | Text, *, about: MessageId | None = None) -> MessageId:
        """Say something, in order with everything else said in the room, in reply to ``about``.

        What answers a poll is shown wherever the poll is.
        """
        ...

    async def file(self, name: str, mime: str, data: bytes, *, about: MessageId | None = None) -> MessageId:
        """Show a file of at most a megabyte."""
        ...

    async def edit(self, said: MessageId, text: str | Text) -> None:
        """Say it otherwise, where that can be done; ``said`` is an id that `say` gave."""
        ...

    async def poll(self, question: str, options: Sequence[str], *, most: int = 1, disclosed: bool = True) -> MessageId:
        """Ask it: as a poll of the room, and as a numbered text where there are none. Votes come as `events.PollVote`.

        The ids of the options are "1", "2" and so on.
        """
        ...

    async def end(self, poll: MessageId, text: str) -> None:
        """No more votes: ``text`` tells the result to those whose client shows no polls."""
        ...

    async def at(self, when: datetime, handler: str, words: str = "", *, key: str) -> None:
        """Have ``handler(room, words)`` called then, once, also when the bridge was stopped in between.

        One of the same ``key`` set before is replaced.
        """
        ...

    async def forget(self, key: str) -> None:
        """Let a call that was ordered by `at` not come."""
        ...

    async def members(self) -> Sequence[Member]:
        """Who is in the room now, the bridge's own account left out."""
        ...


Handler = Callable[..., Awaitable[str | None]]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word that calls a handler; the first of ``words`` is shown in help. ``english`` are those of them that are."""

    words: tuple[str, ...]
    english: frozenset[str]
    who: Power
    handler: str
    help: Phrase

    def language_of(self, word: str, otherwise: Language) -> Language:
        """In which an answer to this word is said."""
        return "en" if word in self.english else "fr" if self.english else otherwise

    def shown(self, language: Language) -> str:
        """The word that help shows."""
        return next((word for word in self.words if language == "en" and word in self.english), self.words[0])


def command(*words: str, english: Sequence[str] = (), who: Power = Power.MEMBER) -> Callable[[HandlerT], HandlerT]:
    """Make a method answer ``!word``. Called as ``method(room, words)``, words being what followed the command.

    Who calls it by one of the ``english`` words is answered in English.
    """
    if not words:
        raise TypeError("@command needs at least one word: @command('echo')")

    def mark(handler: HandlerT) -> HandlerT:
        found = Command(
            words=(*words, *english),
            english=frozenset(english),
            who=who,
            handler=handler.__name__,
            help=_first_line(handler.__doc__),
        )
        vars(handler)["__command__"] = found
        return handler

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A handler that hears of events of these kinds."""

    kinds: tuple[type[Event], ...]
    handler: str


def on(*kinds: type[Event]) -> Callable[[HandlerT], HandlerT]:
    """Have a method hear what happens in the room, whoever does it. Called as ``method(room, event)``.

    Nobody hears what the bridge itself says, and no command. Ids of what bots have said are those that `Room.say` gave.
    """
    if not kinds:
        raise TypeError("@on needs at least one kind of event: @on(Message)")

    def mark(handler: HandlerT) -> HandlerT:
        vars(handler)["__listener__"] = Listener(kinds=kinds, handler=handler.__name__)
        return handler

    return mark


class Bot:
    """Inherit, give it a name, write commands."""

    name: ClassVar[str]
    Config: ClassVar[type[RoomConfig]] = RoomConfig
    commands: ClassVar[tuple[Command, ...]] = ()
    listeners: ClassVar[tuple[Listener, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [vars(member) for member in vars(cls).values() if callable(member) and hasattr(member, "__dict__")]
        cls.commands = (*cls.commands, *(each["__command__"] for each in own if "__command__" in each))
        cls.listeners = (*cls.listeners, *(each["__listener__"] for each in own if "__listener__" in each))

    @classmethod
    def hears(cls, kind: type[Event]) -> bool:
        """Whether some handler of it hears of such events."""
        return any(kind in listener.kinds for listener in cls.listeners)

    @classmethod
    def about(cls) -> Phrase:
        """What it is for: the first line of its docstring."""
        return _first_line(cls.__doc__)


def _first_line(doc: str | None) -> Phrase:
    return Phrase((doc or "").strip().split("\n")[0])
