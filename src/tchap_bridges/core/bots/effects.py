"""What a call has done, kept in order until it has ended well: then it is written, in the transaction that ends it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from tchap_bridges.bot import RoomConfig
from tchap_bridges.bridge import Direction
from tchap_bridges.core import codec
from tchap_bridges.core.bots import TARGET
from tchap_bridges.core.bots.deliveries import Deliveries
from tchap_bridges.core.bots.kept import Effect
from tchap_bridges.core.bots.questions import Questions
from tchap_bridges.core.bots.timers import Timers
from tchap_bridges.core.directs import WAITING, Directs
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import ORIGIN, Outbox
from tchap_bridges.core.ports import Database, Homeserver, Sealer, Tx
from tchap_bridges.core.secrets import request_key
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import (
    Author,
    Event,
)
from tchap_bridges.i18n import Language, _
from tchap_bridges.ids import MessageId, RoomId

MOST_EFFECTS = 50
"""So much may one call say and keep; a bot that wants more has gone astray."""
HANDLE = "said-"

Then = Callable[[Tx, int], Awaitable[None]]
Place = Callable[[Tx], Awaitable[RoomId | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every turn is given of the core."""

    db: Database
    sealer: Sealer
    homeserver: Homeserver
    outbox: Outbox
    links: Links
    timers: Timers
    directs: Directs
    questions: Questions
    deliveries: Deliveries
    zone: ZoneInfo
    language: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a handler is called for. ``key`` is the same when the call is made again after a crash.

    ``place``: the room in which it was said, and is answered; the direct conversation where ``private``. ``origin``:
    the target, a room or a link, where ``message`` was said. ``asked``: somebody has typed it, the command's ``word``
    or an answer, and is told what comes of it. ``patient``: nobody waits for it, and what it says is not lost but said
    later.
    """

    key: str
    room: RoomId
    place: RoomId
    origin: str = ""
    private: bool = False
    asked: bool = False
    patient: bool = False
    word: str = ""
    bot: str
    caller: Author
    message: MessageId | None
    config: RoomConfig
    answered: MessageId | None = None
    network: str = ""
    language: Language
    when: datetime


class Effects:
    """Of one call. ``said``: how many things are seen by people, by place or person."""

    def __init__(self, house: House, cause: Cause) -> None:
        self._house = house
        self._cause = cause
        self._done: list[Effect] = []
        self._aloud: set[int] = set()  # which of them are seen by people
        self.said: Counter[str] = Counter()

    async def write(self, tx: Tx, *, silent: bool = False) -> None:
        """Make durable what was done; ``silent``: but for what is said."""
        for n, effect in enumerate(self._done):
            if not (silent and n in self._aloud):
                await effect(tx)

    def key(self, what: str) -> str:
        """Of what comes next: the same when the call is made again."""
        return request_key(self._cause.key, len(self._done), what, self._cause.room)

    def add(self, effect: Effect) -> None:
        if len(self._done) >= MOST_EFFECTS:
            raise Misconfigured(_("ce robot en fait trop à la fois"))
        self._done.append(effect)

    def _say(self, effect: Effect, to: str) -> None:
        self.add(effect)
        self._aloud.add(len(self._done) - 1)
        self.said[to] += 1

    def show(
        self,
        make: Callable[[MessageId], Event],
        about: MessageId | None,
        *,
        everywhere: bool = False,
        place: RoomId | Place | None = None,
        then: Then | None = None,
        to: str = "",
    ) -> MessageId:
        """Shown in ``place``, the room unless said, and in linked chats when it is for ``everywhere``.

        Returns the id by which it is known. ``then`` is called with its row. ``to``: to whom alone.
        """
        cause = f"{self._cause.key} {len(self._done)}"
        handle = MessageId(f"{HANDLE}{request_key(cause, 0, 'say', self._cause.room)}")
        body = self._house.sealer.seal(codec.dump(make(handle)), place="message.body")

        async def effect(tx: Tx) -> None:
            room = self._cause.room if place is None else await place(tx) if callable(place) else place
            if room is None:
                return
            parent = await self._about(tx, about) if about is not None else None
            root = await tx.value("message_root", id=parent) if parent is not None else None
            message = await self._house.outbox.message(tx, room, "core", "message", body, parent=parent, root=root)
            await tx.run("said_add", handle=handle, message=message)
            others: Sequence[str] = ()
            if room == self._cause.room:
                others = await self._open(tx) if everywhere else await self._where(tx, about)
            for target in (room, *others):
                whom = self._lane if target == room else ""
                await self._house.outbox.show(tx, room, target, message, cause=cause, whom=whom)
            if then is not None:
                await then(tx, message)

        self._say(effect, to or (place if isinstance(place, str) else self._cause.room))
        return handle

    async def _open(self, tx: Tx) -> Sequence[str]:
        """Where all that is said in the room is said: not to a list that is told answers only."""
        links = await self._house.links.of_room(tx, self._cause.room)
        return [
            one.target
            for one in links
            if one.state == "active" and one.carries_out and one.direction is not Direction.REPLIES
        ]

    async def _where(self, tx: Tx, about: MessageId | None) -> Sequence[str]:
        """Where else something of ours is shown, as far as words still go there."""
        message = await tx.value("said_message", handle=about) if about is not None else None
        return [one for one in await self._seen(tx, message) if one != self._cause.room] if message is not None else ()

    async def _seen(self, tx: Tx, message: int) -> Sequence[str]:
        copies = await tx.all("copies_elsewhere", message=message, target="")
        return [copy["target"] for copy in copies if await self._house.links.carries(tx, copy["target"])]

    async def _about(self, tx: Tx, about: MessageId) -> int | None:
        """Our row of what is answered, which nobody may have heard."""
        ours = about.startswith(HANDLE) or about == self._cause.message
        return await (self._message(tx, about) if ours else self._others(tx, about))

    async def _message(self, tx: Tx, about: MessageId) -> int | None:
        """Our row of a message, by the id under which a bot knows it."""
        if about.startswith(HANDLE):
            found: int | None = await tx.value("said_message", handle=about)
            return found
        target = self._cause.origin if about == self._cause.message else self._cause.room
        copy = await tx.one("copy_find", target=target, remote=about)
        return copy["message"] if copy is not None else None

    def follow(self, said: MessageId, action: str, event: Event) -> None:
        """Something about a message of ours, in every lane that took it somewhere."""
        self._say(
            partial(self._followed, said, action, event, f"{self._cause.key} {len(self._done)}"), self._cause.room
        )

    async def _followed(self, said: MessageId, action: str, event: Event, cause: str, tx: Tx) -> None:
        ours = said.startswith(HANDLE)
        if not ours and action != "end":
            return
        message = await self._message(tx, said) if ours else await self._others(tx, said)
        if message is None:
            return
        body = self._house.outbox.seal(event)
        later = await self._house.outbox.message(tx, self._cause.room, "core", action, body, parent=message)
        for target in await self._seen(tx, message) if ours else (self._cause.room,):
            if not target.startswith(WAITING):
                linked = target.startswith("link:")
                room, whom = (self._cause.room, "") if linked else (RoomId(target), self._lane)
                await self._house.outbox.add(tx, room, target, later, action, cause=cause, whom=whom)

    async def _others(self, tx: Tx, said: MessageId) -> int:
        """Our row of what somebody else said in the room; one is made when nobody has heard it."""
        found = await self._message(tx, said)
        if found is None:
            found = await self._house.outbox.message(tx, self._cause.room, self._cause.room, "heard", None)
            await tx.run("copy_add", message=found, target=self._cause.room, part=0, remote=said, state=ORIGIN)
        return found

    @property
    def _lane(self) -> str:
        """What it says in rooms leaves by a lane of its own: however much that is, nobody else's words wait for it."""
        return f"{TARGET}{self._cause.bot}"
