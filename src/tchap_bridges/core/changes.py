"""What is said about messages that are here already: edits, deletions, reactions, late news of a delivery.

Each goes to every place where its message is to be seen, in the lane that took the message there. What speaks of a
message that has not come yet waits for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from tchap_bridges.core import clock, codec
from tchap_bridges.core.inbox import PATIENCE, Arrival, Await
from tchap_bridges.core.links import Links, Place
from tchap_bridges.core.outbox import CANCELLED, ORIGIN, PENDING, Outbox
from tchap_bridges.core.ports import Row, Sealer, Tx
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import ChatChanged, Deletion, Delivery, Edit, Message, Outcome, Reaction, Text
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import MessageId

SOON = 500
"""Milliseconds before a row is due in which it is taken for gone already."""

REORDERED = 10.0
"""For so many seconds a reaction that is taken back may come before the one that is set: networks promise no order."""

log = structlog.get_logger(__name__)


class Changes:
    """Routes them; part of the router."""

    def __init__(
        self,
        *,
        links: Links,
        outbox: Outbox,
        secrets: Secrets,
        sealer: Sealer,
        release: Callable[[Tx, str], Awaitable[bool]],
        words: Translator,
    ) -> None:
        self._links = links
        self._outbox = outbox
        self._secrets = secrets
        self._sealer = sealer
        self._release = release
        self._words = words

    async def _subject(self, tx: Tx, target: str, remote: MessageId) -> Row:
        found = await tx.one("copy_find", target=target, remote=remote)
        if found is None:
            raise Await(f"{target} {remote}", PATIENCE)
        return found

    async def edit(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Edit) -> None:
        about = await self._subject(tx, place.target, event.target)
        author = self._secrets.person(place.network, event.author.person)
        if about["origin"] != place.target or about["author"] != author or about["gone"]:
            log.info("router.edit_refused", message=about["message"])
            return
        copies = await tx.all("copies_elsewhere", message=about["message"], target=place.target)
        waiting = [copy for copy in copies if copy["state"] == PENDING]
        folded = [copy for copy in waiting if await self._in_grace(tx, about["message"], copy["target"], copy)]
        if folded and len(folded) == len(waiting):  # what may be on its way keeps the words it left with
            await self._reword(tx, about["message"], event.text)
        else:
            folded = []
        edit = await self._outbox.message(
            tx, place.room, place.target, "edit", self._outbox.seal(event), author=author, parent=about["message"]
        )
        for copy in copies:
            if copy not in folded and await self._links.carries(tx, copy["target"]):
                await self._follow(tx, arrival, ordinal, place, copy["target"], edit, "edit", about["message"])

    async def _follow(
        self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, target: str, message: int, action: str, about: int
    ) -> None:
        """In the lane that took ``about`` there."""
        whom = await self._links.correspondent(tx, target, about)
        await self._outbox.add(tx, place.room, target, message, action, cause=arrival.key, ordinal=ordinal, whom=whom)

    async def _reword(self, tx: Tx, message: int, text: Text) -> None:
        row = await tx.one("message_get", id=message)
        if row is not None and row["body"] is not None:
            original = codec.load(self._sealer.open(row["body"], place="message.body"))
            if isinstance(original, Message):
                await tx.run("message_body", id=message, body=self._outbox.seal(replace(original, text=text)))

    async def call_off(self, tx: Tx, message: int, target: str) -> bool:
        """Keep it from being shown on the target. Whether nothing of it is, or can be, there by our hand."""
        copy = await tx.one("copy_on", message=message, target=target)
        if copy is None:
            return True
        row = await self._in_grace(tx, message, target, copy)
        if row is not None:
            await tx.run("outbox_cancel", lane=row["lane"], seq=row["seq"])
        return row is not None

    async def _in_grace(self, tx: Tx, message: int, target: str, copy: Row) -> Row | None:
        """The row that would send the copy, if nothing of it can have left yet."""
        if copy["state"] != PENDING:
            return None
        return await tx.one("outbox_in_grace", message=message, target=target, after=clock.now() + SOON)

    async def deletion(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Deletion) -> None:
        about = await self._subject(tx, place.target, event.target)
        if place.link is not None and about["origin"] != place.target:
            return
        await self._withdraw(tx, arrival, ordinal, place, about["message"], event)

    async def _withdraw(
        self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, message: int, event: Deletion | Reaction
    ) -> None:
        author, body = self._secrets.person(place.network, event.author.person), self._outbox.seal(event)
        deletion = await self._outbox.message(
            tx, place.room, place.target, "deletion", body, author=author, parent=message
        )
        for copy in await tx.all("copies_elsewhere", message=message, target=place.target):
            if await self.call_off(tx, message, copy["target"]):
                await tx.run("copy_state", message=message, target=copy["target"], state=CANCELLED)
            else:
                await self._follow(tx, arrival, ordinal, place, copy["target"], deletion, "delete", message)
        await tx.run("message_gone", id=message)

    async def reaction(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Reaction) -> None:
        about = await self._subject(tx, place.target, event.target)
        author = self._secrets.person(place.network, event.author.person)
        if event.removed:
            earlier = await tx.value("message_reaction", parent=about["message"], author=author, symbol=event.key)
            if earlier is None and not arrival.last:
                raise Await(_setting(about["message"], author, event.key), REORDERED)
            if earlier is not None:
                await self._withdraw(tx, arrival, ordinal, place, earlier, event)
            return
        if await tx.one("copy_find", target=place.target, remote=event.id) is not None:
            return
        reaction = await self._outbox.message(
            tx,
            place.room,
            place.target,
            "reaction",
            self._outbox.seal(event),
            author=author,
            parent=about["message"],
            symbol=event.key,
        )
        await tx.run("copy_add", message=reaction, target=place.target, part=0, remote=event.id, state=ORIGIN)
        await self._release(tx, f"{place.target} {event.id}")
        await self._release(tx, _setting(about["message"], author, event.key))
        targets = [
            copy["target"] for copy in await tx.all("copies_elsewhere", message=about["message"], target=place.target)
        ]
        if about["origin"] != place.target:
            targets.append(about["origin"])
        for target in targets:
            if target != "core" and await self._links.carries(tx, target):
                await tx.run("copy_add", message=reaction, target=target, part=0, remote=None, state=PENDING)
                await self._follow(tx, arrival, ordinal, place, target, reaction, "react", about["message"])

    async def delivery(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Delivery) -> None:
        about = await tx.one("copy_find", target=place.target, remote=event.target)
        if about is None or event.outcome is Outcome.DELIVERED or place.link is None:
            return
        whom, why = event.recipient or place.link.name, event.detail or _("sans explication")
        if event.outcome is Outcome.DELAYED:
            notice = _("⏳ Pas encore remis à {whom} : {why}. L'envoi est retenté.", whom=whom, why=why)
        else:
            notice = _("⚠ Non remis à {whom} : {why}.", whom=whom, why=why)
        await self._outbox.notice(
            tx, place.room, Text(plain=self._words(notice)), cause=arrival.key, ordinal=ordinal, about=about["message"]
        )

    async def chat_changed(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: ChatChanged) -> None:
        if place.link is None:
            return
        who, where = event.author.name, place.link.name
        said = []
        if event.name is not None:
            said.append(self._words(_("{who} a renommé {where} : {what}", who=who, where=where, what=event.name)))
        if event.topic is not None:
            said.append(
                self._words(_("{who} a changé le sujet de {where} : {what}", who=who, where=where, what=event.topic))
            )
        if said:
            await self._outbox.notice(tx, place.room, Text(plain="\n".join(said)), cause=arrival.key, ordinal=ordinal)


def _setting(message: int, author: str, symbol: str) -> str:
    """What taking a reaction back waits for."""
    return f"reaction {message} {author} {symbol}"
