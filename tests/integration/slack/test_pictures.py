"""Where files and pictures are fetched: any app may write an address beside its messages, and redirects lead on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tchap_bridge_slack import SlackConfig
from tchap_bridge_slack.api import opened
from tchap_bridge_slack.downloads import Downloads
from tchap_bridge_slack.people import AVATAR
from tchap_bridges.errors import Undeliverable
from tchap_bridges.ids import FileRef

PICTURE = b"\x89PNG\r\n\x1a\n"


class Inside:
    """Something of the operator's own network; nobody outside may make the bridge call there."""

    def __init__(self) -> None:
        self.calls = 0
        self.port = 0

    async def called(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 8\r\n\r\n" + PICTURE)
        writer.close()


@pytest_asyncio.fixture
async def inside() -> AsyncIterator[Inside]:
    found = Inside()
    async with await asyncio.start_server(found.called, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@asynccontextmanager
async def downloads(inside: Inside) -> AsyncIterator[tuple[Downloads, str]]:
    """Slack's own address gives a picture, redirects to it, and redirects to where it must not."""

    async def picture(_request: web.Request) -> web.Response:
        return web.Response(body=PICTURE, content_type="image/png")

    async def within(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/picture")

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{inside.port}/")

    async def nowhere(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "https://[exemple"})

    async def info(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "file": {"id": "F1", "url_private": "https://files.slack.com:port/x"}})

    app = web.Application()
    app.add_routes([web.get(f"/{one.__name__}", one) for one in (picture, within, away, nowhere)])
    app.add_routes([web.route("*", "/files.info", info)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = SlackConfig.model_validate({"api": base, "bot_token": "xoxb-1", "app_token": "xapp-1"})
    try:
        async with opened(config) as api:
            yield Downloads(api, 1_000_000), base
    finally:
        await runner.cleanup()


async def read(files: Downloads, ref: str) -> bytes:
    async with files.open(FileRef(ref)) as chunks:
        return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("way", ["picture", "within"])
async def test_a_picture_of_slack_is_had(inside: Inside, way: str) -> None:
    async with downloads(inside) as (files, base):
        assert await read(files, f"{AVATAR}{base}/{way}") == PICTURE


@pytest.mark.parametrize("way", ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://localhost:{port}/"])
async def test_a_picture_is_not_fetched_from_inside(inside: Inside, way: str) -> None:
    async with downloads(inside) as (files, _base):
        with pytest.raises(Undeliverable):
            await read(files, AVATAR + way.format(port=inside.port))
    assert inside.calls == 0


@pytest.mark.parametrize("way", ["away", "nowhere"])
async def test_a_redirect_does_not_lead_there(inside: Inside, way: str) -> None:
    async with downloads(inside) as (files, base):
        with pytest.raises(Undeliverable):
            await read(files, f"{AVATAR}{base}/{way}")
    assert inside.calls == 0


@pytest.mark.parametrize(
    "ref", ["file F1", "avatar https://[x", "avatar https://slack.com.exemple.fr/a.png", "avatar "]
)
async def test_an_address_that_is_none(inside: Inside, ref: str) -> None:
    async with downloads(inside) as (files, _base):
        with pytest.raises(Undeliverable):
            await read(files, ref)


@pytest.mark.parametrize(
    "address",
    [
        "https://avatars.slack-edge.com/2026-01-01/1_192.png",
        "https://ca.slack-edge.com/T1-U1-g1-192",
        "https://secure.gravatar.com/avatar/1.jpg?s=192&d=https%3A%2F%2Fa.slack-edge.com%2F1.png",
        "https://i0.wp.com/a.slack-edge.com/1.png",
    ],
)
async def test_where_slack_keeps_pictures(inside: Inside, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(_http: Any, url: str, **_more: Any) -> Any:
        asked.append(url)
        raise OSError

    async with downloads(inside) as (files, _base):
        monkeypatch.setattr("aiohttp.ClientSession.get", get)
        with pytest.raises(Exception, match="fichier"):
            await read(files, AVATAR + address)
    assert asked == [address]
