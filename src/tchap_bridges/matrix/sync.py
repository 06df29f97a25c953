"""The bot's own /sync, as repair: Synapse loses the events of a transaction that waits when it dies.

A sweep asks for all that happened since the last one, from a stored token, and gives it to the inbox, which knows most
of it already. The token is stored once the events are. Sweeps come at the start, every few seconds, and as soon as the
homeserver answers again after it was away.
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import structlog

from tchap_bridges.core.ports import Database
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.ids import UserId
from tchap_bridges.logs import harmless
from tchap_bridges.matrix.arrivals import Arrivals
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, path_of, text_of
from tchap_bridges.matrix.names import is_user_id

Json = Mapping[str, Any]

SWEEP = 15.0  # seconds
_PROBE: Final = (0.25, 5.0)  # seconds between two looks at a homeserver that is away: the first, the longest
_APART: Final = 1.0  # seconds between two sweeps, however often somebody cannot reach it
_AT_ONCE: Final = 0.5  # seconds in which no homeserver can die and be back
_TELL_EVERY: Final = 180.0  # seconds between two lines in the log about one absence
_CATCH_UP: Final = 5.0  # seconds that a transaction waits for its past; then it is kept without
_PAGE: Final = 200
_TIMELINE: Final = 20
log = structlog.get_logger(__name__)

_NOTHING: Final[Json] = {"not_types": ["*"]}


def _filter(timeline: int) -> str:
    quiet = {"state": _NOTHING, "ephemeral": _NOTHING, "account_data": _NOTHING}
    room = {**quiet, "timeline": {"limit": timeline, "lazy_load_members": True}, "include_leave": False}
    return json.dumps({"presence": _NOTHING, "account_data": _NOTHING, "room": room}, separators=(",", ":"))


class Sweeper:
    """``greet`` is awaited whenever the homeserver answers after an absence, before anything else is asked of it.

    ``on_alive`` is called after the first sweep, and after each that ends an absence; ``on_lost`` when one is noticed,
    and at each failure until it ends.
    """

    def __init__(
        self,
        client: MatrixClient,
        db: Database,
        arrivals: Arrivals,
        bot: UserId,
        *,
        appservice: str,
        greet: Callable[[], Awaitable[None]],
        on_alive: Callable[[], object],
        on_lost: Callable[[], object] = lambda: None,
        every: float = SWEEP,
    ) -> None:
        self._client = client
        self._db = db
        self._arrivals = arrivals
        self._bot = bot
        self._appservice = appservice
        self._greet = greet
        self._on_alive = on_alive
        self._on_lost = on_lost
        self._every = every
        self._filters = (_filter(1), _filter(_TIMELINE))
        self._sweeping = asyncio.Lock()
        self._swept = -math.inf  # when the last sweep that came to its end began
        self._told = -math.inf  # when the log last heard that the homeserver is away; never, while it is not

    async def run(self) -> None:
        """Sweep for ever. Raises BadCredentials."""
        away = True
        while True:
            try:
                if away:
                    await self._reach()
                    await self._greet()
                    await self.ping()
                    self._client.lost.clear()
                await self.sweep()
            except NotReady as error:
                away = True
                self._missed(error)
                await asyncio.sleep(error.retry_after or _APART)
                continue
            except BadCredentials:
                raise
            except Exception:  # repair must go on, whatever one sweep met
                log.exception("sync.failed")
                await asyncio.sleep(self._every)
                continue
            if away:
                away = False
                self._found()
            await asyncio.sleep(_APART)
            away = await self._lost(self._every - _APART)
            if away:
                _tell(self._on_lost)

    async def ping(self) -> bool:
        """Have the homeserver reach us, so that it sends at once what waits for us. False when it could not."""
        path = path_of("appservice", self._appservice, "ping", prefix="/_matrix/client/v1")
        try:
            await self._client.call("POST", path, {}, name="ping", user=self._bot)
        except (MatrixRefused, NotReady) as error:  # the sweep brings everything all the same, only later
            log.warning("sync.ping_failed", **harmless(error))
            return False
        return True

    async def catch_up(self, exactly: bool = False) -> None:
        """Return once all that happened before this call is kept; after a while in any case. Raises nothing.

        Unless ``exactly``, a sweep that began a moment before will do.
        """
        since = time.monotonic() - (0.0 if exactly else _AT_ONCE)
        try:
            async with asyncio.timeout(_CATCH_UP):
                while self._swept < since:
                    try:
                        await self.sweep(since=since)
                    except NotReady as error:  # it speaks to us, but is not ready for us yet
                        await asyncio.sleep(error.retry_after or _PROBE[0])
        except Exception as error:  # noqa: BLE001  `run` meets it too, and says what it means
            log.warning("sync.not_caught_up", **harmless(error))

    async def sweep(self, *, since: float = math.inf) -> None:
        """One /sync, and for each room with a gap its missing pages. On disk when it returns, the token too.

        Nothing is asked where a sweep that began at ``since`` or later has ended, when its turn comes.
        """
        async with self._sweeping:
            if self._swept < since:
                await self._sweep()

    async def _sweep(self) -> None:
        began = time.monotonic()
        since = await self._token()
        params = {"timeout": "0", "set_presence": "offline", "filter": self._filters[since is not None]}
        if since is not None:
            params["since"] = since
        found = await self._client.call("GET", path_of("sync"), name="sync", user=self._bot, params=params)
        token, rooms = text_of(found, "next_batch"), _map(found.get("rooms"))
        events = list(_invites(_map(rooms.get("invite")), since or "", self._bot))
        if since is not None:  # the first sync of all starts now: no history
            for room, part in (*_map(rooms.get("join")).items(), *_map(rooms.get("leave")).items()):
                timeline = _map(_map(part).get("timeline"))
                if timeline.get("limited"):
                    await self._fill(room, since, timeline.get("prev_batch"))
                events += self._heard(room, timeline.get("events"))
        await self._arrivals.take(events)
        await self._store(token)
        self._swept = began

    async def _fill(self, room: str, since: str, until: Any) -> None:
        """What happened between two syncs and is not in the second: oldest first, a page at a time."""
        start: Any = since
        while isinstance(start, str) and isinstance(until, str) and until:
            params = {"dir": "f", "from": start, "to": until, "limit": str(_PAGE)}
            path = path_of("rooms", room, "messages")
            try:
                found = await self._client.call("GET", path, name="messages", user=self._bot, params=params)
            except MatrixRefused as error:  # no longer a member
                log.warning("sync.gap_refused", errcode=error.errcode)
                return
            chunk = found.get("chunk")
            await self._arrivals.take(self._heard(room, chunk))
            start = found.get("end") if chunk else None

    def _heard(self, room: str, events: Any) -> list[Json]:
        """The events since the bot is in the room: what was said before it came was not said to it.

        A sync shows a room that was just joined with its last events, whenever those were. One that has not the shape
        of an event would come again with every sweep, and let none come to its end: it is left behind.
        """
        heard: list[Json] = []
        for event in _list(events):
            if not isinstance(event, dict):
                log.warning("sync.no_event", room=room)
                continue
            if event.get("type") == "m.room.member" and event.get("state_key") == self._bot and _joins(event):
                heard.clear()
            heard.append({**event, "room_id": room})
        return heard

    async def _reach(self) -> None:
        """Return once the homeserver answers."""
        pause, longest = _PROBE
        while True:
            self._client.lost.clear()
            try:
                await self._client.call("GET", "/_matrix/client/versions", name="versions")
            except NotReady as error:
                self._missed(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, longest)
            else:
                return

    def _missed(self, error: NotReady) -> None:
        """Say that it is away: at once, and then now and again, for whoever looks only at the end of the log."""
        _tell(self._on_lost)
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            log.warning("sync.not_ready", **harmless(error))

    def _found(self) -> None:
        if self._told > -math.inf:
            self._told = -math.inf
            log.info("sync.found")
        _tell(self._on_alive)

    async def _lost(self, patience: float) -> bool:
        """Wait until the next sweep is due; True at once when somebody could not reach the homeserver."""
        try:
            async with asyncio.timeout(patience):
                await self._client.lost.wait()
        except TimeoutError:
            return False
        return True

    async def _token(self) -> str | None:
        async with self._db.snapshot() as tx:
            value = await tx.value("kv_get", space="matrix", key="since")
        return bytes(value).decode() if value is not None else None

    async def _store(self, token: str) -> None:
        async with self._db.transaction() as tx:
            await tx.run("kv_set", space="matrix", key="since", value=token.encode())


def _tell(listener: Callable[[], object]) -> None:
    """Whoever listens cannot end the sweeps."""
    try:
        listener()
    except Exception:
        log.exception("sync.listener_failed")


def _joins(event: Json) -> bool:
    """It was not a member before."""
    before = _map(_map(event.get("unsigned")).get("prev_content"))
    return _map(event.get("content")).get("membership") == "join" and before.get("membership") != "join"


def _invites(rooms: Json, since: str, bot: UserId) -> Iterator[Json]:
    """The bot's invites, as the events that transactions bring.

    A sync tells them as stripped state, without event ids. All of it but the invite itself was written by the inviting
    server, as it liked; the invite stands last, from our own homeserver, which has checked its sender. So of the bot's
    memberships the last one counts, and of its fields those that an invite needs.

    The key is made of the room, who invited, and the sync in which it was told: a sync that is repeated says the same,
    and a new invite after a refusal another. The same invite may so arrive twice, by its transaction and by a sweep;
    joining is idempotent.
    """
    for room, part in rooms.items():
        stripped = [state for state in _list(_map(_map(part).get("invite_state")).get("events")) if _map(state)]
        ours = [state for state in stripped if state.get("type") == "m.room.member" and state.get("state_key") == bot]
        if not ours:
            continue
        invite = ours[-1]
        sender, content = invite.get("sender"), _map(invite.get("content"))
        if content.get("membership") != "invite" or not is_user_id(sender):
            continue
        told = json.dumps([room, sender, bot, since])
        yield {
            "event_id": f"$invite-{hashlib.sha256(told.encode()).hexdigest()[:40]}",
            "type": "m.room.member",
            "state_key": bot,
            "sender": sender,
            "content": content,
            "origin_server_ts": None,
            "room_id": room,
            "unsigned": {"invite_room_state": [state for state in stripped if state is not invite]},
        }


# Fields that may be anything


def _map(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
