"""A proxy between the bridge and the homeserver that can be told to answer in its stead."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tchap_bridges.testing.ports import free_port

_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-encoding", "content-length", "host"))


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it reached the proxy."""

    at: float  # time.monotonic() when it came
    method: str
    path: str
    user: str
    status: int  # what was answered; 0 when the connection was cut


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in the homeserver's stead. Status 0 cuts the connection after the homeserver has done the work."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Fault = Callable[[web.Request], Refusal | None]


class Proxy:
    """Set ``fault`` to have some requests refused; ``calls`` tells them all."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._port = free_port()
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self.fault: Fault = lambda _request: None
        self.calls: list[Call] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=128 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._http = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=90))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._http is not None
        await self._runner.cleanup()
        await self._http.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        came, refusal = time.monotonic(), self.fault(request)
        if refusal is not None and refusal.status:
            self._note(came, request, refusal.status)
            text = json.dumps(refusal.body) if refusal.body is not None else "<html>no homeserver here</html>"
            kind = "application/json" if refusal.body is not None else "text/html"
            return web.Response(status=refusal.status, text=text, content_type=kind, headers=dict(refusal.headers))
        try:
            answer = await self._forward(request)
        except (aiohttp.ClientError, TimeoutError):
            self._note(came, request, 502)
            return web.Response(status=502, text="<html>bad gateway</html>", content_type="text/html")
        if refusal is not None:
            self._note(came, request, 0)
            assert request.transport is not None
            request.transport.abort()
        else:
            self._note(came, request, answer.status)
        return answer

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._http is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with self._http.request(
            request.method, self._target + request.path_qs, headers=headers, data=await request.read()
        ) as answer:
            body = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if "Content-Encoding" in answer.headers:
                kept["Content-Encoding"] = answer.headers["Content-Encoding"]
            return web.Response(status=answer.status, body=body, headers=kept)

    def _note(self, came: float, request: web.Request, status: int) -> None:
        user = request.query.get("user_id", "")
        self.calls.append(Call(came, request.method, request.path, user, status))
