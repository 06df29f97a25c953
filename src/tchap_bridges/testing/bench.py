"""A bench for bots: the real core on a store in a folder, and between it and your test a homeserver that is an object.

::

    async def test_it(bench):                                  # the fixture of this name, or `async with Bench(...)`
        room = await bench.room(Astreinte, equipe="ops")
        assert "personne" in await room.say("@a:x", "!astreinte")
        await bench.clock.to("09:00")
        assert "ops" in room.said[-1]

The clock stands still until it is moved, and everything that a call has caused is over when it returns.
"""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Bot, Power
from tchap_bridges.core import clock, policy
from tchap_bridges.core.bots.deliveries import Outcome
from tchap_bridges.core.bots.hooks import Hook
from tchap_bridges.core.kernel import Edge, Kernel, Options
from tchap_bridges.events import Option
from tchap_bridges.hooks import Scheme
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import MessageId, RoomId, UserId
from tchap_bridges.matrix import polls
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench_homeserver import KEY, Homeserver, Said, Uncounted, numbers

__all__ = ["ADMIN", "START", "Bench", "BenchRoom", "Clock", "Said"]

_PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 11, 23, 9, 30, tzinfo=_PARIS)
"""When a bench begins: a Monday morning."""
ADMIN = UserId("@admin:exemple.fr")
_SETTLES = 10.0  # seconds after which whatever still goes on is taken for a hang


class Clock:
    """The time of a bench; it stands still."""

    def __init__(self, bench: "Bench", at: datetime) -> None:
        self._bench = bench
        self.at = at

    def milliseconds(self) -> int:
        return int(self.at.timestamp() * 1000)

    async def to(self, when: str | datetime) -> None:
        """``"09:00"``: the next time that it is so; or a moment."""
        if isinstance(when, str):
            at = datetime.combine(self.at.date(), time.fromisoformat(when), self.at.tzinfo)
            when = at if at > self.at else at + timedelta(days=1)
        self.at = when
        self._bench.kernel.lanes.look_again()
        await self._bench.settle()

    async def forward(self, **spans: float) -> None:
        """As of `timedelta`: ``forward(hours=3)``."""
        await self.to(self.at + timedelta(**spans))


class BenchRoom:
    """A room with people in it, who act here."""

    def __init__(self, bench: "Bench", id_: RoomId) -> None:
        self._bench = bench
        self.id = id_
        self.timeline: list[Said] = []
        self.levels: dict[UserId, int] = {ADMIN: Power.ADMIN}
        self.users_default = 0
        self.names: dict[UserId, str] = {ADMIN: "Admin"}
        self.redact_level = 50
        self.events: dict[MessageId, dict[str, Any]] = {}
        self.ended: dict[MessageId, str] = {}
        self.gone: set[UserId] = set()

    @property
    def said(self) -> list[str]:
        """All that the bot has said here, as it reads now."""
        return [one.text for one in self.timeline]

    @property
    def polls(self) -> list[Said]:
        return [one for one in self.timeline if one.options]

    def as_power(self, user: str, level: int) -> None:
        """From now on this is the user's level in the room."""
        self.levels[self._known(user)] = level

    def called(self, user: str, name: str) -> None:
        """What the user is called in the room; else it is their localpart."""
        self._known(user)
        self.names[UserId(user)] = name

    async def say(self, user: str, words: str, *, answers: str | None = None) -> str:
        """Somebody writes; returns what the bot says then."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": words}
        if answers is not None:
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": answers}}
        before = len(self.timeline)
        await self.happens(user, "m.room.message", content)
        return "\n".join(one.text for one in self.timeline[before:])

    async def leaves(self, user: str) -> None:
        """Somebody goes, or does not follow an invitation. The level that the room gives them stays."""
        before = "join" if UserId(user) in self.names else "invite"
        self.gone.add(UserId(user))
        self.names.pop(UserId(user), None)
        await self._moves(user, "leave", before)

    async def joins(self, user: str) -> None:
        self.gone.discard(UserId(user))
        self._known(user)
        await self._moves(user, "join", "leave")

    async def _moves(self, user: str, membership: str, before: str) -> None:
        unsigned = {"prev_content": {"membership": before}}
        await self.happens(user, "m.room.member", {"membership": membership}, state_key=user, unsigned=unsigned)

    async def hook(
        self,
        bot: type[Bot] | str,
        body: str | bytes | Mapping[str, Any] | Sequence[Any],
        *,
        headers: Mapping[str, str] | None = None,
        name: str = "",
        handler: str = "",
    ) -> str:
        """Somebody posts to a webhook of this room and this bot; returns what the bot says then.

        The hook is made where there is none of the ``name`` yet, for the bot's first handler or this one; its secret is
        in its address. What is neither text nor bytes is sent as JSON. Raises ValueError when it is not accepted.
        """
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        data = text.encode() if isinstance(text, str) else text
        hook = await self._bench.hook(self.id, bot if isinstance(bot, str) else bot.name, name, handler)
        before = len(self.timeline)
        outcome = await self._bench.kernel.crew.hooks.accept(hook.id, hook.secret, headers or {}, data)
        if outcome is not Outcome.TAKEN:
            raise ValueError(f"the delivery is not accepted: {outcome.name}")
        await self._bench.settle()
        return "\n".join(one.text for one in self.timeline[before:])

    async def ask(self, user: str, question: str, *options: str, most: int = 1) -> MessageId:
        """A poll of somebody's own, made with their client; the options' ids are "a", "b" and so on."""
        asked = [Option(id=chr(ord("a") + n), text=text) for n, text in enumerate(options)]
        return await self.happens(user, polls.START, polls.start(question, asked, most, disclosed=True))

    async def vote(self, user: str, poll: Said | MessageId, *answers: str) -> MessageId:
        id_ = poll.id if isinstance(poll, Said) else poll
        return await self.happens(user, polls.RESPONSE, polls.response(id_, answers))

    async def end(self, user: str, poll: Said | MessageId) -> MessageId:
        """As a client does it, without a word to the bot."""
        id_ = poll.id if isinstance(poll, Said) else poll
        return await self.happens(user, polls.END, polls.end(id_, ""))

    async def react(self, user: str, said: Said, symbol: str) -> MessageId:
        relation = {"rel_type": "m.annotation", "event_id": said.id, "key": symbol}
        return await self.happens(user, "m.reaction", {"m.relates_to": relation})

    async def redact(self, user: str, event: MessageId) -> MessageId:
        return await self.happens(user, "m.room.redaction", {"redacts": event}, redacts=event)

    async def happens(self, user: str, kind: str, content: Mapping[str, Any], **more: Any) -> MessageId:
        """Any event of the room, by its type and content; returns its id."""
        id_ = await self.waits(user, kind, content, **more)
        await self._bench.settle()
        return id_

    async def waits(self, user: str, kind: str, content: Mapping[str, Any], **more: Any) -> MessageId:
        """The same, and it is on the disk, but nothing has come of it yet: `Bench.settle` lets it."""
        if kind != "m.room.member":
            self._known(user)
        id_ = MessageId(f"${next(numbers)}")
        event = {
            "event_id": id_,
            "type": kind,
            "room_id": self.id,
            "sender": user,
            "origin_server_ts": self._bench.clock.milliseconds(),
            "content": dict(content),
            **more,
        }
        self.events.pop(more.get("redacts", id_), None)
        self.events[id_] = event
        await self._bench.kernel.inbox.take([(id_, json.dumps(event).encode())])
        return id_

    def _known(self, user: str) -> UserId:
        id_ = UserId(user)
        self.levels.setdefault(id_, Power.MEMBER)
        if id_ not in self.gone:
            self.names.setdefault(id_, user[1:].partition(":")[0])
        return id_


class Bench:
    """``bots`` are installed; `room` switches them on. ``at``: when it is. ``users``: whom the operator admits.

    ``database``: the address of an empty store, as in ``storage.url``; a file in ``folder`` unless said.
    """

    def __init__(
        self,
        *bots: type[Bot],
        folder: Path | None = None,
        at: datetime = START,
        users: Sequence[str] = ("@*:*",),
        database: str | None = None,
    ) -> None:
        self._bots = {bot.name: bot() for bot in bots}
        self._folder = folder
        self._users = users
        self._database = database
        self._stack = AsyncExitStack()
        self.clock = Clock(self, at)
        self.rooms: dict[RoomId, BenchRoom] = {}
        self._directs: dict[UserId, BenchRoom] = {}
        self._shy: set[UserId] = set()
        self._invited: list[tuple[RoomId, UserId]] = []
        self.kernel: Kernel
        self.db: Database

    async def __aenter__(self) -> Self:
        folder = self._folder or Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        real = clock.now
        clock.now = self.clock.milliseconds
        self._stack.callback(setattr, clock, "now", real)
        self.db = await Database.open(self._database or f"sqlite:///{folder}/bench.db")
        self._stack.push_async_callback(self.db.close)
        await self.db.adopt({name: type(bot) for name, bot in self._bots.items()})
        self.kernel = Kernel(
            db=self.db,
            sealer=Sealer([KEY]),
            key=KEY,
            homeserver=self._homeserver,
            bridges={},
            bots=self._bots,
            options=Options(
                rules=policy.Rules(destinations=frozenset(), restricted_rooms=True),
                users=self._users,
                guests=["*:agent.externe.tchap.gouv.fr"],
                home="Matrix",
                words=Translator("fr"),
                zone=_PARIS,
                public_url="https://pont.exemple.fr",
            ),
            meter=Uncounted(),
        )
        await self._stack.enter_async_context(self.kernel.running())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def room(self, *bots: type[Bot], **config: Any) -> BenchRoom:
        """A room in which these bots are on; ``config`` is what its admin has set, for the only one of them."""
        room = BenchRoom(self, RoomId(f"!{next(numbers)}:exemple.fr"))
        self.rooms[room.id] = room
        for bot in bots:
            await room.say(ADMIN, f"!bot activer {bot.name}")
            if config:
                await self.kernel.crew.switch.configure(room.id, bot.name, bot.Config(**config))
        room.timeline.clear()
        return room

    async def hook(self, room: RoomId, bot: str, name: str, handler: str) -> Hook:
        """The room's webhook of this name, the bot's unless said; made where there is none."""
        known = self.kernel.crew.hooks.of(room).get(name or bot)
        if known is not None:
            return known
        handler = handler or next(one.handler for one in self._bots[bot].webhooks)
        async with self.db.transaction() as tx:
            made = await self.kernel.crew.hooks.make(tx, room, bot, handler, name or bot, Scheme.PATH, ADMIN)
        assert made is not None
        return made

    def direct(self, user: str) -> BenchRoom:
        """The direct conversation of the bridge with somebody; KeyError when there is none.

        Whoever is invited into one comes, unless they are `shy`: these wait for ``room.joins(user)``.
        """
        return self._directs[UserId(user)]

    def shy(self, user: str) -> None:
        self._shy.add(UserId(user))

    def rejoin(self, room: BenchRoom) -> BenchRoom:
        """The same room for the bench that has come after another on its folder."""
        self.rooms[room.id] = BenchRoom(self, room.id)
        self.rooms[room.id].levels, self.rooms[room.id].names = room.levels, room.names
        return self.rooms[room.id]

    async def settle(self) -> None:
        """Until nothing that has happened goes on any more."""
        self.kernel.crew.timers.nudge()
        quiet = 0
        async with asyncio.timeout(_SETTLES):
            while quiet < 5:
                while self._invited:
                    room, user = self._invited.pop()
                    self.rooms[room].names[user] = user[1:].partition(":")[0]
                    await self._come(room, user)
                await asyncio.sleep(0.002)
                busy = self.kernel.inbox.waiting or self.kernel.lanes.busy or await self._due()
                quiet = 0 if busy else quiet + 1

    async def _come(self, room: RoomId, user: UserId) -> None:
        id_ = MessageId(f"${next(numbers)}")
        event = {
            "event_id": id_,
            "type": "m.room.member",
            "room_id": room,
            "sender": user,
            "state_key": user,
            "origin_server_ts": self.clock.milliseconds(),
            "content": {"membership": "join"},
            "unsigned": {"prev_content": {"membership": "invite"}},
        }
        await self.kernel.inbox.take([(id_, json.dumps(event).encode())])

    def made(self) -> RoomId:
        """A room that the bridge has made."""
        room = BenchRoom(self, RoomId(f"!{next(numbers)}:exemple.fr"))
        room.names, room.levels = {}, {}
        self.rooms[room.id] = room
        return room.id

    def invited(self, room: RoomId, user: UserId) -> None:
        self._directs[user] = self.rooms[room]
        self.rooms[room].levels[user] = Power.MODERATOR
        if user not in self._shy:
            self._invited.append((room, user))

    async def _due(self) -> bool:
        async with self.db.snapshot() as tx:
            due: int | None = await tx.value("timer_next")
        return due is not None and due <= clock.now()

    def _homeserver(self, edge: Edge) -> Homeserver:
        edge.alive()
        return Homeserver(self)
