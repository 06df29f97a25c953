"""The Web API on HTTP: tokens, scopes, limits, faults, and the shape of every answer. docs.slack.dev/apis/web-api."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tchap_bridges.testing.slack import methods_chat, methods_files, methods_places, methods_team
from tchap_bridges.testing.slack.app import App, Token
from tchap_bridges.testing.slack.arguments import Arguments, read
from tchap_bridges.testing.slack.call import Call, Method
from tchap_bridges.testing.slack.faults import CallFault, Faults, Kind, forever
from tchap_bridges.testing.slack.limits import Limits
from tchap_bridges.testing.slack.model import Json, SlackError
from tchap_bridges.testing.slack.sockets import Sockets
from tchap_bridges.testing.slack.workspace import Workspace

METHODS: Mapping[str, Method] = {
    **methods_team.METHODS,
    **methods_chat.METHODS,
    **methods_places.METHODS,
    **methods_files.METHODS,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that came, with what it was answered, for a test to look at. answer: as lost ones would have had it."""

    at: float  # time.monotonic()
    method: str
    arguments: Mapping[str, Any]
    status: int
    answer: Json
    made_up: bool = False  # by a fault


class WebApi:
    """Answers ``/api/<method>``. `asked` keeps every call, in the order of their ends."""

    def __init__(self, workspace: Workspace, app: App, sockets: Sockets, faults: Faults, limits: Limits) -> None:
        self._workspace, self._app, self._sockets = workspace, app, sockets
        self._faults, self._limits = faults, limits
        self.asked: list[Asked] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        method = METHODS.get(name)
        try:
            arguments = await read(request, takes_json=method is None or method.json)
        except SlackError as error:
            return self._answer(name, {}, _failed(error))
        channel = str(arguments.given.get("channel") or arguments.given.get("channel_id") or "")
        struck = self._faults.of(name, channel)
        if "delay" in struck:
            await asyncio.sleep(struck["delay"].seconds)
        if (refused := self._refused(name, arguments, method, channel, struck, request)) is not None:
            return refused
        token: Token | None = None
        try:
            token = self._app.token(arguments.token) if name != "api.test" else None
            answer = {"ok": True, **await self._do(request, name, method, arguments, token)}
        except SlackError as error:
            answer = _failed(error)
        response = self._answer(name, arguments.given, answer, token=token, method=method)
        self._workspace.changed()
        if "hang" in struck:
            await forever()
        if "lose_answer" in struck:
            _reset(request)
        return response

    async def _do(
        self, request: web.Request, name: str, method: Method | None, arguments: Arguments, token: Token | None
    ) -> Json:
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        if token is not None:
            if method.for_app != (token is self._app.app_token) and name != "auth.test":
                raise SlackError("not_allowed_token_type")
            token.must_have(*method.scopes)
        call = Call(
            name,
            arguments,
            self._app,
            token or Token("", []),
            self._workspace,
            self._sockets,
            f"{request.scheme}://{request.host}",
        )
        return await method.handler(call)

    def _refused(
        self,
        name: str,
        arguments: Arguments,
        method: Method | None,
        channel: str,
        struck: Mapping[Kind, CallFault],
        request: web.Request,
    ) -> web.Response | None:
        """The answer to a call that is not looked at, for a limit or a fault."""
        if "reset_before" in struck:
            _reset(request)
            return web.Response(status=500)
        if "status" in struck:
            page = "<html><body><h1>Service Unavailable</h1></body></html>"
            return web.Response(status=struck["status"].status, text=page, content_type="text/html")
        wait = int(struck["ratelimit"].seconds) if "ratelimit" in struck else 0
        wait = wait or self._limits.wait(name, channel, method.tier if method else 0)
        if wait or "ratelimit" in struck:
            answer: Json = {"ok": False, "error": "ratelimited"}
            return self._answer(name, arguments.given, answer, status=429, headers={"Retry-After": str(wait)})
        if "error" in struck:
            fault = struck["error"]
            return self._answer(name, arguments.given, {"ok": False, "error": fault.error, **fault.more}, made_up=True)
        return None

    def _answer(
        self,
        name: str,
        given: Mapping[str, Any],
        answer: Json,
        *,
        status: int = 200,
        token: Token | None = None,
        method: Method | None = None,
        headers: Mapping[str, str] | None = None,
        made_up: bool = False,
    ) -> web.Response:
        more = dict(headers or {})
        if token is not None:
            more["x-oauth-scopes"] = ",".join(token.scopes)
            more["x-accepted-oauth-scopes"] = ",".join(method.scopes) if method else ""
        self.asked.append(Asked(time.monotonic(), name, dict(given), status, answer, made_up))
        self._workspace.changed()
        return web.json_response(answer, status=status, headers=more)


def _failed(error: SlackError) -> Json:
    return {"ok": False, "error": error.error, **error.more}


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
