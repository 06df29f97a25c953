"""Bots: which are switched on in a room, and how their commands reach them."""

from collections.abc import Mapping, Sequence
from functools import partial

from tchap_bridges.bot import Bot, Command, RoomConfig
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots import COMMAND, TARGET
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.commands import Apply, Call, Topic
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Sealer, Tx
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Language, Translator, _
from tchap_bridges.ids import RoomId

WORDS: Mapping[str, Language] = {"bot": "fr", "bots": "en"}
ENABLE = {"activer", "enable"}
DISABLE = {"desactiver", "désactiver", "disable"}


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
    ) -> None:
        self._sealer = sealer
        self._hearing = hearing
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
            Topic(words=dict.fromkeys(self._commands, "fr"), raw=True, help=self._commands_help, answer=self._call),
        )

    async def configure(self, room: RoomId, bot: str, config: RoomConfig) -> None:
        """What the room's admin has set, whole."""
        sealed = self._sealer.seal(config.model_dump_json().encode(), place="room_bot.config")
        async with self._db.transaction() as tx:
            await tx.run("room_bot_configure", room=room, bot=bot, config=sealed)

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
            (f"!{command.words[0]}", t(command.help)) for bot in self._bots.values() for command in bot.commands
        )

    async def _switch(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            on = {row["bot"] for row in await tx.all("room_bots", room=call.room)}
        if not call.arguments:
            t = call.translator
            lines = [f"{'●' if name in on else '○'} {name} — {t(bot.about())}" for name, bot in self._bots.items()]
            return _said("\n".join(lines) or t(_("Aucun robot n'est installé.")))
        verb, name = call.arguments[0].lower(), (call.arguments[1] if len(call.arguments) > 1 else "")
        if verb not in ENABLE | DISABLE or name not in self._bots:
            raise Misconfigured(
                _("je ne connais pas ce robot ou cette commande"),
                remedy=_("Robots : {bots}. Exemple : !bot activer echo", bots=", ".join(self._bots) or "—"),
            )
        decision = policy.may_command(await self._homeserver.facts(call.room), call.user)
        if not decision.allowed:
            raise Misconfigured(decision.reason)

        async def apply(tx: Tx) -> str:
            if verb in ENABLE:
                await tx.run("room_bot_add", room=call.room, bot=name, by=call.user)
            else:
                await tx.run("room_bot_remove", room=call.room, bot=name)
            tx.after_commit(partial(self._hearing.switched, call.room, name, on=verb in ENABLE))
            await tx.run(
                "audit_add",
                at=clock.now(),
                who=call.user,
                what=f"bot {'on' if verb in ENABLE else 'off'}",
                room=call.room,
                detail=name,
                rule=decision.rule,
            )
            return call.translator(
                _("✓ {bot} est actif dans ce salon.", bot=name)
                if verb in ENABLE
                else _("✓ {bot} est arrêté dans ce salon.", bot=name)
            )

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
