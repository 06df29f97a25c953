"""The bridge's own work for a room, one thing at a time: answer a command, join, leave, look at the rules again.

Each piece is a row of the room's desk lane, so that a crash in the middle of a command runs it again. `handle` does
what has to be asked of others first and returns what has to be written; the courier writes that and ends the row in
one transaction.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

import structlog

from tchap_bridges.core import clock, codec, policy
from tchap_bridges.core.commands import Apply, Call, Topic, near, split, word_of
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.outbox import REVIEW, Outbox
from tchap_bridges.core.ports import Database, Homeserver, RoomFacts, Row, Sealer, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.errors import BadCredentials, Misconfigured, NotReady, Undeliverable
from tchap_bridges.events import Message, Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.logs import harmless

LONGEST = 60.0  # seconds a command may take

log = structlog.get_logger(__name__)

Written = Callable[[Tx], Awaitable[None]]


class Desk:
    """Answers for the bridge itself. ``topics`` are asked in order for the one that knows a command's word.

    ``example`` is a command that a newcomer may begin with.
    """

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        homeserver: Homeserver,
        links: Links,
        outbox: Outbox,
        rooms: RoomDesk,
        rules: policy.Rules,
        users: Sequence[str],
        release: Callable[[Tx, str], Awaitable[bool]],
        words: Translator,
        example: str,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._links = links
        self._outbox = outbox
        self._rooms = rooms
        self._rules = rules
        self._users = users
        self._release = release
        self._words = words
        self._example = example
        self._topics: list[Topic] = []

    def add(self, topic: Topic) -> None:
        self._topics.append(topic)

    def is_command(self, text: str) -> bool:
        """Whether it is meant for us: a word that some topic answers, or one so near that it must not be said aloud."""
        said = word_of(text)
        return said is not None and (said[0] in self._known or near(said[0], self._known) is not None)

    @property
    def _known(self) -> Mapping[str, Topic]:
        return {word: topic for topic in self._topics for word in topic.words}

    def allowed(self, user: UserId) -> bool:
        """Whether the operator lets this user use the bridge at all."""
        return not self._homeserver.is_ours(user) and any(fnmatchcase(user, pattern) for pattern in self._users)

    async def handle(self, room: RoomId, row: Row) -> Written:
        async with self._db.snapshot() as tx:
            message = await tx.one("message_get", id=row["message"])
        if message is None or message["body"] is None:
            return _nothing
        body = self._sealer.open(message["body"], place="message.body")
        match row["action"]:
            case "command":
                event = codec.load(body)
                assert isinstance(event, Message)
                return await self._command(room, row, event)
            case "join":
                return await self._join(room, row, json.loads(body))
            case "gone":
                return await self._gone(room, json.loads(body))
            case "follow":
                return await self._follow(room, row, json.loads(body))
            case "refresh":
                return await self._refresh(room, row)
            case action:
                raise Undeliverable(f"the desk knows no {action}")

    # Commands

    async def _command(self, room: RoomId, row: Row, event: Message) -> Written:
        user = UserId(event.author.person)
        words = self._words
        try:
            self._admit(user)
            said = word_of(event.text.plain)
            assert said is not None
            word, rest = said
            meant = word if word in self._known else near(word, self._known) or "aide"
            topic = self._known[meant]
            words = Translator(topic.words[meant])
            self._exactly(word, meant)
            arguments, options = ((), {}) if topic.raw else split(rest)
            name = event.author.name or await self._homeserver.display_name(room, user)
            call = Call(
                key=row["key"],
                room=room,
                user=user,
                user_name=name,
                word=word,
                arguments=arguments,
                options=options,
                rest=rest,
                translator=words,
            )
            async with asyncio.timeout(LONGEST):
                apply = await topic.answer(call)
        except (Misconfigured, Undeliverable) as error:
            apply = _say(_refusal(error, words))
        except (NotReady, BadCredentials) as error:  # whoever typed it tries again, or not: it keeps nobody waiting
            apply = _say(_refusal(Misconfigured(error.reason, remedy=_("Réessayez dans un moment.")), words))
        except Exception as error:
            log.exception("desk.command_broken", room=room)
            slow = isinstance(error, TimeoutError)
            reason = _("pas de réponse à temps") if slow else _("erreur interne, l'exploitant la trouvera au journal")
            apply = _say(_refusal(Misconfigured(reason), words))

        async def written(tx: Tx) -> None:
            try:
                async with tx.savepoint():
                    answer = await apply(tx)
            except Misconfigured as error:
                answer = _refusal(error, words)
            if answer:
                await self._outbox.notice(tx, room, Text(plain=answer), cause=row["key"], about=row["message"])

        return written

    @staticmethod
    def _exactly(word: str, meant: str) -> None:
        if word != meant:
            raise Misconfigured(
                _("« !{word} » n'est pas une commande", word=word), remedy=_("Vouliez-vous dire !{near} ?", near=meant)
            )

    def _admit(self, user: UserId) -> None:
        if not self.allowed(user):
            raise Misconfigured(
                _("ce pont n'est pas ouvert à votre compte"), remedy=_("Demandez à l'exploitant (policy.users).")
            )

    # Rooms

    async def _join(self, room: RoomId, row: Row, fact: Mapping[str, object]) -> Written:
        by = UserId(str(fact["by"]))
        if not self.allowed(by):
            await self._homeserver.leave(room, self._words(_("Ce pont n'est pas ouvert à votre compte.")))
            return self._audited("refused invite", by, room)
        if fact["encrypted"]:
            await self._homeserver.leave(
                room,
                self._words(_("Ce salon est chiffré et le pont ne sait pas encore chiffrer : il n'y entre pas.")),
            )
            return self._audited("refused invite", by, room, "encrypted")
        await self._homeserver.join(room)
        facts = await self._homeserver.facts(room)

        async def written(tx: Tx) -> None:
            if await tx.value("room_is_joined", id=room):
                return  # an invite is told by a transaction and by a sync, under two keys: one greeting is enough
            await tx.run("room_joined", id=room, joined=1)
            if facts.encrypted:
                await self._rooms.encrypted(tx, room)
                return
            await self._audit(tx, "joined", by, room)
            old = await tx.value("room_replaced_by", to=room)
            if old is not None and old == facts.predecessor:
                await self._move(tx, old, facts, by, row)
                return
            await self._outbox.notice(tx, room, Text(plain=self._words(self._greeting())), cause=row["key"])

        if facts.encrypted:
            await self._homeserver.leave(
                room,
                self._words(_("Ce salon est chiffré et le pont ne sait pas encore chiffrer : il n'y entre pas.")),
            )
        return written

    def _greeting(self) -> str:
        return _(
            "Bonjour ! Je relie ce salon à des listes de diffusion et à d'autres messageries.\n"
            "Pour commencer : {example} — toutes les commandes : !aide (in English: !help)",
            example=self._example,
        )

    async def _gone(self, room: RoomId, fact: Mapping[str, object]) -> Written:
        await self._homeserver.call_off(room)

        async def written(tx: Tx) -> None:
            await tx.run("room_joined", id=room, joined=0)
            for link in await self._links.of_room(tx, room):
                await self._links.want(tx, link, "gone")
                await self._audit(tx, "unlinked", UserId(str(fact["by"])), room, link.name)

        return written

    async def _follow(self, room: RoomId, row: Row, fact: Mapping[str, object]) -> Written:
        """A tombstone is believed only when the new room says that it replaces this one (CVE-2021-32659)."""
        new, by = RoomId(str(fact["to"])), UserId(str(fact["by"]))
        try:
            await self._homeserver.join(new)
            facts = await self._homeserver.facts(new)
        except Undeliverable as error:
            log.info("desk.waits_for_invite", room=room, **harmless(error))
            return self._moving(room, new)
        if facts.predecessor != room:
            await self._homeserver.leave(new, self._words(_("Ce salon ne remplace pas celui qui y renvoie.")))
            return self._stays(room)

        async def written(tx: Tx) -> None:
            await tx.run("room_joined", id=new, joined=1)
            await self._move(tx, room, facts, by, row)

        return written

    def _moving(self, old: RoomId, new: RoomId) -> Written:
        """The new room lets us in only when we are invited: until then what comes waits, for the old one is shut."""

        async def written(tx: Tx) -> None:
            await tx.run("room_replaced", id=old, to=new)

        return written

    def _stays(self, room: RoomId) -> Written:
        async def written(tx: Tx) -> None:
            for link in await self._links.of_room(tx, room):
                if link.held == "moving":
                    await self._lift(tx, link)

        return written

    async def _move(self, tx: Tx, old: RoomId, facts: RoomFacts, by: UserId, row: Row) -> None:
        await tx.run("room_replaced", id=old, to=facts.room)
        if facts.encrypted:  # its own event of that was before our time
            await self._rooms.encrypted(tx, facts.room)
        await self._links.move(tx, old, facts.room)
        await self._outbox.move(tx, old, facts.room)
        for link in await self._links.of_room(tx, facts.room):
            if link.held == "moving":
                await self._lift(tx, link)
        await self._audit(tx, "followed upgrade", by, old, facts.room)
        await self._review(tx, facts, row)

    async def _refresh(self, room: RoomId, row: Row) -> Written:
        facts = await self._homeserver.facts(room)
        async with self._db.snapshot() as tx:
            links = await self._links.of_room(tx, room)
        if facts.encrypted and any(link.held != "suspended" for link in links):
            with suppress(Undeliverable):  # the name is a courtesy; the refusal does not hang on it
                await self._homeserver.wear(room, self._words(_("Pont suspendu : salon chiffré")))

        async def written(tx: Tx) -> None:
            await self._review(tx, facts, row)

        return written

    async def _lift(self, tx: Tx, link: Link) -> None:
        """Nothing holds it any more. What waited comes now; with a paused link it waits for people to go on."""
        await self._links.hold(tx, link, "")
        if link.wanted == "active":
            await self._release(tx, link.standing_by)

    async def review_all(self) -> None:
        """Look at every linked room again, if the operator's rules are not those of the last start."""
        rules = f"{sorted(self._rules.destinations)} {self._rules.restricted_rooms}"
        async with self._db.transaction() as tx:
            if await tx.value("kv_get", space="policy", key="rules") == rules.encode():
                return
            everywhere = True
            for row in await tx.all("rooms_linked"):
                room = RoomId(row["room"])
                try:
                    await self._links.of_room(tx, room)
                except NotReady:
                    raise
                except Exception:  # a link that cannot be read carries nothing; the others start (CVE-2025-23197)
                    log.exception("desk.unreadable_link", room=room)
                    everywhere = False
                    continue
                await self._links.stand_by(tx, room, "checking")
                await self._ask_again(tx, room, rules)
            if everywhere:
                await tx.run("kv_set", space="policy", key="rules", value=rules.encode())

    async def review_forgotten(self) -> None:
        """Look again at rooms whose check has failed for good: no link is being checked for ever."""
        async with self._db.transaction() as tx:
            for row in await tx.all("rooms_unchecked"):
                await self._ask_again(tx, RoomId(row["room"]), "unchecked")

    async def _ask_again(self, tx: Tx, room: RoomId, why: str) -> None:
        body = self._sealer.seal(b"{}", place="message.body")
        message = await self._outbox.message(tx, room, room, "fact", body)
        await self._outbox.add(tx, room, REVIEW, message, "refresh", cause=f"{why} {clock.now()} {room}")

    async def _review(self, tx: Tx, facts: RoomFacts, row: Row) -> None:
        """Suspend what is no longer allowed, resume what is allowed again; say so where it can be said."""
        if facts.encrypted:
            await self._rooms.encrypted(tx, facts.room)
        for ordinal, link in enumerate(await self._links.of_room(tx, facts.room)):
            decision = policy.may_link(facts, link.destination, self._rules)
            if link.held != "suspended" and not decision.allowed:
                await self._links.hold(tx, link, "suspended", decision.reason)
                text = _("Le pont vers {name} est suspendu : {why}.", name=link.name, why=decision.reason)
            elif link.held == "checking":
                await self._lift(tx, link)  # the change took nothing away: nobody needs to hear of it
                continue
            elif link.held == "suspended" and decision.allowed:
                await self._lift(tx, link)
                if link.wanted == "active":
                    text = _("Le pont vers {name} reprend.", name=link.name)
                else:
                    text = _("Le pont vers {name} n'est plus suspendu.", name=link.name)
            else:
                continue
            await self._audit(tx, "reviewed", self._homeserver.bot, facts.room, link.name, decision.rule)
            if not facts.encrypted:
                await self._outbox.notice(
                    tx, facts.room, Text(plain=self._words(text)), cause=row["key"], ordinal=ordinal
                )

    # The record

    def _audited(self, what: str, who: UserId, room: RoomId, detail: str = "") -> Written:
        async def written(tx: Tx) -> None:
            await self._audit(tx, what, who, room, detail)

        return written

    @staticmethod
    async def _audit(tx: Tx, what: str, who: UserId, room: RoomId, detail: str = "", rule: str = "") -> None:
        await tx.run("audit_add", at=clock.now(), who=who, what=what, room=room, detail=detail, rule=rule)


async def _nothing(tx: Tx) -> None:
    """There is nothing to write."""


def _say(text: str) -> Apply:
    async def apply(tx: Tx) -> str | None:
        del tx
        return text

    return apply


def _refusal(error: Misconfigured | Undeliverable, words: Translator) -> str:
    """A refusal as the room reads it: what is wrong, and how to mend it."""
    reason = words(error.reason)
    where = words(error.where) if isinstance(error, Misconfigured) and error.where else ""
    said = f"✗ {where} : {reason}" if where else f"✗ {reason}"
    if not said.endswith((".", "!", "?")):
        said += "."
    return f"{said} {words(error.remedy)}" if error.remedy else said
