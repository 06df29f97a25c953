"""Chromium as Debian ships it, and the page of a bot's settings on a loopback port."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, async_playwright
from tests.every_kind import EveryKind

from tchap_bridges.web.forms import TOKEN, headers, parse, render


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    found = shutil.which("chromium")
    assert found, "no chromium: run scripts/setup-servers"
    async with async_playwright() as tools:
        browser = await tools.chromium.launch(executable_path=found)
        yield browser
        await browser.close()


@dataclass
class Settings:
    """What is set, and where the page that sets it is. ``tokens``: those that came with a form."""

    config: EveryKind
    tokens: list[str]
    url: str = ""


@pytest_asyncio.fixture(loop_scope="module")
async def settings() -> AsyncIterator[Settings]:
    state = Settings(EveryKind(), [])

    async def show(request: web.Request) -> web.Response:
        sent = None
        errors = {}
        if request.method == "POST":
            posted = await request.post()
            sent = {name: [str(value) for value in posted.getall(name)] for name in posted}
            state.tokens += sent[TOKEN]
            found = parse(EveryKind, sent, kept=state.config)
            if isinstance(found, EveryKind):
                state.config = found
                return web.Response(text="enregistré", headers=headers())
            errors = found
        page = render(
            EveryKind,
            state.config,
            errors,
            sent=sent,
            language="en" if request.query.get("l") == "en" else "fr",
            title="Réglages des sondages",
            action=str(request.rel_url),
            token="un-jeton",
        )
        return web.Response(text=page, content_type="text/html", headers=headers(), status=422 if errors else 200)

    application = web.Application()
    application.add_routes([web.get("/", show), web.post("/", show)])
    async with TestServer(application) as server:
        state.url = str(server.make_url("/"))
        yield state
