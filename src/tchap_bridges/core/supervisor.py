"""Keeps every connection alive: opens it, runs it, and comes back with back-off when it falls.

States: connecting, up, retrying, bad credentials, stopped. One connection's trouble is never another's.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import BaseModel

from tchap_bridges.bridge import Bridge, Connection, Host
from tchap_bridges.core import clock
from tchap_bridges.core.words import state_words
from tchap_bridges.errors import BadCredentials, BridgeError, Misconfigured, NotReady
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import ConnectionName
from tchap_bridges.logs import harmless

FIRST, LONGEST = 1.0, 60.0  # seconds between attempts
REFUSED = 3600.0  # seconds before what was refused for its credentials is shown again: to insist locks accounts
STEADY = 60.0  # seconds up after which a fall is a new one

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Watched:
    """One configured connection and how it is."""

    name: ConnectionName
    bridge: Bridge[Any]
    config: BaseModel
    state: str = "connecting"
    reason: str = ""
    since: int = field(default_factory=clock.now)
    live: Connection | None = None
    answered: str | None = None  # what it said of itself when it came up; None while it is not
    refusal: asyncio.TimerHandle | None = None  # until when what we send is not shown to it again


class Supervisor:
    """``opened`` and ``closed`` are told when a connection comes up and goes away."""

    def __init__(
        self,
        watched: Mapping[ConnectionName, Watched],
        *,
        host_of: Callable[[ConnectionName], Host],
        opened: Callable[[str], None],
        closed: Callable[[str], None],
    ) -> None:
        self.watched = watched
        self._host_of = host_of
        self._opened = opened
        self._closed = closed

    def connection(self, name: ConnectionName) -> Connection:
        """The live connection. Raises `NotReady` with its state when it is not up."""
        watched = self.watched.get(name)
        if watched is None:
            raise NotReady(_("la connexion {name} n'est plus configurée", name=name))
        if watched.live is None or watched.state != "up":
            raise NotReady(watched.reason or state_words(watched.state))
        return watched.live

    def state_of(self, name: ConnectionName) -> Phrase:
        watched = self.watched.get(name)
        return state_words(watched.state if watched else "stopped")

    def up(self, name: ConnectionName, note: str = "") -> None:
        """The network answered. Where it has refused what we send, that stands until its time is over."""
        watched = self.watched[name]
        watched.answered = note
        if watched.refusal is None:
            self._note(watched, "up", note)
            self._opened(name)

    def refused(self, name: str, error: BadCredentials) -> None:
        """A send was refused for its credentials: for a while nothing leaves by this connection, then it is tried."""
        watched = self.watched.get(ConnectionName(name))
        if watched is None:
            return
        if watched.refusal is not None:
            watched.refusal.cancel()
        watched.refusal = asyncio.get_running_loop().call_later(REFUSED, self._forgive, watched)
        self._note(watched, "bad credentials", error.reason, error)
        self._closed(name)

    def _forgive(self, watched: Watched) -> None:
        watched.refusal = None
        if watched.answered is not None:
            self.up(watched.name, watched.answered)

    async def run(self, name: ConnectionName) -> None:
        """Until cancelled, or until the credentials are refused."""
        watched = self.watched[name]
        attempt = 0
        error: BridgeError
        while True:
            began = clock.now()
            try:
                await self._session(watched)
                error = NotReady(_("la connexion s'est fermée"))
            except BridgeError as raised:
                error = raised
            except BaseExceptionGroup as group:  # a TaskGroup inside run(): the gravest part decides
                error = gravest(group)
            except Exception as raised:
                log.exception("connection.broken", connection=name)
                error = NotReady(_("erreur interne ({kind})", kind=type(raised).__name__))
            finally:
                watched.live = watched.answered = None
                self._closed(name)
            if isinstance(error, BadCredentials | Misconfigured):
                self._note(
                    watched, "bad credentials" if isinstance(error, BadCredentials) else "stopped", str(error), error
                )
                return
            attempt = 0 if clock.now() - began > STEADY * 1000 else attempt + 1
            wait = min(LONGEST, FIRST * 2 ** min(attempt, 10)) * random.uniform(0.8, 1.2)  # noqa: S311
            if isinstance(error, NotReady) and error.retry_after is not None:
                wait = error.retry_after
            self._note(watched, "retrying", str(error), error)
            await asyncio.sleep(wait)

    async def _session(self, watched: Watched) -> None:
        self._note(watched, "connecting" if watched.state != "retrying" else "retrying", watched.reason)
        async with watched.bridge.open(watched.config, self._host_of(watched.name)) as connection:
            watched.live = connection
            await connection.run()

    @staticmethod
    def _note(watched: Watched, state: str, reason: str, error: BridgeError | None = None) -> None:
        if watched.state != state:
            told = harmless(error) if error is not None else {}
            log.info("connection.state", connection=watched.name, state=state, **told)
            watched.since = clock.now()
        watched.state, watched.reason = state, reason


def gravest(group: BaseExceptionGroup[BaseException]) -> BridgeError:
    """The one part of a group that says what to do. Raises again what is no failure: a cancellation, an exit."""
    _failures, others = group.split(Exception)
    if others is not None:
        raise others
    for kind in (BadCredentials, Misconfigured, NotReady, BridgeError):
        found, _rest = group.split(kind)
        if found is not None:
            return _first(found)
    log.error("connection.broken", exc_info=group)
    return NotReady(_("erreur interne ({kind})", kind=type(group.exceptions[0]).__name__))


def _first(group: BaseExceptionGroup[BridgeError]) -> BridgeError:
    part = group.exceptions[0]
    return _first(part) if isinstance(part, BaseExceptionGroup) else part
