"""The room as one call of a handler sees it: reads at once, writes when the call has ended well.

What the handler does is kept as a list of effects. They are made in the transaction that ends the call, in their order,
so that a call which raises, or is cut short, has done nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Member, Posted, RoomConfig, Store
from tchap_bridges.bridge import Direction
from tchap_bridges.core import clock, codec, policy
from tchap_bridges.core.bots import TARGET
from tchap_bridges.core.bots.deliveries import Deliveries
from tchap_bridges.core.bots.kept import Effect, Kept, kept, kept_of
from tchap_bridges.core.bots.questions import Question, Questions
from tchap_bridges.core.bots.schedules import ordered
from tchap_bridges.core.bots.tables import Tables
from tchap_bridges.core.bots.timers import WORDS, Timers
from tchap_bridges.core.directs import WAITING, Directs
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import ORIGIN, Outbox
from tchap_bridges.core.ports import Database, Homeserver, Sealer, Tx
from tchap_bridges.core.secrets import request_key
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import (
    PERSON,
    Author,
    Edit,
    Event,
    File,
    Form,
    Message,
    Option,
    PollEnded,
    PollStarted,
    Related,
    Text,
)
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId, RoomId, UserId

MOST_EFFECTS = 50
"""So much may one call say and keep; a bot that wants more has gone astray."""
LARGEST = 1_000_000
"""Bytes of a file that a bot shows."""
HANDLE = "said-"
BLOB = "blob"

Then = Callable[[Tx, int], Awaitable[None]]
Place = Callable[[Tx], Awaitable[RoomId | None]]
_US = Author(person=PersonId(""), name="")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every turn is given of the core."""

    db: Database
    sealer: Sealer
    homeserver: Homeserver
    outbox: Outbox
    links: Links
    timers: Timers
    directs: Directs
    questions: Questions
    deliveries: Deliveries
    zone: ZoneInfo
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a handler is called for. ``key`` is the same when the call is made again after a crash.

    ``place``: the room in which it was said, and is answered; the direct conversation where ``private``. ``origin``:
    the target, a room or a link, where ``message`` was said. ``asked``: somebody has typed it, the command's ``word``
    or an answer, and is told what comes of it. ``patient``: nobody waits for it, and what it says is not lost but said
    later.
    """

    key: str
    room: RoomId
    place: RoomId
    origin: str = ""
    private: bool = False
    asked: bool = False
    patient: bool = False
    word: str = ""
    bot: str
    caller: Author
    message: MessageId | None
    config: RoomConfig
    answered: MessageId | None = None
    network: str = ""
    language: Language
    when: datetime


class Turn:
    """`bot.Room` for one call."""

    def __init__(self, house: House, cause: Cause) -> None:
        self._house = house
        self._cause = cause
        self._effects: list[Effect] = []
        self._aloud: set[int] = set()  # which of them are seen by people
        self.said: Counter[str] = Counter()
        self._kv = Kept(house.db, house.sealer, kept(cause.bot, cause.room), self._add)
        queries = house.db.queries_of(cause.bot)
        self._tables = Tables(house.db, cause.bot, cause.room, queries, self._add)
        self._now = clock.local(clock.moment(clock.now()), house.zone)

    async def write(self, tx: Tx, *, silent: bool = False) -> None:
        """Make durable what was done; ``silent``: but for what is said."""
        for n, effect in enumerate(self._effects):
            if not (silent and n in self._aloud):
                await effect(tx)

    @property
    def id(self) -> RoomId:
        return self._cause.room

    @property
    def config(self) -> RoomConfig:
        return self._cause.config

    @property
    def caller(self) -> Author:
        return self._cause.caller

    @property
    def network(self) -> str:
        return self._cause.network

    @property
    def message(self) -> MessageId | None:
        return self._cause.message

    @property
    def answered(self) -> MessageId | None:
        return self._cause.answered

    @property
    def when(self) -> datetime:
        return clock.local(self._cause.when, self._house.zone)

    @property
    def now(self) -> datetime:
        return self._now

    @property
    def zone(self) -> ZoneInfo:
        return self._house.zone

    @property
    def language(self) -> Language:
        return self._cause.language

    @property
    def private(self) -> bool:
        return self._cause.private

    @property
    def kv(self) -> Store:
        return self._kv

    @property
    def db(self) -> Tables:
        return self._tables

    def kv_of(self, person: PersonId) -> Store:
        return Kept(self._house.db, self._house.sealer, kept_of(self._cause.bot, person), self._add)

    async def say(self, text: str | Text, *, about: MessageId | None = None, everywhere: bool = False) -> MessageId:
        return self._shown(partial(self._message_of, self._words(text), ()), about, everywhere=everywhere)

    async def answer(self, text: str | Text, about: MessageId | None) -> MessageId:
        """Say it to whoever called, where they did."""
        return self._shown(partial(self._message_of, self._words(text), ()), about, place=self._cause.place)

    async def tell(self, person: PersonId, text: str | Text) -> bool:
        return await self._told(person, partial(self._message_of, self._words(text), ()))

    async def tell_file(self, person: PersonId, name: str, mime: str, data: bytes) -> bool:
        return await self._told(person, self._file_of(name, mime, data))

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
        person = of if of is not None else self.caller.person
        sealed = self._house.sealer.seal(words.encode(), place="question.words")

        async def asked(tx: Tx, message: int) -> None:
            question = Question(
                bot=self._cause.bot,
                room=self.id,
                person=person,
                key=key,
                private=private,
                handler=handler,
                words=sealed,
                secret=secret,
                language=self.language,
                message=message,
            )
            await self._house.questions.ask(tx, question)

        make = partial(self._message_of, self._words(text), ())
        if private:
            return await self._told(person, make, asked)
        if self.network and of is None:
            raise Misconfigured(_("cela ne se fait que depuis le salon"))
        self._shown(make, self.message if of is None else None, then=asked)
        return True

    async def posted(self, most: int = 10) -> Sequence[Posted]:
        return await self._house.deliveries.last(self.id, self._cause.bot, most)

    async def withdraw(self, key: str, *, of: PersonId | None = None) -> None:
        async def effect(tx: Tx) -> None:
            if of is None:
                await tx.run("questions_withdraw", bot=self._cause.bot, room=self.id, key=key)
            else:
                await tx.run("question_delete", bot=self._cause.bot, room=self.id, person=of, key=key)

        self._add(effect)

    async def _told(self, person: PersonId, make: Callable[[MessageId], Event], then: Then | None = None) -> bool:
        """Shown in the direct conversation with somebody, if they want it."""
        if not self._house.directs.may_be(person):
            return False
        async with self._house.db.snapshot() as tx:
            known = await tx.one("direct_of", person=person)
        if known is not None and known["state"] == "closed":
            return False

        async def place(tx: Tx) -> RoomId | None:
            return await self._house.directs.wanted(tx, UserId(person))

        self._shown(make, None, place=place, then=then, to=person)
        return True

    def _message_of(self, text: Text, files: tuple[File, ...], id_: MessageId) -> Message:
        form = Form.TEXT if PERSON in (text.html or "") else Form.NOTICE  # clients call nobody for a notice
        return Message(id=id_, chat=ChatId(self.id), author=_US, at=self._now, text=text, files=files, form=form)

    async def file(self, name: str, mime: str, data: bytes, *, about: MessageId | None = None) -> MessageId:
        return self._shown(self._file_of(name, mime, data), about)

    def _file_of(self, name: str, mime: str, data: bytes) -> Callable[[MessageId], Event]:
        if len(data) > LARGEST:
            raise Misconfigured(_("ce robot veut montrer un fichier trop grand"))
        key = request_key(self._cause.key, len(self._effects), "file", self.id)
        sealed = self._house.sealer.seal(data, place=BLOB)

        async def effect(tx: Tx) -> None:
            await tx.run("kv_set", space=BLOB, key=key, value=sealed)

        self._add(effect)
        file = File(name=name, mime=mime, ref=FileRef(f"{BLOB} {key}"), size=len(data))
        return partial(self._message_of, Text(), (file,))

    async def edit(self, said: MessageId, text: str | Text) -> None:
        event = Edit(id=said, chat=ChatId(self.id), author=_US, at=self._now, target=said, text=self._words(text))
        self._follow(said, "edit", event)

    async def poll(
        self, question: str, options: Sequence[str | Option], *, most: int = 1, disclosed: bool = True
    ) -> MessageId:
        asked = PollStarted(
            id=MessageId(""),
            chat=ChatId(self.id),
            author=_US,
            at=self._now,
            question=self._words(question).plain,
            options=tuple(self._option(n, one) for n, one in enumerate(options, 1)),
            most=most,
            disclosed=disclosed,
        )
        return self._shown(partial(_under, asked), None, everywhere=True)

    def _option(self, n: int, said: str | Option) -> Option:
        return said if isinstance(said, Option) else Option(id=str(n), text=self._words(said).plain)

    async def end(self, poll: MessageId, text: str) -> None:
        self._follow(
            poll, "end", PollEnded(id=poll, chat=ChatId(self.id), author=_US, at=self._now, poll=poll, text=text)
        )

    async def at(self, when: datetime, handler: str, words: str = "", *, key: str) -> None:
        sealed, due = self._house.sealer.seal(words.encode(), place=WORDS), clock.milliseconds(when)

        async def effect(tx: Tx) -> None:
            await tx.run(
                "timer_set",
                room=self.id,
                bot=self._cause.bot,
                key=ordered(key),
                due_at=due,
                handler=handler,
                words=sealed,
            )
            tx.after_commit(self._house.timers.nudge)

        self._add(effect)

    async def forget(self, key: str) -> None:
        async def effect(tx: Tx) -> None:
            await tx.run("timer_delete", room=self.id, bot=self._cause.bot, key=ordered(key))

        self._add(effect)

    async def members(self) -> Sequence[Member]:
        facts = await self._house.homeserver.facts(self.id)
        return [
            Member(
                person=PersonId(user),
                name=name,
                level=policy.own_level(facts, user),
                ghost=self._house.homeserver.is_ours(user),
                may_redact=facts.may_redact(user),
            )
            for user, name in (await self._house.homeserver.members(self.id)).items()
        ]

    async def name(self) -> str:
        return (await self._house.homeserver.facts(self.id)).name

    async def may_redact(self) -> bool:
        return (await self._house.homeserver.facts(self.id)).may_redact(self._house.homeserver.bot)

    async def related(self, message: MessageId) -> Related:
        return await self._house.homeserver.related(self.id, message)

    @property
    def _lane(self) -> str:
        """What it says in rooms leaves by a lane of its own: however much that is, nobody else's words wait for it."""
        return f"{TARGET}{self._cause.bot}"

    def _words(self, text: str | Text) -> Text:
        if isinstance(text, Text):
            return text
        return Text(plain=Translator(self.language)(text) if isinstance(text, Phrase) else text)

    # How it is written

    def also(self, effect: Effect) -> None:
        """Something of the core's own, written with the rest."""
        self._add(effect)

    def _add(self, effect: Effect) -> None:
        if len(self._effects) >= MOST_EFFECTS:
            raise Misconfigured(_("ce robot en fait trop à la fois"))
        self._effects.append(effect)

    def _say(self, effect: Effect, to: str) -> None:
        self._add(effect)
        self._aloud.add(len(self._effects) - 1)
        self.said[to] += 1

    def _shown(
        self,
        make: Callable[[MessageId], Event],
        about: MessageId | None,
        *,
        everywhere: bool = False,
        place: RoomId | Place | None = None,
        then: Then | None = None,
        to: str = "",
    ) -> MessageId:
        """Shown in ``place``, the room unless said, and in linked chats when it is for ``everywhere``.

        Returns the id by which it is known. ``then`` is called with its row. ``to``: to whom alone.
        """
        cause = f"{self._cause.key} {len(self._effects)}"
        handle = MessageId(f"{HANDLE}{request_key(cause, 0, 'say', self.id)}")
        body = self._house.sealer.seal(codec.dump(make(handle)), place="message.body")

        async def effect(tx: Tx) -> None:
            room = self.id if place is None else await place(tx) if callable(place) else place
            if room is None:
                return
            parent = await self._about(tx, about) if about is not None else None
            root = await tx.value("message_root", id=parent) if parent is not None else None
            message = await self._house.outbox.message(tx, room, "core", "message", body, parent=parent, root=root)
            await tx.run("said_add", handle=handle, message=message)
            others: Sequence[str] = ()
            if room == self.id:
                others = await self._open(tx) if everywhere else await self._where(tx, about)
            for target in (room, *others):
                whom = self._lane if target == room else ""
                await self._house.outbox.show(tx, room, target, message, cause=cause, whom=whom)
            if then is not None:
                await then(tx, message)

        self._say(effect, to or (place if isinstance(place, str) else self.id))
        return handle

    async def _open(self, tx: Tx) -> Sequence[str]:
        """Where all that is said in the room is said: not to a list that is told answers only."""
        links = await self._house.links.of_room(tx, self.id)
        return [
            one.target for one in links if one.state == "active" and one.direction in {Direction.BOTH, Direction.OUT}
        ]

    async def _where(self, tx: Tx, about: MessageId | None) -> Sequence[str]:
        """Where else something of ours is shown, as far as words still go there."""
        message = await tx.value("said_message", handle=about) if about is not None else None
        return [one for one in await self._seen(tx, message) if one != self.id] if message is not None else ()

    async def _seen(self, tx: Tx, message: int) -> Sequence[str]:
        copies = await tx.all("copies_elsewhere", message=message, target="")
        return [copy["target"] for copy in copies if await self._house.links.carries(tx, copy["target"])]

    async def _about(self, tx: Tx, about: MessageId) -> int | None:
        """Our row of what is answered, which nobody may have heard."""
        ours = about.startswith(HANDLE) or about == self.message
        return await (self._message(tx, about) if ours else self._others(tx, about))

    async def _message(self, tx: Tx, about: MessageId) -> int | None:
        """Our row of a message, by the id under which a bot knows it."""
        if about.startswith(HANDLE):
            found: int | None = await tx.value("said_message", handle=about)
            return found
        target = self._cause.origin if about == self.message else self.id
        copy = await tx.one("copy_find", target=target, remote=about)
        return copy["message"] if copy is not None else None

    def _follow(self, said: MessageId, action: str, event: Event) -> None:
        """Something about a message of ours, in every lane that took it somewhere."""
        self._say(partial(self._followed, said, action, event, f"{self._cause.key} {len(self._effects)}"), self.id)

    async def _followed(self, said: MessageId, action: str, event: Event, cause: str, tx: Tx) -> None:
        ours = said.startswith(HANDLE)
        if not ours and action != "end":
            return
        message = await self._message(tx, said) if ours else await self._others(tx, said)
        if message is None:
            return
        body = self._house.outbox.seal(event)
        later = await self._house.outbox.message(tx, self.id, "core", action, body, parent=message)
        for target in await self._seen(tx, message) if ours else (self.id,):
            if not target.startswith(WAITING):
                linked = target.startswith("link:")
                room, whom = (self.id, "") if linked else (RoomId(target), self._lane)
                await self._house.outbox.add(tx, room, target, later, action, cause=cause, whom=whom)

    async def _others(self, tx: Tx, said: MessageId) -> int:
        """Our row of what somebody else said in the room; one is made when nobody has heard it."""
        found = await self._message(tx, said)
        if found is None:
            found = await self._house.outbox.message(tx, self.id, self.id, "heard", None)
            await tx.run("copy_add", message=found, target=self.id, part=0, remote=said, state=ORIGIN)
        return found


def _under(asked: PollStarted, id_: MessageId) -> Event:
    return replace(asked, id=id_)
