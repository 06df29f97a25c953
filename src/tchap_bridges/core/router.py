"""From what happened to what has to be done about it: one event in, rows out, inside one transaction.

A room is a hub. What happens in one place becomes one message with a copy for each other place; a place never gets
back what came from it. Relations are kept between messages, and turned into a place's own ids when they are sent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from tchap_bridges.bridge import Direction, Item
from tchap_bridges.core import clock, codec
from tchap_bridges.core.desk import standing_by
from tchap_bridges.core.inbox import MATRIX, Arrival, Await, Hold
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.outbox import CANCELLED, DESK, ORIGIN, PENDING, Outbox
from tchap_bridges.core.ports import RoomFact, Row, Sealer, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.events import (
    ChatChanged,
    Deletion,
    Delivery,
    Edit,
    Event,
    Form,
    Membership,
    Message,
    Outcome,
    Reaction,
    Read,
    Text,
    Typing,
)
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import ChatId, ConnectionName, MessageId, RoomId

STRANGERS = 20
"""How many people may wait at once to be let in by one link's room; more are turned away."""
LET_IN, REFUSED = 1, 2  # sender.state
PATIENCE = 600.0
"""For how many seconds an edit, a deletion or an echo waits for the message it speaks of."""
STANDING_BY = 7 * 86_400.0
"""For how many seconds what arrives waits for a link that is suspended, or whose room is being replaced."""
SOON = 500
"""Milliseconds before a row is due in which it is taken for gone already."""

STAYS = _("ℹ Cette réponse reste dans le salon. Pour qu'elle parte, répondez dans le fil.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an event happened. ``network`` names the space that its authors' ids belong to."""

    room: RoomId
    target: str
    network: str
    link: Link | None = None


class Router:
    """Routes events of all sources. ``networks`` says for each connection which network its people belong to."""

    def __init__(
        self,
        *,
        links: Links,
        outbox: Outbox,
        secrets: Secrets,
        sealer: Sealer,
        rooms: RoomDesk,
        networks: Mapping[ConnectionName, str],
        graces: Mapping[ConnectionName, float],
        is_command: Callable[[str], bool],
        release: Callable[[Tx, str], Awaitable[None]],
        room_of: Callable[[Item], RoomId | None],
        words: Translator,
    ) -> None:
        self._links = links
        self._outbox = outbox
        self._secrets = secrets
        self._sealer = sealer
        self._rooms = rooms
        self._networks = networks
        self._graces = graces
        self._is_command = is_command
        self._release = release
        self._room_of = room_of
        self._words = words

    async def route(self, tx: Tx, arrival: Arrival, ordinal: int, event: Event | RoomFact) -> None:
        """Raises `inbox.Await` or `inbox.Hold` for an event whose time has not come."""
        if not isinstance(event, Event):
            await self._rooms.note(tx, arrival, ordinal, event)
        elif arrival.source == MATRIX:
            place = Place(room=RoomId(event.chat), target=event.chat, network=MATRIX)
            await self._at(tx, arrival, ordinal, place, event)
        else:
            await self._from_network(tx, arrival, ordinal, ConnectionName(arrival.source), event)

    async def tell_unreadable(self, tx: Tx, arrival: Arrival, item: Item) -> None:
        """Something came that cannot be read: its rooms hear of it, the operator has the bytes."""
        if arrival.source == MATRIX:
            room = self._room_of(item)
            rooms = [room] if room is not None else []
        else:
            chat = ChatId(item.meta.get("chat", ""))
            rooms = [link.room for link in await self._links.named(tx, ConnectionName(arrival.source), (chat,))]
        text = _("⚠ Un message n'a pas pu être lu et n'est pas relayé. L'exploitant le garde (n° {n}).", n=arrival.id)
        for ordinal, room in enumerate(rooms):
            if not self._rooms.is_encrypted(room):
                await self._outbox.notice(
                    tx,
                    room,
                    Text(plain=self._words(text)),
                    cause=f"{arrival.key} unreadable {clock.now()}",
                    ordinal=ordinal,
                )

    async def _from_network(
        self, tx: Tx, arrival: Arrival, ordinal: int, connection: ConnectionName, event: Event
    ) -> None:
        names: tuple[ChatId, ...] = (event.chat, *(event.also if isinstance(event, Message) else ()))
        links = await self._links.named(tx, connection, names)
        if not links:
            log.info("router.unlinked", connection=connection, inbox=arrival.id)
        if isinstance(event, Message) and event.echo and len(links) > 1:
            known = [await tx.one("copy_find", target=link.target, remote=event.id) for link in links]
            if any(known):  # one room's own sending is news to the other rooms of the same chat
                event = replace(event, echo=False)
        for link in links:
            if (
                link.state in {"moving", "suspended", "checking"}
                and len(links) == 1
                and not isinstance(event, Delivery)
            ):
                raise Await(standing_by(link.id), STANDING_BY)
            if link.state != "active" or not (link.brings_in or isinstance(event, Delivery)):
                log.info("router.not_carried", link=link.id, state=link.state)
                continue
            if link.moderated and not isinstance(event, Delivery) and not await self._let_in(tx, arrival, link, event):
                continue
            await self._links.arrived(tx, link)
            place = Place(room=link.room, target=link.target, network=self._networks[connection], link=link)
            await self._at(tx, arrival, ordinal, place, event)

    async def _at(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Event) -> None:
        match event:
            case Message():
                await self._message(tx, arrival, ordinal, place, event)
            case Edit():
                await self._edit(tx, arrival, ordinal, place, event)
            case Deletion():
                await self._deletion(tx, arrival, ordinal, place, event)
            case Reaction():
                await self._reaction(tx, arrival, ordinal, place, event)
            case Delivery():
                await self._delivery(tx, arrival, ordinal, place, event)
            case ChatChanged():
                await self._chat_changed(tx, arrival, ordinal, place, event)
            case Membership():
                pass  # people are shown when they speak: a room of ghosts who never do helps nobody
            case Typing() | Read():
                pass  # has meaning only now, and this is the disk's way in

    # Messages

    async def _message(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Message) -> None:
        author = self._secrets.person(place.network, event.author.person)
        known = await tx.one("copy_find", target=place.target, remote=event.id)
        if known is not None:
            if known["origin"] != place.target or known["author"] == author:
                return  # our own copy, or a second one of theirs
            event = replace(event, id=MessageId(f"{event.id} {arrival.key}"))  # somebody else's, under the same id
        elif event.echo and place.link is not None:
            raise Await(echo(place.link.connection, event.id), PATIENCE)
        command = place.link is None and event.form is Form.TEXT and self._is_command(event.text.plain)
        parent, root, late = await self._relations(tx, place.target, event)
        targets = [] if command else await self._targets(tx, place, root, event.form)
        hint = not (targets or command) and await self._stays_by_mistake(tx, place, event, author, parent)
        if not (targets or command or hint):
            return
        message = await self._outbox.message(
            tx,
            place.room,
            place.target,
            "message",
            self._outbox.seal(event),
            author=author,
            sent_at=clock.milliseconds(event.at),
            inbox=arrival.id,
            parent=parent,
            root=root,
            late=late,
        )
        await tx.run("copy_add", message=message, target=place.target, part=0, remote=event.id, state=ORIGIN)
        if place.link is not None:
            for ref in (*event.thread, event.id):
                await tx.run("thread_ref_add", target=place.target, remote=ref, root=root or message)
        await self._release(tx, f"{place.target} {event.id}")
        if command:
            await self._outbox.add(tx, place.room, DESK, message, "command", cause=arrival.key, ordinal=ordinal)
        if hint:
            await self._outbox.notice(
                tx,
                place.room,
                Text(plain=self._words(STAYS)),
                cause=arrival.key,
                ordinal=ordinal,
                about=message,
            )
        for target, wait in targets:
            await self._outbox.show(tx, place.room, target, message, cause=arrival.key, ordinal=ordinal, wait=wait)

    async def _relations(self, tx: Tx, target: str, event: Message) -> tuple[int | None, int | None, bool]:
        """The message answered, the thread's root, and whether this one was spoken of before it came."""
        parent = root = None
        for id_ in dict.fromkeys((*([event.reply_to] if event.reply_to else ()), *reversed(event.thread))):
            found = await tx.one("copy_find", target=target, remote=id_)
            if found is not None:
                parent = found["message"]
                break
        for id_ in event.thread:
            found = await tx.one("copy_find", target=target, remote=id_)
            root = (found["root"] or found["message"]) if found else await self._thread_of(tx, target, id_)
            if root is not None:
                break
        if root is None and event.thread == ():
            root = await self._thread_of(tx, target, event.id)
        expected = await self._thread_of(tx, target, event.id)
        if expected is not None and root is None:
            root = expected
        return parent, root, expected is not None

    async def _stays_by_mistake(self, tx: Tx, place: Place, event: Message, author: str, parent: int | None) -> bool:
        """A plain reply to what came in by a link that carries out only what is said in threads: told once to each."""
        if place.link is not None or event.reply_to is None or event.thread or parent is None:
            return False
        for link in await self._links.of_room(tx, place.room):
            if link.state == "active" and link.direction is Direction.REPLIES:
                seen = await tx.one("copy_on", message=parent, target=link.target)
                if seen and not await tx.value("kv_get", space="hint", key=f"{place.room} {author}"):
                    await tx.run("kv_set", space="hint", key=f"{place.room} {author}", value=b"told")
                    return True
        return False

    @staticmethod
    async def _thread_of(tx: Tx, target: str, remote: MessageId) -> int | None:
        found: int | None = await tx.value("thread_ref_get", target=target, remote=remote)
        return found

    async def _targets(self, tx: Tx, place: Place, root: int | None, form: Form) -> Sequence[tuple[str, float]]:
        """Everywhere else that the message is to be seen, and for how long it waits before it goes there."""
        targets: list[tuple[str, float]] = []
        if place.target != place.room:
            targets.append((place.room, 0.0))
        for link in await self._links.of_room(tx, place.room):
            if link.target == place.target or link.state not in {"active", "checking"} or not link.carries_out:
                continue
            if place.link is not None and form is Form.NOTICE:
                continue  # what one network's robots say is no news for another's people
            if link.direction is Direction.REPLIES:
                seen = root and await tx.one("copy_on", message=root, target=link.target)
                if not seen:
                    continue
            targets.append((link.target, self._graces.get(link.connection, 0.0)))
        return targets

    # What is said about messages

    async def _subject(self, tx: Tx, target: str, remote: MessageId) -> Row:
        found = await tx.one("copy_find", target=target, remote=remote)
        if found is None:
            raise Await(f"{target} {remote}", PATIENCE)
        return found

    async def _edit(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Edit) -> None:
        about = await self._subject(tx, place.target, event.target)
        author = self._secrets.person(place.network, event.author.person)
        if about["origin"] != place.target or about["author"] != author or about["gone"]:
            log.info("router.edit_refused", message=about["message"])
            return
        copies = await tx.all("copies_elsewhere", message=about["message"], target=place.target)
        waiting = [copy for copy in copies if copy["state"] == PENDING]
        folded = [copy for copy in waiting if await self._in_grace(tx, about["message"], copy)]
        if folded and len(folded) == len(waiting):  # what may be on its way keeps the words it left with
            await self._reword(tx, about["message"], event.text)
        else:
            folded = []
        edit = await self._outbox.message(
            tx, place.room, place.target, "edit", self._outbox.seal(event), author=author, parent=about["message"]
        )
        for copy in copies:
            if copy not in folded:
                await self._outbox.add(tx, place.room, copy["target"], edit, "edit", cause=arrival.key, ordinal=ordinal)

    async def _reword(self, tx: Tx, message: int, text: Text) -> None:
        row = await tx.one("message_get", id=message)
        if row is not None and row["body"] is not None:
            original = codec.load(self._sealer.open(row["body"], place="message.body"))
            if isinstance(original, Message):
                await tx.run("message_body", id=message, body=self._outbox.seal(replace(original, text=text)))

    async def _in_grace(self, tx: Tx, message: int, copy: Row) -> Row | None:
        """The row that would send the copy, if nothing of it can have left yet."""
        if copy["state"] != PENDING:
            return None
        return await tx.one("outbox_in_grace", message=message, target=copy["target"], after=clock.now() + SOON)

    async def _deletion(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Deletion) -> None:
        about = await self._subject(tx, place.target, event.target)
        if place.link is not None and about["origin"] != place.target:
            return
        await self._withdraw(tx, arrival, ordinal, place, about["message"], self._outbox.seal(event))

    async def _withdraw(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, message: int, body: bytes) -> None:
        deletion = await self._outbox.message(tx, place.room, place.target, "deletion", body, parent=message)
        for copy in await tx.all("copies_elsewhere", message=message, target=place.target):
            row = await self._in_grace(tx, message, copy)
            if row is not None:
                await tx.run("outbox_cancel", lane=row["lane"], seq=row["seq"])
                await tx.run("copy_state", message=message, target=copy["target"], state=CANCELLED)
            else:
                await self._outbox.add(
                    tx, place.room, copy["target"], deletion, "delete", cause=arrival.key, ordinal=ordinal
                )
        await tx.run("message_gone", id=message)

    async def _reaction(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Reaction) -> None:
        about = await self._subject(tx, place.target, event.target)
        author = self._secrets.person(place.network, event.author.person)
        if event.removed:
            earlier = await tx.value("message_reaction", parent=about["message"], author=author, symbol=event.key)
            if earlier is not None:
                await self._withdraw(tx, arrival, ordinal, place, earlier, self._outbox.seal(event))
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
        targets = [
            copy["target"] for copy in await tx.all("copies_elsewhere", message=about["message"], target=place.target)
        ]
        if about["origin"] != place.target:
            targets.append(about["origin"])
        for target in targets:
            if target != "core":
                await tx.run("copy_add", message=reaction, target=target, part=0, remote=None, state=PENDING)
                await self._outbox.add(tx, place.room, target, reaction, "react", cause=arrival.key, ordinal=ordinal)

    async def _delivery(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Delivery) -> None:
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

    async def _chat_changed(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: ChatChanged) -> None:
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

    # Who may write to an address that anybody can guess

    async def _let_in(self, tx: Tx, arrival: Arrival, link: Link, event: Event) -> bool:
        """Whether they may write. Raises `inbox.Hold` for somebody about whom no member has decided yet."""
        assert not isinstance(event, Delivery)
        person = self._secrets.person(self._networks[link.connection], event.author.person)
        state = await tx.value("sender_get", link=link.id, person=person)
        if state in {LET_IN, REFUSED}:
            return bool(state == LET_IN)
        waiting = await tx.value("senders_held_count", link=link.id)
        if state is None and waiting >= STRANGERS:
            log.warning("router.too_many_strangers", link=link.id)
            return False

        async def ask(tx: Tx) -> None:
            if state is not None:
                return
            await tx.run(
                "sender_add",
                link=link.id,
                person=person,
                name=self._sealer.seal(event.author.person.encode(), place="sender.name"),
            )
            question = _(
                "{name} <{address}> écrit pour la première fois à {chat}. "
                "Le message attend : !pont accepter {address} pour le lire, !pont refuser {address} sinon.",
                name=event.author.name,
                address=event.author.person,
                chat=link.name,
            )
            await self._outbox.notice(tx, link.room, Text(plain=self._words(question)), cause=arrival.key)

        raise Hold(held(link.id, person), ask)


def echo(connection: str, remote: str) -> str:
    """What our own sending, seen again, waits for: that we know it arrived."""
    return f"echo {connection} {remote}"


def held(link: int, person: str) -> str:
    """What a held row waits for."""
    return f"sender {link} {person}"
