"""One row of a bot's lane: the handlers that it is for are called, and what they did is written with the row's end."""

import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from tchap_bridges.bot import Bot, Command, Power, RoomConfig
from tchap_bridges.core import clock, codec, policy
from tchap_bridges.core.bots import ANSWER, COMMAND, GUIDE, HOOK, TARGET, TIMER
from tchap_bridges.core.bots.afar import GhostOf
from tchap_bridges.core.bots.arguments import read
from tchap_bridges.core.bots.conduct import Conduct, Refused, nothing
from tchap_bridges.core.bots.deliveries import State
from tchap_bridges.core.bots.effects import Cause, House
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.leash import Leash, Stubborn
from tchap_bridges.core.bots.questions import ENDS, forget_answer
from tchap_bridges.core.bots.registry import below, called, own_head
from tchap_bridges.core.bots.settings import load_config
from tchap_bridges.core.bots.turn import Turn
from tchap_bridges.core.commands import near, refusal, word_of
from tchap_bridges.core.denials import Denials
from tchap_bridges.core.ports import Row, Tx
from tchap_bridges.core.roomwork import Written
from tchap_bridges.errors import BridgeError, Misconfigured, NotAllowed, NotReady, Undeliverable
from tchap_bridges.events import Author, Delivery, Event, Message
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import ConnectionName, MessageId, PersonId, RoomId, UserId

LONGEST = 20.0  # seconds a handler may take
LONGEST_NAME = 100  # characters
_TURNING = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

Handled = Callable[[Turn], Coroutine[Any, Any, str | None]]
"""A handler that wants only the room."""

log = structlog.get_logger(__name__)
_US = Author(person=PersonId(""), name="")


class Runner:
    """Calls handlers. `handle` returns what is to be written; it raises `NotReady` for what is to be tried again."""

    def __init__(
        self,
        house: House,
        bots: Mapping[str, Bot],
        guide: Bot,
        hearing: Hearing,
        conduct: Conduct,
        denials: Denials,
        ghost_of: GhostOf,
    ) -> None:
        self._house = house
        self._bots = bots
        self._guide = guide
        self._hearing = hearing
        self._conduct = conduct
        self._denials = denials
        self._ghost_of = ghost_of
        self._leash = Leash()

    async def handle(self, room: RoomId, target: str, row: Row) -> Written:
        name = target.removeprefix(TARGET)
        bot = self._guide if name == GUIDE else self._bots.get(name)
        async with self._house.db.snapshot() as tx:
            message = await tx.one("message_get", id=row["message"])
            config = await tx.value("room_bot_config", room=room, bot=name)
        if message is None or message["body"] is None:
            return nothing
        body = self._house.sealer.open(message["body"], place="message.body")
        if row["action"] == HOOK:
            return await self._posted(row, name, int(body))
        if bot is None or not self._hearing.is_on(room, name):
            return partial(forget_answer, message=message["id"]) if row["action"] == ANSWER else nothing
        settings = load_config(bot, self._house.sealer, config)
        if row["action"] == TIMER:
            due = json.loads(body)
            cause = Cause(
                key=row["key"],
                room=room,
                place=room,
                bot=name,
                caller=_US,
                message=None,
                config=settings,
                language=self._house.language,
                when=clock.moment(due["at"]),
                patient=True,
            )
            if "words" in due:
                return await self._called(cause, [_to(bot, due["handler"], due["words"])])
            work = await self._called(cause, [_to(bot, due["handler"])])
            return partial(self._scheduled, work, room, name, due["handler"], due["at"])
        event = await self._told(message, body)
        cause = await self._caused(row, room, message, name, event, settings)
        if row["action"] == ANSWER and isinstance(event, Message):
            return await self._answered(bot, cause, message, event)
        if row["action"] == COMMAND and isinstance(event, Message):
            word, rest = word_of(event.text.plain) or ("", "")
            found = called(name, bot, word, rest)
            if found is None:  # it had the word when that was typed
                return nothing
            command, words, rest = found
            more = words.partition(" ")[2]
            near_by = () if more else below(bot, own_head(name, bot, word))
            cause = replace(cause, language=command.language_of(words, self._house.language), word=word)
            call = partial(_command, bot, command, f"{word} {more}".strip(), rest, near_by)
            return await self._commanded(cause, command, call)
        heard = [_to(bot, listener.handler, event) for listener in bot.listeners if type(event) in listener.kinds]
        return await self._called(cause, heard)

    async def _commanded(self, cause: Cause, command: Command, call: Handled) -> Written:
        """Who was allowed at the desk may have lost their level since."""
        if cause.network and command.who > Power.MEMBER:  # nobody has a level there
            error = NotAllowed(_("cela ne se fait que depuis le salon"), rule=f"network={cause.network}")
            return self._refused(cause, Refused(refusal(error, Translator(cause.language)), error))
        if command.who > Power.MEMBER:
            facts = await self._house.homeserver.facts(cause.room)
            decision = policy.may_command(facts, UserId(cause.caller.person), needed=command.who)
            if not decision.allowed:
                error = NotAllowed(decision.reason, rule=decision.rule)
                return self._refused(cause, Refused(refusal(error, Translator(cause.language)), error))
        return await self._called(cause, [call])

    async def _posted(self, row: Row, name: str, id_: int) -> Written:
        """A delivery, for the room that its hook leads to by now."""
        kept, ended = await self._house.deliveries.get(id_), self._house.deliveries.ended
        if kept is None:
            return nothing
        bot, room = self._bots.get(name), RoomId(kept["room"])
        webhook = next((one for one in bot.webhooks if one.handler == kept["handler"]), None) if bot else None
        if bot is None or webhook is None or not self._hearing.is_on(room, name):
            return ended(id_, State.UNWANTED)
        async with self._house.db.snapshot() as tx:
            config = await tx.value("room_bot_config", room=room, bot=name)
        posted = self._house.deliveries.posted(kept)
        cause = Cause(
            key=row["key"],
            room=room,
            place=room,
            bot=name,
            caller=_US,
            message=None,
            config=load_config(bot, self._house.sealer, config),
            language=self._house.language,
            when=posted.at,
            patient=True,
        )
        try:
            argument = posted if webhook.raw else json.loads(posted.body)
        except (ValueError, RecursionError):  # so deep that it depends on who reads it
            return ended(id_, State.REFUSED, Translator(cause.language)(_("Le corps n'est pas le JSON attendu.")))
        try:
            call = await self._call(cause, [_to(bot, webhook.handler, argument)])
        except Refused as refused:
            then = refused.then
            end = ended(id_, State.REFUSED, refused.text)

            async def refusal_written(tx: Tx) -> None:
                await then(tx)
                await end(tx)

            return refusal_written

        async def written(tx: Tx) -> None:
            await call(tx)
            await ended(id_, State.DONE)(tx)

        return written

    async def _told(self, message: Row, body: bytes) -> Event:
        async with self._house.db.snapshot() as tx:
            return await self._hearing.told(tx, message["origin"], codec.load(body))

    async def _caused(
        self, row: Row, room: RoomId, message: Row, name: str, event: Event, settings: RoomConfig
    ) -> Cause:
        network = await self._network(message["origin"])
        caller = _US if isinstance(event, Delivery) else event.author
        if not caller.name and not network:
            user = UserId(caller.person)
            shown = await self._house.homeserver.display_name(room, user)
            caller = Author(person=caller.person, name=shown)
        caller = Author(person=caller.person, name=_one_line(caller.name))
        about = getattr(event, "id", None)
        return Cause(
            key=row["key"],
            room=room,
            place=RoomId(message["room"]),
            origin=message["origin"],
            bot=name,
            caller=caller,
            message=MessageId(about) if about is not None else None,
            config=settings,
            answered=event.reply_to if isinstance(event, Message) else None,
            network=network,
            asked=row["action"] in {COMMAND, ANSWER},
            language=self._house.language,
            when=getattr(event, "at", None) or clock.moment(clock.now()),
        )

    async def _network(self, origin: str) -> str:
        """The connection by which something came; "" for what happened in the room itself."""
        if not origin.startswith("link:"):
            return ""
        async with self._house.db.snapshot() as tx:
            link = await self._house.links.get(tx, int(origin.removeprefix("link:")))
        return link.connection if link is not None else ""

    async def _answered(self, bot: Bot, cause: Cause, message: Row, event: Message) -> Written:
        """The question stands until it is answered well; a secret answer is forgotten, however the call ends."""
        asked = {"bot": cause.bot, "room": cause.room, "person": event.author.person, "key": message["symbol"]}
        async with self._house.db.snapshot() as tx:
            question = await tx.one("question_get", **asked)
            others = await tx.all("questions_private", person=event.author.person)
        if question is None:  # it was withdrawn meanwhile: what was said to it is nobody's business
            return partial(forget_answer, message=message["id"])
        # With a secret question open as well, what one of the others is told may be meant for that one.
        secret = question["secret"] or (question["private"] and any(one["secret"] for one in others))
        cause = replace(
            cause,
            private=bool(question["private"]),
            language=question["language"],
            message=None if secret else cause.message,
        )
        done, call = await self._on_answer(bot, cause, event, question)

        async def written(tx: Tx) -> None:
            if done:
                await tx.run("question_delete", **asked)
            else:
                await self._house.questions.go_on(tx, cause.bot, cause.room, event.author.person, question)
            await call(tx)
            if secret:
                await forget_answer(tx, message["id"])

        return written

    async def _on_answer(self, bot: Bot, cause: Cause, event: Message, question: Row) -> tuple[bool, Written]:
        """Whether the question is answered, or is none any more, and what is to be written."""
        answer = event.text.plain.strip()
        if answer.lower() in ENDS:
            return True, self._said(cause, Translator(cause.language)(_("✓ C'est abandonné.")))
        here = await self._house.homeserver.members(cause.room) if cause.place != cause.room else None
        if here is not None and UserId(event.author.person) not in here:
            gone = refusal(Misconfigured(_("vous n'êtes plus dans le salon")), Translator(cause.language))
            return True, self._said(cause, gone)
        words = self._house.sealer.open(question["words"], place="question.words").decode()
        try:
            return True, await self._call(cause, [_to(bot, question["handler"], answer, words)])
        except Refused as refused:
            return False, self._refused(cause, refused)

    async def _called(self, cause: Cause, calls: Sequence[Handled]) -> Written:
        try:
            return await self._call(cause, calls)
        except Refused as refused:
            return self._refused(cause, refused)

    def _refused(self, cause: Cause, refused: Refused) -> Written:
        """Whoever typed a command is told why it failed; what nobody asked for is only logged."""
        said = self._said(cause, refused.text) if cause.asked else nothing

        async def written(tx: Tx) -> None:
            await said(tx)
            await refused.then(tx)
            if cause.word and isinstance(why := refused.why, NotAllowed):
                person = cause.caller.person
                who = self._ghost_of(ConnectionName(cause.network), person) if cause.network else UserId(person)
                await self._denials.keep(tx, who, cause.room, cause.word, why.rule)

        return written

    async def _call(self, cause: Cause, calls: Sequence[Handled]) -> Written:
        """What the handlers want written. Raises `Refused`."""
        turn = Turn(self._house, cause)
        words = Translator(cause.language)
        try:
            for call in calls:
                answer = await self._leash.answer(call(turn), LONGEST)
                if answer:
                    await turn.answer(answer, cause.message)
        except NotReady:
            raise
        except (Misconfigured, Undeliverable) as error:
            raise Refused(refusal(error, words), error) from error
        except BridgeError as error:
            raise Refused(f"✗ {error}", error) from error
        except Exception as error:
            log.exception("bot.broken", bot=cause.bot, room=cause.room)
            slow = isinstance(error, TimeoutError | Stubborn)
            broken = _("erreur interne du robot {bot}", bot=cause.bot)
            reason = _("le robot n'a pas répondu à temps") if slow else broken
            then = self._conduct.broke(cause, error)
            raise Refused(refusal(Misconfigured(reason), words), error, then) from error
        return self._conduct.well(cause, turn)

    async def _scheduled(self, work: Written, room: RoomId, bot: str, handler: str, at: int, tx: Tx) -> None:
        """The next time of a schedule is written with what this call did, and when it raised all the same."""
        await work(tx)
        await self._house.timers.called(tx, room, bot, handler, at)

    def _said(self, cause: Cause, text: str) -> Written:
        turn = Turn(self._house, cause)

        async def written(tx: Tx) -> None:
            await turn.answer(text, cause.message)
            await turn.write(tx)

        return written


def _one_line(name: str) -> str:
    """What bots say of somebody is the bridge's word: nobody's name may add a line to it, or turn what follows."""
    return " ".join(_TURNING.sub("", name).split())[:LONGEST_NAME]


def _to(bot: Bot, handler: str, *arguments: object) -> Handled:
    async def call(turn: Turn) -> str | None:
        answer: str | None = await getattr(bot, handler)(turn, *arguments)
        return answer

    return call


async def _command(bot: Bot, command: Command, typed: str, rest: str, near_by: Sequence[str], turn: Turn) -> str | None:
    """``near_by``: commands that begin with the same word; what is refused may have been meant for one of them."""
    try:
        answer: str | None = await getattr(bot, command.handler)(turn, *await read(command, typed, rest, turn))
    except Misconfigured as error:
        meant = near(rest.lower().split(maxsplit=1)[0], near_by) if rest else None
        if meant is not None:
            hint = _("Vouliez-vous dire !{near} ?", near=f"{typed} {meant}")
            error.remedy = Phrase("{remedy} {hint}", remedy=error.remedy, hint=hint) if error.remedy else hint
        raise
    return answer
