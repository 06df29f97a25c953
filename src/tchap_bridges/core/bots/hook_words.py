"""``!bot webhook``: how a moderator makes the addresses of a room, looks at what came, and has it called for once more.

An address and its secret are said in the moderator's direct conversation alone; so is what was posted.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Bot, Webhook
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.deliveries import Deliveries, State
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.hooks import Hook, Hooks
from tchap_bridges.core.commands import Apply, Call, audit
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Row, Tx
from tchap_bridges.core.words import unaccented
from tchap_bridges.dates import Moment, said
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.events import Text
from tchap_bridges.hooks import Scheme
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import RoomId

MOST: Final = 20
"""Hooks of one room."""
SHOWN: Final = 10  # deliveries in a list
READ: Final = 8_000  # characters of one that are shown
NEVER: Final = frozenset(("jamais", "never"))
_NAME: Final = re.compile(r"(?!\d+$)[\w-]{1,40}")
_CHOSEN: Final = frozenset(Scheme) - {Scheme.SENTRY}
"""Sentry gives the secret itself, and cannot be given one."""

_SET_UP: Final[Mapping[Scheme, Phrase]] = {
    Scheme.PATH: _("L'adresse contient le secret : elle suffit."),
    Scheme.HMAC: _("L'émetteur signe : en-tête « X-Hub-Signature-256: sha256= », puis HMAC-SHA256 du corps, en hexa."),
    Scheme.GITHUB: _("GitHub : Settings, Webhooks, « Payload URL » et « Secret », type « application/json »."),
    Scheme.FORGEJO: _("Forgejo, Gitea : Paramètres, Webhooks, « URL cible » et « Secret »."),
    Scheme.GITLAB: _("GitLab : Settings, Webhooks, « URL » et « Secret token » (ou « Signing token »)."),
    Scheme.STANDARD: _("L'émetteur suit Standard Webhooks : donnez-lui l'adresse et le secret."),
    Scheme.AUTHORIZATION: _("L'émetteur envoie l'en-tête « Authorization: Bearer », puis le secret (Alertmanager …)."),
    Scheme.GRAFANA: _(
        "Grafana : point de contact Webhook, « URL », puis « HMAC Signature » ou « Authorization Bearer »."
    ),
    Scheme.SENTRY: _("Sentry : intégration interne, « Webhook URL »."),
}
_BECAME: Final[Mapping[State, Phrase]] = {
    State.WAITING: _("en attente"),
    State.DONE: _("traité"),
    State.REFUSED: _("refusé par le robot"),
    State.UNWANTED: _("robot arrêté"),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command of somebody who may: by which ``rule``, in the room of this ``name``. ``words`` follow the verb."""

    call: Call
    rule: str
    name: str

    @property
    def room(self) -> RoomId:
        return self.call.room

    @property
    def words(self) -> Sequence[str]:
        return self.call.arguments[2:]

    def t(self, text: str) -> str:
        return self.call.translator(text)

    async def audit(self, tx: Tx, what: str, detail: str) -> None:
        await audit(tx, self.call, what, detail, self.rule)


Answer = Callable[[_Asked], Awaitable[Apply]]


class HookWords:
    """``public_url`` is None where nobody could post to anything."""

    def __init__(
        self,
        *,
        db: Database,
        homeserver: Homeserver,
        hearing: Hearing,
        hooks: Hooks,
        deliveries: Deliveries,
        directs: Directs,
        outbox: Outbox,
        bots: Mapping[str, Bot],
        public_url: str | None,
        zone: ZoneInfo,
    ) -> None:
        self._db = db
        self._homeserver = homeserver
        self._hearing = hearing
        self._hooks = hooks
        self._deliveries = deliveries
        self._directs = directs
        self._outbox = outbox
        self._bots = bots
        self._url = public_url
        self._zone = zone
        self._verbs: Mapping[str, Answer] = {
            "": self._list,
            **dict.fromkeys(("creer", "create"), self._create),
            **dict.fromkeys(("tourner", "rotate"), self._rotate),
            **dict.fromkeys(("supprimer", "delete", "remove"), self._remove),
            **dict.fromkeys(("expire", "expires"), self._expire),
            **dict.fromkeys(("voir", "show"), self._show),
            **dict.fromkeys(("rejouer", "replay"), self._replay),
        }

    async def answer(self, call: Call) -> Apply:
        """``call.arguments`` begin with the word webhook."""
        verb = unaccented(call.arguments[1]) if len(call.arguments) > 1 else ""
        if verb not in self._verbs:
            raise Misconfigured(
                _("je ne connais pas « {word} »", word=verb),
                remedy=_("Possibles : creer, tourner, supprimer, expire, voir, rejouer."),
            )
        facts = await self._homeserver.facts(call.room)
        decision = policy.may_command(facts, call.user)
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule)
        return await self._verbs[verb](_Asked(call, decision.rule, facts.name or call.room))

    # Making and changing

    async def _create(self, asked: _Asked) -> Apply:
        bot, webhook, name, scheme = self._wanted(asked)
        if self._url is None:
            raise Misconfigured(
                _("ce pont n'a pas d'adresse publique, personne ne pourrait y envoyer"),
                remedy=_("Demandez à l'exploitant de régler la section web."),
            )
        if len(self._hooks.of(asked.room)) >= MOST:
            raise Misconfigured(
                _("ce salon a déjà {n} webhooks", n=MOST), remedy=_("Supprimez-en : !bot webhook supprimer …")
            )

        async def apply(tx: Tx) -> str:
            hook = await self._hooks.make(tx, asked.room, bot.name, webhook.handler, name, scheme, asked.call.user)
            if hook is None:
                raise Misconfigured(
                    _("ce salon a déjà un webhook « {name} »", name=name),
                    remedy=_("Donnez-lui un autre nom : !bot webhook creer {bot} autre", bot=bot.name),
                )
            await asked.audit(tx, "hook made", f"{name} {bot.name} {scheme}")
            await self._in_private(tx, asked, self._address(asked, hook))
            return asked.t(
                _("✓ Webhook « {name} » créé pour {bot}. Son adresse vous est dite en privé.", name=name, bot=bot.name)
            )

        return apply

    def _wanted(self, asked: _Asked) -> tuple[Bot, Webhook, str, Scheme]:
        """Of ``creer BOT [nom] [type] [ce que le robot en fait]``, in any order after the bot."""
        first, *rest = (*(word.lower() for word in asked.words),) or ("",)
        if first not in self._able:
            raise Misconfigured(
                _("quel robot doit le recevoir ?"),
                remedy=_(
                    "Robots qui ont des webhooks : {bots}. Exemple : !bot webhook creer {bot} github",
                    bots=", ".join(self._able) or "—",
                    bot=self._any,
                ),
            )
        if not self._hearing.is_on(asked.room, first):
            raise Misconfigured(
                _("le robot {bot} n'est pas actif dans ce salon", bot=first),
                remedy=_("Activez-le d'abord : !bot activer {bot}", bot=first),
            )
        bot = self._bots[first]
        handlers = {one.handler: one for one in bot.webhooks}
        webhook, scheme, names = bot.webhooks[0], None, []
        for word in rest:
            if word in set(Scheme):
                scheme = Scheme(word)
            elif word in handlers and len(handlers) > 1:
                webhook = handlers[word]
            else:
                names.append(word)
        scheme = scheme or Scheme(webhook.verify)
        if scheme not in _CHOSEN:
            raise Misconfigured(
                _("{type} choisit le secret lui-même", type=scheme),
                remedy=_("Prenez le type path : le secret est alors dans l'adresse."),
            )
        if len(names) > 1 or not all(_NAME.fullmatch(one) for one in names):
            raise Misconfigured(
                _("« {words} » n'est ni un nom ni un type", words=" ".join(names)[:100]),
                remedy=_("Un nom est un seul mot. Types : {types}.", types=", ".join(sorted(_CHOSEN))),
            )
        return bot, webhook, names[0] if names else self._free(asked.room, first), scheme

    def _free(self, room: RoomId, bot: str) -> str:
        """A name that no hook of the room has."""
        taken = self._hooks.of(room)
        return next(name for name in (bot, *(f"{bot}-{n}" for n in range(2, MOST + 2))) if name not in taken)

    async def _rotate(self, asked: _Asked) -> Apply:
        hook = self._alone(asked)

        async def apply(tx: Tx) -> str:
            fresh = await self._hooks.rotate(tx, hook)
            await asked.audit(tx, "hook rotated", hook.name)
            await self._in_private(tx, asked, self._address(asked, fresh))
            assert fresh.former_until is not None
            return asked.t(
                _(
                    "✓ Le nouveau secret de « {name} » vous est dit en privé ; l'ancien vaut encore jusqu'au {until}.",
                    name=hook.name,
                    until=self._when(fresh.former_until),
                )
            )

        return apply

    async def _remove(self, asked: _Asked) -> Apply:
        if not asked.words:
            raise self._which(asked)
        hook = self._alone(asked)

        async def apply(tx: Tx) -> str:
            await self._hooks.remove(tx, hook)
            await asked.audit(tx, "hook removed", hook.name)
            return asked.t(_("✓ Webhook « {name} » supprimé : plus rien n'y est pris.", name=hook.name))

        return apply

    async def _expire(self, asked: _Asked) -> Apply:
        hook, words = self._meant(asked)
        if not words:
            raise Misconfigured(
                _("quand doit-il expirer ?"), remedy=_("Exemple : !bot webhook expire {name} 31 mars", name=hook.name)
            )
        text, now = " ".join(words), clock.moment(clock.now())
        at = None if text.lower() in NEVER else meant(text, now, self._zone, asked.call.translator.language).at

        async def apply(tx: Tx) -> str:
            await self._hooks.expire(tx, hook, at)
            await asked.audit(tx, "hook expires", f"{hook.name} {at.isoformat() if at else 'never'}")
            if at is None:
                return asked.t(_("✓ Le webhook « {name} » n'expire pas.", name=hook.name))
            return asked.t(_("✓ Le webhook « {name} » expire {when}.", name=hook.name, when=self._when(at)))

        return apply

    # Looking, and once more

    async def _list(self, asked: _Asked) -> Apply:
        async with self._db.snapshot() as tx:
            rows = await tx.all("hooks_of", room=asked.room)
        example = _("Pour en créer un : !bot webhook creer {bot}", bot=self._any)
        lines = [self._line(asked, row) for row in rows] or [asked.t(_("Aucun webhook dans ce salon."))]
        return _said("\n".join((*lines, asked.t(example))))

    def _line(self, asked: _Asked, row: Row) -> str:
        refused = self._hooks.refusals(row["id"])
        parts = [_("envois : {n}, répétés : {again}", n=row["deliveries"], again=row["repeated"])]
        if row["last_at"] is not None:
            parts.append(_("le dernier {when}", when=self._when(clock.moment(row["last_at"]))))
        if refused.at is not None:
            parts.append(
                _(
                    "refusés depuis le démarrage : {n}, le dernier {when} ({reason})",
                    n=refused.count,
                    when=self._when(refused.at),
                    reason=refused.reason or "",
                )
            )
        if row["expires_at"] is not None:
            at = clock.moment(row["expires_at"])
            over = at <= clock.moment(clock.now())
            parts.append(_("expiré {when}", when=self._when(at)) if over else _("expire {when}", when=self._when(at)))
        return " ; ".join((f"{row['name']} → {row['bot']} ({row['scheme']})", *map(asked.t, parts)))

    async def _show(self, asked: _Asked) -> Apply:
        """The last deliveries; of one, by its number, what was in it."""
        hook, words = self._meant(asked)
        if words:
            return await self._content(asked, hook, words)
        async with self._db.snapshot() as tx:
            rows = await tx.all("deliveries_last", hook=hook.id, limit=SHOWN)
        if not rows:
            return _said(asked.t(_("Rien n'est encore arrivé par « {name} ».", name=hook.name)))
        lines = [
            _(
                "{n}. {when}, {size} octets : {state}",
                n=row["n"],
                when=self._when(clock.moment(row["received_at"])),
                size=row["size"],
                state=_BECAME[State(row["state"])],
            )
            for row in rows
        ]
        more = _("Le contenu d'un envoi, en privé : !bot webhook voir {name} {n}", name=hook.name, n=rows[0]["n"])
        return _said("\n".join(map(asked.t, (*lines, more))))

    async def _content(self, asked: _Asked, hook: Hook, words: Sequence[str]) -> Apply:
        row = await self._delivery(hook, words)
        posted = self._deliveries.posted({**row, "name": hook.name})
        body = posted.body.decode(errors="replace")
        more = len(body) - READ
        parts = (
            asked.t(_("Envoi n° {n} de « {name} », {when}", n=row["n"], name=hook.name, when=self._when(posted.at))),
            self._deliveries.reason(row),
            "\n".join(f"{name}: {value}" for name, value in sorted(posted.headers.items())),
            body[:READ] + (asked.t(_("… ({n} caractères de plus)", n=more)) if more > 0 else ""),
        )

        async def apply(tx: Tx) -> str:
            await asked.audit(tx, "hook looked into", f"{hook.name} {row['n']}")
            await self._in_private(tx, asked, "\n\n".join(filter(None, parts)))
            return asked.t(_("✓ Je vous écris en privé ce qu'il y avait."))

        return apply

    async def _replay(self, asked: _Asked) -> Apply:
        hook, words = self._meant(asked)
        row = await self._delivery(hook, words)

        async def apply(tx: Tx) -> str:
            await self._deliveries.again(tx, asked.room, hook.bot, row["id"], cause=f"replay {asked.call.key}")
            await asked.audit(tx, "hook replayed", f"{hook.name} {row['n']}")
            return asked.t(_("✓ Envoi n° {n} rendu au robot {bot}.", n=row["n"], bot=hook.bot))

        return apply

    async def _delivery(self, hook: Hook, words: Sequence[str]) -> Row:
        """The one of this number. Raises `Misconfigured` when its content is kept no more."""
        number = words[0].removeprefix("#") if len(words) == 1 else ""
        row = None
        if re.fullmatch(r"[0-9]{1,15}", number):
            async with self._db.snapshot() as tx:
                row = await tx.one("delivery_find", hook=hook.id, n=int(number))
        if row is None or row["content"] is None:
            raise Misconfigured(
                _("il n'y a pas d'envoi « {n} », ou il n'est plus gardé", n=" ".join(words)[:50]),
                remedy=_("Voyez : !bot webhook voir {name}", name=hook.name),
            )
        return row

    # Which is meant, and the way to whom asks

    @property
    def _able(self) -> Sequence[str]:
        """The bots to which something can be posted."""
        return [name for name, bot in self._bots.items() if bot.webhooks]

    @property
    def _any(self) -> str:
        return next(iter(self._able), "alertes")

    def _meant(self, asked: _Asked) -> tuple[Hook, Sequence[str]]:
        """The hook that is named, or else the only one; and the words after it."""
        known, words = self._hooks.of(asked.room), asked.words
        if words and words[0].lower() in known:
            return known[words[0].lower()], words[1:]
        if len(known) != 1:
            raise self._which(asked)
        return next(iter(known.values())), words

    def _alone(self, asked: _Asked) -> Hook:
        """The same, with no word after it."""
        hook, words = self._meant(asked)
        if words:
            raise self._which(asked)
        return hook

    def _which(self, asked: _Asked) -> Misconfigured:
        names = ", ".join(sorted(self._hooks.of(asked.room)))
        none = _("Ce salon n'en a pas. Pour en créer un : !bot webhook creer {bot}", bot=self._any)
        return Misconfigured(
            _("quel webhook ?"), remedy=_("Ceux de ce salon : {names}.", names=names) if names else none
        )

    def _address(self, asked: _Asked, hook: Hook) -> str:
        open_ = hook.scheme is Scheme.PATH
        address = f"{self._url}/hook/{hook.id}" + (f"/{hook.secret}" if open_ else "")
        lines = [
            _(
                "Webhook « {name} », pour le robot {bot} du salon « {room} »",
                name=hook.name,
                bot=hook.bot,
                room=asked.name,
            ),
            _("Adresse : {address}", address=address),
            *(() if open_ else (_("Secret : {secret}", secret=hook.secret),)),
            _SET_UP[hook.scheme],
            _("Qui les a peut écrire dans le salon. Pour en changer : !bot webhook tourner {name}", name=hook.name),
        ]
        return "\n".join(map(asked.t, lines))

    async def _in_private(self, tx: Tx, asked: _Asked, text: str) -> None:
        """Whoever asks for it wants the conversation."""
        await self._directs.ask_again(tx, asked.call.user)
        place = await self._directs.wanted(tx, asked.call.user)
        assert place is not None
        await self._outbox.notice(tx, place, Text(plain=text), cause=f"{asked.call.key} private")

    def _when(self, at: datetime) -> Phrase:
        return said(Moment(at=at, words=""), clock.moment(clock.now()), self._zone)


def _said(text: str) -> Apply:
    async def apply(tx: Tx) -> str:
        del tx
        return text

    return apply
