"""Requests to a homeserver that answers as it likes: which of our errors each answer becomes."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.matrix.client import MatrixClient, MatrixRefused, SizeDiffers, path_of
from tchap_bridges.testing.ports import free_port


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def homeserver(answer, **options):
    """A client of a server whose every answer is `answer(request)`."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    client = MatrixClient(f"http://127.0.0.1:{port}", "as-token", **options)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def saying(status, body=None, headers=None, text=None):
    async def answer(request):
        if text is not None:
            return web.Response(status=status, text=text, headers=headers)
        return web.json_response(body or {}, status=status, headers=headers)

    return answer


ANSWERS = [
    (500, {"errcode": "M_UNKNOWN", "error": "x"}, NotReady),
    (502, None, NotReady),
    (504, {"errcode": "M_UNKNOWN"}, NotReady),
    (408, {"errcode": "M_UNKNOWN"}, NotReady),
    (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, NotReady),
    (400, {"errcode": "M_LIMIT_EXCEEDED"}, NotReady),
    (404, None, NotReady),  # no errcode: not a homeserver that speaks
    (302, None, NotReady),
    (401, {"errcode": "M_UNKNOWN_TOKEN"}, BadCredentials),
    (401, {"errcode": "M_MISSING_TOKEN"}, BadCredentials),
    (403, {"errcode": "ORG_MATRIX_EXPIRED_ACCOUNT"}, BadCredentials),
    (403, {"errcode": "M_FORBIDDEN", "error": "no"}, MatrixRefused),
    (403, {"errcode": "M_USER_DEACTIVATED"}, MatrixRefused),
    (401, {"errcode": "M_USER_LOCKED"}, MatrixRefused),
    (404, {"errcode": "M_NOT_FOUND"}, MatrixRefused),
    (413, None, MatrixRefused),
    (400, {"errcode": "M_UNKNOWN_DEVICE"}, MatrixRefused),
]


@pytest.mark.parametrize(("status", "body", "error"), ANSWERS)
async def test_errors(status, body, error):
    seen = []
    async with homeserver(saying(status, body), observe=lambda *told: seen.append(told)) as client:
        with pytest.raises(error) as caught:
            await client.call("GET", path_of("x"), name="look", user="@a:x")
        assert [(name, ok) for name, _, ok in seen] == [("look", False)]
        if isinstance(caught.value, MatrixRefused):
            assert (caught.value.status, caught.value.errcode) == (status, (body or {}).get("errcode", "M_TOO_LARGE"))
            assert caught.value.certain


@pytest.mark.parametrize("body", ["", "<html>", "3", "[" * 100_000])
async def test_an_answer_that_is_no_json(body):
    async with homeserver(saying(200, text=body)) as client:
        with pytest.raises(NotReady):
            await client.call("GET", path_of("x"), name="look")


async def test_nobody_there():
    client = MatrixClient(f"http://127.0.0.1:{free_port()}", "as-token")
    with pytest.raises(NotReady, match="injoignable") as caught:
        await client.call("GET", path_of("x"), name="look")
    assert "127.0.0.1" not in str(caught.value)
    assert client.lost.is_set()
    await client.close()


WAITS = [
    ({"retry_after_ms": 1500}, {}, 1.5),
    ({}, {"Retry-After": "2"}, 2),
    ({"retry_after_ms": 1500}, {"Retry-After": "2"}, 2),
    ({}, {}, 1),
    ({"retry_after_ms": "x"}, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1),
    ({"retry_after_ms": -5}, {}, 1),
    ({"retry_after_ms": [3]}, {}, 1),
]


@pytest.mark.parametrize(("body", "headers", "wait"), WAITS, ids=range(len(WAITS)))
async def test_a_user_told_to_wait_calls_no_earlier(body, headers, wait):
    asked = []

    async def answer(request):
        asked.append(request.query.get("user_id"))
        if len(asked) == 1:
            return web.json_response({"errcode": "M_LIMIT_EXCEEDED", **body}, status=429, headers=headers)
        return web.json_response({})

    clock = Clock()
    async with homeserver(answer, clock=clock) as client:
        for late in (0, wait * 0.9):
            clock.now = 100.0 + late
            with pytest.raises(NotReady) as caught:
                await client.call("GET", path_of("x"), name="look", user="@a:x")
            assert caught.value.retry_after == pytest.approx(wait - late)
        await client.call("GET", path_of("x"), name="look", user="@b:x")  # nobody else waits
        clock.now = 100.0 + wait
        await client.call("GET", path_of("x"), name="look", user="@a:x")
    assert asked == ["@a:x", "@b:x", "@a:x"]


async def test_as_whom_and_where():
    seen = []

    async def answer(request):
        seen.append((request.method, request.raw_path, request.headers["Authorization"], await request.text()))
        return web.json_response({})

    async with homeserver(answer) as client:
        path = path_of("rooms", "!a/b:x", "send", "m.room.message", "t?1")
        await client.call("PUT", path, {"body": "é"}, name="send", user="@a:x", device="D")
    (method, raw, authorization, body) = seen[0]
    assert (method, authorization, body) == ("PUT", "Bearer as-token", '{"body": "\\u00e9"}')
    assert raw.startswith("/_matrix/client/v3/rooms/%21a%2Fb%3Ax/send/m.room.message/t%3F1?")
    assert set(raw.partition("?")[2].split("&")) == {"user_id=@a:x", "device_id=D"}


async def test_sixteen_sends_in_flight_and_no_more():
    now = most = 0

    async def answer(request):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return web.json_response({"event_id": "$a"})

    async with homeserver(answer) as client:
        await asyncio.gather(*(client.call("PUT", path_of("x"), {}, name="send", user="@a:x") for _ in range(60)))
    assert most == 16


async def test_nothing_is_logged_of_what_is_sent(caplog):
    caplog.set_level(logging.DEBUG)
    async with homeserver(saying(200, {"a": 1})) as client:
        await client.call("PUT", path_of("x"), {"body": "confidentiel"}, name="send", user="@a:x")
        await client.call("GET", path_of("x"), name="look", user="@a:x")
    assert "confidentiel" not in caplog.text
    assert "as-token" not in caplog.text
    assert "mau.http" not in {record.name for record in caplog.records}


async def test_uploads_are_as_long_as_announced():
    got = []

    async def answer(request):
        got.append(len(await request.read()))
        return web.json_response({})

    async def chunks(count):
        for _ in range(count):
            yield b"x" * 1000

    async with homeserver(answer) as client:
        await client.upload("/x", chunks(100), size=100_000, mime="a/b", user="@a:x", filename="é.txt")
        assert got == [100_000]
        for size in (99_999, 100_001):
            with pytest.raises(SizeDiffers):
                await client.upload("/x", chunks(100), size=size, mime="a/b", user="@a:x")
        assert got == [100_000]


async def test_a_stream_that_fails_says_how():
    async def broken():
        yield b"x"
        raise NotReady("the network is away")

    async with homeserver(saying(200)) as client:
        with pytest.raises(NotReady, match="network is away"):
            await client.upload("/x", broken(), size=10, mime="a/b", user="@a:x")
        with pytest.raises(OSError, match="ours"):
            async with client.download("/x", user="@a:x"):
                raise OSError("ours")  # the reader's own failure is not the homeserver's
        assert not client.lost.is_set()
