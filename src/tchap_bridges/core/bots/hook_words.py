"""``!bot webhook``: how a moderator makes the addresses of a room, looks at what came, and has it called for once more.

An address and its secret are said in the moderator's direct conversation alone; so is what was posted.
"""

import re
from collections.abc import Container, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Bot, Webhook
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.deliveries import Deliveries
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.hook_asked import Answer, Asked
from tchap_bridges.core.bots.hook_looks import HookLooks
from tchap_bridges.core.bots.hooks import Hook, Hooks
from tchap_bridges.core.commands import Apply, Call
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Database, Homeserver, Tx
from tchap_bridges.core.words import unaccented
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.events import Text
from tchap_bridges.hooks import Scheme
from tchap_bridges.i18n import Phrase, _

MOST: Final = 20
"""Hooks of one room."""
NEVER: Final = frozenset(("jamais", "never"))
_NAME: Final = re.compile(r"(?!\d+$)[\w-]{1,40}")
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
}
"""Not Sentry, which gives the secret itself, and cannot be given one."""


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
        self._homeserver = homeserver
        self._hearing = hearing
        self._hooks = hooks
        self._directs = directs
        self._outbox = outbox
        self._bots = bots
        self._url = public_url
        self._zone = zone
        looks = HookLooks(db, hooks, deliveries)
        self._verbs: Mapping[str, Answer] = {
            **dict.fromkeys(("", "liste", "list", "aide", "help"), looks.list),
            **dict.fromkeys(("creer", "create"), self._create),
            **dict.fromkeys(("tourner", "rotate"), self._rotate),
            **dict.fromkeys(("supprimer", "delete", "remove"), self._remove),
            **dict.fromkeys(("expire", "expires"), self._expire),
            **dict.fromkeys(("voir", "show"), looks.show),
            **dict.fromkeys(("rejouer", "replay"), looks.replay),
        }

    async def answer(self, call: Call) -> Apply:
        """``call.arguments`` begin with the word webhook."""
        verb = unaccented(call.arguments[1]) if len(call.arguments) > 1 else ""
        if verb not in self._verbs:
            raise Misconfigured(
                _("je ne connais pas « {word} »", word=verb),
                remedy=_(
                    "Possibles : creer, tourner, supprimer, expire, voir, rejouer. Exemple : !bot webhook creer {bot}",
                    bot=self._any,
                ),
            )
        facts = await self._homeserver.facts(call.room)
        decision = policy.may_command(facts, call.user)
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule)
        return await self._verbs[verb](
            Asked(
                call=call,
                rule=decision.rule,
                name=facts.name or call.room,
                known=self._hooks.of(call.room),
                example=self._any,
                zone=self._zone,
                whisper=self._whisper,
            )
        )

    # Making and changing

    async def _create(self, asked: Asked) -> Apply:
        bot, webhook, name, scheme = self._wanted(asked)
        if self._url is None:
            raise Misconfigured(
                _("ce pont n'a pas d'adresse publique, personne ne pourrait y envoyer"),
                remedy=_("Demandez à l'exploitant de régler la section web."),
            )
        if len(asked.known) >= MOST:
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
            await asked.in_private(tx, self._address(asked, hook))
            return asked.t(
                _("✓ Webhook « {name} » créé pour {bot}. Son adresse vous est dite en privé.", name=name, bot=bot.name)
            )

        return apply

    def _wanted(self, asked: Asked) -> tuple[Bot, Webhook, str, Scheme]:
        """Of ``creer BOT [nom] [type] [ce que le robot en fait]``, in any order after the bot."""
        first, *rest = (*(word.lower() for word in asked.words),) or ("",)
        if first not in self._able:
            raise Misconfigured(
                _("quel robot doit le recevoir ?"),
                remedy=_(
                    "Robots qui ont des webhooks : {bots}. Exemple : !bot webhook creer {bot} github",
                    bots=", ".join(self._able) or "—",
                    bot=asked.example,
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
        if scheme not in _SET_UP:
            raise Misconfigured(
                _("{type} choisit le secret lui-même", type=scheme),
                remedy=_("Prenez le type path : le secret est alors dans l'adresse."),
            )
        if len(names) > 1 or not all(_NAME.fullmatch(one) for one in names):
            raise Misconfigured(
                _("« {words} » n'est ni un nom ni un type", words=" ".join(names)[:100]),
                remedy=_("Un nom est un seul mot. Types : {types}.", types=", ".join(sorted(_SET_UP))),
            )
        return bot, webhook, names[0] if names else _free(asked.known, first), scheme

    async def _rotate(self, asked: Asked) -> Apply:
        hook = asked.alone()

        async def apply(tx: Tx) -> str:
            fresh = await self._hooks.rotate(tx, hook)
            await asked.audit(tx, "hook rotated", hook.name)
            await asked.in_private(tx, self._address(asked, fresh))
            assert fresh.former_until is not None
            return asked.t(
                _(
                    "✓ Le nouveau secret de « {name} » vous est dit en privé ; l'ancien vaut encore jusqu'au {until}.",
                    name=hook.name,
                    until=asked.when(fresh.former_until),
                )
            )

        return apply

    async def _remove(self, asked: Asked) -> Apply:
        if not asked.words:
            raise asked.which()
        hook = asked.alone()

        async def apply(tx: Tx) -> str:
            await self._hooks.remove(tx, hook)
            await asked.audit(tx, "hook removed", hook.name)
            return asked.t(_("✓ Webhook « {name} » supprimé : plus rien n'y est pris.", name=hook.name))

        return apply

    async def _expire(self, asked: Asked) -> Apply:
        hook, words = asked.meant()
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
            return asked.t(_("✓ Le webhook « {name} » expire {when}.", name=hook.name, when=asked.when(at)))

        return apply

    # Which bots there are, and the way to whoever asks

    @property
    def _able(self) -> Sequence[str]:
        """The bots to which something can be posted."""
        return [name for name, bot in self._bots.items() if bot.webhooks]

    @property
    def _any(self) -> str:
        return next(iter(self._able), "alertes")

    def _address(self, asked: Asked, hook: Hook) -> str:
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
            _(
                "Ne les donnez qu'au programme : qui les a peut écrire dans le salon. "
                "Pour en changer : !bot webhook tourner {name}",
                name=hook.name,
            )
            if not open_
            else _(
                "Ne la donnez qu'au programme : qui l'a peut écrire dans le salon. "
                "Pour en changer : !bot webhook tourner {name}",
                name=hook.name,
            ),
        ]
        return "\n".join(map(asked.t, lines))

    async def _whisper(self, tx: Tx, call: Call, text: str) -> None:
        """Whoever asks for it wants the conversation."""
        await self._directs.ask_again(tx, call.user)
        place = await self._directs.wanted(tx, call.user)
        assert place is not None
        await self._outbox.notice(tx, place, Text(plain=text), cause=f"{call.key} private")


def _free(taken: Container[str], bot: str) -> str:
    """A name that no hook of the room has."""
    return next(name for name in (bot, *(f"{bot}-{n}" for n in range(2, MOST + 2))) if name not in taken)
