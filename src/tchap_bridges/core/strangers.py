"""People about whom a member has to decide before they are read: at an address that anybody can guess, everybody whom
nobody knows yet; anywhere, whoever repeats themselves like a machine. What they write waits, and nobody else's does.
"""

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.breaker import SAME, WITHIN
from tchap_bridges.core.inbox import Arrival, Hold
from tchap_bridges.core.links import Link
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Sealer, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import Author, Text
from tchap_bridges.i18n import Phrase, Translator, _

STRANGERS = 20
"""How many people may wait at once to be let in by one link's room; more are turned away."""
HELD = 20
"""How many messages of one undecided person are kept; more are turned away."""
LET_IN, REFUSED = 1, 2  # sender.state

log = structlog.get_logger(__name__)


class Strangers:
    """The door of a link."""

    def __init__(self, outbox: Outbox, secrets: Secrets, sealer: Sealer, words: Translator) -> None:
        self._outbox = outbox
        self._secrets = secrets
        self._sealer = sealer
        self._words = words

    async def let_in(self, tx: Tx, arrival: Arrival, link: Link, network: str, author: Author) -> bool:
        """Whether they may write. Raises `inbox.Hold` for somebody about whom no member has decided yet."""
        person = self._secrets.person(network, author.person)
        state = await tx.value("sender_get", link=link.id, person=person)
        if state in {LET_IN, REFUSED}:
            return bool(state == LET_IN)
        if state is None and not link.moderated:
            return True
        if state is None and await tx.value("senders_held_count", link=link.id) >= STRANGERS:
            await self._full(tx, arrival, link)
            return False
        if state is not None and await tx.value("inbox_awaiting", what=held(link.id, person)) >= HELD:
            log.warning("strangers.too_much", link=link.id)
            return False

        question = _(
            "{name} <{address}> écrit pour la première fois à {chat}. "
            "Le message attend : !pont accepter {address} pour le lire, !pont refuser {address} sinon.",
            name=author.name,
            address=author.person,
            chat=link.name,
        )
        raise self._hold(arrival, link, person, author, None if state is not None else question)

    async def _full(self, tx: Tx, arrival: Arrival, link: Link) -> None:
        """The room hears once a day that people are turned away."""
        log.warning("strangers.too_many", link=link.id)
        today = f"{clock.moment(clock.now()):%Y-%m-%d}"
        if await tx.value("kv_get", space="strangers", key=link.target) == today.encode():
            return
        await tx.run("kv_set", space="strangers", key=link.target, value=today.encode())
        text = _(
            "⚠ {n} personnes attendent d'être acceptées pour écrire à {chat} ; les nouvelles sont écartées."
            " Décidez : !pont etat les nomme.",
            n=STRANGERS,
            chat=link.name,
        )
        await self._outbox.notice(tx, link.room, Text(plain=self._words(text)), cause=f"{arrival.key} full")

    def loops(self, arrival: Arrival, link: Link, network: str, author: Author) -> Hold:
        """What to raise for somebody who says the same again and again: a person decides when they may go on."""
        log.warning("strangers.loop", link=link.id)
        question = _(
            "⛔ {name} a dit {n} fois la même chose à {chat} en moins de {minutes} minutes, comme deux robots qui se"
            " répondent. La suite attend, de cette personne seulement : !pont accepter {address} pour la lire,"
            " !pont refuser {address} pour l'écarter.",
            name=author.name,
            address=author.person,
            chat=link.name,
            n=SAME,
            minutes=int(WITHIN // 60),
        )
        return self._hold(arrival, link, self._secrets.person(network, author.person), author, question)

    def _hold(self, arrival: Arrival, link: Link, person: str, author: Author, question: Phrase | None) -> Hold:
        async def ask(tx: Tx) -> None:
            if question is None:
                return
            name = self._sealer.seal(author.person.encode(), place="sender.name")
            await tx.run("sender_hold", link=link.id, person=person, name=name)
            await self._outbox.notice(tx, link.room, Text(plain=self._words(question)), cause=arrival.key)

        return Hold(held(link.id, person), ask)


def held(link: int, person: str) -> str:
    """What a held row waits for."""
    return f"sender {link} {person}"
