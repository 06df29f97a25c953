"""Socket Mode: events go out in envelopes, each over one of the open websockets, until they are acknowledged.

Source: docs.slack.dev/apis/events-api/using-socket-mode, docs.slack.dev/apis/events-api/#retries.
"""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import uuid4

from aiohttp import WSCloseCode, WSMsgType, web

from tchap_bridges.testing.slack.app import App
from tchap_bridges.testing.slack.faults import Faults
from tchap_bridges.testing.slack.model import Json

MOST_SOCKETS = 10
_HOST = "applink-1"


@dataclass(eq=False, slots=True)
class Sending:
    """One envelope on one socket. Times are time.monotonic(); `acked_at` is None until its own ack has come."""

    envelope_id: str
    socket: "Socket"
    at: float
    acked_at: float | None = None


@dataclass(eq=False, slots=True)
class Delivery:
    """An event or a command on its way to the app. `sent`: how often and where it went out, in order.

    answer: what the app sent with its ack.
    """

    payload: Json
    since: float
    type: str = "events_api"
    attempts: int = 0
    envelope_id: str = ""
    acked: bool = False
    lost: bool = False
    answer: Json | None = None
    sent: list[Sending] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    @property
    def event_id(self) -> str:
        return str(self.payload["event_id"])

    def envelope(self, reason: str) -> Json:
        envelope: Json = {"envelope_id": self.envelope_id, "payload": self.payload, "type": self.type}
        if self.type != "events_api":
            return envelope | {"accepts_response_payload": True}
        return envelope | {
            "accepts_response_payload": False,
            "retry_attempt": self.attempts,
            "retry_reason": reason,
        }


@dataclass(eq=False, slots=True)
class Socket:
    """One open websocket. `leaving`: it was told to go, and is sent no more events."""

    number: int
    web: web.WebSocketResponse
    transport: asyncio.Transport
    outgoing: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    leaving: bool = False


class Sockets:
    """The app's websockets. Settings, in seconds: `ack_within`, `keep_for` (how long an event is tried), `ping_every`.

    `given_up` are the events that were not acknowledged in time: an app finds them in the history only.
    """

    def __init__(self, app: App, faults: Faults, changed: Callable[[], None]) -> None:
        self._app, self._faults, self._changed = app, faults, changed
        self.ack_within = 3.0
        self.retries = 3
        self.keep_for = 60.0
        self.ping_every = 10.0
        self.grace = 0.0  # between the message disconnect and the end of its socket
        self.open: list[Socket] = []
        self.deliveries: list[Delivery] = []  # all, in order, whatever became of them
        self.acks: list[Json] = []
        self._sent: dict[str, tuple[Delivery, Sending]] = {}
        self._waiting: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._tickets: set[str] = set()
        self._turn = 0
        self._number = 0
        self._timers: set[asyncio.TimerHandle] = set()

    # ---- what a test looks at

    @property
    def pending(self) -> list[Delivery]:
        """Events that the app has not acknowledged and may still get."""
        return [one for one in self.deliveries if not (one.acked or one.lost)]

    @property
    def given_up(self) -> list[Delivery]:
        return [one for one in self.deliveries if one.lost]

    # ---- events

    def deliver(self, payload: Json) -> Delivery:
        """Send an event to the app, now or when it has a socket again."""
        delivery = Delivery(payload, time.monotonic())
        self.deliveries.append(delivery)
        if self._faults.happens("hold_back"):
            self._held.append(delivery)
            return delivery
        self._send(delivery, "")
        if self._faults.happens("duplicate_events"):
            twin = Delivery(payload, time.monotonic())
            self.deliveries.append(twin)
            self._send(twin, "")
        times = self._faults.redeliver or self._faults.redeliver_all
        self._faults.redeliver = 0
        for _ in range(times):
            delivery.attempts += 1
            self._send(delivery, "timeout")
        return delivery

    def release(self) -> None:
        """Send what was held back, in its order."""
        held, self._held = self._held, []
        for delivery in held:
            self._send(delivery, "")

    def ask(self, type_: str, payload: Json) -> Delivery:
        """Send a command or an interaction, once: with no socket, or no ack in time, it is lost, as its author sees."""
        delivery = Delivery(payload, time.monotonic(), type_)
        self.deliveries.append(delivery)
        if self.open:
            self._send(delivery, "")
        else:
            self._give_up(delivery)
        return delivery

    def _send(self, delivery: Delivery, reason: str) -> None:
        ready = [one for one in self.open if not one.leaving]
        if not ready:
            self._waiting.append(delivery)
            self._after(self.keep_for, lambda: self._too_late(delivery))
            return
        socket = ready[self._turn % len(ready)]
        self._turn += 1
        delivery.envelope_id = str(uuid4())
        sending = Sending(delivery.envelope_id, socket, time.monotonic())
        delivery.sent.append(sending)
        self._sent[sending.envelope_id] = delivery, sending
        words = json.dumps(delivery.envelope(reason))
        if delivery.timer is not None:
            self._cancel(delivery.timer)
        delivery.timer = self._after(self.ack_within, lambda: self._overdue(delivery))
        if self._faults.happens("cut_mid_frame"):
            self._cut_in(socket, words)
            return
        socket.outgoing.put_nowait(words)
        if self._faults.happens("refresh_mid_event"):
            self.disconnect("refresh_requested", socket)

    def _overdue(self, delivery: Delivery) -> None:
        if delivery.acked or delivery.lost:
            return
        if (
            delivery.type != "events_api"
            or delivery.attempts >= self.retries
            or time.monotonic() - delivery.since > self.keep_for
        ):
            self._give_up(delivery)
            return
        delivery.attempts += 1
        self._send(delivery, "timeout")

    def _too_late(self, delivery: Delivery) -> None:
        if delivery in self._waiting:
            self._waiting.remove(delivery)
            self._give_up(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        delivery.lost = True
        self._changed()

    def _acknowledge(self, words: str) -> None:
        try:
            said = json.loads(words)
            envelope = str(said["envelope_id"])
        except (ValueError, KeyError, TypeError):
            return  # Slack takes no notice
        self.acks.append(said)
        if self._faults.hold_acks:
            self._changed()
            return
        if envelope in self._sent:
            delivery, sending = self._sent[envelope]
            sending.acked_at = sending.acked_at or time.monotonic()
            if delivery.envelope_id == envelope:
                delivery.acked, delivery.answer = True, said.get("payload")
                if delivery.timer is not None:
                    self._cancel(delivery.timer)
        self._changed()

    # ---- sockets

    def new_address(self, base: str) -> str:
        """Where to connect, once."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return f"ws{base.removeprefix('http')}/link/?ticket={ticket}&app_id={self._app.id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One websocket, from its opening to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse(autoping=False, autoclose=True)
        await connection.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        self._number += 1
        socket = Socket(self._number, connection, request.transport)
        if len(self.open) >= MOST_SOCKETS or not self._app.socket_mode:
            reason = "too_many_websockets" if self._app.socket_mode else "link_disabled"
            with suppress(ConnectionError):
                await connection.send_str(json.dumps(self._farewell(reason)))
            await connection.close()
            return connection
        self.open.append(socket)
        socket.outgoing.put_nowait(json.dumps(self._hello()))
        waiting, self._waiting = self._waiting, deque()
        for delivery in waiting:
            self._send(delivery, "timeout" if delivery.attempts else "")
        self._changed()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._write(socket)), group.create_task(self._ping(socket))]
                await self._read(socket)
                for task in tasks:
                    task.cancel()
        finally:
            self._forget(socket)
            if not connection.closed:
                socket.transport.abort()
        return connection

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {"host": _HOST, "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app.id},
        }

    def _farewell(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": _HOST}}

    async def _read(self, socket: Socket) -> None:
        async for frame in socket.web:
            if frame.type is WSMsgType.TEXT:
                self._acknowledge(frame.data)
            elif frame.type is WSMsgType.PING and not self._faults.silent:
                await socket.web.pong(frame.data)

    async def _write(self, socket: Socket) -> None:
        while (words := await socket.outgoing.get()) is not None:
            if not self._faults.silent:
                with suppress(ConnectionError):
                    await socket.web.send_str(words)
        if self.grace:
            await asyncio.sleep(self.grace)
        await socket.web.close(code=WSCloseCode.GOING_AWAY)

    async def _ping(self, socket: Socket) -> None:
        while True:
            await asyncio.sleep(self.ping_every)
            if not self._faults.silent:
                with suppress(ConnectionError):
                    await socket.web.ping(f"Ping from {_HOST}".encode())

    def _forget(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)
            self._changed()

    # ---- ending them

    def disconnect(self, reason: str, socket: Socket | None = None) -> None:
        """Say `disconnect` on a socket, or on all. warning only announces; the others end it after `grace`."""
        for one in [socket] if socket else list(self.open):
            one.outgoing.put_nowait(json.dumps(self._farewell(reason)))
            if reason != "warning":
                one.leaving = True
                one.outgoing.put_nowait(None)

    def cut(self, socket: Socket | None = None) -> None:
        """Reset a socket, or all, without a word."""
        for one in [socket] if socket else list(self.open):
            one.leaving = True
            one.transport.abort()
            self._forget(one)

    def _cut_in(self, socket: Socket, words: str) -> None:
        """Half of a frame, then the end of the connection."""
        body = words.encode()
        frame = b"\x81\x7f" + len(body).to_bytes(8, "big") + body
        socket.leaving = True
        socket.transport.write(frame[: len(frame) // 2])
        socket.transport.close()
        self._forget(socket)

    def stop(self) -> None:
        """End all; events that were not acknowledged wait for the next start."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting, self._held = deque(self.pending), []
        self._tickets.clear()
        self.cut()

    # ---- time

    def _after(self, seconds: float, do: Callable[[], None]) -> asyncio.TimerHandle:
        def fire() -> None:
            self._timers.discard(handle)
            do()

        handle = asyncio.get_running_loop().call_later(seconds, fire)
        self._timers.add(handle)
        return handle

    def _cancel(self, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        self._timers.discard(timer)
