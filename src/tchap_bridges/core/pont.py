"""``!pont`` and ``!bridge``: tie a room to a chat elsewhere, see how the ties are, let them go.

Only a real member whose own level reaches 50 changes anything; letting go is always open to whoever made the link.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from tchap_bridges.bridge import Asker, Chat, Connection, Direction, NamesChats, Proves
from tchap_bridges.core import clock, policy
from tchap_bridges.core.commands import Apply, Call, Topic
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Homeserver, RoomFacts, Row, Sealer, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.strangers import held
from tchap_bridges.core.words import DIRECTIONS, VERBS, direction_words, state_words, unaccented
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.ids import ConnectionName, PersonId

WORDS: Mapping[str, Language] = {"pont": "fr", "bridge": "en"}
PROOF_MINUTES = 60
PROOF_TRIES = 5
PROOFS_A_DAY = 10  # for one user


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A connection as commands see it. ``words`` are the bridge's, the French one first; so are the ``examples``."""

    name: ConnectionName
    words: tuple[str, ...]
    people: str
    examples: Sequence[tuple[Phrase, Phrase]] = ()


class Pont:
    """Answers the commands about links. ``state_of`` is a connection's state in words."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        secrets: Secrets,
        homeserver: Homeserver,
        links: Links,
        inbox: Inbox,
        rules: policy.Rules,
        networks: Sequence[Network],
        connection_of: Callable[[ConnectionName], Connection],
        state_of: Callable[[ConnectionName], Phrase],
        zone: tzinfo,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._secrets = secrets
        self._homeserver = homeserver
        self._links = links
        self._inbox = inbox
        self._rules = rules
        self._networks = networks
        self._connection_of = connection_of
        self._state_of = state_of
        self._zone = zone

    @property
    def topic(self) -> Topic:
        return Topic(words=WORDS, help=self.help, answer=self.answer)

    def help(self, language: Language) -> Sequence[tuple[str, str]]:
        """(example, what it does), in the language of the words."""
        words = Translator(language)
        head = "!pont" if language == "fr" else "!bridge"
        verb = {name: by_language[language] for name, by_language in VERBS.items()}
        link: dict[str, str] = {}  # two connections of one kind are linked by the same words
        for network in self._networks:
            bare = f"{head} {network.words[0 if language == 'fr' else -1]} …"
            plain = ((bare, words(_("relie ce salon ({network})", network=network.name))),)
            link.update((words(typed), words(what)) for typed, what in network.examples or plain)
        return [
            *link.items(),
            (f"{head} {verb['list']}", words(_("les liens de ce salon"))),
            (f"{head} {verb['status']}", words(_("l'état de chaque lien, en toutes lettres"))),
            (
                f"{head} {verb['pause']} 1",
                words(_("suspend le lien n° 1 ; ce qui se dit entre-temps n'est pas relayé")),
            ),
            (f"{head} {verb['resume']} 1", words(_("le reprend"))),
            (f"{head} {verb['remove']} 1", words(_("le retire"))),
            (f"{head} {verb['leave']}", words(_("retire tous les liens ; le pont quitte le salon"))),
            (f"{head} {verb['code']} 12345678", words(_("rend le code reçu à l'adresse à relier"))),
            (
                f"{head} {verb['accept']} marie@exemple.fr",
                words(_("laisse écrire quelqu'un (« {refuse} » sinon)", refuse=verb["refuse"])),
            ),
        ]

    async def answer(self, call: Call) -> Apply:
        if not call.arguments:
            return self._told("\n".join(f"{example} — {what}" for example, what in self.help(call.translator.language)))
        verb = unaccented(call.arguments[0])
        for name, words in VERBS.items():
            if verb in words.values():
                return await getattr(self, f"_{name}")(call)  # type: ignore[no-any-return]
        found = [network for network in self._networks if verb in (*network.words, network.name)]
        if not found:
            raise Misconfigured(
                _("« {word} » n'est ni une commande ni un réseau connu", word=verb),
                remedy=_(
                    "Réseaux : {networks}. Toutes les commandes : !aide.",
                    networks=", ".join(network.words[0] for network in self._networks) or "—",
                ),
            )
        return await self._link(call, found)

    # Making a link

    async def _link(self, call: Call, found: Sequence[Network]) -> Apply:
        facts = await self._may(call)
        wanted = call.options.get("via")
        network = next((n for n in found if n.name == wanted), found[0]) if wanted else found[0]
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
        chat = await connection.find(" ".join(call.arguments[1:]), call.options, asker)
        decision = policy.may_link(facts, chat.destination, self._rules)
        if not decision.allowed:
            raise Misconfigured(decision.reason)
        direction = self._direction(call, chat)
        async with self._db.snapshot() as tx:
            for link in await self._links.of_room(tx, call.room):
                if link.connection == network.name and link.chat == chat.id:
                    raise Misconfigured(
                        _("ce salon est déjà relié à {name}", name=link.name), remedy=_("Voyez !pont etat.")
                    )
        code = ""
        if chat.proof is not None:
            if not isinstance(connection, Proves):
                raise Misconfigured(_("les règles de l'exploitant n'autorisent pas cette adresse"))
            await self._not_too_often(call)
            code = self._secrets.code(call.key, chat.id)
            await connection.challenge(chat.proof, code, asker, key=call.key)

        async def apply(tx: Tx) -> str:
            link = await self._links.add(
                tx,
                call.room,
                network.name,
                chat,
                direction=direction,
                state="proof" if code else "active",
                by=call.user,
                rule=decision.rule,
            )
            await self._audit(tx, "linked", call, chat.name, decision.rule)
            t = call.translator
            if code:
                asked = int(await tx.value("kv_get", space="proofs", key=self._today(call)) or 0)
                await tx.run("kv_set", space="proofs", key=self._today(call), value=str(asked + 1).encode())
                await self._links.seal_proof(
                    tx,
                    link,
                    {"code": code, "until": clock.now() + PROOF_MINUTES * 60_000, "tries": PROOF_TRIES},
                )
                return t(
                    _(
                        "Un code vient d'être envoyé à {address}. Rendez-le ici dans l'heure : !pont code 12345678",
                        address=chat.proof,
                    )
                )
            said = t(
                _("✓ Ce salon est relié à {name} ({direction}).", name=chat.name, direction=direction_words(direction))
            )
            return f"{said}\n{t(chat.waiting)}" if chat.waiting and direction is not Direction.OUT else said

        return apply

    async def _not_too_often(self, call: Call) -> None:
        """A code is a mail to somebody who asked for nothing."""
        async with self._db.snapshot() as tx:
            asked = int(await tx.value("kv_get", space="proofs", key=self._today(call)) or 0)
        if asked >= PROOFS_A_DAY:
            raise Misconfigured(_("vous avez demandé {n} codes aujourd'hui", n=asked), remedy=_("Réessayez demain."))

    @staticmethod
    def _today(call: Call) -> str:
        return f"{call.user} {clock.moment(clock.now()):%Y-%m-%d}"

    @staticmethod
    def _direction(call: Call, chat: Chat) -> Direction:
        wanted = call.options.get("sens", call.options.get("direction"))
        if wanted is None:
            return chat.direction
        try:
            direction = DIRECTIONS[unaccented(wanted)]
        except KeyError:
            raise Misconfigured(
                _("« {word} » n'est pas un sens", word=wanted),
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

    async def _code(self, call: Call) -> Apply:
        await self._may(call)
        given = call.arguments[1] if len(call.arguments) > 1 else ""

        async def apply(tx: Tx) -> str:
            for link in await self._links.of_room(tx, call.room):
                if link.state != "proof":
                    continue
                proof = await self._links.proof(tx, link.id)
                if clock.now() > int(str(proof["until"])) or int(str(proof["tries"])) <= 0:
                    await self._links.set_state(tx, link, "gone")
                    return call.translator(_("Ce code n'est plus valable. Refaites la commande qui relie l'adresse."))
                if hmac.compare_digest(str(proof["code"]).encode(), given.encode()):
                    await self._links.set_state(tx, link, "active")
                    await self._audit(tx, "proved", call, link.name)
                    said = call.translator(
                        _(
                            "✓ Ce salon est relié à {name} ({direction}).",
                            name=link.name,
                            direction=direction_words(link.direction),
                        )
                    )
                    return f"{said}\n{link.waiting}" if link.waiting else said
                proof["tries"] = int(str(proof["tries"])) - 1
                await self._links.seal_proof(tx, link.id, proof)
                return call.translator(_("✗ Ce n'est pas le code. Essais restants : {n}.", n=proof["tries"]))
            return call.translator(_("Aucun lien de ce salon n'attend de code."))

        return apply

    # Looking

    async def _list(self, call: Call) -> Apply:
        async def apply(tx: Tx) -> str:
            t = call.translator
            lines = [
                f"{n}. {link.name} — {t(direction_words(link.direction))} — {t(state_words(link.state))}"
                for n, link in enumerate(await self._links.of_room(tx, call.room), 1)
            ]
            return "\n".join(lines) or t(_("Ce salon n'est relié à rien. Pour commencer : !aide"))

        return apply

    async def _status(self, call: Call) -> Apply:
        async def apply(tx: Tx) -> str:
            links = await self._links.of_room(tx, call.room, fresh=True)
            lines = [await self._state_line(tx, call.translator, n, link) for n, link in enumerate(links, 1)]
            return "\n".join(lines) or call.translator(_("Ce salon n'est relié à rien. Pour commencer : !aide"))

        return apply

    async def _state_line(self, tx: Tx, t: Translator, n: int, link: Link) -> str:
        counts = {row["state"]: row["count"] for row in await tx.all("outbox_link_counts", target=link.target)}
        held_back = await tx.all("senders_held", link=link.id)
        parts = [t(state_words(link.state)), t(self._state_of(link.connection))]
        if link.reason:
            parts.append(t(_("pourquoi : {why}", why=link.reason)))
        if link.waiting and link.state == "active":
            parts.append(t(link.waiting))
        elif link.last_in is not None:
            parts.append(t(_("dernier message reçu : {at}", at=self._told_at(link.last_in))))
        if link.last_out is not None:
            parts.append(t(_("dernier envoi : {at}", at=self._told_at(link.last_out))))
        if counts.get(0):
            parts.append(t(_("{n} en attente d'envoi", n=counts[0])))
        if counts.get(2):
            parts.append(t(_("{n} non remis", n=counts[2])))
        for row in held_back:
            address = self._sealer.open(row["name"], place="sender.name").decode()
            parts.append(t(_("{address} attend d'être accepté", address=address)))
        return f"{n}. {link.name} — {t(direction_words(link.direction))} — " + " ; ".join(parts)

    def _told_at(self, at: int) -> str:
        return f"{clock.moment(at).astimezone(self._zone):%d/%m %H:%M}"

    # Changing

    async def _pause(self, call: Call) -> Apply:
        return await self._change(call, "active", "paused", _("⏸ {name} est en pause. Ce qui se dit n'est pas relayé."))

    async def _resume(self, call: Call) -> Apply:
        return await self._change(call, "paused", "active", _("▶ {name} reprend."))

    async def _change(self, call: Call, before: str, after: str, said: Phrase) -> Apply:
        await self._may(call)

        async def apply(tx: Tx) -> str:
            link = self._chosen(call, await self._links.of_room(tx, call.room))
            if link.state != before:
                raise Misconfigured(
                    _("{name} est dans l'état « {state} »", name=link.name, state=state_words(link.state)),
                    remedy=_("Voyez !pont etat."),
                )
            await self._links.set_state(tx, link, after)
            await self._audit(tx, after, call, link.name)
            return call.translator(said).format(name=link.name)

        return apply

    async def _remove(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            link = self._chosen(call, await self._links.of_room(tx, call.room))
        if link.created_by != call.user:
            await self._may(call)

        async def apply(tx: Tx) -> str:
            await self._links.set_state(tx, link, "gone")
            await self._audit(tx, "unlinked", call, link.name)
            return call.translator(_("✓ {name} n'est plus relié à ce salon.", name=link.name))

        return apply

    async def _leave(self, call: Call) -> Apply:
        """Every link of the room goes, and the bot with its ghosts."""
        await self._may(call)
        reason = call.translator(_("Retiré à la demande de {name}.", name=call.user_name))
        await self._homeserver.leave(call.room, reason)

        async def apply(tx: Tx) -> None:
            await tx.run("room_joined", id=call.room, joined=0)
            for link in await self._links.of_room(tx, call.room):
                await self._links.set_state(tx, link, "gone")
                await self._audit(tx, "unlinked", call, link.name)

        return apply

    @staticmethod
    def _chosen(call: Call, links: Sequence[Link]) -> Link:
        which = call.arguments[1] if len(call.arguments) > 1 else ""
        for n, link in enumerate(links, 1):
            if which in {str(n), link.name, link.chat} or (not which and len(links) == 1):
                return link
        raise Misconfigured(
            _("aucun lien n° « {which} » dans ce salon", which=which) if which else _("de quel lien parlez-vous ?"),
            remedy=_("Donnez son numéro, comme dans !pont liste."),
        )

    # Unknown senders

    async def _accept(self, call: Call) -> Apply:
        await self._may(call)
        return self._decide(call, let_in=True)

    async def _refuse(self, call: Call) -> Apply:
        await self._may(call)
        return self._decide(call, let_in=False)

    def _decide(self, call: Call, *, let_in: bool) -> Apply:
        async def apply(tx: Tx) -> str:
            t = call.translator
            address = call.arguments[1] if len(call.arguments) > 1 else ""
            for link in await self._links.of_room(tx, call.room):
                for row in await tx.all("senders", link=link.id):
                    if self._is(row, address):
                        await tx.run("sender_state", link=link.id, person=row["person"], state=1 if let_in else 2)
                        if let_in:
                            await self._inbox.release(tx, held(link.id, row["person"]))
                        else:
                            await tx.run("inbox_drop", what=held(link.id, row["person"]))
                        await self._audit(tx, "let in" if let_in else "refused", call, link.name)
                        return (
                            t(_("✓ {address} peut écrire à ce salon.", address=address))
                            if let_in
                            else t(
                                _(
                                    "✓ {address} ne peut pas écrire à ce salon ; ce qui attendait est effacé.",
                                    address=address,
                                )
                            )
                        )
            return t(_("Personne de ce nom n'attend. Voyez !pont etat."))

        return apply

    def _is(self, row: Row, address: str) -> bool:
        return self._sealer.open(row["name"], place="sender.name").decode() == PersonId(address.lower().strip("<>"))

    # Shared

    async def _may(self, call: Call) -> RoomFacts:
        """The room's facts, if the caller may change its links. Raises `Misconfigured` with the reason."""
        facts = await self._homeserver.facts(call.room)
        decision = policy.may_command(facts, call.user)
        if not decision.allowed:
            raise Misconfigured(decision.reason)
        return facts

    def _connection(self, name: ConnectionName) -> Connection:
        try:
            return self._connection_of(name)
        except NotReady as error:
            raise Misconfigured(
                _("la connexion {name} n'est pas établie ({why})", name=name, why=error.reason),
                remedy=_("Réessayez dans un moment ou prévenez l'exploitant."),
            ) from None

    @staticmethod
    def _told(text: str) -> Apply:
        async def apply(tx: Tx) -> str:
            del tx
            return text

        return apply

    @staticmethod
    async def _audit(tx: Tx, what: str, call: Call, detail: str, rule: str = "") -> None:
        await tx.run("audit_add", at=clock.now(), who=call.user, what=what, room=call.room, detail=detail, rule=rule)
