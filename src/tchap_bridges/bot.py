"""The whole contract that the author of a bot reads.

A bot is one class in one file::

    class Echo(Bot):
        \"\"\"Répète ce qu'on lui dit.\"\"\"

        name = "echo"

        @command("echo", "répète")
        async def echo(self, room: Room, words: str) -> str:
            return words

The class docstring is its help text, a command's docstring the command's: French in its first line, and in English
where a later line begins with ``EN:`` or the catalogue has it. What a handler returns is said in the room, in reply. It
is called only in rooms where an admin has switched the bot on, one call at a time for each room; all that it says and
keeps becomes durable when it returns, at once, and nothing of it when it raises. A call that a crash has cut short is
made again.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as _field
from datetime import date, datetime, time
from enum import IntEnum, StrEnum
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeVar

from tchap_bridges.dates import Moment
from tchap_bridges.events import Author, Event, Option, Related, Text
from tchap_bridges.hooks import Scheme
from tchap_bridges.i18n import Language, Phrase, both
from tchap_bridges.ids import MessageId, PersonId, RoomId
from tchap_bridges.parameters import Parameter, parameters_of


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


def field(
    default: Any,
    *,
    label: str,
    word: str = "",
    help: str = "",  # noqa: A002
    long: bool = False,
    **bounds: Any,
) -> Any:
    """A field of a `RoomConfig`. ``label`` and ``help`` are French, and read in English where the catalogue has them.

    Who has no catalogue says both: ``label=both("Équipe", "Team")``.

    ``word``: what is typed for it in French, ``!bot regler NAME word=value``; its name otherwise, and in English.
    ``long``: a text of several lines. ``bounds``: as of pydantic's `Field`.
    """
    return Field(
        default, title=label, description=help or None, json_schema_extra={"long": long, "word": word}, **bounds
    )


ConfigT_co = TypeVar("ConfigT_co", bound=RoomConfig, default=Any, covariant=True)


class Store(Protocol):
    """What a bot keeps: texts by key, sealed on disk. What is set is read back at once."""

    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str) -> None: ...
    async def delete(self, key: str) -> None: ...
    async def all(self, prefix: str = "") -> Mapping[str, str]: ...


class Tables(Protocol):
    """The tables of a bot's own: what stands in ``queries.sql`` of its package, on those of its ``migrations``.

    A query that has ``:room`` means this room, unless said otherwise. What is written is read from the next call on,
    and, other than in a `Store`, it is not sealed.
    """

    async def one(self, query: str, /, **values: Any) -> Mapping[str, Any] | None:
        """The first row, by column."""
        ...

    async def all(self, query: str, /, **values: Any) -> Sequence[Mapping[str, Any]]: ...
    async def value(self, query: str, /, **values: Any) -> Any:
        """The first column of the first row; None when there is no row."""
        ...

    async def run(self, query: str, /, **values: Any) -> None:
        """Write, when the call has ended well. What a constraint refuses then takes the whole call with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who is in the room. ``ghost``: they stand for somebody of a linked network.

    ``level`` is their own: in a room where everybody has 100 it is nobody's, and counts as 0. ``may_redact``: they may
    remove what others say, and so end their polls.
    """

    person: PersonId
    name: str
    level: int
    ghost: bool = False
    may_redact: bool = False


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

    async def say(self, text: str | Text, *, about: MessageId | None = None, everywhere: bool = False) -> MessageId:
        """Say something, in order with everything else that the bot says in the room, in reply to ``about``.

        What answers a poll is shown wherever the poll is; what is for ``everywhere``, wherever people's own words go.
        Whoever it names (`events.mention`) is called.
        """
        ...

    async def file(self, name: str, mime: str, data: bytes, *, about: MessageId | None = None) -> MessageId:
        """Show a file of at most a megabyte."""
        ...

    async def edit(self, said: MessageId, text: str | Text) -> None:
        """Say it otherwise, where that can be done; ``said`` is an id that `say` gave."""
        ...

    async def poll(
        self, question: str, options: Sequence[str | Option], *, most: int = 1, disclosed: bool = True
    ) -> MessageId:
        """Ask it: as a poll of the room, and as a numbered text where there are none. Votes come as `events.PollVote`.

        The ids of the options are "1", "2" and so on, but for those that have one.
        """
        ...

    async def end(self, poll: MessageId, text: str) -> None:
        """No more votes: ``text`` tells the result to those whose client shows no polls.

        Of somebody else's poll this is an end only where `may_redact` says so.
        """
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

    async def name(self) -> str:
        """What the room is called; "" when it has no name."""
        ...

    async def may_redact(self) -> bool:
        """Whether the bridge's own account may remove what others say, and so end their polls."""
        ...

    async def related(self, message: MessageId) -> Related:
        """Somebody else's message of the room, and all that was said about it, also before the bot was on."""
        ...

    @property
    def private(self) -> bool:
        """Whether the call comes from a direct conversation, of what somebody answered there.

        What the handler returns is then said there, to that person alone; `say` speaks in the room all the same.
        """
        ...

    @property
    def db(self) -> Tables:
        """The tables of the bot's own, where its package has some."""
        ...

    def kv_of(self, person: PersonId) -> Store:
        """What the bot keeps of a user of the homeserver, whatever the room."""
        ...

    async def tell(self, person: PersonId, text: str | Text) -> bool:
        """Say something to a user of the homeserver in their direct conversation with the bridge.

        It is opened when there is none, and what is told waits until they have come in. Returns False, and tells
        nothing, when they do not want any: they have declined, or left. They are not asked again; they may open it
        themselves.
        """
        ...

    async def tell_file(self, person: PersonId, name: str, mime: str, data: bytes) -> bool:
        """As `tell` and `file`."""
        ...

    async def ask(
        self,
        text: str | Text,
        handler: str,
        words: str = "",
        *,
        of: PersonId | None = None,
        private: bool = False,
        secret: bool = False,
        key: str = "",
    ) -> bool:
        """Have ``handler(room, answer, words)`` called with what the person, the caller unless said, answers.

        In the room that is the next that they say there in ten minutes, and no network is told of it. ``private``: in
        their direct conversation, as by `tell`, and however long they take; what is False there is False here.
        ``secret``: of the answer nothing is left in our tables once the call has ended well. One question of the same
        ``key`` to the same person replaces another; it stands until it is answered well: a handler that raises
        `Misconfigured` is called with their next answer. « annuler » ends it.
        """
        ...

    async def posted(self, most: int = 10) -> "Sequence[Posted]":
        """What was last posted to the bot's addresses in this room, newest first, as far as it is still kept.

        To show what a setting would make of it: no handler is called.
        """
        ...

    async def withdraw(self, key: str, *, of: PersonId | None = None) -> None:
        """Let no answer to this question come; of anybody, unless said."""
        ...


ARGUMENTS = (str, int, date, Moment, Member)
"""What a command's parameters may be."""
_TYPED = re.compile(r"[^\W\d_][\w-]*")
_EN = "EN:"

Handler = Callable[..., Awaitable[str | None]]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word that calls a handler; the first of ``words`` is shown in help. ``english`` are those of them that are.

    ``parameters``: what the handler is called with, besides the room. ``linked``: of linked networks, too.
    """

    words: tuple[str, ...]
    english: frozenset[str]
    who: Power
    handler: str
    help: Phrase
    parameters: tuple[Parameter, ...] = ()
    linked: bool = False

    def language_of(self, word: str, otherwise: Language) -> Language:
        """In which an answer to this word is said."""
        return "en" if word in self.english else "fr" if self.english else otherwise

    def shown(self, language: Language) -> str:
        """The word that help shows."""
        return next((word for word in self.words if language == "en" and word in self.english), self.words[0])


def command(
    *words: str, english: Sequence[str] = (), who: Power = Power.MEMBER, linked: bool = False
) -> Callable[[HandlerT], HandlerT]:
    """Make a method answer ``!word``. Called as ``method(room, words)``, words being what followed the command.

    ``"word more"``: only when both are typed; what fits best is called. Who calls it by one of the ``english`` words is
    answered in English. Parameters with types are read from what followed, and whoever typed what cannot be read is
    told what was expected::

        @command("garde", english=["duty"])
        async def duty(self, room, who: Member, day: Annotated[date, "jour"], note: str) -> str: ...

    Types: `str` (one word; as the last one, all that is left), `int`, `date`, `dates.Moment`, `Member`. What is missing
    is the parameter's default, and refused where it has none.

    ``linked``: people of linked networks give it too, and what is answered is said there as well; others' commands they
    may not give, and are told so. Raises TypeError for words that cannot be typed, and for
    parameters that cannot be read.
    """
    if not words:
        raise TypeError("@command needs at least one word: @command('echo')")
    for word in (*words, *english):
        if word != word.lower() or not all(map(_TYPED.fullmatch, word.split(" "))):
            raise TypeError(f"@command({word!r}): letters, digits, - and _, in lower case, with a letter first")

    def mark(handler: HandlerT) -> HandlerT:
        found = Command(
            words=(*words, *english),
            english=frozenset(english),
            who=who,
            handler=handler.__name__,
            help=_first_line(handler.__doc__),
            parameters=parameters_of(handler, ARGUMENTS),
            linked=linked,
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


class CatchUp(StrEnum):
    """What becomes of times that came while the bridge was stopped.

    Each is called for, in order, a hundred of them at most and then the last; or the last one alone; or none that is
    more than five minutes late.
    """

    ALL = "all"
    ONCE = "once"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A handler called at times of its own.

    ``at``: a time if ``daily``, else a recurrence in words; or the name of the setting that holds it. Either
    ``at`` or ``seconds`` is set.
    """

    handler: str
    at: time | str = ""
    daily: bool = False
    workdays: bool = False
    seconds: float = 0.0
    catch_up: CatchUp = CatchUp.ONCE


def daily(
    *, at: time | str, workdays: bool = False, catch_up: CatchUp | str = CatchUp.ONCE
) -> Callable[[HandlerT], HandlerT]:
    """Have ``method(room)`` called every day at this time of the operator's zone, in every room where the bot is on.

    ``at``: a time, ``"9:00"``, or the name of a setting that is one; while that is empty it is not called. A time that
    clocks skip in spring comes at the first moment after, one that comes twice in autumn comes the first time.
    ``workdays``: Monday to Friday, and on no public holiday of France. ``room.when`` is when it was due.
    """
    return _scheduled(at=at, daily=True, workdays=workdays, catch_up=catch_up)


def every(
    *, seconds: float = 0, minutes: float = 0, hours: float = 0, catch_up: CatchUp | str = CatchUp.ONCE
) -> Callable[[HandlerT], HandlerT]:
    """Have ``method(room)`` called again and again, at least 30 seconds apart."""
    span = seconds + 60 * minutes + 3600 * hours
    if span < 30:
        raise TypeError("@every needs at least 30 seconds: @every(minutes=5)")
    return _scheduled(seconds=span, catch_up=catch_up)


def at(when: str, *, catch_up: CatchUp | str = CatchUp.ONCE) -> Callable[[HandlerT], HandlerT]:
    """Have ``method(room)`` called when the words say: ``"tous les lundis à 9h"``, or the name of a setting that does.

    The words are those of ``tchap_bridges.dates``, French or English, for what comes again.
    """
    return _scheduled(at=when, catch_up=catch_up)


def _scheduled(*, catch_up: CatchUp | str, **what: Any) -> Callable[[HandlerT], HandlerT]:
    kind = CatchUp(catch_up)

    def mark(handler: HandlerT) -> HandlerT:
        if "__schedule__" in vars(handler):
            raise TypeError(f"{handler.__name__} has a schedule already: let two methods call one")
        vars(handler)["__schedule__"] = Schedule(handler=handler.__name__, catch_up=kind, **what)
        return handler

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was sent to a webhook: the bytes as they came, and their headers by lower-case name.

    ``id``: by which a repeat is known. ``hook``: the name that the hook was given when it was made. ``number``: by
    which people call the delivery, counted for each hook. Headers that hold a secret or an address are left out.
    """

    id: str
    hook: str
    number: int
    at: datetime
    headers: Mapping[str, str]
    body: bytes = _field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A handler that deliveries are for. ``verify`` and ``dedup`` as of `webhook`."""

    handler: str
    verify: str
    dedup: str
    raw: bool


def webhook(*, verify: str = "path", dedup: str = "", raw: bool = False) -> Callable[[HandlerT], HandlerT]:
    """Have ``method(room, body)`` called with the JSON that others post to an address of this room's.

    A moderator makes the address by ``!bot webhook creer``, and sees it and its secret in their direct conversation
    with the bridge. ``verify``: how a sender proves itself, unless the moderator says otherwise: one of
    `tchap_bridges.hooks.Scheme` (``hmac-sha256``, ``github``, ``gitlab`` …), or ``path``, the secret being in the
    address. ``dedup``: the key of the body that tells a repeat; else the sender's
    delivery id, else the bytes. ``raw``: the handler wants the `Posted` itself.
    """

    if verify not in set(Scheme):
        raise TypeError(f"@webhook knows no verify={verify!r}; there are {', '.join(Scheme)}")

    def mark(handler: HandlerT) -> HandlerT:
        vars(handler)["__webhook__"] = Webhook(handler=handler.__name__, verify=verify, dedup=dedup, raw=raw)
        return handler

    return mark


class Bot:
    """Inherit, give it a name, write commands."""

    name: ClassVar[str]
    Config: ClassVar[type[RoomConfig]] = RoomConfig
    commands: ClassVar[tuple[Command, ...]] = ()
    listeners: ClassVar[tuple[Listener, ...]] = ()
    schedules: ClassVar[tuple[Schedule, ...]] = ()
    webhooks: ClassVar[tuple[Webhook, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [vars(member) for member in vars(cls).values() if callable(member) and hasattr(member, "__dict__")]
        cls.commands = _newest(cls.commands, (each["__command__"] for each in own if "__command__" in each))
        cls.listeners = _newest(cls.listeners, (each["__listener__"] for each in own if "__listener__" in each))
        cls.schedules = _newest(cls.schedules, (each["__schedule__"] for each in own if "__schedule__" in each))
        cls.webhooks = _newest(cls.webhooks, (each["__webhook__"] for each in own if "__webhook__" in each))
        _no_doubles(cls)

    @classmethod
    def hears(cls, kind: type[Event]) -> bool:
        """Whether some handler of it hears of such events."""
        return any(kind in listener.kinds for listener in cls.listeners)

    @classmethod
    def about(cls) -> Phrase:
        """What it is for: the first line of its docstring."""
        return _first_line(cls.__doc__)


class _Marked(Protocol):
    @property
    def handler(self) -> str: ...


MarkedT = TypeVar("MarkedT", bound=_Marked)


def _newest(inherited: tuple[MarkedT, ...], own: Iterable[MarkedT]) -> tuple[MarkedT, ...]:
    """A method that is overridden, and marked again, is what its newest mark says."""
    return tuple({one.handler: one for one in (*inherited, *own)}.values())


def _no_doubles(bot: type[Bot]) -> None:
    handlers: dict[str, str] = {}
    for command in bot.commands:
        for word in command.words:
            if handlers.setdefault(word, command.handler) != command.handler:
                raise TypeError(f"{bot.__name__}: !{word} would call both {handlers[word]} and {command.handler}")


def _first_line(doc: str | None) -> Phrase:
    french, *more = (line.strip() for line in (doc or "").strip().split("\n"))
    english = next((line.removeprefix(_EN).strip() for line in more if line.startswith(_EN)), "")
    return both(french, english) if english else Phrase(french)
