"""One row of a bot's lane: the handlers that it is for are called, and what they did is written with the row's end."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from tchap_bridges.bot import Bot, RoomConfig
from tchap_bridges.core import clock, codec
from tchap_bridges.core.bots import COMMAND, TARGET, TIMER
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.settings import load_config
from tchap_bridges.core.bots.turn import Cause, House, Turn
from tchap_bridges.core.commands import refusal, word_of
from tchap_bridges.core.ports import Row, Tx
from tchap_bridges.core.roomwork import Written
from tchap_bridges.errors import BridgeError, Misconfigured, NotReady, Undeliverable
from tchap_bridges.events import Author, Delivery, Event, Message
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import MessageId, PersonId, RoomId, UserId

LONGEST = 20.0  # seconds a handler may take

log = structlog.get_logger(__name__)
_US = Author(person=PersonId(""), name="")


class Runner:
    """Calls handlers. `handle` returns what is to be written; it raises `NotReady` for what is to be tried again."""

    def __init__(self, house: House, bots: Mapping[str, Bot], hearing: Hearing) -> None:
        self._house = house
        self._bots = bots
        self._hearing = hearing

    async def handle(self, room: RoomId, target: str, row: Row) -> Written:
        name = target.removeprefix(TARGET)
        bot = self._bots.get(name)
        async with self._house.db.snapshot() as tx:
            message = await tx.one("message_get", id=row["message"])
            config = await tx.value("room_bot_config", room=room, bot=name)
        if bot is None or message is None or message["body"] is None or not self._hearing.is_on(room, name):
            return _nothing
        body = self._house.sealer.open(message["body"], place="message.body")
        settings = load_config(bot, self._house.sealer, config)
        if row["action"] == TIMER:
            due = json.loads(body)
            cause = Cause(
                key=row["key"],
                room=room,
                bot=name,
                caller=_US,
                message=None,
                config=settings,
                language=self._house.language,
                when=clock.moment(due["at"]),
            )
            if "words" in due:
                return await self._called(bot, cause, [(due["handler"], (due["words"],))], row)
            work = await self._called(bot, cause, [(due["handler"], ())], row)
            return self._scheduled(work, room, name, due["handler"], due["at"])
        event = await self._told(message, body)
        cause = await self._caused(room, row, message, name, event, settings)
        if row["action"] == COMMAND and isinstance(event, Message):
            word, rest = word_of(event.text.plain) or ("", "")
            command = next((one for one in bot.commands if word in one.words), None)
            if command is None:  # it had the word when that was typed
                return _nothing
            cause = replace(cause, language=command.language_of(word, self._house.language))
            return await self._called(bot, cause, [(command.handler, (rest,))], row)
        heard = [(listener.handler, (event,)) for listener in bot.listeners if type(event) in listener.kinds]
        return await self._called(bot, cause, heard, row)

    async def _told(self, message: Row, body: bytes) -> Event:
        async with self._house.db.snapshot() as tx:
            return await self._hearing.told(tx, message["origin"], codec.load(body))

    async def _caused(
        self, room: RoomId, row: Row, message: Row, name: str, event: Event, settings: RoomConfig
    ) -> Cause:
        network = await self._network(message["origin"])
        caller = _US if isinstance(event, Delivery) else event.author
        if not caller.name and not network:
            user = UserId(caller.person)
            shown = await self._house.homeserver.display_name(room, user)
            caller = Author(person=caller.person, name=shown)
        about = getattr(event, "id", None)
        return Cause(
            key=row["key"],
            room=room,
            bot=name,
            caller=caller,
            message=MessageId(about) if about is not None else None,
            config=settings,
            answered=event.reply_to if isinstance(event, Message) else None,
            network=network,
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

    async def _called(
        self, bot: Bot, cause: Cause, calls: Sequence[tuple[str, tuple[object, ...]]], row: Row
    ) -> Written:
        turn = Turn(self._house, cause)
        words = Translator(cause.language)
        try:
            for handler, arguments in calls:
                async with asyncio.timeout(LONGEST):
                    answer = await getattr(bot, handler)(turn, *arguments)
                if answer:
                    await turn.say(answer, about=cause.message)
        except NotReady:
            raise
        except (Misconfigured, Undeliverable) as error:
            return self._refused(cause, row, refusal(error, words))
        except BridgeError as error:
            return self._refused(cause, row, f"✗ {error}")
        except Exception as error:
            log.exception("bot.broken", bot=cause.bot, room=cause.room)
            slow = isinstance(error, TimeoutError)
            broken = _("erreur interne du robot {bot}", bot=cause.bot)
            reason = _("le robot n'a pas répondu à temps") if slow else broken
            return self._refused(cause, row, refusal(Misconfigured(reason), words))
        return turn.write

    def _scheduled(self, work: Written, room: RoomId, bot: str, handler: str, at: int) -> Written:
        """The next time of a schedule is written with what this call did, and when it raised all the same."""

        async def written(tx: Tx) -> None:
            await work(tx)
            await self._house.timers.called(tx, room, bot, handler, at)

        return written

    def _refused(self, cause: Cause, row: Row, text: str) -> Written:
        """Whoever typed a command is told; what nobody asked for is only logged."""
        if row["action"] != COMMAND:
            return _nothing
        turn = Turn(self._house, cause)

        async def written(tx: Tx) -> None:
            await turn.say(text, about=cause.message)
            await turn.write(tx)

        return written


async def _nothing(tx: Tx) -> None:
    """There is nothing to write."""
