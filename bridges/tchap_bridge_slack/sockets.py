"""Socket Mode: the websocket by which Slack tells what happens, and the next one before it ends.

slack_sdk's own client runs each envelope as a task of its own, closes the old socket before it opens the next, and
keeps its errors to itself; here envelopes are handed on in their order, a socket that is to be replaced is read to its
end beside its successor, one that breaks after a while is replaced at once, and anything else that goes wrong ends the
session. Nothing is acknowledged here but on request.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.crew import Crew
from tchap_bridge_slack.refusals import refusal
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import NotReady
from tchap_bridges.fields import loopback
from tchap_bridges.i18n import _

PING_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 10.0
"""For so long a socket must have served to be replaced when it breaks: what breaks sooner may break for ever."""
_CONNECT_SECONDS: Final = 20.0
_BIGGEST: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event and the socket that it came by."""

    event: Mapping[str, Any]
    id: str
    socket: aiohttp.ClientWebSocketResponse

    async def acknowledge(self) -> None:
        """Say that it is safe. On a socket that is gone by now: Slack tells it again, and it is known then."""
        with suppress(ConnectionError, aiohttp.ClientError, RuntimeError):
            await self.socket.send_str(json.dumps(SocketModeResponse(envelope_id=self.id).to_dict()))


class SocketMode:
    """``hello`` is called for each new socket before anything that comes by it, ``put`` for each envelope, in order.

    ``hello`` is told whether nobody may have listened for a while: not when one socket takes over from another.
    """

    def __init__(
        self,
        api: Api,
        log: Logger,
        tasks: Crew,
        *,
        hello: Callable[[bool], Awaitable[None]],
        put: Callable[[Envelope], Awaitable[None]],
    ) -> None:
        self._api = api
        self._log = log
        self._tasks = tasks
        self._hello = hello
        self._put = put

    def open(self, *, away: bool = True) -> None:
        """A socket, and a next one whenever Slack asks for it, in tasks of the crew.

        They raise `NotReady` when none is left or opens, `BadCredentials` when none may be opened.
        """
        self._tasks.start(self._serve(away))

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        address = await self._api.socket_address()
        parts = urlsplit(address)
        if parts.scheme != "wss" and not loopback(parts.hostname or ""):
            raise NotReady(_("Slack a donné une adresse de socket qui n'est pas chiffrée"))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await self._api.http.ws_connect(
                    address, heartbeat=PING_SECONDS, max_msg_size=_BIGGEST, proxy=self._api.client.proxy
                )
        except (aiohttp.ClientError, OSError) as error:
            raise NotReady(_("le socket Slack ne s'ouvre pas")) from error

    async def _serve(self, away: bool) -> None:
        socket, replaced = await self._connect(), False
        began = time.monotonic()
        try:
            async for frame in socket:
                if frame.type is not aiohttp.WSMsgType.TEXT or (said := _object(frame.data)) is None:
                    continue
                if said.get("type") == "disconnect":
                    again = self._may_go_on(str(said.get("reason", "")))
                    if again and not replaced:
                        replaced = True
                        self.open(away=False)
                elif said.get("type") == "hello":
                    await self._hello(away)
                else:
                    await self._envelope(socket, said)
        finally:
            with suppress(aiohttp.ClientError, OSError):
                await socket.close()
        if replaced:
            return
        if time.monotonic() - began < STEADY_SECONDS:
            raise NotReady(_("le socket Slack s'est fermé"))
        self._log.info("slack.socket_broke")
        self.open()

    def _may_go_on(self, reason: str) -> bool:
        """Whether another socket may be opened. Raises `BadCredentials` and `NotReady` where not, or not now."""
        self._log.info("slack.disconnect", reason=reason if reason.replace("_", "").isalpha() else "?")
        if reason == "link_disabled":
            raise refusal(reason, {}, app=True)
        if reason == "too_many_websockets":
            raise NotReady(
                _("dix sockets Slack sont déjà ouverts : un autre pont emploie l'application"), retry_after=30
            )
        return True

    async def _envelope(self, socket: aiohttp.ClientWebSocketResponse, said: dict[str, Any]) -> None:
        request = SocketModeRequest.from_dict(said)
        if request is None or not request.envelope_id:
            return
        event = values.mapping(values.mapping(said.get("payload")).get("event"))
        envelope = Envelope(event, request.envelope_id, socket)
        if request.type == "events_api" and envelope.event:
            await self._put(envelope)
        else:
            await envelope.acknowledge()  # commands and buttons, which the app does not have


def _object(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
