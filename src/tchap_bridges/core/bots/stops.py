"""Bots that do harm are switched off: where, why, and how they are switched on again is told there and kept.

What is set of them stays, and so do the calls that they have ordered for later; ``!bot activer`` brings all of it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from html import escape

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.events import Text, mention
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import PersonId, RoomId

_WHO = "\0"  # in words that are to name somebody

log = structlog.get_logger(__name__)


class Why(StrEnum):
    """What a bot did. It is kept: never rename one."""

    BLOCKED = "blocked"
    """It kept the whole bridge from working."""
    STUBBORN = "stubborn"
    """A call of it went on though it was told to end."""
    FLOODED = "flooded"
    """It went on saying too much."""
    FAILED = "failed"
    """It failed at everything for some time."""


_TOLD: Mapping[Why, Phrase] = {
    Why.BLOCKED: _("il a empêché tout le pont de travailler"),
    Why.STUBBORN: _("il ne s'arrêtait plus"),
    Why.FLOODED: _("il parlait sans cesse"),
    Why.FAILED: _("il échouait à chaque fois"),
}


def told(why: str) -> Phrase:
    """The reason as people read it."""
    return _TOLD[Why(why)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """A bot that kept the event loop from turning. ``where``: file:line; ``seconds``: for how long, as far as known."""

    bot: str
    handler: str
    where: str
    at: int
    seconds: float


class Stops:
    """Writes who is stopped."""

    def __init__(
        self,
        *,
        db: Database,
        outbox: Outbox,
        hearing: Hearing,
        rooms: RoomDesk,
        homeserver: Homeserver,
        timers: Timers,
        words: Translator,
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._hearing = hearing
        self._rooms = rooms
        self._homeserver = homeserver
        self._timers = timers
        self._words = words

    async def blocked(self, blame: Blame) -> None:
        """In all rooms, once: those where it is on again since have been told before."""
        why = f"handler={blame.handler} at={blame.where} seconds={blame.seconds:.0f}"
        async with self._db.transaction() as tx:
            for row in await tx.all("room_bots_of", bot=blame.bot):
                room, cause = RoomId(row["room"]), f"blocked {blame.at} {blame.bot} {row['room']}"
                await self.here(tx, room, blame.bot, Why.BLOCKED, cause=cause, rule=why, hint=blame.handler)
        log.error("bot.stopped", bot=blame.bot, why=Why.BLOCKED.value, handler=blame.handler, where=blame.where)

    async def here(
        self, tx: Tx, room: RoomId, bot: str, why: Why, *, cause: str, rule: str = "", hint: str = ""
    ) -> None:
        """In this room. ``cause``: of the notice, as of `Outbox.notice`; ``rule``: what the audit keeps besides."""
        admin = await tx.value("room_bot_by", room=room, bot=bot)
        if admin is None:
            return  # it is off already
        await tx.run("room_bot_stop", room=room, bot=bot, why=why.value, at=clock.now())
        await self._timers.arrange(tx, room, bot, {})
        tx.after_commit(partial(self._hearing.switched, room, bot, on=False))
        who, detail = self._homeserver.bot, f"{bot} {why.value}"
        await tx.run("audit_add", at=clock.now(), who=who, what="bot stopped", room=room, detail=detail, rule=rule)
        if why is not Why.BLOCKED:
            log.error("bot.stopped", bot=bot, room=room, why=why.value)
        t = self._words
        reason = f"{t(told(why))} ({hint})" if hint else t(told(why))
        stopped = t(_("⚠ Le robot {bot} est arrêté dans ce salon : {why}.", bot=bot, why=reason))
        again = t(
            _("Ses réglages sont gardés. {who}, pour l'activer de nouveau : !bot activer {bot}", who=_WHO, bot=bot)
        )
        await self._tell(tx, room, f"{stopped} {again}", cause, admin)

    async def warn(self, tx: Tx, room: RoomId, bot: str, *, cause: str) -> None:
        """What it says is not shown for now."""
        words = self._words(
            _("⚠ {who}, le robot {bot} parle trop : ce qu'il dit n'est plus montré pour l'instant.", who=_WHO, bot=bot)
        )
        log.warning("bot.says_too_much", bot=bot, room=room)
        admin = await tx.value("room_bot_by", room=room, bot=bot)
        if admin is not None:
            await self._tell(tx, room, words, cause, admin)

    async def _tell(self, tx: Tx, room: RoomId, words: str, cause: str, admin: str) -> None:
        """To the room, and by name to whoever has switched the bot on."""
        if not self._rooms.may_speak(room):
            return
        name = admin.removeprefix("@").partition(":")[0]
        text = Text(
            plain=words.replace(_WHO, name),
            html=escape(words, quote=False).replace(_WHO, mention(PersonId(admin), name)),
        )
        await self._outbox.notice(tx, room, text, cause=f"{cause} stop")

    async def everywhere(self) -> Sequence[Mapping[str, object]]:
        """What `/health` shows: each bot that is stopped somewhere, why, and in how many rooms."""
        async with self._db.snapshot() as tx:
            rows = await tx.all("room_bots_stopped")
        return [{"bot": row["bot"], "why": row["stopped"], "rooms": row["count"]} for row in rows]
