"""What happens in a conversation, said the same way for every network.

Events are data and nothing else: frozen, comparable, picklable, so that a hostile mail can be read in another
process and an IRC line can wait on disk. Handle them with ``match``; mypy checks that no kind is forgotten.
Ids are the network's own. Times are aware. Text is Unicode without control characters but tab and newline.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Final
from urllib.parse import quote, unquote

from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId


class Form(StrEnum):
    """How a message is meant: said, done (``/me``), or told by a machine."""

    TEXT = "text"
    EMOTE = "emote"
    NOTICE = "notice"


class Outcome(StrEnum):
    """What became of something that had already left."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file named by an event. ``size`` is in bytes, None when the network does not say.

    ``ref`` is handed back to the bridge that made it when the bytes are wanted.
    """

    name: str
    mime: str
    ref: FileRef
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who speaks. ``name`` is for eyes only: identity is ``person`` alone.

    ``remark`` is shown beside the name when the identity deserves a doubt. ``answers`` is where this person asks to be
    answered, None at ``person`` itself; it identifies nobody.
    """

    person: PersonId
    name: str
    avatar: File | None = None
    remark: str | None = None
    answers: PersonId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The words: always readable as ``plain``; ``html`` is a safe fragment of the Matrix subset, or None.

    ``html`` may name people of the chat's own network, each as `mention` writes it; everywhere else their name is
    shown. ``plain`` has the name alone. Who calls for everybody (``@room``, ``@channel``) calls nobody elsewhere.
    """

    plain: str = ""
    html: str | None = None

    def __bool__(self) -> bool:
        return bool(self.plain or self.html)


PERSON: Final = "person:"
"""What the address of a mention begins with; the rest is a `PersonId`, percent-encoded."""


def mention(person: PersonId, name: str) -> str:
    """Somebody of the chat's network, named in `Text.html`: ``<a href="person:U01%2F2">Zoé</a>``."""
    encoded = quote(person, safe="", errors="replace")
    return f'<a href="{PERSON}{encoded}">{escape(name, quote=False)}</a>'


def mentioned(href: str) -> PersonId | None:
    """Whom a link in `Text.html` names; None for a link to anything else."""
    person = unquote(href.removeprefix(PERSON)) if href.startswith(PERSON) else ""
    return PersonId(person) if person else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something said in a chat.

    ``thread`` lists the ids of the conversation it belongs to, root first and parent last, as far as the network
    tells; any of them may never have been seen here. ``reply_to`` is the one message it answers. ``also`` names the
    chat in other ways (a mail has a recipient, a List-Id and a List-Post): the first that is linked decides.
    ``echo``: the network shows us our own sending; it confirms a delivery and is never a new message. ``past``: it is
    told from the network's history, because we were away when it was said: ``at`` is then shown for its time.
    """

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    text: Text = Text()
    files: tuple[File, ...] = ()
    thread: tuple[MessageId, ...] = ()
    reply_to: MessageId | None = None
    title: str | None = None
    form: Form = Form.TEXT
    also: tuple[ChatId, ...] = ()
    echo: bool = False
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """``target`` now reads ``text``. The whole new text, never a difference."""

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    target: MessageId
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """``target``, a message or a reaction, is withdrawn."""

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    target: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """``key`` (an emoji, or a short text) is set on ``target``, or taken back when ``removed``."""

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    target: MessageId
    key: str
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An answer that may be chosen in a poll. ``id`` is the poll's own, and opaque."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStarted:
    """A question with answers to choose from; one person may choose ``most`` of them.

    ``disclosed``: people see how the vote stands before it ends. ``edits``: this is what that poll now asks.
    """

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    question: str
    options: tuple[Option, ...]
    most: int = 1
    disclosed: bool = True
    edits: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollVote:
    """What somebody chooses in ``poll``, instead of all that they chose before.

    ``answers`` are ids of options as they were given, in that order, unknown ones among them; () takes the vote back.
    """

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    poll: MessageId
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollEnded:
    """Somebody ends ``poll``; whether they may is for the room's rules to say. ``text`` tells what came of it."""

    id: MessageId
    chat: ChatId
    author: Author
    at: datetime
    poll: MessageId
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """Somebody writes, or stopped. Has meaning only now: never kept, never late."""

    chat: ChatId
    author: Author
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Somebody has read up to ``target``. Has meaning only now."""

    chat: ChatId
    author: Author
    target: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Somebody is, or no longer is, in the chat.

    The room is told nothing: a channel of hundreds would fill it, and ``!pont <word> qui`` says who is there. Who comes
    is shown once they speak. Who has spoken and goes leaves the room too, unless they are back, or speak, in the
    minutes after; that is done slowly, so that a crowd may go at once. Nobody need be told of twice, or of everybody.
    """

    chat: ChatId
    author: Author
    present: bool
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChanged:
    """The chat's name or topic is another one; None leaves it as it was."""

    chat: ChatId
    author: Author
    at: datetime
    name: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """News, often late, of ``target`` that we sent: a bounce, an echo, a refusal. ``detail`` is for people."""

    chat: ChatId
    target: MessageId
    outcome: Outcome
    recipient: str | None = None
    detail: str = ""


Event = (
    Message
    | Edit
    | Deletion
    | Reaction
    | PollStarted
    | PollVote
    | PollEnded
    | Typing
    | Read
    | Membership
    | ChatChanged
    | Delivery
)
Passing = Typing | Read
"""Events that are worthless a minute later: they never touch the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """A message of a room, as it was first said, and what was said about it since: votes, an end, edits of a poll.

    What was removed is not among them. ``unreadable``: how many there are besides that nobody here can read.
    """

    message: Event | None
    events: tuple[Event, ...] = ()
    unreadable: int = 0
