"""Rows that leave: added in the transaction that caused them, so that cause and effect are durable together."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from tchap_bridges.core import clock, codec
from tchap_bridges.core.ports import Sealer, Tx
from tchap_bridges.core.secrets import request_key
from tchap_bridges.events import Author, Event, Form, Message, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId, RoomId

DESK = "desk"
"""The target of commands: the bridge answers them itself."""
REVIEW = "review"
"""The target of what a room's own changes ask for: join, leave, check the rules. No command keeps it waiting."""

BEGUN = "begun"
"""The step that says that an attempt may have shown something (outgoing.Steps)."""
PENDING, THERE, FAILED, CANCELLED, ORIGIN = range(5)  # copy.state


class Outbox:
    """Adds messages and the rows that show them. ``wake(lane, room, target)`` is called once they are committed."""

    def __init__(self, sealer: Sealer, wake: Callable[[int, RoomId, str], None]) -> None:
        self._sealer = sealer
        self._wake = wake

    def seal(self, event: Event) -> bytes:
        return self._sealer.seal(codec.dump(event), place="message.body")

    async def message(
        self,
        tx: Tx,
        room: RoomId,
        origin: str,
        kind: str,
        body: bytes | None,
        *,
        author: str | None = None,
        sent_at: int | None = None,
        inbox: int | None = None,
        parent: int | None = None,
        root: int | None = None,
        late: bool = False,
        symbol: str | None = None,
    ) -> int:
        """One thing that happened; returns its id."""
        return int(
            await tx.value(
                "message_add",
                room=room,
                origin=origin,
                kind=kind,
                author=author,
                sent_at=sent_at or clock.now(),
                inbox=inbox,
                parent=parent,
                root=root,
                late=int(late),
                symbol=symbol,
                body=body,
            )
        )

    async def add(
        self,
        tx: Tx,
        room: RoomId,
        target: str,
        message: int,
        action: str,
        *,
        cause: str,
        ordinal: int = 0,
        wait: float = 0.0,
        whom: str = "",
    ) -> None:
        """At the end of its lane: ``action`` on ``message``, not before ``wait`` seconds. ``cause`` makes its key.

        One cause has one row for each (ordinal, action, target): a second one is a bug, and refused by the store.
        ``whom``: each has a lane of their own there: the correspondents of a chat, the bots of a room.
        """
        lane = await tx.one("lane_next", room=room, target=target, whom=whom)
        assert lane is not None
        now = clock.now()
        await tx.run(
            "outbox_add",
            lane=lane["id"],
            seq=lane["last_seq"],
            key=request_key(cause, ordinal, action, room + target),
            message=message,
            action=action,
            created_at=now,
            due_at=now + int(wait * 1000),
        )
        tx.after_commit(lambda: self._wake(lane["id"], room, target))

    async def show(
        self,
        tx: Tx,
        room: RoomId,
        target: str,
        message: int,
        *,
        cause: str,
        ordinal: int = 0,
        wait: float = 0.0,
        whom: str = "",
    ) -> None:
        """A copy of the message is to be seen on the target."""
        await tx.run("copy_add", message=message, target=target, part=0, remote=None, state=PENDING)
        await self.add(tx, room, target, message, "send", cause=cause, ordinal=ordinal, wait=wait, whom=whom)

    async def move(self, tx: Tx, old: RoomId, new: RoomId) -> None:
        """What was still to be shown in the old room is shown in the new one, after what is there already."""
        for row in await tx.all("lane_rows", room=old, target=old):
            lane = await tx.one("lane_next", room=new, target=new, whom=row["whom"])
            assert lane is not None
            await tx.run("outbox_move", lane=row["lane"], seq=row["seq"], to_lane=lane["id"], to_seq=lane["last_seq"])
            await tx.run("copy_move", message=row["message"], old=old, new=new)
            await tx.run("message_move", id=row["message"], room=new)
            tx.after_commit(partial(self._wake, lane["id"], new, new))

    async def carry(self, tx: Tx, old: RoomId, new: RoomId, target: str) -> None:
        """What waits in a lane of the old room waits in the same one of the new room."""
        for row in await tx.all("lane_waiting", room=old, target=target):
            lane = await tx.one("lane_next", room=new, target=target, whom="")
            assert lane is not None
            await tx.run("outbox_move", lane=row["lane"], seq=row["seq"], to_lane=lane["id"], to_seq=lane["last_seq"])
            tx.after_commit(partial(self._wake, lane["id"], new, target))

    async def notice(
        self,
        tx: Tx,
        room: RoomId,
        text: Text,
        *,
        cause: str,
        about: int | None = None,
        ordinal: int = 0,
        also: Sequence[str] = (),
        only: Sequence[str] = (),
    ) -> None:
        """Something the bridge itself has to say, in reply to the message ``about``.

        ``also``: targets beside the room; ``only``: targets instead of it.
        """
        root = await tx.value("message_root", id=about) if about is not None else None
        body = self._sealer.seal(notice_body(text), place="message.body")
        id_ = await self.message(tx, room, "core", "message", body, parent=about, root=root)
        for target in only or (room, *also):
            await self.show(tx, room, target, id_, cause=f"{cause} notice", ordinal=ordinal)


async def revive(tx: Tx, sealer: Sealer, lane: int, seq: int) -> int:
    """Send a dead row again because a person said so, whatever was seen of it; returns whether there is one."""
    sealed = await tx.value("outbox_steps", lane=lane, seq=seq)
    if sealed:
        steps = json.loads(sealer.open(sealed, place="outbox.steps"))
        steps.pop(BEGUN, None)
        await tx.run(
            "outbox_begin", lane=lane, seq=seq, steps=sealer.seal(json.dumps(steps).encode(), place="outbox.steps")
        )
    return await tx.run("outbox_revive", lane=lane, seq=seq, now=clock.now())


async def discard(tx: Tx, lane: int, seq: int) -> int:
    """Give a row up, and with it the copy that it was to make; returns whether there is one."""
    done = await tx.run("outbox_discard", lane=lane, seq=seq)
    if done:
        await tx.run("copy_given_up", lane=lane, seq=seq)
    return done


def notice_body(text: Text) -> bytes:
    """A notice as an event: only its words and its form matter, the bridge has no person."""

    return codec.dump(
        Message(
            id=MessageId(""),
            chat=ChatId(""),
            author=Author(person=PersonId(""), name=""),
            at=clock.moment(clock.now()),
            text=text,
            form=Form.NOTICE,
        )
    )
