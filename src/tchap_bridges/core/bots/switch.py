"""Bots: which are switched on in a room, and how their commands reach them."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from tchap_bridges.bot import Command, RoomConfig
from tchap_bridges.core import policy
from tchap_bridges.core.bots import COMMAND, GUIDE, TARGET
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.hook_words import HookWords
from tchap_bridges.core.bots.registry import Bots, below, called, own_head
from tchap_bridges.core.bots.settings import Settings, shown
from tchap_bridges.core.bots.stops import told
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.commands import Apply, Call, Topic, audit, near
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Tx
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.ids import RoomId
from tchap_bridges.roomconfig.dialogue import assign
from tchap_bridges.roomconfig.fields import fields_of

WORDS: Mapping[str, Language] = {"bot": "fr", "bots": "en"}
ENABLE = {"activer", "enable"}
DISABLE = {"desactiver", "disable"}
SET = {"regler", "set"}
HELP = {"aide", "help"}
LIST = {"liste", "list"}
HOOK = "webhook"
PRIVATE = {"prive", "private"}
_MOST_HELP = 12
"""Commands of a room's bots that are all in its help."""
_VERBS: Mapping[Language, Sequence[str]] = {
    "fr": ("activer", "desactiver", "regler", "aide", HOOK, "prive"),
    "en": ("enable", "disable", "set", "help", HOOK, "private"),
}


class Switch:
    """Answers ``!bot``, and each bot's own commands where it is switched on."""

    def __init__(
        self,
        *,
        db: Database,
        settings: Settings,
        directs: Directs,
        homeserver: Homeserver,
        outbox: Outbox,
        bots: Bots,
        hearing: Hearing,
        hooks: HookWords,
        timers: Timers,
    ) -> None:
        self._settings = settings
        self._timers = timers
        self._directs = directs
        self._hearing = hearing
        self._hooks = hooks
        self._db = db
        self._homeserver = homeserver
        self._outbox = outbox
        self._bots = bots
        self._languages: dict[str, Language] = {}
        self._learn()
        bots.watch(self._learn)

    @property
    def topics(self) -> Sequence[Topic]:
        """``!bot``, and what calls bots: after whatever is the bridge's own."""
        return (
            Topic(words=WORDS, help=self._help, answer=self._switch),
            Topic(words=self._languages, raw=True, help=self._commands_help, answer=self._call),
        )

    def _learn(self, _name: str = "") -> None:
        """The words that call bots now. One is English when only English words begin with it."""
        self._languages.clear()
        for word, names in self._bots.words.items():
            name = names[0]
            head = own_head(name, self._bots[name], word)
            ways = [(c, w) for c in self._bots[name].commands for w in c.words if w.partition(" ")[0] == head]
            self._languages[word] = "en" if all(way in command.english for command, way in ways) else "fr"

    async def configure(self, room: RoomId, bot: str, config: RoomConfig) -> None:
        """What the room's admin has set, whole. Raises `Misconfigured` for times that can never be."""
        async with self._db.transaction() as tx:
            await self._settings.set(tx, room, bot, config)

    def _help(self, language: Language, room: RoomId) -> Sequence[tuple[str, str]]:
        if not self._bots:
            return ()
        t = Translator(language)
        off = self._off(room)
        return (
            (t(_("!bot")), t(_("les robots, et ceux qui sont actifs ici"))),
            (
                t(_("!bot activer {bot}", bot=self._any(room))),
                t(
                    _(
                        "active un robot dans ce salon (« desactiver » l'arrête) ; arrêtés ici : {bots}",
                        bots=", ".join(off),
                    )
                )
                if off
                else t(_("active un robot dans ce salon (« desactiver » l'arrête)")),
            ),
            (t(_("!bot webhook")), t(_("les adresses où d'autres programmes écrivent pour les robots de ce salon"))),
            (t(_("!bot prive")), t(_("ouvre une conversation directe avec moi"))),
        )

    def _commands_help(self, language: Language, room: RoomId) -> Sequence[tuple[str, str]]:
        """What can be typed there; where that is long, of each bot its first command, and where the others are."""
        on = [name for name in self._bots if self._hearing.is_on(room, name)]
        t = Translator(language)
        long = sum(len(self._bots[name].commands) for name in on) > _MOST_HELP
        lines: list[tuple[str, str]] = []
        for name in on:
            first, *others = [
                (self._bots.typed(name, command.shown(language), on), t(command.help))
                for command in self._bots[name].commands
            ] or [("", "")]
            lines += [first] if first[0] else []
            if long and len(others) > 1:
                lines.append((t(_("!bot aide {bot}", bot=name)), t(_("ses {n} autres commandes", n=len(others)))))
            else:
                lines += others
        return lines

    async def _switch(self, call: Call) -> Apply:
        verb, name = (*(self._bots.spelt(word) for word in call.arguments[:2]), "", "")[:2]
        if verb in {"", *LIST} or (verb in HELP and not name):
            return await self._list(call)
        if verb == HOOK:
            return await self._hooks.answer(call)
        if verb in PRIVATE:
            return self._in_private(call, call.translator(_("Je vous écris en privé.")))
        if verb in self._bots and not name:
            return _said(self._about(call, verb))
        if verb not in ENABLE | DISABLE | SET | HELP:
            raise self._no_verb(call, verb)
        if name not in self._bots:
            raise self._no_bot(call, name)
        if verb in HELP:
            return _said(self._about(call, name))
        decision = policy.may_command(await self._homeserver.facts(call.room), call.user)
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule)
        if verb in SET:
            self._here(call, [name])
            return await self._set(call, name, decision.rule)

        async def apply(tx: Tx) -> str:
            if verb in DISABLE:
                await tx.run("room_bot_remove", room=call.room, bot=name)
                await tx.run("questions_drop", room=call.room, bot=name)
                await self._timers.arrange(tx, call.room, name, {})
            else:
                await tx.run("room_bot_add", room=call.room, bot=name, by=call.user)
                await self._settings.arrange(tx, call.room, name)
            tx.after_commit(partial(self._hearing.switched, call.room, name, on=verb in ENABLE))
            await audit(tx, call, f"bot {'on' if verb in ENABLE else 'off'}", name, decision.rule)
            t = call.translator
            if verb in DISABLE:
                return t(_("✓ {bot} est arrêté dans ce salon.", bot=name))
            return "\n".join((t(_("✓ {bot} est actif dans ce salon.", bot=name)), self._about(call, name)))

        return apply

    def _no_verb(self, call: Call, verb: str) -> Misconfigured:
        typed = " ".join(call.arguments)[:50]
        meant = near(verb, [*ENABLE, *DISABLE, *SET, *HELP, HOOK, *PRIVATE])
        if meant:
            remedy = _("Vouliez-vous dire !{near} ?", near=" ".join((call.word, meant, *call.arguments[1:2])))
        else:
            verbs = ", ".join(_VERBS[call.translator.language])
            remedy = _("Possibles : {ways}. Exemple : !bot activer {bot}", ways=verbs, bot=self._any(call.room))
        return Misconfigured(_("« {typed} » n'est pas une commande", typed=f"!{call.word} {typed}"), remedy=remedy)

    def _no_bot(self, call: Call, name: str) -> Misconfigured:
        """None is named, or one that there is not: it may be meant by a word that calls it, of either language."""
        called_by = {word: names[0] for word, names in reversed([*self._bots.words.items()]) if len(names) == 1}
        known = {**called_by, **{each: each for each in self._bots}}
        meant, verb = near(name, known) if name else None, call.arguments[0]
        if meant:
            remedy = _("Vouliez-vous dire !{near} ?", near=f"{call.word} {verb} {known[meant]}")
        else:
            remedy = _(
                "Robots : {bots}. Exemple : {typed}",
                bots=", ".join(self._bots) or "—",
                typed=f"!{call.word} {verb} {self._any(call.room)}",
            )
        if not name:
            return Misconfigured(_("de quel robot s'agit-il ?"), remedy=remedy)
        return Misconfigured(_("je ne connais pas de robot « {name} »", name=call.arguments[1][:50]), remedy=remedy)

    def _here(self, call: Call, names: Sequence[str]) -> None:
        """Raises `Misconfigured` for what is said in a direct conversation and meant for bots of a room."""
        if self._directs.whose(call.room) and not any(self._hearing.is_on(call.room, name) for name in names):
            raise Misconfigured(
                _("le robot {bot} n'est pas actif dans cette conversation directe", bot=names[0]),
                remedy=_("Écrivez cela dans le salon où il l'est."),
            )

    def _off(self, room: RoomId) -> Sequence[str]:
        return [name for name in self._bots if not self._hearing.is_on(room, name)]

    def _any(self, room: RoomId) -> str:
        """One to give as an example, rather one that is off."""
        return next(iter((*self._off(room), *self._bots)), "echo")

    async def _list(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            kept = {row["bot"]: row["stopped"] for row in await tx.all("room_bots", room=call.room)}
        t = call.translator
        lines = [
            f"{'●' if kept.get(name) == '' else '○'} {name} — {t(bot.about())}{self._stopped(t, kept.get(name, ''))}"
            for name, bot in self._bots.items()
        ]
        lines += [f"⚠ {t(fault)}" for fault in self._bots.faults.values()]
        if not lines:
            return _said(t(_("Aucun robot n'est installé.")))
        on = [name for name in self._bots if kept.get(name) == ""]
        if on:
            lines.append(t(_("Ce qu'on peut dire à un robot : !bot aide {bot}", bot=on[0])))
        if len(on) < len(self._bots):
            lines.append(t(_("Pour en activer un : !bot activer {bot}", bot=self._any(call.room))))
        return _said("\n".join(lines))

    @staticmethod
    def _stopped(t: Translator, why: str) -> str:
        return t(_(" — arrêté : {why}", why=told(why))) if why else ""

    def _about(self, call: Call, name: str) -> str:
        """What it can be told, and what can be set; and which words another bot of this room has too."""
        bot, t = self._bots[name], call.translator
        on = {name, *(other for other in self._bots if self._hearing.is_on(call.room, other))}
        lines = [
            f"{self._bots.typed(name, command.shown(t.language), on)} — {t(command.help)}" for command in bot.commands
        ]
        if bot.webhooks:
            lines.append(t(_("!bot webhook creer {bot} — fait une adresse, où un autre programme lui écrit", bot=name)))
        if fields_of(bot.Config):
            lines.append(t(_("!bot regler {bot} — ce qui se règle", bot=name)))
        shared = {
            head: [each for each in names if each in on] for head, names in self._bots.words.items() if name in names
        }
        lines += [
            t(_("« !{word} » est un mot de plusieurs robots d'ici : {ways}.", word=head, ways=_ways(names, head)))
            for head, names in shared.items()
            if len(names) > 1 and head not in self._bots.builtin
        ]
        return "\n".join(lines)

    async def _set(self, call: Call, name: str, rule: str) -> Apply:
        """``!bot regler name key=value``; without values what there is to set, how it is set now, and a guide."""
        bot, t = self._bots[name], call.translator
        async with self._db.snapshot() as tx:
            present = await self._settings.of(tx, call.room, name)
        words = " ".join(call.rest.split(maxsplit=2)[2:])
        if not words:
            if not fields_of(bot.Config):
                return _said(shown(t, bot, present))
            guided = t(_("Je vous écris en privé pour les changer, par questions ou par un formulaire."))
            return self._in_private(call, f"{shown(t, bot, present)}\n{guided}")
        found = assign(present, words, t.language)
        if not isinstance(found, RoomConfig):
            raise Misconfigured(
                " ; ".join(f"{key} : {t(why)}" if key else t(why) for key, why in found.items()),
                remedy=_("Voyez : !bot regler {bot}", bot=name),
            )

        async def apply(tx: Tx) -> str:
            await self._settings.set(tx, call.room, name, found)
            await audit(tx, call, "bot set", name, rule)
            return "\n".join((t(_("✓ C'est réglé.")), shown(t, bot, found)))

        return apply

    def _in_private(self, call: Call, text: str) -> Apply:
        """The guide goes on with it where nobody else reads, whoever asks for that once more wants it."""

        async def apply(tx: Tx) -> str:
            await self._directs.ask_again(tx, call.user)
            await self._outbox.add(tx, call.room, f"{TARGET}{GUIDE}", call.message, COMMAND, cause=call.key)
            return text

        return apply

    async def _call(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            on = {row["bot"] for row in await tx.all("room_bots", room=call.room) if row["stopped"] == ""}
        names = self._bots.words.get(call.word, ())
        if not names:  # the bot that had it was developed, and went
            raise Misconfigured(_("« {typed} » n'est pas une commande", typed=f"!{call.word}"))
        self._here(call, names)
        name = _the_one(names, [name for name in names if name in on], call.word)
        command = self._command(name, call)
        decision = policy.may_command(await self._homeserver.facts(call.room), call.user, needed=int(command.who))
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule)

        async def apply(tx: Tx) -> str | None:
            await self._outbox.add(tx, call.room, f"{TARGET}{name}", call.message, COMMAND, cause=call.key)
            return None

        return apply

    def _command(self, name: str, call: Call) -> Command:
        bot = self._bots[name]
        found = called(name, bot, call.word, call.rest)
        if found is not None:
            return found[0]
        head, typed = own_head(name, bot, call.word), f"!{call.word} {call.rest[:50]}".strip()
        meant = near(call.rest.lower().split(maxsplit=1)[0], below(bot, head)) if call.rest else None
        ways = (command.shown(call.translator.language).partition(" ") for command in bot.commands)
        possible = ", ".join(f"!{call.word} {more}" for first, _space, more in ways if first == head)
        raise Misconfigured(
            _("« {typed} » n'est pas une commande", typed=typed),
            remedy=_("Vouliez-vous dire !{near} ?", near=f"{call.word} {meant}")
            if meant
            else _("Possibles : {ways}.", ways=possible),
        )


def _the_one(names: Sequence[str], on: Sequence[str], word: str) -> str:
    """Of the bots that have the word the one that is on. Raises `Misconfigured` for none and for several."""
    if len(on) == 1:
        return on[0]
    if on:
        raise Misconfigured(
            _("« !{word} » est un mot de plusieurs robots d'ici", word=word),
            remedy=_("Dites {ways}.", ways=_ways(on, word)),
        )
    if len(names) > 1:
        raise Misconfigured(
            _("aucun de ces robots n'est actif dans ce salon : {bots}", bots=", ".join(names)),
            remedy=_("Un modérateur peut en activer un : !bot activer {bot}", bot=names[0]),
        )
    raise Misconfigured(
        _("le robot {bot} n'est pas actif dans ce salon", bot=names[0]),
        remedy=_("Un modérateur peut l'activer : !bot activer {bot}", bot=names[0]),
    )


def _ways(names: Collection[str], word: str) -> Phrase:
    *others, last = (f"!{name}-{word}" for name in names)
    return _("{ways} ou {last}", ways=", ".join(others), last=last)


def _said(text: str) -> Apply:
    async def apply(tx: Tx) -> str:
        del tx
        return text

    return apply
