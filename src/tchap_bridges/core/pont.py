"""``!pont`` and ``!bridge``: tie a room to a chat elsewhere, see how the ties are, let them go.

Only a real member whose own level reaches 50 changes anything; letting go is always open to whoever made the link.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo

from tchap_bridges.bridge import Connection, ListsMembers
from tchap_bridges.core import carrying, clock, consent, policy, rulebook
from tchap_bridges.core.commands import Apply, Call, Topic, audit, near
from tchap_bridges.core.inbox import Inbox
from tchap_bridges.core.linking import OPTIONS, Linking, Network, may_change, still_held
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import Database, Homeserver, Row, Sealer, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.strangers import LET_IN, REFUSED, held
from tchap_bridges.core.words import VERBS, direction_words, state_words, unaccented
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.i18n import Language, Phrase, Translator, _, ngettext
from tchap_bridges.ids import ConnectionName

WORDS: Mapping[str, Language] = {"pont": "fr", "bridge": "en"}
HELP = frozenset({"aide", "help"})
WHO = frozenset({"qui", "who"})
NAMES = 200
"""How many people are named; the rest is counted."""


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
        rooms: RoomDesk,
        rules: policy.Rules,
        networks: Sequence[Network],
        connection_of: Callable[[ConnectionName], Connection],
        state_of: Callable[[ConnectionName], Phrase],
        zone: tzinfo,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._links = links
        self._rooms = rooms
        self._rules = rules
        self._inbox = inbox
        self._networks = networks
        self._connection_of = connection_of
        self._state_of = state_of
        self._zone = zone
        self._linking = Linking(
            db=db,
            secrets=secrets,
            homeserver=homeserver,
            links=links,
            rooms=rooms,
            rules=rules,
            connection_of=connection_of,
        )

    @property
    def topic(self) -> Topic:
        return Topic(words=WORDS, help=lambda language, _room: self.help(language), answer=self.answer)

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
            (f"{head} {verb['policy']}", words(_("les règles de ce salon, et ce qu'elles laissent passer"))),
            (
                f"{head} {verb['encryption']} {'autoriser' if language == 'fr' else 'allow'} 1",
                words(
                    _(
                        "laisse sortir par le lien n° 1 ce qui se dit dans ce salon chiffré (« {back} » : plus rien)",
                        back="retirer" if language == "fr" else "withdraw",
                    )
                ),
            ),
            (f"{head} {verb['leave']}", words(_("retire tous les liens ; le pont quitte le salon"))),
            (f"{head} {verb['code']} 12345678", words(_("rend le code reçu à l'adresse à relier"))),
            (
                f"{head} {verb['accept']} marie@exemple.fr",
                words(_("laisse écrire quelqu'un (« {refuse} » sinon)", refuse=verb["refuse"])),
            ),
        ]

    async def answer(self, call: Call) -> Apply:
        if not call.arguments or unaccented(call.arguments[0]) in HELP:
            return self._told("\n".join(f"{example} — {what}" for example, what in self.help(call.translator.language)))
        verb = unaccented(call.arguments[0])
        for name, words in VERBS.items():
            if verb in words.values():
                self._only(call, ())
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
        if len(call.arguments) == 2 and unaccented(call.arguments[1]) in WHO:
            self._only(call, ())
            return await self._who(call, [network.name for network in found])
        self._only(call, OPTIONS.union(*(network.options for network in found)))
        return await self._linking.link(call, found)

    @staticmethod
    def _only(call: Call, known: Collection[str]) -> None:
        """A mistyped option must not pass for one that was not given."""
        for name in call.options:
            if name not in known:
                meant = near(name, known)
                raise Misconfigured(
                    _("je ne connais pas l'option « {name} »", name=name),
                    remedy=_("Vouliez-vous dire « {near} » ?", near=meant) if meant else _("Voyez !aide."),
                )

    async def _code(self, call: Call) -> Apply:
        return await self._linking.code(call)

    # Rules

    async def _policy(self, call: Call) -> Apply:
        facts = await self._homeserver.facts(call.room)

        async def apply(tx: Tx) -> str:
            links = await self._links.of_room(tx, call.room)
            return rulebook.told(self._rooms.stands(facts), links, self._rules, call.translator)

        return apply

    async def _encryption(self, call: Call) -> Apply:
        facts, given = await may_change(self._homeserver, call), consent.asked(call)
        async with self._db.snapshot() as tx:
            link = self._chosen(call, await self._links.of_room(tx, call.room), at=2)
        return (
            consent.give(self._links, call, link, facts, self._rules)
            if given
            else consent.take_back(self._links, call, link)
        )

    # Looking

    async def _list(self, call: Call) -> Apply:
        async def apply(tx: Tx) -> str:
            t, links = call.translator, await self._links.of_room(tx, call.room)
            lines = [
                f"{link.number}. {_told_apart(link, links)} — {t(direction_words(link.direction))}"
                f" — {t(state_words(link.state))}"
                for link in links
            ]
            return "\n".join(lines) or t(_("Ce salon n'est relié à rien. Pour commencer : !aide"))

        return apply

    async def _who(self, call: Call, names: Collection[ConnectionName]) -> Apply:
        """Who is on the other side, for every link of the room to these connections."""
        t = call.translator
        async with self._db.snapshot() as tx:
            all_links = await self._links.of_room(tx, call.room)
        links = [link for link in all_links if link.connection in names]
        if not links:
            raise Misconfigured(_("ce salon n'est pas relié à ce réseau"), remedy=_("Voyez !pont etat."))
        lines = []
        for link in links:
            connection, name = self._connection_of(link.connection), _told_apart(link, all_links)
            if not isinstance(connection, ListsMembers):
                lines.append(t(_("{name} : ce réseau ne dit pas qui est là", name=name)))
                continue
            people = sorted({member.name for member in await connection.members(link.chat)}, key=str.casefold)
            shown = ", ".join(people[:NAMES])
            if len(people) > NAMES:
                shown = t(_("{names} et {n} autres", names=shown, n=len(people) - NAMES))
            lines.append(f"{name} ({len(people)}) : {shown or '—'}")
        return self._told("\n".join(lines))

    async def _status(self, call: Call) -> Apply:
        async def apply(tx: Tx) -> str:
            links = await self._links.of_room(tx, call.room, fresh=True)
            lines = [await self._state_line(tx, call.translator, link, _told_apart(link, links)) for link in links]
            return "\n".join(lines) or call.translator(_("Ce salon n'est relié à rien. Pour commencer : !aide"))

        return apply

    async def _state_line(self, tx: Tx, t: Translator, link: Link, name: str) -> str:
        counts = {row["state"]: row["count"] for row in await tx.all("outbox_link_counts", target=link.target)}
        held_back = await tx.all("senders_held", link=link.id)
        waits = await tx.value("inbox_awaiting", what=link.standing_by)
        parts = [t(state_words(link.state)), t(self._state_of(link.connection))]
        if link.state == "proof" and not self._linking.may_be_proved(await self._links.proof(tx, link.id)):
            parts = [t(_("code périmé : refaites la commande qui relie l'adresse"))]
        if link.reason:
            parts.append(t(_("pourquoi : {why}", why=link.reason)))
        if link.waiting and link.state == "active" and link.brings_in:
            parts.append(t(link.waiting))
        elif link.last_in is not None:
            parts.append(t(_("dernier message reçu : {at}", at=self._told_at(link.last_in))))
        if link.last_out is not None:
            parts.append(t(_("dernier envoi : {at}", at=self._told_at(link.last_out))))
        if waits:
            parts.append(t(ngettext("{n} reçu en attente", "{n} reçus en attente", waits)))
        if counts.get(0):
            parts.append(t(_("{n} en attente d'envoi", n=counts[0])))
        if counts.get(2):
            parts.append(t(_("{n} non remis", n=counts[2])))
        for row in held_back:
            address = self._sealer.open(row["name"], place="sender.name").decode()
            parts.append(t(_("{address} attend d'être accepté", address=address)))
        said = f"{link.number}. {name} — {t(direction_words(link.direction))} — " + " ; ".join(parts)
        try:
            return f"{said}\n{carrying.line(self._connection_of(link.connection), t)}"
        except NotReady:  # the state says so
            return said

    def _told_at(self, at: int) -> str:
        return f"{clock.moment(at).astimezone(self._zone):%d/%m %H:%M}"

    # Changing

    async def _pause(self, call: Call) -> Apply:
        return await self._change(call, "active", "paused", _("⏸ {name} est en pause. Ce qui se dit n'est pas relayé."))

    async def _resume(self, call: Call) -> Apply:
        """What waited for a rule, and then for people, comes now; what the rules hold stays held."""
        return await self._change(call, "paused", "active", _("▶ {name} reprend."))

    async def _change(self, call: Call, before: str, after: str, said: Phrase) -> Apply:
        await may_change(self._homeserver, call)

        async def apply(tx: Tx) -> str:
            link = self._chosen(call, await self._links.of_room(tx, call.room))
            if link.wanted != before:
                raise Misconfigured(
                    _("{name} est dans l'état « {state} »", name=link.name, state=state_words(link.wanted)),
                    remedy=_("Voyez !pont etat."),
                )
            await self._links.want(tx, link, after)
            await audit(tx, call, after, link.name)
            if after == "active" and not link.held:
                await self._inbox.release(tx, link.standing_by)
            elif after == "active":
                said_so = call.translator(said).format(name=link.name)
                return f"{said_so}\n{call.translator(still_held(link))}"
            return call.translator(said).format(name=link.name)

        return apply

    async def _remove(self, call: Call) -> Apply:
        async with self._db.snapshot() as tx:
            links = await self._links.of_room(tx, call.room)
        link = self._chosen(call, links)
        if link.created_by != call.user:
            await may_change(self._homeserver, call)

        async def apply(tx: Tx) -> str:
            await self._links.want(tx, link, "gone")
            await audit(tx, call, "unlinked", link.name)
            return call.translator(_("✓ {name} n'est plus relié à ce salon.", name=_told_apart(link, links)))

        return apply

    async def _leave(self, call: Call) -> Apply:
        """Every link of the room goes, and the bot with its ghosts."""
        await may_change(self._homeserver, call)
        reason = call.translator(_("Retiré à la demande de {name}.", name=call.user_name))
        await self._homeserver.leave(call.room, reason)

        async def apply(tx: Tx) -> None:
            await tx.run("room_joined", id=call.room, joined=0)
            await self._rooms.forget(tx, call.room)
            for link in await self._links.of_room(tx, call.room):
                await self._links.want(tx, link, "gone")
                await audit(tx, call, "unlinked", link.name)

        return apply

    @staticmethod
    def _chosen(call: Call, links: Sequence[Link], *, at: int = 1) -> Link:
        which = call.arguments[at].lower().strip("<>") if len(call.arguments) > at else ""
        if not links:
            raise Misconfigured(_("ce salon n'est relié à rien"), remedy=_("Pour commencer : !aide"))
        found = [link for link in links if which in {"", str(link.number), link.name.lower(), link.chat.lower()}]
        if len(found) == 1:
            return found[0]
        if found and which:
            each = (
                call.translator(_("n° {number} ({network})", number=one.number, network=one.connection))
                for one in found
            )
            raise Misconfigured(
                _("plusieurs liens s'appellent « {which} » : {links}", which=which, links=", ".join(each)),
                remedy=_("Donnez le numéro."),
            )
        raise Misconfigured(
            _("aucun lien « {which} » dans ce salon", which=which) if which else _("de quel lien parlez-vous ?"),
            remedy=_("Donnez son numéro, comme dans !pont liste."),
        )

    # Unknown senders

    async def _accept(self, call: Call) -> Apply:
        await may_change(self._homeserver, call)
        return self._decide(call, let_in=True)

    async def _refuse(self, call: Call) -> Apply:
        await may_change(self._homeserver, call)
        return self._decide(call, let_in=False)

    def _decide(self, call: Call, *, let_in: bool) -> Apply:
        """For every link of the room that knows somebody by this address, those first that still wait."""

        async def apply(tx: Tx) -> str:
            t = call.translator
            address = call.arguments[1] if len(call.arguments) > 1 else ""
            known = [
                (link, row)
                for link in await self._links.of_room(tx, call.room)
                for row in await tx.all("senders", link=link.id)
                if self._is(row, address)
            ]
            if not known:
                return t(_("Personne de ce nom n'attend. Voyez !pont etat."))
            for link, row in known:
                await tx.run("sender_state", link=link.id, person=row["person"], state=LET_IN if let_in else REFUSED)
                if let_in:
                    await self._inbox.release(tx, held(link.id, row["person"]))
                else:
                    await tx.run("inbox_drop", what=held(link.id, row["person"]))
                await audit(tx, call, "let in" if let_in else "refused", link.name)
            if let_in:
                return t(_("✓ {address} peut écrire à ce salon.", address=address))
            return t(_("✓ {address} ne peut pas écrire à ce salon ; ce qui attendait est effacé.", address=address))

        return apply

    def _is(self, row: Row, address: str) -> bool:
        name = self._sealer.open(row["name"], place="sender.name").decode()
        return name.casefold() == address.strip("<>").casefold()

    @staticmethod
    def _told(text: str) -> Apply:
        async def apply(tx: Tx) -> str:
            del tx
            return text

        return apply


def _told_apart(link: Link, others: Sequence[Link]) -> str:
    """Its name; and where the room has another one of that name, the network too."""
    alike = any(other.name == link.name and other.id != link.id for other in others)
    return f"{link.name} ({link.connection})" if alike else link.name
