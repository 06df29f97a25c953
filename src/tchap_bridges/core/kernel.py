"""The core put together: its parts, and the order in which they start and stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from pydantic import BaseModel

from tchap_bridges.bot import Bot
from tchap_bridges.bridge import Bridge, Item, OpensFiles
from tchap_bridges.core import policy
from tchap_bridges.core.acts import Acts
from tchap_bridges.core.avatars import Avatars
from tchap_bridges.core.bots import GUIDE, TARGET
from tchap_bridges.core.bots.crew import Crew
from tchap_bridges.core.bots.stops import Blame
from tchap_bridges.core.bots.turn import BLOB
from tchap_bridges.core.courier import Courier
from tchap_bridges.core.denials import Denials
from tchap_bridges.core.departures import Departures
from tchap_bridges.core.desk import Desk
from tchap_bridges.core.directs import Directs
from tchap_bridges.core.ends import Ends
from tchap_bridges.core.files import Files
from tchap_bridges.core.help import help_topic
from tchap_bridges.core.host import ConnectionHost
from tchap_bridges.core.inbox import MATRIX, Await, Inbox
from tchap_bridges.core.lanes import Lanes, Pool
from tchap_bridges.core.linking import Network
from tchap_bridges.core.links import Links
from tchap_bridges.core.mentions import Mentions
from tchap_bridges.core.outbox import DESK, REVIEW, Outbox
from tchap_bridges.core.passing import Passing
from tchap_bridges.core.pieces import Pieces
from tchap_bridges.core.pont import Pont
from tchap_bridges.core.ports import Database, Homeserver, KeyAwaited, Meter, RoomFact, Row, Sealer, Tx
from tchap_bridges.core.reader import Reader
from tchap_bridges.core.receipts import Receipts
from tchap_bridges.core.resolve import Resolver
from tchap_bridges.core.roomfacts import RoomDesk
from tchap_bridges.core.roomwork import RoomWork
from tchap_bridges.core.router import Router
from tchap_bridges.core.screening import Checks, Screen
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import Shares
from tchap_bridges.core.supervisor import Supervisor, Watched
from tchap_bridges.core.upkeep import Upkeep
from tchap_bridges.events import Event, Read, Typing
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ConnectionName, FileRef, RoomId, UserId

WORKERS = {"matrix": 32, DESK: 4, REVIEW: 4}
PER_CONNECTION = 8
PER_BOT = 2

log = structlog.get_logger(__name__)


KEY_PATIENCE = 600.0
"""For how many seconds an event waits for its key; then the room is told that it was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the configuration says to the core. ``home`` is how the Matrix side is called: Tchap, or Matrix.

    ``public_url`` is where links to files lead, and webhooks are; None where there are none. ``hook_rate``: deliveries
    that one webhook takes in a minute. ``checks``: by which files are looked at; None where they are not.
    """

    rules: policy.Rules
    users: Sequence[str]
    home: str
    guests: Sequence[str] = ()
    words: Translator
    zone: ZoneInfo = field(default_factory=partial(ZoneInfo, "UTC"))
    content_days: int = 30
    inbox_high: int = 10_000
    inbox_low: int = 8_000
    public_url: str | None = None
    links_days: int = 30
    hook_rate: int = 600
    checks: Checks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What the homeserver's side is given of the core."""

    take: Callable[[Sequence[tuple[str, bytes]]], Any]
    passing: Callable[[Typing | Read], None]
    is_encrypted: Callable[[RoomId], bool]
    alive: Callable[[], None]
    keys: Callable[[Sequence[str]], Awaitable[None]]
    """Told which keys of events have come; of some more than once."""


class Kernel:
    """Everything between the homeserver and the networks. ``bridges`` are (class, configuration) by connection.

    ``blamed``: bots that kept the last process from working; they are switched off before anything runs.
    """

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        key: bytes,
        homeserver: Callable[[Edge], Homeserver],
        bridges: Mapping[ConnectionName, tuple[type[Bridge[Any]], BaseModel]],
        bots: Mapping[str, Bot],
        options: Options,
        meter: Meter,
        blamed: Sequence[Blame] = (),
    ) -> None:
        self.db = db
        self._sealer = sealer
        self._users, self._guests = options.users, options.guests
        self.denials = Denials()
        self.secrets = secrets = Secrets(key)
        self.pieces = Pieces(db, sealer)
        self._readers = {name: Reader(bridge, config) for name, (bridge, config) in bridges.items()}
        # A nick of one IRC network is somebody else's on another: neither one ghost nor one author. A connection that
        # is called like its bridge shows the bridge's label; those beside it show their own names.
        alone = {name for name, (bridge, _config) in bridges.items() if bridge.same_people or name == bridge.name}
        labels = {name: bridge.label if name in alone else name for name, (bridge, _config) in bridges.items()}
        networks = {
            name: bridge.name if name in alone else f"{bridge.name} {name}" for name, (bridge, _) in bridges.items()
        }
        self.links = Links(db, sealer)
        self._alive = asyncio.Event()
        self.inbox = Inbox(
            db, self.pieces, secrets, self._route, self._tell, high=options.inbox_high, low=options.inbox_low
        )
        outbox = Outbox(sealer, self._wake)
        self.directs = Directs(outbox, sealer, lambda user: self._admits(user).allowed)
        self.rooms = RoomDesk(
            outbox,
            sealer,
            self.links,
            self.directs,
            secrets,
            release=self.inbox.release,
            rules=options.rules,
            guests=options.guests,
            forget_voice=self._forget_voice,
            words=options.words,
        )
        self.homeserver = hs = homeserver(
            Edge(
                take=self.inbox.take,
                passing=self._from_room,
                is_encrypted=self.rooms.is_encrypted,
                alive=self._alive.set,
                keys=self._keys,
            )
        )
        self.crew = crew = Crew(
            db=db,
            sealer=sealer,
            secrets=secrets,
            homeserver=hs,
            outbox=outbox,
            links=self.links,
            rooms=self.rooms,
            directs=self.directs,
            denials=self.denials,
            meter=meter,
            bots=bots,
            blamed=blamed,
            ghost_of=lambda connection, person: hs.ghost_of(labels[connection], person),
            home=options.home,
            hook_rate=options.hook_rate,
            public_url=options.public_url,
            zone=options.zone,
            words=options.words,
        )
        self.departures = Departures(db=db, links=self.links, homeserver=hs, labels=labels)
        self.supervisor = Supervisor(
            {name: Watched(name, bridge(), config) for name, (bridge, config) in bridges.items()},
            host_of=partial(self._host, db, sealer, meter, options.zone),
            opened=lambda name: self.lanes.open(name),  # noqa: PLW0108 - lanes come last
            closed=lambda name: self.lanes.close(name),  # noqa: PLW0108
        )
        self.receipts = Receipts(db, hs)
        self.passing = Passing(db, self.links, hs, self.supervisor.connection, options.rules)
        self.roomwork = RoomWork(
            db=db,
            sealer=sealer,
            homeserver=hs,
            links=self.links,
            outbox=outbox,
            rooms=self.rooms,
            rules=options.rules,
            admits=self._admits,
            hearing=crew.hearing,
            hooks=crew.hooks,
            directs=self.directs,
            words=options.words,
            example=next((bridge.examples[0][0] for bridge, _ in bridges.values() if bridge.examples), "!pont"),
            bots=crew.bots,
        )
        self.desk = desk = Desk(
            db=db,
            sealer=sealer,
            homeserver=hs,
            outbox=outbox,
            rooms=self.roomwork,
            admits=self._admits,
            denials=self.denials,
            private=lambda room: self.directs.whose(room) is not None,
            words=options.words,
        )
        pont = Pont(
            db=db,
            sealer=sealer,
            secrets=secrets,
            homeserver=hs,
            links=self.links,
            inbox=self.inbox,
            rooms=self.rooms,
            rules=options.rules,
            connection_of=self.supervisor.connection,
            state_of=self.supervisor.state_of,
            zone=options.zone,
            networks=[
                Network(
                    name=name,
                    words=bridge.words,
                    people=networks[name],
                    addresses=bridge.same_people,
                    examples=bridge.examples,
                    options=bridge.options,
                )
                for name, (bridge, _) in bridges.items()
            ],
        )
        switch, calls = self.crew.switch.topics
        for topic in (pont.topic, switch, help_topic((pont.topic, switch, calls)), calls):
            desk.add(topic)
        self.router = Router(
            links=self.links,
            outbox=outbox,
            secrets=secrets,
            sealer=sealer,
            rooms=self.rooms,
            networks=networks,
            graces={name: bridge.grace(config) for name, (bridge, config) in bridges.items()},
            is_command=desk.is_command,
            release=self.inbox.release,
            spoke=self.departures.spoke,
            hearing=crew.hearing,
            afar=crew.afar,
            directs=self.directs,
            questions=crew.questions,
            room_of=hs.room_of,
            words=options.words,
        )
        screen = Screen(options.checks, meter)
        files = Files(self._open_bytes, screen)
        self.shares = Shares(
            db=db,
            sealer=sealer,
            secrets=secrets,
            links=self.links,
            files=files,
            meter=meter,
            public_url=options.public_url,
            days=options.links_days,
        )
        self.avatars = Avatars(
            db=db,
            secrets=secrets,
            links=self.links,
            homeserver=hs,
            connection_of=self.supervisor.connection,
            screen=screen,
            meter=meter,
            public_url=options.public_url,
            days=options.links_days,
        )
        resolver = Resolver(
            db=db,
            sealer=sealer,
            homeserver=hs,
            links=self.links,
            files=files,
            shares=self.shares,
            avatars=self.avatars,
            mentions=Mentions(
                db=db,
                sealer=sealer,
                secrets=secrets,
                homeserver=hs,
                links=self.links,
                networks=networks,
                labels=labels,
            ),
            labels=labels,
            home=options.home,
            zone=options.zone,
            rules=options.rules,
        )
        self.ends = Ends(
            db=db,
            sealer=sealer,
            links=self.links,
            outbox=outbox,
            meter=meter,
            settled=self.receipts.settled,
            words=options.words,
            release=self.inbox.release,
            refused=self.supervisor.refused,
        )
        courier = Courier(
            db=db,
            sealer=sealer,
            homeserver=hs,
            links=self.links,
            desk=desk,
            bots=crew.runner,
            acts=Acts(db, resolver),
            ends=self.ends,
            connection_of=self.supervisor.connection,
        )
        pools = [Pool(name, count) for name, count in WORKERS.items()]
        pools += [Pool(name, PER_CONNECTION) for name in bridges]
        self.lanes = Lanes(db, courier.deliver, courier.pool_of, pools, self.ends.tell_overdue)
        self.lanes.open(DESK)
        self.lanes.open(REVIEW)
        for name in (*bots, GUIDE):
            self._serve(name)
        crew.bots.watch(self._serve)
        self.upkeep = Upkeep(db, self.inbox, self.roomwork.review_forgotten, content_days=options.content_days)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything runs inside the block; leaving it stops gracefully, sends in flight first."""
        await self.inbox.open()
        await self.rooms.open(self.db)
        await self.departures.open()
        await self.directs.open(self.db)
        await self.crew.open()
        await self.roomwork.review_all()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in self._work()]
            try:
                yield
                await self.lanes.drain()
            finally:
                for task in tasks:
                    task.cancel()
                for reader in self._readers.values():
                    await reader.close()

    def _work(self) -> Sequence[Any]:
        return [
            self.lanes.run(),
            self._open_rooms(),
            self.receipts.run(),
            self.passing.run(),
            self.departures.run(),
            *self.crew.work(),
            self.upkeep.run(),
            self.inbox.run(MATRIX, self._read_room),
            *(self.inbox.run(name, reader.read) for name, reader in self._readers.items()),
            *(reader.warm() for reader in self._readers.values()),
            *(self.supervisor.run(name) for name in self.supervisor.watched),
        ]

    async def _open_rooms(self) -> None:
        """Rooms are spoken to once what they said while we were away is known: one may be encrypted by now."""
        while True:
            await self._alive.wait()
            self._alive.clear()
            await self.inbox.caught_up(MATRIX)
            self.lanes.open("matrix")

    def _serve(self, bot: str) -> None:
        """What a bot is called for waits while there is no such bot."""
        pool = f"{TARGET}{bot}"
        self.lanes.add(Pool(pool, PER_BOT))
        if self.crew.serves(bot):
            self.lanes.open(pool)
        else:
            self.lanes.close(pool)

    # The parts' ways to one another

    async def _route(self, tx: Tx, arrival: Any, ordinal: int, event: Event | RoomFact) -> None:
        await self.router.route(tx, arrival, ordinal, event)

    async def _tell(self, tx: Tx, arrival: Any, item: Item) -> None:
        await self.router.tell_unreadable(tx, arrival, item)

    def _admits(self, user: UserId) -> policy.Decision:
        return policy.may_use(user, patterns=self._users, guests=self._guests, is_ours=self.homeserver.is_ours)

    def _wake(self, lane: int, room: RoomId, target: str) -> None:
        self.lanes.wake(lane, room, target)

    def _forget_voice(self, room: RoomId) -> None:
        self.homeserver.forget_voice(room)

    def _from_room(self, event: Typing | Read) -> None:
        if isinstance(event, Typing):
            self.passing.from_room(event)

    async def _read_room(self, item: Item) -> Sequence[Event | RoomFact]:
        try:
            return self.homeserver.read(await self.homeserver.opened(item))
        except KeyAwaited as wait:
            raise Await(_key(wait.key), KEY_PATIENCE, matters=True) from wait

    async def _keys(self, keys: Sequence[str]) -> None:
        async with self.db.transaction() as tx:
            for key in keys:
                await self.inbox.release(tx, _key(key))

    def _host(self, db: Database, sealer: Sealer, meter: Meter, zone: tzinfo, name: ConnectionName) -> ConnectionHost:
        return ConnectionHost(
            name,
            db=db,
            sealer=sealer,
            secrets=self.secrets,
            inbox=self.inbox,
            links=self.links,
            meter=meter,
            up=self.supervisor.up,
            passing=self.passing.from_network,
            departures=self.departures,
            zone=zone,
        )

    async def _open_bytes(self, message: Row, ref: FileRef) -> bytes | OpensFiles:
        """The bytes of a file of this message, or the connection that fetches them."""
        origin: str = message["origin"]
        if ref.startswith(f"{BLOB} "):
            async with self.db.snapshot() as tx:
                sealed = await tx.value("kv_get", space=BLOB, key=ref.removeprefix(f"{BLOB} "))
            return self._sealer.open(sealed, place=BLOB) if sealed is not None else b""
        if not origin.startswith("link:"):
            rooms = self.homeserver.rooms
            assert isinstance(rooms, OpensFiles)
            return rooms
        async with self.db.snapshot() as tx:
            link = await self.links.get(tx, int(origin.removeprefix("link:")))
            kind = await tx.value("inbox_kind", id=message["inbox"])
        if link is None:
            raise ValueError("the link that the file came by is gone")
        if kind == "raw":
            async with self.pieces.fetch(message["inbox"]) as item:
                return await self._readers[link.connection].file_bytes(item, ref)
        connection = self.supervisor.connection(link.connection)
        if not isinstance(connection, OpensFiles):
            raise TypeError(f"{link.connection} names files and does not open them")
        return connection


def _key(key: str) -> str:
    """What a row waits for by that name."""
    return f"key {key}"
