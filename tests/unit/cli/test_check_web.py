"""``check`` and the public address of links: ours, somebody else's, nobody's."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tchap_bridges.bridge import Level
from tchap_bridges.cli import check_web
from tchap_bridges.config import Settings, load
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import Tickets
from tchap_bridges.store.sealing import derive
from tchap_bridges.web.shares import shares_site

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], Settings]:
    def made(public_url: str) -> Settings:
        text = (VECTORS / "good.yaml").read_text()
        (tmp_path / "config.yaml").write_text(f"{text}web: {{listen: 127.0.0.1:29342, public_url: '{public_url}'}}\n")
        (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
        return load(tmp_path / "config.yaml")

    return made


class Shelf(Tickets):
    async def find(self, token: str) -> None:
        raise AssertionError(token)


@pytest.fixture
async def bridge(settings: Callable[[str], Settings]) -> AsyncIterator[TestServer]:
    """Of the same identity; /other is a proxy that answers anything, /down one that reaches nothing."""
    identity = settings("https://x.test").storage.identity.get_secret_value()
    site = shares_site(Shelf(Secrets(derive(identity, "core"))), language="fr")
    outer = web.Application()
    outer.add_subapp("/ours", site)

    async def other(_request: web.Request) -> web.Response:
        return web.Response(text="It works!")

    async def down(_request: web.Request) -> web.Response:
        return web.Response(status=502)

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/ours/")

    outer.add_routes([web.get("/other/{p:.*}", other), web.get("/down/{p:.*}", down), web.get("/moved/{p:.*}", moved)])
    async with TestServer(outer) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "running", "level", "word"),
    [
        ("ours", True, Level.OK, ""),
        ("ours/", False, Level.OK, ""),
        ("other", True, Level.FAIL, "127.0.0.1:29342"),
        ("nowhere", True, Level.FAIL, "127.0.0.1:29342"),
        ("moved", True, Level.FAIL, "127.0.0.1:29342"),
        ("down", True, Level.FAIL, "mandataire"),
        ("down", False, Level.WARN, "tchap-bridges run"),
    ],
)
async def test_who_answers(
    settings: Callable[[str], Settings], bridge: TestServer, path: str, running: bool, level: Level, word: str
) -> None:
    found = await check_web.web(settings(f"http://127.0.0.1:{bridge.port}/{path}"), running=running)
    assert (found.level, word in found.remedy) == (level, True), found


async def test_another_identity_is_not_us(settings: Callable[[str], Settings]) -> None:
    site = shares_site(Shelf(Secrets(b"another")), language="fr")
    async with TestServer(site) as server:
        found = await check_web.web(settings(f"http://127.0.0.1:{server.port}"), running=True)
    assert found.level is Level.FAIL


async def test_nobody_answers(settings: Callable[[str], Settings], free_port: Callable[[], int]) -> None:
    found = await check_web.web(settings(f"http://127.0.0.1:{free_port()}"), running=True)
    assert found.level is Level.FAIL
    assert "DNS" in found.remedy
