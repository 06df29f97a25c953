"""The room as one call of a handler sees it: reads at once, writes when the call has ended well.

What the handler does is kept as a list of effects. They are made in the transaction that ends the call, in their order,
so that a call which raises, or is cut short, has done nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Member, Posted, RoomConfig, Store
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.effects import Cause, Effects, House, Then
from tchap_bridges.core.bots.kept import Effect, Kept, kept, kept_of
from tchap_bridges.core.bots.questions import Question
from tchap_bridges.core.bots.schedules import ordered
from tchap_bridges.core.bots.tables import Tables
from tchap_bridges.core.bots.timers import WORDS
from tchap_bridges.core.ports import Tx
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

LARGEST = 1_000_000
"""Bytes of a file that a bot shows."""
BLOB = "blob"

_US = Author(person=PersonId(""), name="")


class Turn:
    """`bot.Room` for one call."""

    def __init__(self, house: House, cause: Cause) -> None:
        self._house = house
        self._cause = cause
        self._effects = effects = Effects(house, cause)
        self._kv = Kept(house.db, house.sealer, kept(cause.bot, cause.room), effects.add)
        queries = house.db.queries_of(cause.bot)
        self._tables = Tables(house.db, cause.bot, cause.room, queries, effects.add)
        self._now = clock.local(clock.moment(clock.now()), house.zone)

    async def write(self, tx: Tx, *, silent: bool = False) -> None:
        """Make durable what was done; ``silent``: but for what is said."""
        await self._effects.write(tx, silent=silent)

    @property
    def said(self) -> Counter[str]:
        """How many things of it are seen by people, by place or person."""
        return self._effects.said

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
        return Kept(self._house.db, self._house.sealer, kept_of(self._cause.bot, person), self._effects.add)

    async def say(self, text: str | Text, *, about: MessageId | None = None, everywhere: bool = False) -> MessageId:
        return self._effects.show(partial(self._message_of, self._words(text), ()), about, everywhere=everywhere)

    async def answer(self, text: str | Text, about: MessageId | None) -> MessageId:
        """Say it to whoever called, where they did."""
        make = partial(self._message_of, self._words(text), ())
        far = self._cause.asked and bool(self.network)
        return self._effects.show(make, about, everywhere=far, place=self._cause.place)

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
        self._effects.show(make, self.message if of is None else None, then=asked)
        return True

    async def posted(self, most: int = 10) -> Sequence[Posted]:
        return await self._house.deliveries.last(self.id, self._cause.bot, most)

    async def withdraw(self, key: str, *, of: PersonId | None = None) -> None:
        async def effect(tx: Tx) -> None:
            if of is None:
                await tx.run("questions_withdraw", bot=self._cause.bot, room=self.id, key=key)
            else:
                await tx.run("question_delete", bot=self._cause.bot, room=self.id, person=of, key=key)

        self._effects.add(effect)

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

        self._effects.show(make, None, place=place, then=then, to=person)
        return True

    def _message_of(self, text: Text, files: tuple[File, ...], id_: MessageId) -> Message:
        form = Form.TEXT if PERSON in (text.html or "") else Form.NOTICE  # clients call nobody for a notice
        return Message(id=id_, chat=ChatId(self.id), author=_US, at=self._now, text=text, files=files, form=form)

    async def file(self, name: str, mime: str, data: bytes, *, about: MessageId | None = None) -> MessageId:
        return self._effects.show(self._file_of(name, mime, data), about)

    def _file_of(self, name: str, mime: str, data: bytes) -> Callable[[MessageId], Event]:
        if len(data) > LARGEST:
            raise Misconfigured(_("ce robot veut montrer un fichier trop grand"))
        key = self._effects.key("file")
        sealed = self._house.sealer.seal(data, place=BLOB)

        async def effect(tx: Tx) -> None:
            await tx.run("kv_set", space=BLOB, key=key, value=sealed)

        self._effects.add(effect)
        file = File(name=name, mime=mime, ref=FileRef(f"{BLOB} {key}"), size=len(data))
        return partial(self._message_of, Text(), (file,))

    async def edit(self, said: MessageId, text: str | Text) -> None:
        event = Edit(id=said, chat=ChatId(self.id), author=_US, at=self._now, target=said, text=self._words(text))
        self._effects.follow(said, "edit", event)

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
        return self._effects.show(partial(_under, asked), None, everywhere=True)

    def _option(self, n: int, said: str | Option) -> Option:
        return said if isinstance(said, Option) else Option(id=str(n), text=self._words(said).plain)

    async def end(self, poll: MessageId, text: str) -> None:
        self._effects.follow(
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

        self._effects.add(effect)

    async def forget(self, key: str) -> None:
        async def effect(tx: Tx) -> None:
            await tx.run("timer_delete", room=self.id, bot=self._cause.bot, key=ordered(key))

        self._effects.add(effect)

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

    def _words(self, text: str | Text) -> Text:
        if isinstance(text, Text):
            return text
        return Text(plain=Translator(self.language)(text) if isinstance(text, Phrase) else text)

    def also(self, effect: Effect) -> None:
        """Something of the core's own, written with the rest."""
        self._effects.add(effect)


def _under(asked: PollStarted, id_: MessageId) -> Event:
    return replace(asked, id=id_)
