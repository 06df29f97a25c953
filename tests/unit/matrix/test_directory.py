"""An address is an agent's only if the identity server says so, plainly and in time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tchap_bridges.core import policy
from tchap_bridges.matrix.directory import MOST, Directory
from tchap_bridges.testing.ports import free_port

GUESTS = ["*:agent.externe.tchap.gouv.fr"]


def guest(user):
    return policy.is_guest(user, GUESTS)


@asynccontextmanager
async def identity_server(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/_matrix/identity/api/v1/info", handler)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


async def external(body: object, address: str = "zoe@finances.gouv.fr", status: int = 200) -> bool:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.query["medium"] == "email"
        assert request.query["address"] == address.lower()
        if isinstance(body, bytes):
            return web.Response(body=body, status=status)
        return web.json_response(body, status=status)

    async with identity_server(answer) as url:
        return await Directory(url, guest).is_external(address)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"hs": "agent.finances.tchap.gouv.fr"}, 200, False),
        ({"hs": "agent.finances.tchap.gouv.fr", "shadow_hs": ""}, 200, False),
        ({"hs": "agent.externe.tchap.gouv.fr"}, 200, True),
        ({"hs": ""}, 200, True),
        ({"hs": " agent.finances.tchap.gouv.fr"}, 200, True),
        ({"hs": None}, 200, True),
        ({"hs": ["agent.finances.tchap.gouv.fr"]}, 200, True),
        ({}, 200, True),
        ([], 200, True),
        ({"hs": "agent.finances.tchap.gouv.fr"}, 404, True),
        ({"hs": "agent.finances.tchap.gouv.fr"}, 503, True),
        (b"<html>", 200, True),
        (b"\xff\xfe", 200, True),
        (b"[" * 10_000, 200, True),
        (b'{"hs": "agent.finances.tchap.gouv.fr"' + b" " * MOST + b"}", 200, True),
    ],
)
async def test_what_the_identity_server_says(body: object, status: int, expected: bool) -> None:
    assert await external(body, status=status) is expected


async def test_the_address_is_asked_for_as_it_is_known() -> None:
    assert not await external({"hs": "agent.finances.tchap.gouv.fr"}, "Zoe+Liste@Finances.gouv.fr")


@pytest.mark.parametrize("address", ["zoe", "", "zoe@x@y", "zoe@\nfinances.gouv.fr"])
async def test_what_is_no_address_is_not_asked_for(address: str) -> None:
    assert await external({"hs": "agent.finances.tchap.gouv.fr"}, address)


async def test_a_redirection_is_no_answer() -> None:
    async def elsewhere(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(str(request.url))

    async with identity_server(elsewhere) as url:
        assert await Directory(url, guest).is_external("zoe@finances.gouv.fr")


async def test_who_does_not_answer_in_time_says_nothing() -> None:
    async def hangs(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with identity_server(hangs) as url:
        assert await Directory(url, guest, patience=0.1).is_external("zoe@finances.gouv.fr")


async def test_where_nobody_answers_or_is_asked_all_are_external() -> None:
    assert await Directory(f"http://127.0.0.1:{free_port()}", guest).is_external("zoe@finances.gouv.fr")
    assert await Directory(None, guest).is_external("zoe@finances.gouv.fr")
