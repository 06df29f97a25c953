"""The bridge's own work for a room, one thing at a time: answer a command here, join, leave and the like in `roomwork`.

Each piece is a row of the room's desk lane, so that a crash in the middle of a command runs it again. `handle` does
what has to be asked of others first and returns what has to be written; the courier writes that and ends the row in
one transaction.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping

import structlog

from tchap_bridges.core import codec
from tchap_bridges.core.bots.questions import forget_words
from tchap_bridges.core.commands import Apply, Call, Topic, near, refusal, split, word_of
from tchap_bridges.core.denials import Denials
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.pace import COMMANDS_A_MINUTE, Commands, Pace
from tchap_bridges.core.policy import Decision
from tchap_bridges.core.ports import Database, Homeserver, Row, Sealer, Tx
from tchap_bridges.core.roomwork import RoomWork, Written
from tchap_bridges.core.words import unaccented
from tchap_bridges.errors import BadCredentials, Misconfigured, NotAllowed, NotReady, Undeliverable
from tchap_bridges.events import Message, Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import RoomId, UserId

LONGEST = 60.0  # seconds a command may take

log = structlog.get_logger(__name__)


class Desk:
    """Answers for the bridge itself. ``topics`` are asked in order for the one that knows a command's word.

    ``admits`` says whether the operator lets a user use the bridge at all; ``denials`` keeps who was refused;
    ``private`` says which rooms are direct conversations.
    """

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        homeserver: Homeserver,
        outbox: Outbox,
        rooms: RoomWork,
        admits: Callable[[UserId], Decision],
        denials: Denials,
        private: Callable[[RoomId], bool],
        words: Translator,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._outbox = outbox
        self._rooms = rooms
        self._admits = admits
        self._denials = denials
        self._private = private
        self._commands = Commands()
        self._words = words
        self._topics: list[Topic] = []

    def add(self, topic: Topic) -> None:
        self._topics.append(topic)

    def is_command(self, text: str) -> bool:
        """Whether it is meant for us: a word that some topic answers, or one so near that it must not be said aloud."""
        said = word_of(text)
        return said is not None and self._meant(said[0]) is not None

    @property
    def words(self) -> Collection[str]:
        """All that begins a command."""
        return self._known.keys()

    @property
    def _known(self) -> Mapping[str, Topic]:
        return {word: topic for topic in reversed(self._topics) for word in topic.words}

    def _meant(self, word: str) -> str | None:
        """The word that it is, accents aside, or that is near it, rather than one that a bot's name precedes."""
        known = self._known
        if word in known:
            return word
        alike = [one for one in known if unaccented(one) == unaccented(word)]
        plain = [one for one in known if "-" not in one]
        return alike[0] if alike else near(word, plain) or near(word, known)

    async def handle(self, room: RoomId, row: Row) -> Written:
        async with self._db.snapshot() as tx:
            message = await tx.one("message_get", id=row["message"])
        if message is None or message["body"] is None:
            return _nothing
        body = self._sealer.open(message["body"], place="message.body")
        if row["action"] != "command":
            return await self._rooms.handle(room, row, json.loads(body))
        event = codec.load(body)
        assert isinstance(event, Message)
        return await self._command(room, row, event)

    async def _command(self, room: RoomId, row: Row, event: Message) -> Written:
        user = UserId(event.author.person)
        said = word_of(event.text.plain)
        assert said is not None
        word, rest = said
        meant = self._meant(word) or "aide"
        topic = self._known[meant]
        words = Translator(topic.words[meant])
        denied: NotAllowed | None = None
        refused = True
        try:
            if not self._admit(room, user):
                return _nothing
            self._exactly(word, meant)
            arguments, options = ((), {}) if topic.raw else split(rest)
            name = event.author.name or await self._homeserver.display_name(room, user)
            call = Call(
                key=row["key"],
                message=row["message"],
                room=room,
                user=user,
                user_name=name,
                word=meant,
                arguments=arguments,
                options=options,
                rest=rest,
                translator=words,
            )
            async with asyncio.timeout(LONGEST):
                apply = await topic.answer(call)
            refused = False
        except (Misconfigured, Undeliverable) as error:
            denied = error if isinstance(error, NotAllowed) else None
            apply = _say(refusal(error, words))
        except (NotReady, BadCredentials) as error:  # whoever typed it tries again, or not: it keeps nobody waiting
            apply = _say(refusal(Misconfigured(error.reason, remedy=_("Réessayez dans un moment.")), words))
        except Exception as error:
            log.exception("desk.command_broken", room=room)
            slow = isinstance(error, TimeoutError)
            reason = _("pas de réponse à temps") if slow else _("erreur interne, l'exploitant la trouvera au journal")
            apply = _say(refusal(Misconfigured(reason), words))

        async def written(tx: Tx) -> None:
            try:
                async with tx.savepoint():
                    answer = await apply(tx)
            except Misconfigured as error:
                answer = refusal(error, words)
            if refused and self._private(room):  # as a secret answer it was typed wrongly: nothing of it stays
                await forget_words(tx, row["message"])
            if denied is not None:
                await self._denials.keep(tx, user, room, meant, denied.rule)
            if answer:
                await self._outbox.notice(tx, room, Text(plain=answer), cause=row["key"], about=row["message"])

        return written

    @staticmethod
    def _exactly(word: str, meant: str) -> None:
        if unaccented(word) != unaccented(meant):
            raise Misconfigured(
                _("« !{word} » n'est pas une commande", word=word), remedy=_("Vouliez-vous dire !{near} ?", near=meant)
            )

    def _admit(self, room: RoomId, user: UserId) -> bool:
        """False for who has heard already that they go too fast. Raises `Misconfigured` for who is refused."""
        pace = self._commands.pace(room, user)
        if pace is Pace.STILL_TOO_FAST:
            return False
        if pace is Pace.TOO_FAST:
            raise Misconfigured(
                _("vous donnez plus de {n} commandes par minute dans ce salon", n=COMMANDS_A_MINUTE),
                remedy=_("Attendez un moment : celles qui viennent maintenant restent sans réponse."),
            )
        decision = self._admits(user)
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule, remedy=decision.remedy)
        return True


async def _nothing(tx: Tx) -> None:
    """There is nothing to write."""


def _say(text: str) -> Apply:
    async def apply(tx: Tx) -> str | None:
        del tx
        return text

    return apply
