"""Takes one outbox row to its destination: finds the way there, has it done (`acts`) and written down (`ends`)."""

from collections.abc import Callable, Sequence

import structlog

from tchap_bridges.bridge import Connection
from tchap_bridges.core import clock, codec, policy
from tchap_bridges.core.acts import Acts
from tchap_bridges.core.bots import TARGET
from tchap_bridges.core.bots.runner import Runner
from tchap_bridges.core.desk import Desk
from tchap_bridges.core.directs import WAITING
from tchap_bridges.core.ends import Ends
from tchap_bridges.core.files import LeftOut
from tchap_bridges.core.lanes import Lane
from tchap_bridges.core.links import Links
from tchap_bridges.core.outbox import BEGUN, DESK, REVIEW
from tchap_bridges.core.ports import Database, Homeserver, Row, Sealer
from tchap_bridges.core.resolve import Pointless, RowSteps, Way
from tchap_bridges.errors import BadCredentials, BridgeError, NotReady, Undeliverable, Unsupported
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId, ConnectionName, MessageId, RoomId

OLD = 20 * 3600 * 1000  # milliseconds after which a homeserver has forgotten what it was asked

log = structlog.get_logger(__name__)


class Courier:
    """``connection_of`` gives a live connection or raises `NotReady`."""

    def __init__(
        self,
        *,
        db: Database,
        sealer: Sealer,
        homeserver: Homeserver,
        links: Links,
        desk: Desk,
        bots: Runner,
        acts: Acts,
        ends: Ends,
        connection_of: Callable[[ConnectionName], Connection],
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._homeserver = homeserver
        self._links = links
        self._desk = desk
        self._bots = bots
        self._acts = acts
        self._ends = ends
        self._connection_of = connection_of

    async def pool_of(self, room: RoomId, target: str) -> str | None:
        """The pool a lane belongs to: its connection's name, ``matrix`` or ``desk``. None: nothing leaves by it yet."""
        if target.startswith(WAITING):
            return None
        if target in {DESK, REVIEW} or target.startswith(TARGET):
            return target
        if target == room or not target.startswith("link:"):
            return "matrix"
        async with self._db.snapshot() as tx:
            link = await self._links.get(tx, int(target.removeprefix("link:")))
        return link.connection if link else DESK

    async def deliver(self, lane: Lane, row: Row) -> float | None:
        """Returns the seconds until the row is due again, or None when it is final."""
        patience = 24 * 3600.0
        try:
            if lane.target in {DESK, REVIEW} or lane.target.startswith(TARGET):
                await self._at_desk(lane, row)
                return None
            way = await self._way(lane)
            patience = way.connection.limits.patience
            ids, left = await self._attempt(row, way)
            await self._ends.settle(lane, row, way, ids, left)
        except Pointless as why:
            await self._ends.cancel(lane, row, str(why))
        except Unsupported as error:
            await self._ends.unsupported(lane, row, error)
        except Undeliverable as error:
            await self._ends.dead(lane, row, error)
        except (NotReady, BadCredentials) as error:
            return await self._ends.again(lane, row, error, patience)
        except BridgeError as error:
            await self._ends.dead(lane, row, Undeliverable(str(error)))
        except Exception:
            log.exception("courier.dead", lane=lane.id, seq=row["seq"])
            await self._ends.dead(lane, row, Undeliverable(_("erreur interne ; l'exploitant peut retenter l'envoi")))
        return None

    # Attempts

    async def _way(self, lane: Lane) -> Way:
        if not lane.target.startswith("link:"):
            rooms = self._homeserver.rooms
            return Way(connection=rooms, chat=ChatId(lane.target), link=None)
        async with self._db.snapshot() as tx:
            link = await self._links.get(tx, int(lane.target.removeprefix("link:")))
        if link is None or link.state == "gone":
            raise Pointless("the link is gone")
        if link.held == "checking":
            raise NotReady(_("les règles du salon sont en cours de vérification"), retry_after=1)
        if link.held == "suspended":
            raise Undeliverable(link.reason or _("le pont est suspendu"))
        connection = self._connection_of(link.connection)
        return Way(connection=connection, chat=link.chat, link=link)

    async def _attempt(self, row: Row, way: Way) -> tuple[Sequence[MessageId], Sequence[LeftOut]]:
        async with self._db.snapshot() as tx:
            message = await tx.one("message_get", id=row["message"])
        if message is None or message["body"] is None:
            raise Pointless("its content is gone")
        if way.link is not None and row["created_at"] <= way.link.suspended_at:
            raise Undeliverable(_("le pont était suspendu pendant que ce message attendait"))
        if way.link is not None and way.link.muted and row["action"] != "delete":
            raise Undeliverable(policy.no_consent().reason, remedy=policy.no_consent().remedy)
        event = codec.load(self._sealer.open(message["body"], place="message.body"))
        steps = RowSteps(self._db, self._sealer, row)
        if not way.connection.limits.repeatable and steps.get(BEGUN):
            raise Undeliverable(_("le programme s'est arrêté pendant l'envoi"), certain=False)
        await self._acts.look(row, way, message, event, steps)
        if not way.connection.limits.repeatable:
            await steps.done(BEGUN, "1")
        if clock.now() - row["created_at"] > OLD:
            steps.note("suspect", "1")
        try:
            return await self._acts.do(row, way, message, event, steps)
        except (NotReady, BadCredentials, Undeliverable) as error:
            happened = isinstance(error, Undeliverable) and not error.certain
            if steps.get(BEGUN) and not happened:  # says the network: it may be tried again
                await steps.done(BEGUN, "")
            raise

    async def _at_desk(self, lane: Lane, row: Row) -> None:
        if lane.target.startswith(TARGET):
            apply = await self._bots.handle(lane.room, lane.target, row)
        else:
            apply = await self._desk.handle(lane.room, row)
        async with self._db.transaction() as tx:
            if await tx.run("outbox_done", lane=lane.id, seq=row["seq"]):  # else it has moved with its room meanwhile
                await apply(tx)
