"""A room is tied to a chat: what a command names is found, allowed, and where need be proved by a code."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tchap_bridges.bridge import Asker, Chat, Connection, Destination, Direction, NamesChats, Proves
from tchap_bridges.core import clock, policy
from tchap_bridges.core.commands import Apply, Call, audit
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Homeserver, RoomFacts, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.words import DIRECTIONS, direction_words, state_words, unaccented
from tchap_bridges.errors import Misconfigured, NotAllowed, NotReady
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import ConnectionName

OPTIONS = frozenset({"sens", "direction", "via"})
"""What every linking command takes; a bridge may add its own (`bridge.Bridge.options`)."""
PROOF_MINUTES = 60
PROOF_TRIES = 5
PROOFS_A_DAY = 10  # for one user


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A connection as commands see it. ``words`` are the bridge's, the French one first; so are the ``examples``.

    ``addresses``: its chats and its people are mail addresses.
    """

    name: ConnectionName
    words: tuple[str, ...]
    people: str
    addresses: bool = False
    examples: Sequence[tuple[Phrase, Phrase]] = ()
    options: frozenset[str] = frozenset()


async def may_change(homeserver: Homeserver, call: Call) -> RoomFacts:
    """The room's facts, if the caller may change its links. Raises `Misconfigured` with the reason."""
    facts = await homeserver.facts(call.room)
    decision = policy.may_command(facts, call.user)
    if not decision.allowed:
        raise NotAllowed(decision.reason, rule=decision.rule, remedy=decision.remedy)
    return facts


def still_held(link: Link) -> Phrase:
    """What people decided is done, and the rules hold it all the same."""
    return _("{name} reste retenu : {why}.", name=link.name, why=link.reason or state_words(link.held))


def still_muted() -> Phrase:
    """What the room of a new link has to do before its words leave."""
    return _(
        "🔒 Ce salon est chiffré : ce qui s'y dit n'en sort pas encore. Pour l'autoriser : !pont chiffrement autoriser"
    )


def _named_network(call: Call, found: Sequence[Network]) -> tuple[str | None, str]:
    """Through which connection of several, and what is to be linked: ``!pont irc #canal libera`` or ``via=libera``."""
    words = call.arguments[1:]
    if (wanted := call.options.get("via")) is None and len(found) > 1 and len(words) > 1:
        wanted = next((network.name for network in found if network.name == words[-1]), None)
        words = words[:-1] if wanted else words
    return wanted, " ".join(words)


class Linking:
    """Makes links. ``connection_of`` gives a live connection or raises `NotReady`."""

    def __init__(
        self,
        *,
        db: Database,
        secrets: Secrets,
        homeserver: Homeserver,
        links: Links,
        rooms: RoomDesk,
        rules: policy.Rules,
        connection_of: Callable[[ConnectionName], Connection],
    ) -> None:
        self._db = db
        self._secrets = secrets
        self._homeserver = homeserver
        self._links = links
        self._rooms = rooms
        self._rules = rules
        self._connection_of = connection_of

    async def link(self, call: Call, found: Sequence[Network]) -> Apply:
        """``!pont <word> <what> …`` for the networks of that word."""
        changes = self._rooms.changes(call.room)
        facts = await may_change(self._homeserver, call)
        wanted, argument = _named_network(call, found)
        network = next((n for n in found if n.name == wanted), None) if wanted else found[0]
        if network is None:
            raise Misconfigured(
                _("aucune connexion ne s'appelle « {name} »", name=wanted),
                remedy=_("Connexions : {names}.", names=", ".join(n.name for n in found)),
            )
        connection = self._connection(network.name)
        if not isinstance(connection, NamesChats):
            raise Misconfigured(_("ce réseau ne se relie pas par une commande"))
        if len(call.arguments) < 2:
            raise Misconfigured(
                _("il manque ce à quoi relier le salon"),
                remedy=_("Exemple : {example}, ou !aide.", example=network.examples[0][0])
                if network.examples
                else _("Voyez !aide."),
            )
        asker = Asker(user=call.user, name=call.user_name, room_name=facts.name)
        chat = await connection.find(argument, call.options, asker)
        external = network.addresses and await self._homeserver.is_external(chat.id)
        tie = policy.Tie(connection=network.name, destination=chat.destination, external=external)
        decision = policy.may_link(self._rooms.stands(facts), tie, self._rules)
        if not decision.allowed:
            raise NotAllowed(decision.reason, rule=decision.rule, remedy=decision.remedy)
        direction = self._direction(call, chat)
        async with self._db.snapshot() as tx:
            links = await self._links.of_room(tx, call.room)
        unproved = [link for link in links if (link.connection, link.chat) == (network.name, chat.id)]
        if any(link.wanted != "proof" for link in unproved):
            raise Misconfigured(_("ce salon est déjà relié à {name}", name=chat.name), remedy=_("Voyez !pont etat."))
        code = ""
        if chat.proof is not None:
            if not isinstance(connection, Proves):
                raise Misconfigured(_("les règles de l'exploitant n'autorisent pas cette adresse"))
            await self._not_too_often(call)
            code = self._secrets.code(call.key, chat.id)
            await connection.challenge(chat.proof, code, asker, key=call.key)

        async def apply(tx: Tx) -> str:
            current = self._rooms.changes(call.room) == changes
            if not (current and (await self._rooms.judge(tx, facts, tie)).allowed):
                raise Misconfigured(_("les règles de ce salon viennent de changer"), remedy=_("Refaites la commande."))
            for link in unproved:  # asked again: a new code, and the old one is worth nothing
                await self._links.want(tx, link, "gone")
            made = await self._links.add(
                tx,
                call.room,
                network.name,
                chat,
                direction=direction,
                state="proof" if code else "active",
                by=call.user,
                rule=decision.rule,
                external=external,
            )
            await audit(tx, call, "linked", chat.name, decision.rule)
            if not code:
                others = [link for link in links if link not in unproved]
                muted = facts.encrypted and direction is not Direction.IN
                said = self._welcome(call.translator, chat.name, direction, chat.waiting, chat.destination, others)
                return f"{said}\n{call.translator(still_muted())}" if muted else said
            await self._count(tx, call)
            until = clock.now() + PROOF_MINUTES * 60_000
            await self._links.seal_proof(tx, made, {"code": code, "until": until, "tries": PROOF_TRIES})
            return call.translator(
                _(
                    "Un code vient d'être envoyé à {address}. Rendez-le ici dans l'heure : !pont code 12345678",
                    address=chat.proof,
                )
            )

        return apply

    @staticmethod
    def _welcome(
        t: Translator,
        name: str,
        direction: Direction,
        waiting: str,
        destination: Destination,
        others: Sequence[Link],
    ) -> str:
        """What is linked now, what has to happen elsewhere, and who else hears what is said: a room is a hub."""
        said = [t(_("✓ Ce salon est relié à {name} ({direction}).", name=name, direction=direction_words(direction)))]
        if waiting and direction is not Direction.OUT:
            said.append(t(waiting))
        if destination is Destination.ABROAD and direction is not Direction.IN:
            said.append(t(_("⚠ Ce qui y part est gardé hors de l'Union européenne ; l'exploitant du pont l'a permis.")))
        from_here = [
            f"{link.name} ({link.connection})" for link in others if link.direction in {Direction.BOTH, Direction.OUT}
        ]
        if from_here and direction is not Direction.OUT:
            said.append(t(_("Ce qui en vient part aussi vers {names}.", names=", ".join(from_here))))
        to_here = [f"{link.name} ({link.connection})" for link in others if link.brings_in]
        if to_here and direction in {Direction.BOTH, Direction.OUT}:
            said.append(t(_("Ce qui vient de {names} y part aussi.", names=", ".join(to_here))))
        return "\n".join(said)

    @staticmethod
    def _direction(call: Call, chat: Chat) -> Direction:
        wanted = call.options.get("sens", call.options.get("direction"))
        if wanted is None:
            return chat.direction
        try:
            direction = DIRECTIONS[unaccented(wanted)]
        except KeyError:
            raise Misconfigured(
                _("« {word} » n'est pas un sens", word=wanted) if wanted else _("il manque le sens"),
                remedy=_("Écrivez sens=deux-sens, sens=reponses, sens=entrant ou sens=sortant."),
            ) from None
        if direction not in chat.directions:
            raise Misconfigured(
                _(
                    "{name} ne peut pas être relié ainsi ({direction})",
                    name=chat.name,
                    direction=direction_words(direction),
                ),
                remedy=_("Refaites la commande sans « sens »."),
            )
        return direction

    # Codes

    async def code(self, call: Call) -> Apply:
        """``!pont code 12345678``: whichever of the room's links it proves. The rules of the room stay in force."""
        await may_change(self._homeserver, call)
        if len(call.arguments) < 2:
            raise Misconfigured(_("il manque le code"), remedy=_("Exemple : !pont code 12345678"))
        given = call.arguments[1].encode()

        async def apply(tx: Tx) -> str:
            t, links = call.translator, await self._links.of_room(tx, call.room)
            waiting = [(link, await self._links.proof(tx, link.id)) for link in links if link.wanted == "proof"]
            if not waiting:
                return t(_("Aucun lien de ce salon n'attend de code."))
            open_ = [(link, proof) for link, proof in waiting if self.may_be_proved(proof)]
            for link, proof in waiting:
                if not self.may_be_proved(proof):
                    await self._links.want(tx, link, "gone")
            if not open_:
                return t(_("Ce code n'est plus valable. Refaites la commande qui relie l'adresse."))
            for link, proof in open_:
                if hmac.compare_digest(str(proof["code"]).encode(), given):
                    await self._links.want(tx, link, "active")
                    await audit(tx, call, "proved", link.name)
                    others = [other for other in links if other.wanted != "proof"]
                    said = self._welcome(t, link.name, link.direction, link.waiting, link.destination, others)
                    if link.held:
                        return f"{said}\n{t(still_held(link))}"
                    muted = link.muted and link.direction is not Direction.IN
                    return f"{said}\n{t(still_muted())}" if muted else said
            left = 0
            for link, proof in open_:  # nobody can tell which was meant
                tries = int(str(proof["tries"])) - 1
                left = max(left, tries)
                await self._links.seal_proof(tx, link.id, {**proof, "tries": tries})
            return t(_("✗ Ce n'est pas le code. Essais restants : {n}.", n=left))

        return apply

    @staticmethod
    def may_be_proved(proof: Mapping[str, object]) -> bool:
        """The code has not expired, and tries are left."""
        return clock.now() <= int(str(proof.get("until", 0))) and int(str(proof.get("tries", 0))) > 0

    async def _not_too_often(self, call: Call) -> None:
        """A code is a mail to somebody who asked for nothing."""
        async with self._db.snapshot() as tx:
            asked = int(await tx.value("kv_get", space="proofs", key=_today(call)) or 0)
        if asked >= PROOFS_A_DAY:
            raise Misconfigured(_("vous avez demandé {n} codes aujourd'hui", n=asked), remedy=_("Réessayez demain."))

    @staticmethod
    async def _count(tx: Tx, call: Call) -> None:
        asked = int(await tx.value("kv_get", space="proofs", key=_today(call)) or 0)
        await tx.run("kv_set", space="proofs", key=_today(call), value=str(asked + 1).encode())

    def _connection(self, name: ConnectionName) -> Connection:
        try:
            return self._connection_of(name)
        except NotReady as error:
            raise Misconfigured(
                _("la connexion {name} n'est pas établie ({why})", name=name, why=error.reason),
                remedy=_("Réessayez dans un moment ou prévenez l'exploitant."),
            ) from None


def _today(call: Call) -> str:
    return f"{call.user} {clock.moment(clock.now()):%Y-%m-%d}"
