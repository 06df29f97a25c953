"""What a connection is given to show, every id already the target network's own.

The core makes it at the last moment, anew for each attempt. Like an event it is frozen; unlike one it can be asked for
bytes, for URLs and for what of it is done already.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tchap_bridges.errors import Undeliverable
from tchap_bridges.events import Author, Form, Option, Text
from tchap_bridges.i18n import _, pack, unpack
from tchap_bridges.ids import ChatId, MessageId


class Attachment(Protocol):
    """A file on its way out, whatever network it came from."""

    @property
    def name(self) -> str: ...
    @property
    def mime(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    def open(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes, streamed. Can be opened again, for a retry.

        Raises `Undeliverable`, at their end too, when they are gone or may not go anywhere.
        """
        ...

    async def link(self) -> str:
        """A URL of the file, for a network that carries none: whoever has it may open it, without an account.

        It ends after the days that the operator has set, and as soon as the message is withdrawn, its content erased,
        or the chat unlinked. The same at each attempt of one day. Raises `Undeliverable` where the operator has given
        no public address: name the file in the text then, with the reason.
        """
        ...


async def no_public_address() -> str:
    """A link where there can be none."""
    raise Undeliverable(
        _("le pont n'a pas d'adresse publique où donner des fichiers"),
        remedy=_("L'exploitant peut lui en donner une : la section « web » de sa configuration."),
    )


class Steps(Protocol):
    """What of this message is done already. Survives a crash: a second `send` goes on from there.

    A step called ``event.<n>`` names the id under which a part is seen: it can be withdrawn even if the rest never
    comes. Those called ``left.<n>`` are `Outgoing.leave_out`'s.
    """

    def get(self, step: str) -> str | None: ...
    async def done(self, step: str, result: str) -> None:
        """On disk when it returns."""
        ...


async def no_avatar() -> str | None:
    """The picture of somebody who has none."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to show in a chat, every id already the target network's own.

    ``key`` is the same at each retry and unlike that of any other thing ever sent: derive request ids from it.
    ``author`` is None when the bridge itself speaks. ``network`` is where it was said, in words ("Tchap", "courriel").
    ``thread`` is the conversation, root first, parent last; ``reply_to`` the message answered, if it is known there.
    ``in_thread``: it was said in a thread; else ``thread`` is no more than the answers above a plain answer.
    ``foreign``: it was said on a third network, neither this one nor the room's side: worth a word beside the name.
    ``title`` is that of the conversation, also for an answer in it; its first words where nobody has named it.
    ``late``: it belongs before messages that are already shown. ``answered`` wrote what is answered, when that came
    from this very chat: where a chat has no members, the answer goes to them. ``link_to_text`` makes a URL of the whole
    text, as `Attachment.link` does of a file and with its errors, for a network where it has to be shortened; people
    read there what it says after the last edit. ``avatar`` is the author's picture, to be read, where their network
    gives one; no message waits for it long. ``link_to_avatar`` makes a URL of it, for a network that shows pictures by
    URL: a small image that anybody can fetch; the same for days for one author, another one when the picture changes.
    None where there is no picture, no public address, or the picture is not everybody's to see: never an error.
    ``text.html`` may name people of this very network as `events.mention` does; everybody else's names are plain.
    ``past`` as in `events.Message`: a network that can give a message another time than now gives it ``at``,
    which tells the time of day as the operator's people read it.
    """

    key: str
    chat: ChatId
    author: Author | None
    network: str
    at: datetime
    text: Text
    steps: Steps
    files: tuple[Attachment, ...] = ()
    avatar: Attachment | None = None
    thread: tuple[MessageId, ...] = ()
    reply_to: MessageId | None = None
    answered: Author | None = None
    title: str | None = None
    form: Form = Form.TEXT
    late: bool = False
    past: bool = False
    in_thread: bool = False
    foreign: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    link_to_text: Callable[[], Awaitable[str]] = field(default=no_public_address, repr=False, compare=False)
    link_to_avatar: Callable[[], Awaitable[str | None]] = field(default=no_avatar, repr=False, compare=False)

    async def leave_out(self, file: int | None, why: Undeliverable) -> None:
        """``files[file]`` does not go along: whoever sent it is told why, and of the remedy, once the rest is there.

        None: the end of the text, where it is cut and ``link_to_text`` cannot lead to the whole.
        To be said before anything is shown, for it is on disk when this returns and final: at a second `send` opening
        the file raises the same again. Else what is seen without it, and shown but once, would be taken for whole.
        """
        said = json.dumps([pack(why.reason), pack(why.remedy)])
        if self.steps.get(f"left.{file}") != said:
            await self.steps.done(f"left.{file}", said)

    def left_out(self, file: int | None) -> Undeliverable | None:
        """Why that does not go along, as this attempt or an earlier one has found; None while it does."""
        said = self.steps.get(f"left.{file}")
        if said is None:
            return None
        reason, remedy = map(unpack, json.loads(said))
        return Undeliverable(reason, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingEdit:
    """New words for ``target``, a message that we showed; ``parts`` are all the ids that showing it returned.

    ``before`` is what it read until now, for networks that can only say what has changed; None when that is forgotten.
    ``foreign`` and ``link_to_text`` as in `Outgoing`, the same link. ``text`` may name people as there;
    whoever was named before need not be called again.
    """

    key: str
    chat: ChatId
    author: Author | None
    network: str
    at: datetime
    target: MessageId
    text: Text
    before: Text | None = None
    parts: tuple[MessageId, ...] = ()
    foreign: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    link_to_text: Callable[[], Awaitable[str]] = field(default=no_public_address, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingDeletion:
    """``target``, which we showed (a message with all its parts, or a reaction), is to go."""

    key: str
    chat: ChatId
    author: Author | None
    network: str
    target: MessageId
    parts: tuple[MessageId, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPoll:
    """A question of ours, to be voted on; votes come back as `events.PollVote` with the ids of ``options``."""

    key: str
    chat: ChatId
    at: datetime
    question: str
    options: tuple[Option, ...]
    steps: Steps
    most: int = 1
    disclosed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPollEnd:
    """``poll`` takes no more votes. ``text`` is for those whose client shows no polls."""

    key: str
    chat: ChatId
    at: datetime
    poll: MessageId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingReaction:
    """``symbol`` set on ``target`` by ``author``, or taken back: then ``reaction`` is what setting it had returned."""

    key: str
    chat: ChatId
    author: Author | None
    network: str
    target: MessageId
    symbol: str
    removed: bool = False
    reaction: MessageId | None = None
    options: Mapping[str, str] = field(default_factory=dict)
