"""Which room is tied to which chat: the rows, and a memory of those in use."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from tchap_bridges.bridge import Chat, Destination, Direction
from tchap_bridges.core import clock, policy
from tchap_bridges.core.ports import Database, Row, Sealer, Snapshot, Tx
from tchap_bridges.i18n import pack, unpack
from tchap_bridges.ids import ChatId, ConnectionName, RoomId, UserId

REMEMBERED = 5_000
K = TypeVar("K")
V = TypeVar("V")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A room and a chat.

    ``wanted`` is what people want of it: proof, active, paused, gone. ``held`` is why it may not carry all the same:
    checking, moving, suspended, or ''; ``reason`` says why it is suspended. ``number`` is how the room calls it.
    ``consent``: who lets what is said in the room leave by it though the room is ``encrypted``; '' for nobody.
    ``external``: it is an address that is not known for an agent's.
    """

    id: int
    room: RoomId
    connection: ConnectionName
    chat: ChatId
    name: str
    direction: Direction
    destination: Destination
    number: int
    wanted: str
    held: str
    reason: str
    waiting: str
    options: Mapping[str, str]
    moderated: bool
    correspondents: bool
    consent: str
    external: bool
    encrypted: bool
    created_by: UserId
    created_at: int
    suspended_at: int
    last_in: int | None
    last_out: int | None

    @property
    def target(self) -> str:
        return f"link:{self.id}"

    @property
    def state(self) -> str:
        """What both come to."""
        return self.held if self.held and self.wanted == "active" else self.wanted

    @property
    def standing_by(self) -> str:
        """What arrives while it may not carry waits under this name."""
        return standing_by(self.id)

    @property
    def brings_in(self) -> bool:
        return self.direction is not Direction.OUT

    @property
    def carries_out(self) -> bool:
        return self.direction is not Direction.IN and not self.muted

    @property
    def muted(self) -> bool:
        """The room is encrypted, and nobody has consented."""
        return self.encrypted and not self.consent

    @property
    def tie(self) -> policy.Tie:
        return policy.Tie(
            connection=self.connection,
            destination=self.destination,
            direction=self.direction,
            consent=bool(self.consent),
            external=self.external,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an event happened. ``network`` names the space that its authors' ids belong to."""

    room: RoomId
    target: str
    network: str
    link: Link | None = None


def standing_by(link: int) -> str:
    """What arrives for a link while it may not carry waits under this name."""
    return f"standing by {link}"


class Links:
    """Reads through a bounded memory of what committed transactions saw; a change empties it."""

    def __init__(self, db: Database, sealer: Sealer) -> None:
        self._db = db
        self._sealer = sealer
        self._changes = 0
        self._by_id: dict[int, Link] = {}
        self._by_room: dict[RoomId, tuple[Link, ...]] = {}
        self._by_name: dict[tuple[ConnectionName, ChatId], tuple[Link, ...]] = {}

    async def get(self, tx: Snapshot, id_: int) -> Link | None:
        if (known := self._by_id.get(id_)) is not None:
            return known
        asked = self._changes
        row = await tx.one("link_get", id=id_)
        return self._remember(tx, self._by_id, id_, self._link(row), asked) if row is not None else None

    async def of_room(self, tx: Snapshot, room: RoomId, *, fresh: bool = False) -> tuple[Link, ...]:
        """Every link of the room that is not gone; ``fresh`` also as to when it was last used."""
        if not fresh and (known := self._by_room.get(room)) is not None:
            return known
        asked = self._changes
        rows = await tx.all("links_of_room", room=room)
        return self._remember(tx, self._by_room, room, tuple(map(self._link, rows)), asked)

    async def named(self, tx: Snapshot, connection: ConnectionName, names: Sequence[ChatId]) -> Sequence[Link]:
        """The links of the first of these names that has any."""
        for name in dict.fromkeys(names):
            if known := self._by_name.get((connection, name)):
                return known
            asked = self._changes
            if rows := await tx.all("links_named", connection=connection, name=name):
                return self._remember(tx, self._by_name, (connection, name), tuple(map(self._link, rows)), asked)
        return ()

    async def carries(self, tx: Snapshot, target: str) -> bool:
        """Whether what is said now goes there: a room; a link that carries out, and is not paused."""
        if not target.startswith("link:"):
            return True
        link = await self.get(tx, int(target.removeprefix("link:")))
        return link is not None and link.carries_out and link.state in {"active", "checking"}

    async def correspondent(self, tx: Snapshot, target: str, message: int | None) -> str:
        """Whom ``message``, or an answer to it, is written to, where a chat is one of correspondents."""
        link = await self.get(tx, int(target.removeprefix("link:"))) if target.startswith("link:") else None
        if link is None or not link.correspondents or message is None:
            return ""
        return str(await tx.value("correspondent", message=message, target=target) or "")

    async def of_connection(self, connection: ConnectionName) -> Sequence[Link]:
        """All that can be read. One bad row keeps its own room waiting, and never the network (CVE-2025-23197)."""
        async with self._db.snapshot() as tx:
            rows = await tx.all("links_of_connection", connection=connection)
        found = []
        for row in rows:
            try:
                found.append(self._link(row))
            except Exception:
                log.exception("links.unreadable", link=row["id"])
        return found

    async def add(
        self,
        tx: Tx,
        room: RoomId,
        connection: ConnectionName,
        chat: Chat,
        *,
        direction: Direction,
        state: str,
        by: UserId,
        rule: str,
        external: bool = False,
    ) -> int:
        """Returns the new link's id."""
        id_ = int(
            await tx.value(
                "link_add",
                room=room,
                connection=connection,
                chat=chat.id,
                name=chat.name,
                direction=direction.value,
                destination=chat.destination.value,
                state=state,
                waiting=pack(chat.waiting),
                created_by=by,
                rule_then=rule,
                options=self._sealer.seal(json.dumps(dict(chat.options)).encode(), place="link.options"),
                external=int(external),
                moderated=int(chat.moderated),
                correspondents=int(chat.correspondents),
                created_at=clock.now(),
            )
        )
        for name in dict.fromkeys((chat.id, *chat.aliases)):
            await tx.run("link_name_add", connection=connection, name=name, link=id_)
        self._forget_after(tx)
        return id_

    async def want(self, tx: Tx, link: Link, state: str) -> None:
        """What people decided: proof, active, paused, gone."""
        await tx.run("link_state", id=link.id, state=state)
        if state == "gone":
            await tx.run("link_names_remove", link=link.id)
        self._forget_after(tx)

    async def hold(self, tx: Tx, link: Link, held: str, reason: str = "") -> None:
        """What the room's rules decided, for a link in any state: checking, moving, suspended, or '' for none."""
        suspended_at = clock.now() if held == "suspended" else None
        await tx.run("link_held", id=link.id, held=held, reason=pack(reason), suspended_at=suspended_at)
        self._forget_after(tx)

    async def consent(self, tx: Tx, link: Link, by: str) -> None:
        """Who lets an encrypted room's words leave by it; '' takes it back, and what waits to leave never does."""
        await tx.run("link_consent", id=link.id, consent=by)
        self._forget_after(tx)

    def changed(self, tx: Tx) -> None:
        """Something of a room changed that its links are read with."""
        self._forget_after(tx)

    async def stand_by(self, tx: Tx, room: RoomId, held: str) -> None:
        """Every link of the room that may carry waits for what the desk will find: checking, or moving."""
        for link in await self.of_room(tx, room):
            if link.held == "" or (link.held, held) == ("checking", "moving"):
                await self.hold(tx, link, held)

    async def arrived(self, tx: Tx, link: Link) -> None:
        """Something came in: it no longer waits for its first message."""
        await tx.run("link_arrived", id=link.id, now=clock.now())
        if link.waiting:
            self._forget_after(tx)

    async def seal_proof(self, tx: Tx, id_: int, proof: Mapping[str, object]) -> None:
        await tx.run("link_proof", id=id_, proof=self._sealer.seal(json.dumps(proof).encode(), place="link.proof"))

    async def proof(self, tx: Tx, id_: int) -> dict[str, object]:
        sealed = await tx.value("link_proof_get", id=id_)
        found: dict[str, object] = json.loads(self._sealer.open(sealed, place="link.proof")) if sealed else {}
        return found

    async def move(self, tx: Tx, old: RoomId, new: RoomId) -> None:
        """The room was upgraded: its links follow, but for those that the new room has already."""
        there = {(link.connection, link.chat) for link in await self.of_room(tx, new)}
        for link in await self.of_room(tx, old):
            if (link.connection, link.chat) in there:
                await self.want(tx, link, "gone")
        await tx.run("links_move", old=old, new=new)
        self._forget_after(tx)

    def _forget_after(self, tx: Tx) -> None:
        self.forget()  # nobody may read a stale row while the change is under way …
        tx.after_commit(self.forget)  # … and what was read meanwhile is stale now

    def forget(self) -> None:
        self._changes += 1
        self._by_id.clear()
        self._by_room.clear()
        self._by_name.clear()

    def _remember(self, tx: Snapshot, memory: dict[K, V], key: K, value: V, asked: int) -> V:
        """Kept once the transaction that read it is committed: what it saw is true then, if nothing changed since.

        What a snapshot saw may be of before a change that is being committed, and a transaction that is rolled back may
        have seen what never came true: neither is kept.
        """
        after_commit = getattr(tx, "after_commit", None)  # a snapshot has none, or one that nothing ever calls
        if after_commit is not None:
            after_commit(partial(self._keep, memory, key, value, asked))
        return value

    def _keep(self, memory: dict[K, V], key: K, value: V, asked: int) -> None:
        if asked == self._changes:
            if len(memory) >= REMEMBERED:
                memory.pop(next(iter(memory)))
            memory[key] = value

    def _link(self, row: Row) -> Link:
        return Link(
            id=row["id"],
            room=RoomId(row["room"]),
            connection=ConnectionName(row["connection"]),
            chat=ChatId(row["chat"]),
            name=row["name"],
            direction=Direction(row["direction"]),
            destination=Destination(row["destination"]),
            number=row["number"],
            wanted=row["state"],
            held=row["held"],
            reason=unpack(row["reason"]),
            waiting=unpack(row["waiting"]),
            options=json.loads(self._sealer.open(row["options"], place="link.options")),
            moderated=bool(row["moderated"]),
            correspondents=bool(row["correspondents"]),
            consent=row["consent"],
            external=bool(row["external"]),
            encrypted=bool(row["encrypted"]),
            created_by=UserId(row["created_by"]),
            created_at=row["created_at"],
            suspended_at=row["suspended_at"],
            last_in=row["last_in"],
            last_out=row["last_out"],
        )
