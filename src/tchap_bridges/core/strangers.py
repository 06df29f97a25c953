"""Who may write to an address that anybody can guess: people about whom no member has decided yet are held."""

import structlog

from tchap_bridges.core.inbox import Arrival, Hold
from tchap_bridges.core.links import Link
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Sealer, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import Author, Text
from tchap_bridges.i18n import Translator, _

STRANGERS = 20
"""How many people may wait at once to be let in by one link's room; more are turned away."""
LET_IN, REFUSED = 1, 2  # sender.state

log = structlog.get_logger(__name__)


class Strangers:
    """The door of a moderated link."""

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
        waiting = await tx.value("senders_held_count", link=link.id)
        if state is None and waiting >= STRANGERS:
            log.warning("strangers.too_many_strangers", link=link.id)
            return False

        async def ask(tx: Tx) -> None:
            if state is not None:
                return
            await tx.run(
                "sender_add",
                link=link.id,
                person=person,
                name=self._sealer.seal(author.person.encode(), place="sender.name"),
            )
            question = _(
                "{name} <{address}> écrit pour la première fois à {chat}. "
                "Le message attend : !pont accepter {address} pour le lire, !pont refuser {address} sinon.",
                name=author.name,
                address=author.person,
                chat=link.name,
            )
            await self._outbox.notice(tx, link.room, Text(plain=self._words(question)), cause=arrival.key)

        raise Hold(held(link.id, person), ask)


def held(link: int, person: str) -> str:
    """What a held row waits for."""
    return f"sender {link} {person}"
