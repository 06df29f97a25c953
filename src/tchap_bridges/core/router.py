"""From what happened to what has to be done about it: one event in, rows out, inside one transaction.

A room is a hub. What happens in one place becomes one message with a copy for each other place; a place never gets
back what came from it. Relations are kept between messages, and turned into a place's own ids when they are sent.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from tchap_bridges.bridge import Direction, Item
from tchap_bridges.core import clock
from tchap_bridges.core.bots import COMMAND, TARGET
from tchap_bridges.core.bots.afar import Afar
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.questions import Questions, forget_arrival
from tchap_bridges.core.breaker import Breaker
from tchap_bridges.core.changes import Changes
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.inbox import MATRIX, PATIENCE, Arrival, Await, Hold
from tchap_bridges.core.links import Link, Links, Place
from tchap_bridges.core.outbox import DESK, ORIGIN, THERE, Outbox
from tchap_bridges.core.ports import RoomFact, Sealer, Tx
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.strangers import Strangers
from tchap_bridges.events import (
    ChatChanged,
    Deletion,
    Delivery,
    Edit,
    Event,
    Form,
    Membership,
    Message,
    PollEnded,
    PollStarted,
    PollVote,
    Reaction,
    Read,
    Text,
    Typing,
)
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import ChatId, ConnectionName, MessageId, PersonId, RoomId, UserId

STANDING_BY = 7 * 86_400.0
"""For how many seconds what arrives waits for a link that is suspended, or whose room is being replaced."""

REWORDED = 1.5
"""For how many seconds a message is kept back that was changed or withdrawn before it came: it leaves as it is then."""

log = structlog.get_logger(__name__)


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
        release: Callable[[Tx, str], Awaitable[bool]],
        spoke: Callable[[Tx, RoomId, ConnectionName, PersonId, int], Awaitable[None]],
        hearing: Hearing,
        afar: Afar,
        directs: Directs,
        questions: Questions,
        room_of: Callable[[Item], RoomId | None],
        words: Translator,
    ) -> None:
        self._links = links
        self._outbox = outbox
        self._secrets = secrets
        self._rooms = rooms
        self._networks = networks
        self._graces = graces
        self._is_command = is_command
        self._release = release
        self._spoke = spoke
        self._hearing = hearing
        self._afar = afar
        self._directs = directs
        self._questions = questions
        self._room_of = room_of
        self._words = words
        self._breaker = Breaker()
        self._strangers = Strangers(outbox, secrets, sealer, words)
        self._changes = Changes(
            links=links, outbox=outbox, secrets=secrets, sealer=sealer, release=release, words=words
        )

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
        """Something came that cannot be read, or waited in vain: its rooms hear of it, the operator has the bytes."""
        if arrival.source == MATRIX:
            room = self._room_of(item)
            rooms = [room] if room is not None else []
        else:
            chat = ChatId(item.meta.get("chat", ""))
            links = await self._links.named(tx, ConnectionName(arrival.source), (chat,))
            rooms = [link.room for link in links if arrival.link in {None, link.id}]
        if arrival.last:
            text = _(
                "⚠ Un message a attendu trop longtemps et n'est pas relayé. L'exploitant le garde (n° {n}).",
                n=arrival.id,
            )
        else:
            text = _(
                "⚠ Un message n'a pas pu être lu et n'est pas relayé. L'exploitant le garde (n° {n}).", n=arrival.id
            )
        for ordinal, room in enumerate(rooms):
            if self._rooms.may_speak(room):
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
        if arrival.link is not None:
            links = [link for link in links if link.id == arrival.link]
        for link in links:
            if len(links) == 1:
                await self._by_link(tx, arrival, ordinal, link, event)
                continue
            try:
                async with tx.savepoint():
                    await self._by_link(tx, arrival, ordinal, link, event)
            except (Await, Hold) as wait:
                await self._branch(tx, arrival, link, wait)

    async def _by_link(self, tx: Tx, arrival: Arrival, ordinal: int, link: Link, event: Event) -> None:
        if link.state in {"moving", "suspended", "checking"} and not isinstance(event, Delivery):
            raise Await(link.standing_by, STANDING_BY, matters=True)
        if not isinstance(event, Delivery) and (link.state != "active" or not link.brings_in):
            log.info("router.not_carried", link=link.id, state=link.state)
            return
        network = self._networks[link.connection]
        if not isinstance(event, Delivery):
            let_in = await self._strangers.let_in(tx, arrival, link, network, event.author)
            if not let_in:
                return
        await self._links.arrived(tx, link)
        place = Place(room=link.room, target=link.target, network=network, link=link)
        await self._at(tx, arrival, ordinal, place, event)

    @staticmethod
    async def _branch(tx: Tx, arrival: Arrival, link: Link, wait: Await | Hold) -> None:
        """It waits for this link, and the chat's other links do not wait with it."""
        later = isinstance(wait, Await)
        branch = await tx.value(
            "inbox_branch",
            id=arrival.id,
            key=f"{arrival.key} {link.target}",
            link=link.id,
            state=2 if later else 3,
            what=wait.what,
            due_at=clock.now() + int(wait.seconds * 1000) if isinstance(wait, Await) else None,
        )
        if branch is not None:
            await tx.run("inbox_branch_pieces", id=arrival.id, branch=branch)
        if isinstance(wait, Hold):
            await wait.then(tx)

    async def _at(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Event) -> None:
        if isinstance(event, Edit) and await self._alone(tx, place, Edit):
            await forget_arrival(tx, arrival.id)  # an answer is taken once; other words for it may be a secret too
            return
        await self._carry(tx, arrival, ordinal, place, event)
        if not isinstance(event, Message):  # which may be an echo, or a command
            await self._hearing.hear(tx, arrival, ordinal, place.room, place.target, event)

    async def _alone(self, tx: Tx, place: Place, kind: type[Event]) -> bool:
        """Whether it was said in somebody's direct conversation, and nobody but us hears such there."""
        if place.link is not None or self._directs.whose(place.room) is None:
            return False
        return not (self._hearing.listeners(place.room, kind) or await self._links.of_room(tx, place.room))

    async def _carry(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Event) -> None:
        match event:
            case Message():
                await self._message(tx, arrival, ordinal, place, event)
            case Edit():
                await self._changes.edit(tx, arrival, ordinal, place, event)
            case Deletion():
                await self._changes.deletion(tx, arrival, ordinal, place, event)
            case Reaction():
                await self._changes.reaction(tx, arrival, ordinal, place, event)
            case Delivery():
                await self._changes.delivery(tx, arrival, ordinal, place, event)
            case ChatChanged():
                await self._changes.chat_changed(tx, arrival, ordinal, place, event)
            case Membership():  # of a room's own people; a network's are seen to in `departures`
                if place.link is None:
                    person = UserId(event.author.person)
                    await self._directs.moved(tx, place.room, person, present=event.present)
                    await self._rooms.moved(tx, arrival, ordinal, place.room, person, present=event.present)
            case PollStarted() | PollVote() | PollEnded():
                pass  # no network is told of polls
            case Typing() | Read():
                pass  # has meaning only now, and this is the disk's way in

    async def _message(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Message) -> None:
        author = self._secrets.person(place.network, event.author.person)
        known = await tx.one("copy_find", target=place.target, remote=event.id)
        if known is not None:
            if known["origin"] != place.target or known["author"] == author:
                return  # our own copy, or a second one of theirs
            event = replace(event, id=MessageId(f"{event.id} {arrival.key}"))  # somebody else's, under the same id
        elif event.echo and place.link is not None and not (arrival.last and await self._no_echo(tx, place)):
            raise Await(echo(place.link.connection, event.id), PATIENCE)
        elif place.link is not None and await self._came_before(tx, place, event, author):
            return
        elif place.link is not None and self._breaker.trips(
            place.link.id, author, event.text.plain, event.at, arrival.key
        ):
            raise self._strangers.loops(arrival, place.link, place.network, event.author)
        await self._new(tx, arrival, ordinal, place, event, author)

    async def _new(self, tx: Tx, arrival: Arrival, ordinal: int, place: Place, event: Message, author: str) -> None:
        """A message that was not seen before, of somebody who may speak."""
        command = place.link is None and event.form is not Form.NOTICE and self._is_command(event.text.plain)
        answer = await self._questions.meant(tx, event) if place.link is None and not command else None
        ours = command or answer is not None
        parent, root, late = await self._relations(tx, place.target, event)
        targets = [] if ours else await self._targets(tx, place, root, parent, event.form)
        heard = not ours and self._hearing.listeners(place.room, Message)
        hint = None if ours else await self._hint(tx, place, event, author, parent, heard=bool(heard))
        nobodys = not ours and await self._alone(tx, place, Message)
        if nobodys:  # it may be the answer to a question that is no more
            await forget_arrival(tx, arrival.id)
        if not (targets or ours or hint or heard):
            return
        message = await self._outbox.message(
            tx,
            place.room,
            place.target,
            "message",
            None if nobodys else self._outbox.seal(event),
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
        spoken_of = await self._release(tx, f"{place.target} {event.id}")
        if place.link is not None:
            at = clock.milliseconds(arrival.received_at)
            await self._spoke(tx, place.room, place.link.connection, event.author.person, at)
        called = self._afar.calls(place.room, event) if place.link is not None else None
        if called is not None:
            cause = f"{arrival.key} {place.target}"
            await self._outbox.add(tx, place.room, f"{TARGET}{called}", message, COMMAND, cause=cause, ordinal=ordinal)
        if heard:
            await self._hearing.hear(tx, arrival, ordinal, place.room, place.target, event, message=message, but=called)
        if command:
            await self._outbox.add(tx, place.room, DESK, message, "command", cause=arrival.key, ordinal=ordinal)
        if answer is not None:
            await self._questions.answered(tx, answer, message, cause=arrival.key, ordinal=ordinal)
        if hint:
            await self._outbox.notice(
                tx,
                place.room,
                Text(plain=self._words(hint)),
                cause=arrival.key,
                ordinal=ordinal,
                about=message,
            )
        for target, wait, whom in targets:
            await self._outbox.show(
                tx,
                place.room,
                target,
                message,
                cause=arrival.key,
                ordinal=ordinal,
                wait=max(wait, REWORDED) if spoken_of else wait,
                whom=whom,
            )
        if place.link is not None and called is None:  # an answer to what is shown by then
            await self._afar.refuse(tx, place.link, event, author, message, arrival.key)

    @staticmethod
    async def _no_echo(tx: Tx, place: Place) -> bool:
        """What looks like our own sending is somebody else's news here: nothing of ours is on its way there."""
        return not await tx.value("copies_on_their_way", target=place.target)

    async def _came_before(self, tx: Tx, place: Place, event: Message, author: str) -> bool:
        """Whether another link has brought it to this room already, as a mail to two lists comes: it is shown once.

        It is where it came from now, too: what would have carried it there is called off, as far as that is possible.
        """
        for link in await self._links.of_room(tx, place.room):
            if link.target == place.target or self._networks.get(link.connection) != place.network:
                continue
            known = await tx.one("copy_find", target=link.target, remote=event.id)
            if known is None or known["author"] != author or known["origin"] != link.target:
                continue
            if await self._changes.call_off(tx, known["message"], place.target):
                await tx.run(
                    "copy_add", message=known["message"], target=place.target, part=0, remote=event.id, state=THERE
                )
            for ref in (*event.thread, event.id):
                root = known["root"] or known["message"]
                await tx.run("thread_ref_add", target=place.target, remote=ref, root=root)
            await self._release(tx, f"{place.target} {event.id}")
            return True
        return False

    async def _relations(self, tx: Tx, target: str, event: Message) -> tuple[int | None, int | None, bool]:
        """The message answered, the thread's root, and whether this one was spoken of before it came."""
        parent = root = answered = None
        for id_ in dict.fromkeys((*([event.reply_to] if event.reply_to else ()), *reversed(event.thread))):
            found = await tx.one("copy_find", target=target, remote=id_)
            if found is not None:
                parent, answered = found["message"], found
                break
        for id_ in event.thread:
            found = await tx.one("copy_find", target=target, remote=id_)
            root = (found["root"] or found["message"]) if found else await self._thread_of(tx, target, id_)
            if root is not None:
                break
        if root is None and event.thread == ():
            root = await self._thread_of(tx, target, event.id)
        if root is None and answered is not None and target.startswith("link:"):
            root = answered["root"]  # a network without threads answers what is in one: so is the answer
        expected = await self._thread_of(tx, target, event.id)
        if expected is not None and root is None:
            root = expected
        return parent, root, expected is not None

    async def _hint(
        self, tx: Tx, place: Place, event: Message, author: str, parent: int | None, *, heard: bool
    ) -> Phrase | None:
        if place.link is not None or self._directs.whose(place.room) is None:
            return await self._stays_by_mistake(tx, place, event, author, parent)
        if heard or event.form is Form.NOTICE or await tx.value("kv_get", space="hint", key=place.room):
            return None
        await tx.run("kv_set", space="hint", key=place.room, value=b"told")
        return _("Je ne comprends ici que les commandes, et les réponses à mes questions : !aide")

    async def _stays_by_mistake(
        self, tx: Tx, place: Place, event: Message, author: str, parent: int | None
    ) -> Phrase | None:
        """A plain reply to what came in by a link that carries out only what is said in threads: told once to each."""
        if place.link is not None or event.reply_to is None or event.thread or parent is None:
            return None
        for link in await self._links.of_room(tx, place.room):
            if link.state == "active" and link.direction is Direction.REPLIES:
                seen = await tx.one("copy_on", message=parent, target=link.target)
                if seen and not await tx.value("kv_get", space="hint", key=f"{link.target} {author}"):
                    await tx.run("kv_set", space="hint", key=f"{link.target} {author}", value=b"told")
                    return _(
                        "ℹ Cette réponse ne part pas vers {name}. Pour qu'elle y parte, répondez dans le fil.",
                        name=link.name,
                    )
        return None

    @staticmethod
    async def _thread_of(tx: Tx, target: str, remote: MessageId) -> int | None:
        found: int | None = await tx.value("thread_ref_get", target=target, remote=remote)
        return found

    async def _targets(
        self, tx: Tx, place: Place, root: int | None, parent: int | None, form: Form
    ) -> Sequence[tuple[str, float, str]]:
        """Everywhere else that the message is to be seen, for how long it waits before it goes there, and to whom."""
        targets: list[tuple[str, float, str]] = []
        if place.target != place.room:
            targets.append((place.room, 0.0, ""))
        for link in await self._links.of_room(tx, place.room):
            if link.target == place.target or link.state not in {"active", "checking"} or not link.carries_out:
                continue
            if place.link is not None and form is Form.NOTICE:
                continue  # what one network's robots say is no news for another's people
            if link.direction is Direction.REPLIES:
                seen = root and await tx.one("copy_on", message=root, target=link.target)
                if not seen:
                    continue
            whom = await self._links.correspondent(tx, link.target, parent)
            targets.append((link.target, self._graces.get(link.connection, 0.0), whom))
        return targets


def echo(connection: str, remote: str) -> str:
    """What our own sending, seen again, waits for: that we know it arrived."""
    return f"echo {connection} {remote}"
