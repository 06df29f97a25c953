"""Where the homeserver brings events: kept in one commit, then acknowledged, and worked on by others later.

The application service API, https://spec.matrix.org/v1.17/application-service-api/. A transaction's own id is not
looked at: an old one can come after a newer one, and one can come twice at once. The inbox
knows each event by its id.

A homeserver that dies loses what it had not told us yet, and goes on with what comes after. Its first transaction on a
connection is kept only once a sync has brought what came before: so the order holds.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakSet

import structlog
from aiohttp import web

from tchap_bridges.logs import harmless
from tchap_bridges.matrix.arrivals import Arrivals

LARGEST = 32 << 20  # bytes: a hundred events of 64 kB with their previous contents, and as many to-device messages
_PREFIX = "/_matrix/app/v1"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


class Endpoint:
    """The routes. ``knows`` says of a user id of the namespace whether it is the bot's or a ghost's.

    ``catch_up`` returns once all that the homeserver has is kept, or when that takes too long; it raises nothing.
    Called with True, it asks anew: an older transaction may still be on its way.
    """

    def __init__(
        self,
        hs_token: str,
        arrivals: Arrivals,
        knows: Callable[[str], Awaitable[bool]],
        *,
        catch_up: Callable[[bool], Awaitable[None]] | None = None,
    ) -> None:
        self._token = _digest(hs_token)
        self._arrivals = arrivals
        self._knows = knows
        self._catch_up = catch_up
        self._current: WeakSet[asyncio.BaseTransport] = WeakSet()  # connections that nothing was lost on
        self._last: int | None = None  # the highest number of a transaction that was kept

    def app(self) -> web.Application:
        """An application of these routes alone."""
        app = web.Application(client_max_size=LARGEST)
        app.add_routes(self.routes())
        return app

    def routes(self) -> list[web.RouteDef]:
        """The routes, the ones of before version 1 too, for an application that accepts bodies of `LARGEST` bytes."""
        routes = [web.post(f"{_PREFIX}/ping", self._guarded(self._ping))]
        for prefix in (_PREFIX, ""):
            routes += [
                web.put(f"{prefix}/transactions/{{txn}}", self._guarded(self._transaction)),
                web.get(f"{prefix}/users/{{user}}", self._guarded(self._user)),
                web.get(f"{prefix}/rooms/{{alias}}", self._guarded(self._alias)),
            ]
        return routes

    def _guarded(self, answer: Answer) -> Answer:
        """The answer for the homeserver only; anybody else learns nothing, not even by the time it takes."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            given = _token(request)
            if not given:
                return _error(401, "M_UNAUTHORIZED", "no token")
            if not hmac.compare_digest(_digest(given), self._token):
                log.warning("endpoint.wrong_token", peer=request.remote)
                return _error(403, "M_FORBIDDEN", "wrong token")
            return await answer(request)

        return guarded

    async def _transaction(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "M_TOO_LARGE", "too large")
        except (ValueError, RecursionError):
            return _error(400, "M_NOT_JSON", "the body is no JSON")
        if not isinstance(body, dict) or not isinstance(body.get("events"), list):
            return _error(400, "M_BAD_JSON", "no list of events")
        number = _number(request.match_info["txn"])
        skipped = number is not None and (self._last is None or number > self._last + 1)
        if self._catch_up is not None and (skipped or request.transport not in self._current):
            await self._catch_up(skipped)
            if request.transport is not None:
                self._current.add(request.transport)
        try:
            await self._arrivals.take(body["events"])
        except Exception as error:  # noqa: BLE001  whatever it was, they are not on disk: never a 2xx
            self._current.clear()  # they come again, perhaps after newer ones
            log.warning("endpoint.not_kept", events=len(body["events"]), **harmless(error))
            return _error(503, "M_UNKNOWN", "not kept, try again")
        if number is not None:
            self._last = max(number, self._last or 0)
        self._arrivals.pass_on(_ephemeral(body))
        return web.json_response({})

    async def _ping(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({})

    async def _user(self, request: web.Request) -> web.Response:
        if await self._knows(request.match_info["user"]):
            return web.json_response({})
        return _error(404, "M_NOT_FOUND", "no such user")

    async def _alias(self, request: web.Request) -> web.Response:
        del request
        return _error(404, "M_NOT_FOUND", "no such room")


def _number(txn: str) -> int | None:
    """Synapse counts its transactions; what one that it skips would have told is told by a sweep, in its order."""
    return int(txn) if txn.isascii() and txn.isdecimal() and len(txn) < 19 else None


def _ephemeral(body: Mapping[str, Any]) -> list[Any]:
    """The stable name, and the one of MSC2409."""
    for name in ("ephemeral", "de.sorunome.msc2409.ephemeral"):
        if isinstance(found := body.get(name), list):
            return found
    return []


def _token(request: web.Request) -> str:
    """From the header, or as it was given before version 1.4 of the specification."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.query.get("access_token", "")


def _digest(token: str) -> bytes:
    """Of one length, so that comparing tells nothing of the token's own."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _error(status: int, errcode: str, words: str) -> web.Response:
    return web.json_response({"errcode": errcode, "error": words}, status=status)
