"""The whole contract that the author of a bot reads.

A bot is one class in one file::

    class Echo(Bot):
        \"\"\"Répète ce qu'on lui dit.\"\"\"

        @command("echo", "répète")
        async def echo(self, room: Room, words: str) -> str:
            return words

The class docstring is its help text, a command's docstring the command's: French, and read in English where the
catalogue has it. What a handler returns is said in the room, in reply. A handler is called only in rooms where an admin
has switched the bot on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tchap_bridges.events import Author
from tchap_bridges.i18n import Phrase
from tchap_bridges.ids import RoomId


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


class Room(Protocol):
    """The room a handler is called for."""

    @property
    def id(self) -> RoomId: ...
    @property
    def caller(self) -> Author: ...
    async def say(self, text: str) -> None:
        """Say something, in order with everything else said in the room, and not lost when we stop."""
        ...


Handler = Callable[..., Awaitable[str | None]]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word that calls a handler; the first of ``words`` is shown in help."""

    words: tuple[str, ...]
    who: Power
    handler: str
    help: Phrase


def command(*words: str, who: Power = Power.MEMBER) -> Callable[[HandlerT], HandlerT]:
    """Make a method answer ``!word``. Called as ``method(room, words)``, words being what followed the command."""
    if not words:
        raise TypeError("@command needs at least one word: @command('echo')")

    def mark(handler: HandlerT) -> HandlerT:
        found = Command(words=words, who=who, handler=handler.__name__, help=_first_line(handler.__doc__))
        vars(handler)["__command__"] = found
        return handler

    return mark


class Bot:
    """Inherit, give it a name, write commands."""

    name: ClassVar[str]
    commands: ClassVar[tuple[Command, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = (vars(member).get("__command__") for member in vars(cls).values() if callable(member))
        cls.commands = (*cls.commands, *(found for found in own if found))

    @classmethod
    def about(cls) -> Phrase:
        """What it is for: the first line of its docstring."""
        return _first_line(cls.__doc__)


def _first_line(doc: str | None) -> Phrase:
    return Phrase((doc or "").strip().split("\n")[0])
