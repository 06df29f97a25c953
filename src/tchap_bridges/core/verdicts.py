"""What policy decides of a link, put into force: it is suspended, or it goes on, and its room reads why.

Always in the transaction of what changed: the very event after it meets the new rule.
"""

from collections.abc import Awaitable, Callable

from tchap_bridges.core import clock
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.policy import Decision
from tchap_bridges.core.ports import Tx
from tchap_bridges.events import Text
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import RoomId, UserId


class Verdicts:
    """``speaks`` says whether the bridge may say anything in a room; ``release`` lets in what waited."""

    def __init__(
        self,
        links: Links,
        outbox: Outbox,
        *,
        release: Callable[[Tx, str], Awaitable[bool]],
        speaks: Callable[[RoomId], bool],
        words: Translator,
    ) -> None:
        self._links = links
        self._outbox = outbox
        self._release = release
        self._speaks = speaks
        self._words = words

    async def suspend(self, tx: Tx, link: Link, decision: Decision, by: UserId, cause: str) -> None:
        await self._links.hold(tx, link, "suspended", decision.reason)
        text = _("Le pont vers {name} est suspendu : {why}.", name=link.name, why=decision.reason)
        await self._audit(tx, "suspended", by, link, decision.rule)
        await self._tell(tx, link, text, decision.remedy, cause)

    async def resume(self, tx: Tx, link: Link, decision: Decision, by: UserId, cause: str) -> None:
        await self.lift(tx, link)
        if link.wanted == "active":
            text = _("Le pont vers {name} reprend.", name=link.name)
        else:
            text = _("Le pont vers {name} n'est plus suspendu.", name=link.name)
        await self._audit(tx, "resumed", by, link, decision.rule)
        await self._tell(tx, link, text, "", cause)

    async def lift(self, tx: Tx, link: Link) -> None:
        """Nothing holds it any more. What waited comes now; with a paused link it waits for people to go on."""
        await self._links.hold(tx, link, "")
        if link.wanted == "active":
            await self._release(tx, link.standing_by)

    async def _tell(self, tx: Tx, link: Link, text: Phrase, remedy: str, cause: str) -> None:
        if self._speaks(link.room):
            said = f"{self._words(text)} {self._words(remedy)}" if remedy else self._words(text)
            await self._outbox.notice(tx, link.room, Text(plain=said), cause=f"{cause} {link.target}")

    @staticmethod
    async def _audit(tx: Tx, what: str, who: UserId, link: Link, rule: str) -> None:
        await tx.run("audit_add", at=clock.now(), who=who, what=what, room=link.room, detail=link.name, rule=rule)
