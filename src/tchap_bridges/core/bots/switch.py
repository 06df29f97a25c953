"""Bots: which are switched on in a room, and how their commands reach them."""

from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from tchap_bridges.bot import Bot, Command, RoomConfig
from tchap_bridges.core import policy
from tchap_bridges.core.bots import COMMAND, TARGET
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.schedules import plans
from tchap_bridges.core.bots.settings import CONFIG, dump_config, load_config, shown
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.commands import Apply, Call, Topic, audit
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Sealer, Tx
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.i18n import Language, Translator, _
from tchap_bridges.ids import RoomId
from tchap_bridges.logs import harmless
from tchap_bridges.roomconfig.dialogue import assign
from tchap_bridges.roomconfig.fields import fields_of

WORDS: Mapping[str, Language] = {"bot": "fr", "bots": "en"}
ENABLE = {"activer", "enable"}
DISABLE = {"desactiver", "désactiver", "disable"}
SET = {"regler", "régler", "set"}
HELP = {"aide", "help"}
AT_ONCE = 200
"""Rooms whose schedules one transaction looks after at the start."""

log = structlog.get_logger(__name__)


class Switch:
    """Answers ``!bot``, and each bot's own commands where it is switched on."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        homeserver: Homeserver,
        outbox: Outbox,
        bots: Mapping[str, Bot],
        hearing: Hearing,
        timers: Timers,
    ) -> None:
        self._sealer = sealer
        self._hearing = hearing
        self._timers = timers
        self._db = db
        self._homeserver = homeserver
        self._outbox = outbox
        self._bots = bots
        self._commands: dict[str, tuple[str, Command]] = {
            word: (name, command) for name, bot in bots.items() for command in bot.commands for word in command.words
        }

    @property
    def topics(self) -> Sequence[Topic]:
        return (
            Topic(words=WORDS, help=self._help, answer=self._switch),
            Topic(words=self._languages, raw=True, help=self._commands_help, answer=self._call),
        )

    @property
    def _languages(self) -> Mapping[str, Language]:
        return {word: command.language_of(word, "fr") for word, (_bot, command) in self._commands.items()}

    async def open(self) -> None:
        """Schedules are those that the bots declare now: a newer bot may have others than the one that stopped."""
        async with self._db.snapshot() as tx:
            scheduled = {(row["room"], row["bot"]) for row in await tx.all("timers_scheduled")}
            everywhere = [(RoomId(row["room"]), row["bot"]) for row in await tx.all("bots_everywhere")]
        pairs = [(room, bot) for room, bot in everywhere if bot in self._bots]
        pairs = [(room, bot) for room, bot in pairs if self._bots[bot].schedules or (room, bot) in scheduled]
        for n in range(0, len(pairs), AT_ONCE):
            async with self._db.transaction() as tx:
                for room, bot in pairs[n : n + AT_ONCE]:
                    await self._rearrange(tx, room, bot)

    async def _rearrange(self, tx: Tx, room: RoomId, bot: str) -> None:
        """What cannot be, or be read, stays as it was."""
        try:
            async with tx.savepoint():
                await self._arrange(tx, room, bot)
        except NotReady:
            raise
        except Exception as error:  # noqa: BLE001 - the other rooms' start hangs on none
            log.warning("bot.not_scheduled", room=room, bot=bot, **harmless(error))

    async def _arrange(self, tx: Tx, room: RoomId, bot: str) -> None:
        """Its schedules, by what is set. Raises `Misconfigured` as `plans` does."""
        sealed = await tx.value("room_bot_config", room=room, bot=bot)
        config = load_config(self._bots[bot], self._sealer, sealed)
        await self._timers.arrange(tx, room, bot, plans(self._bots[bot], config))

    async def configure(self, room: RoomId, bot: str, config: RoomConfig) -> None:
        """What the room's admin has set, whole. Raises `Misconfigured` for times that can never be."""
        async with self._db.transaction() as tx:
            await self._configure(tx, room, bot, config)

    async def _configure(self, tx: Tx, room: RoomId, bot: str, config: RoomConfig) -> None:
        sealed = self._sealer.seal(dump_config(config), place=CONFIG)
        if await tx.run("room_bot_configure", room=room, bot=bot, config=sealed):
            await self._arrange(tx, room, bot)

    def _help(self, language: Language) -> Sequence[tuple[str, str]]:
        if not self._bots:
            return ()
        t = Translator(language)
        return (
            (t(_("!bot")), t(_("les robots, et ceux qui sont actifs ici"))),
            (
                t(_("!bot activer {bot}", bot=next(iter(self._bots)))),
                t(_("active un robot dans ce salon (« desactiver » l'arrête)")),
            ),
        )

    def _commands_help(self, language: Language) -> Sequence[tuple[str, str]]:
        t = Translator(language)
        return tuple(
            (f"!{command.shown(language)}", t(command.help)) for bot in self._bots.values() for command in bot.commands
        )

    async def _switch(self, call: Call) -> Apply:
        verb, name = (*(word.lower() for word in call.arguments[:2]), "", "")[:2]
        if not verb:
            return await self._list(call)
        if verb not in ENABLE | DISABLE | SET | HELP or name not in self._bots:
            raise Misconfigured(
                _("je ne connais pas ce robot ou cette commande"),
                remedy=_(
                    "Robots : {bots}. Exemple : !bot activer {bot}", bots=", ".join(self._bots) or "—", bot=self._any
                ),
            )
        if verb in HELP:
            return _said(self._about(call.translator, self._bots[name]))
        decision = policy.may_command(await self._homeserver.facts(call.room), call.user)
        if not decision.allowed:
            raise Misconfigured(decision.reason)
        if verb in SET:
            return await self._set(call, name, decision.rule)

        async def apply(tx: Tx) -> str:
            if verb in DISABLE:
                await tx.run("room_bot_remove", room=call.room, bot=name)
                await self._timers.arrange(tx, call.room, name, {})
            else:
                await tx.run("room_bot_add", room=call.room, bot=name, by=call.user)
                await self._arrange(tx, call.room, name)
            tx.after_commit(partial(self._hearing.switched, call.room, name, on=verb in ENABLE))
            await audit(tx, call, f"bot {'on' if verb in ENABLE else 'off'}", name, decision.rule)
            t = call.translator
            if verb in DISABLE:
                return t(_("✓ {bot} est arrêté dans ce salon.", bot=name))
            return "\n".join((t(_("✓ {bot} est actif dans ce salon.", bot=name)), self._about(t, self._bots[name])))

        return apply

    @property
    def _any(self) -> str:
        return next(iter(self._bots), "echo")

    async def _list(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            on = {row["bot"] for row in await tx.all("room_bots", room=call.room)}
        t = call.translator
        lines = [f"{'●' if name in on else '○'} {name} — {t(bot.about())}" for name, bot in self._bots.items()]
        if not lines:
            return _said(t(_("Aucun robot n'est installé.")))
        return _said("\n".join((*lines, t(_("Pour en activer un : !bot activer {bot}", bot=self._any)))))

    @staticmethod
    def _about(t: Translator, bot: Bot) -> str:
        """What it can be told, and what can be set."""
        lines = [f"!{command.shown(t.language)} — {t(command.help)}" for command in bot.commands]
        if fields_of(bot.Config):
            lines.append(t(_("!bot regler {bot} — ce qui se règle", bot=bot.name)))
        return "\n".join(lines)

    async def _set(self, call: Call, name: str, rule: str) -> Apply:
        """``!bot regler name key=value``; without values what there is to set, and how it is set now."""
        bot, t = self._bots[name], call.translator
        async with self._db.snapshot() as tx:
            row = await tx.one("room_bot_config", room=call.room, bot=name)
        if row is None:
            raise Misconfigured(
                _("le robot {bot} n'est pas actif dans ce salon", bot=name),
                remedy=_("Activez-le d'abord : !bot activer {bot}", bot=name),
            )
        present = load_config(bot, self._sealer, row["config"])
        words = " ".join(call.rest.split(maxsplit=2)[2:])
        if not words:
            return _said(shown(t, bot, present))
        found = assign(present, words, t.language)
        if not isinstance(found, RoomConfig):
            raise Misconfigured(
                " ; ".join(f"{key} : {t(why)}" if key else t(why) for key, why in found.items()),
                remedy=_("Voyez : !bot regler {bot}", bot=name),
            )

        async def apply(tx: Tx) -> str:
            await self._configure(tx, call.room, name, found)
            await audit(tx, call, "bot set", name, rule)
            return "\n".join((t(_("✓ C'est réglé.")), shown(t, bot, found)))

        return apply

    async def _call(self, call: Call) -> Apply:
        name, command = self._commands[call.word]
        async with self._db.snapshot() as tx:
            on = {row["bot"] for row in await tx.all("room_bots", room=call.room)}
        if name not in on:
            raise Misconfigured(
                _("le robot {bot} n'est pas actif dans ce salon", bot=name),
                remedy=_("Un modérateur peut l'activer : !bot activer {bot}", bot=name),
            )
        decision = policy.may_command(await self._homeserver.facts(call.room), call.user, needed=int(command.who))
        if not decision.allowed:
            raise Misconfigured(decision.reason)

        async def apply(tx: Tx) -> str | None:
            await self._outbox.add(tx, call.room, f"{TARGET}{name}", call.message, COMMAND, cause=call.key)
            return None

        return apply


def _said(text: str) -> Apply:
    async def apply(tx: Tx) -> str:
        del tx
        return text

    return apply
