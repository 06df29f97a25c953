"""What bots have asked people: which words are an answer, and to which question."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from tchap_bridges.core import clock
from tchap_bridges.core.bots import ANSWER, TARGET
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Row, Tx
from tchap_bridges.events import Form, Message
from tchap_bridges.i18n import Language
from tchap_bridges.ids import PersonId, RoomId, UserId

PATIENCE: Final = 600_000
"""Milliseconds for which the next words in a room are an answer."""
ENDS: Final = frozenset(("annuler", "abandonner", "cancel"))
"""Answers that end the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """As `bot.Room.ask` makes it. ``words``: sealed. ``message``: the row of the words that ask it."""

    bot: str
    room: RoomId
    person: PersonId
    key: str
    private: bool
    handler: str
    words: bytes
    secret: bool
    language: Language
    message: int


@dataclass(frozen=True, slots=True)
class Meant:
    """The question that somebody's words are an answer to."""

    bot: str
    room: RoomId
    key: str


class Questions:
    """Knows at once whether somebody's words may be an answer; which question it is for is in the store."""

    def __init__(self, directs: Directs, outbox: Outbox) -> None:
        self._directs = directs
        self._outbox = outbox
        self._here: dict[tuple[RoomId, PersonId], int] = {}

    async def open(self, db: Database) -> None:
        async with db.snapshot() as tx:
            for row in await tx.all("questions_in_rooms"):
                self._await(RoomId(row["room"]), PersonId(row["person"]), row["until"])

    def _await(self, room: RoomId, person: PersonId, until: int) -> None:
        self._here[room, person] = max(until, self._here.get((room, person), 0))

    async def meant(self, tx: Tx, event: Message) -> Meant | None:
        """The question whose words are answered, or else the last one. In a room, what answers others is no answer."""
        room, person, at = RoomId(event.chat), event.author.person, clock.milliseconds(event.at)
        private = self._directs.whose(room) == UserId(person)
        if event.form is Form.NOTICE or not (private or self._here.get((room, person), 0) >= at):
            return None
        if private:
            rows = await tx.all("questions_private", person=person)
        else:
            rows = await tx.all("questions_here", person=person, room=room, at=at)
        said = await tx.one("copy_find", target=room, remote=event.reply_to) if event.reply_to is not None else None
        found = next((row for row in rows if said is not None and row["message"] == said["message"]), None)
        if found is None and not private and event.reply_to is not None and (said is None or said["origin"] != "core"):
            return None
        return _meant(found or rows[0]) if rows else None

    async def answered(self, tx: Tx, meant: Meant, message: int, *, cause: str, ordinal: int) -> None:
        """Hand the answer, a message of ours by now, to the bot."""
        await tx.run("message_symbol", id=message, symbol=meant.key)
        await self._outbox.add(tx, meant.room, f"{TARGET}{meant.bot}", message, ANSWER, cause=cause, ordinal=ordinal)

    async def ask(self, tx: Tx, question: Question) -> None:
        until = None if question.private else clock.now() + PATIENCE
        await tx.run(
            "question_set",
            bot=question.bot,
            room=question.room,
            person=question.person,
            key=question.key,
            private=int(question.private),
            handler=question.handler,
            words=question.words,
            secret=int(question.secret),
            language=question.language,
            message=question.message,
            until=until,
        )
        if until is not None:
            tx.after_commit(partial(self._await, question.room, question.person, until))

    async def go_on(self, tx: Tx, bot: str, room: RoomId, person: PersonId, row: Row) -> None:
        """The answer was none: it may be given again."""
        if not row["private"]:
            until = clock.now() + PATIENCE
            await tx.run("question_until", bot=bot, room=room, person=person, key=row["key"], until=until)
            tx.after_commit(partial(self._await, room, person, until))


async def forget_answer(tx: Tx, message: int) -> None:
    """A secret answer leaves nothing behind: neither what arrived, nor that it was this person's."""
    await tx.run("answer_forget_pieces", id=message)
    await tx.run("answer_forget_inbox", id=message)
    await tx.run("answer_forget", id=message)


async def forget_words(tx: Tx, message: int) -> None:
    """What arrived, and what it says: that it was said is still known, so that it can be answered."""
    await tx.run("answer_forget_pieces", id=message)
    await tx.run("answer_forget_inbox", id=message)
    await tx.run("message_body", id=message, body=None)


async def forget_arrival(tx: Tx, inbox: int) -> None:
    """Nor do words that are no answer: what arrived is emptied."""
    await tx.run("inbox_forget_pieces", id=inbox)
    await tx.run("inbox_forget", id=inbox)


def _meant(row: Row) -> Meant:
    return Meant(row["bot"], RoomId(row["room"]), row["key"])
