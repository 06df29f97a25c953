"""What the bridge does for its rooms: join, leave, follow an upgrade, look again at what may be linked there.

What rooms tell of themselves (`roomfacts`) asks for it; each answers, like the desk, with what has to be written.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress

import structlog

from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.hooks import Hooks
from tchap_bridges.core.directs import INVITE, OPEN, WAITING, Directs
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import REVIEW, Outbox
from tchap_bridges.core.policy import Decision
from tchap_bridges.core.ports import Database, Homeserver, RoomFacts, Row, Sealer, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.words import raised_words
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.logs import harmless

log = structlog.get_logger(__name__)

Written = Callable[[Tx], Awaitable[None]]

SUSPENDED_EVERY = 3600.0
"""Seconds between looks at rooms whose links are suspended."""


class RoomWork:
    """``admits`` says who may invite the bot. ``example``: a newcomer's first command. ``bots``: their names."""

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
        admits: Callable[[UserId], Decision],
        hearing: Hearing,
        hooks: Hooks,
        directs: Directs,
        words: Translator,
        example: str,
        bots: Collection[str],
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._links = links
        self._outbox = outbox
        self._rooms = rooms
        self._rules = rules
        self._admits = admits
        self._hearing = hearing
        self._hooks = hooks
        self._directs = directs
        self._verdicts = rooms.verdicts
        self._looked = time.monotonic()
        self._words = words
        self._example = example
        self._bots = bots

    async def handle(self, room: RoomId, row: Row, fact: Mapping[str, object]) -> Written:
        match row["action"]:
            case "join":
                return await self._join(room, row, fact)
            case "gone":
                return await self._gone(room, fact)
            case "follow":
                return await self._follow(room, row, fact)
            case "refresh":
                return await self._refresh(room, row)
            case action if action == OPEN:
                return await self._make_direct(_person(room))
            case action if action == INVITE:
                return await self._invite_direct(_person(room))
            case action:
                raise Undeliverable(f"the desk knows no {action}")

    # Coming and going

    async def _join(self, room: RoomId, row: Row, fact: Mapping[str, object]) -> Written:
        by = UserId(str(fact["by"]))
        if not self._admits(by).allowed:
            await self._homeserver.leave(room, self._words(_("Ce pont n'est pas ouvert à votre compte.")))
            return self._audited("refused invite", by, room)
        if fact["encrypted"] and not self._rules.encrypts:
            reason = _("Ce salon est chiffré et le pont ne peut pas chiffrer : il n'y entre pas.")
            if fact.get("direct"):
                reason = _(
                    "Cette conversation est chiffrée et le pont ne peut pas chiffrer. "
                    "Pour que je vous écrive : !bot prive, dans un salon où je suis."
                )
            await self._homeserver.leave(room, self._words(reason))
            return self._audited("refused invite", by, room, "encrypted")
        await self._homeserver.join(room)
        changes = self._rooms.changes(room)
        facts = await self._homeserver.facts(room)
        alone = bool(fact.get("direct")) and set(await self._homeserver.members(room)) <= {by}

        async def written(tx: Tx) -> None:
            if await tx.value("room_is_joined", id=room):
                return  # an invite is told by a transaction and by a sync, under two keys: one greeting is enough
            await tx.run("room_joined", id=room, joined=1)
            if facts.encrypted:
                await self._rooms.encrypted(tx, room)
                if not self._rules.encrypts:
                    return
            await self._audit(tx, "joined", by, room)
            old = await tx.value("room_replaced_by", to=room)
            if old is not None and old == facts.predecessor:
                await self._move(tx, old, facts, by, row, current=self._rooms.changes(room) == changes)
                return
            await self._outbox.notice(tx, room, Text(plain=self._greeting()), cause=row["key"])
            if alone:
                await self._directs.opened(tx, by, room)

        if facts.encrypted and not self._rules.encrypts:
            await self._homeserver.leave(
                room,
                self._words(_("Ce salon est chiffré et le pont ne peut pas chiffrer : il n'y entre pas.")),
            )
        return written

    def _greeting(self) -> str:
        hello = _(
            "Bonjour ! Je relie ce salon à des listes de diffusion et à d'autres messageries.\n"
            "Pour commencer : {example} — toutes les commandes : !aide (in English: !help)",
            example=self._example,
        )
        robots = _("J'ai aussi des robots pour le salon ({bots}) : !bot", bots=", ".join(self._bots))
        return "\n".join(map(self._words, (hello, robots) if self._bots else (hello,)))

    async def _gone(self, room: RoomId, fact: Mapping[str, object]) -> Written:
        await self._homeserver.call_off(room)

        async def written(tx: Tx) -> None:
            await tx.run("room_joined", id=room, joined=0)
            await self._rooms.forget(tx, room)
            for link in await self._links.of_room(tx, room):
                await self._links.want(tx, link, "gone")
                await self._audit(tx, "unlinked", UserId(str(fact["by"])), room, link.name)
            for bot in await self._hearing.leave(tx, room):
                await self._audit(tx, "bot off", UserId(str(fact["by"])), room, bot)

        return written

    async def _follow(self, room: RoomId, row: Row, fact: Mapping[str, object]) -> Written:
        """A tombstone is believed only when the new room says that it replaces this one (CVE-2021-32659)."""
        new, by = RoomId(str(fact["to"])), UserId(str(fact["by"]))
        try:
            await self._homeserver.join(new)
            changes = self._rooms.changes(new)
            facts = await self._homeserver.facts(new)
        except Undeliverable as error:
            log.info("desk.waits_for_invite", room=room, **harmless(error))
            return self._moving(room, new)
        if facts.predecessor != room:
            await self._homeserver.leave(new, self._words(_("Ce salon ne remplace pas celui qui y renvoie.")))
            return self._stays(room)

        async def written(tx: Tx) -> None:
            await tx.run("room_joined", id=new, joined=1)
            await self._move(tx, room, facts, by, row, current=self._rooms.changes(new) == changes)

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
                    await self._verdicts.lift(tx, link)

        return written

    async def _move(self, tx: Tx, old: RoomId, facts: RoomFacts, by: UserId, row: Row, *, current: bool) -> None:
        """``current``: nothing has changed in the new room since its ``facts`` were asked for."""
        await tx.run("room_replaced", id=old, to=facts.room)
        if facts.encrypted:  # its own event of that was before our time
            await self._rooms.encrypted(tx, facts.room)
        await self._rooms.forget(tx, facts.room)
        await self._links.move(tx, old, facts.room)
        await self._outbox.move(tx, old, facts.room)
        await self._hearing.move(tx, old, facts.room)
        await self._hooks.move(tx, old, facts.room)
        await self._directs.follow(tx, old, facts.room, set(facts.present) - {self._homeserver.bot})
        await self._audit(tx, "followed upgrade", by, old, facts.room)
        for link in await self._links.of_room(tx, facts.room):
            if link.held == "moving" and current:
                await self._verdicts.lift(tx, link)
            elif link.held == "moving":
                await self._links.hold(tx, link, "checking")
        if current:
            await self._review(tx, facts, row)
        else:
            await self._ask_again(tx, facts.room, "moved")

    # Conversations of two

    async def _make_direct(self, person: UserId) -> Written:
        """Made, and written down, before anybody is asked in: a crash leaves at most a room that nobody sees."""
        room = await self._homeserver.make_direct(person)

        async def written(tx: Tx) -> None:
            known = await tx.one("direct_of", person=person)
            if known is not None and known["state"] == "wanted":
                await self._directs.made(tx, person, room)

        return written

    async def _invite_direct(self, person: UserId) -> Written:
        async with self._db.snapshot() as tx:
            known = await tx.one("direct_of", person=person)
        if known is None or known["state"] != "asked":
            return self._audited("conversation not wanted", person, RoomId(""))
        room = RoomId(known["room"])
        reason = self._words(_("Pour vous écrire en privé. Refusez pour ne rien recevoir."))
        try:
            await self._homeserver.invite_direct(room, person, reason)
        except Undeliverable as error:
            log.info("directs.refused", **harmless(error))

            async def refused(tx: Tx) -> None:
                await self._directs.refused(tx, person)
                await self._audit(tx, "conversation impossible", person, room)

            return refused
        return self._audited("conversation offered", person, room)

    # Rules

    async def _refresh(self, room: RoomId, row: Row) -> Written:
        changes = self._rooms.changes(room)
        facts = await self._homeserver.facts(room)
        async with self._db.snapshot() as tx:
            links = await self._links.of_room(tx, room)
        if facts.encrypted and not self._rules.encrypts and links:
            with suppress(Undeliverable):  # the name is a courtesy; the refusal does not hang on it
                await self._homeserver.wear(room, self._words(_("Pont suspendu : salon chiffré")))

        async def written(tx: Tx) -> None:
            if self._rooms.changes(room) == changes:  # else what was read is old, and the newer change asks again
                await self._review(tx, facts, row)

        return written

    async def review_all(self) -> None:
        """Look at every linked room again, if the operator's rules are not those of the last start."""
        rules = str(self._rules)
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
        if time.monotonic() - self._looked >= SUSPENDED_EVERY:
            await self.review_suspended()

    async def review_suspended(self) -> None:
        """What was refused may be allowed by now, whatever we were not told."""
        self._looked = time.monotonic()
        async with self._db.transaction() as tx:
            for row in await tx.all("rooms_suspended"):
                await self._ask_again(tx, RoomId(row["room"]), "suspended")

    async def _ask_again(self, tx: Tx, room: RoomId, why: str) -> None:
        body = self._sealer.seal(b"{}", place="message.body")
        message = await self._outbox.message(tx, room, room, "fact", body)
        await self._outbox.add(tx, room, REVIEW, message, "refresh", cause=f"{why} {clock.now()} {room}")

    async def _review(self, tx: Tx, facts: RoomFacts, row: Row) -> None:
        """Suspend what is no longer allowed, resume what is allowed again."""
        if facts.encrypted and not self._rooms.is_encrypted(facts.room):
            await self._rooms.encrypted(tx, facts.room)
        by, cause = self._homeserver.bot, row["key"]
        for link in await self._links.of_room(tx, facts.room):
            decision = await self._rooms.judge(tx, facts, link.tie)
            if not decision.allowed:
                if link.held != "suspended":
                    await self._verdicts.suspend(tx, link, decision, by, cause)
            elif link.held == "checking":
                await self._verdicts.lift(tx, link)  # the change took nothing away: nobody needs to hear of it
            elif link.held == "suspended":
                await self._verdicts.resume(tx, link, decision, by, cause)
        await self._tell_raised(tx, facts, row)

    async def _tell_raised(self, tx: Tx, facts: RoomFacts, row: Row) -> None:
        """A level is a power that nobody gave to whoever speaks through us: told once for each."""
        for user, level in sorted(policy.raised(facts, self._homeserver.is_ours).items()):
            key = f"{facts.room} {user}"
            if await tx.value("kv_get", space="raised", key=key) == str(level).encode():
                continue
            await tx.run("kv_set", space="raised", key=key, value=str(level).encode())
            await self._audit(tx, "raised", user, facts.room, "", f"level={level}")
            if self._rooms.may_speak(facts.room):
                text = self._words(raised_words(user, level, bot=user == self._homeserver.bot))
                await self._outbox.notice(tx, facts.room, Text(plain=text), cause=f"{row['key']} {user}")

    # The record

    def _audited(self, what: str, who: UserId, room: RoomId, detail: str = "") -> Written:
        async def written(tx: Tx) -> None:
            await self._audit(tx, what, who, room, detail)

        return written

    @staticmethod
    async def _audit(tx: Tx, what: str, who: UserId, room: RoomId, detail: str = "", rule: str = "") -> None:
        await tx.run("audit_add", at=clock.now(), who=who, what=what, room=room, detail=detail, rule=rule)


def _person(lane: RoomId) -> UserId:
    """Whose the lane is."""
    return UserId(lane.removeprefix(WAITING))
