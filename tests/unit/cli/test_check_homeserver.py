"""``check`` against a homeserver that answers what it is told to: each broken registration or token is named."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.config import load
from tchap_bridges.matrix.diagnose import diagnose
from tchap_bridges.testing.ports import free_port

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
SERVER = "agent.essai.test"
BOT = f"@pont:{SERVER}"

Answer = tuple[int, object]
GOOD: dict[str, Answer] = {
    "/_matrix/client/versions": (200, {"versions": ["v1.1", "v1.11"]}),
    "whoami": (200, {"user_id": f"@pont-interne:{SERVER}"}),
    "whoami bot": (200, {"user_id": BOT}),
    "/_matrix/client/v1/appservice/tchap-bridges/ping": (200, {"duration_ms": 3}),
    f"/_synapse/admin/v1/users/{BOT}/admin": (403, {"errcode": "M_FORBIDDEN"}),
    "/_matrix/client/v3/joined_rooms": (200, {"joined_rooms": ["!a:x", "!b:x", "!direct:x"]}),
    "/_matrix/client/v3/rooms/!a:x/state/m.room.power_levels": (200, {"users": {BOT: 0, "@admin:x": 100}}),
    "/_matrix/client/v3/rooms/!a:x/state/m.room.create": (200, {"sender": "@admin:x", "content": {}}),
    "/_matrix/client/v3/rooms/!b:x/state/m.room.power_levels": (200, {"users": {BOT: 50}, "users_default": 50}),
    "/_matrix/client/v3/rooms/!direct:x/state/m.room.power_levels": (200, {"users": {BOT: 100}}),
    "/_matrix/client/v3/rooms/!direct:x/state/m.room.create": (200, {"sender": BOT, "content": {}}),
}
POWERS = "/_matrix/client/v3/rooms/!a:x/state/m.room.power_levels"
PING = "/_matrix/client/v1/appservice/tchap-bridges/ping"
ADMIN = f"/_synapse/admin/v1/users/{BOT}/admin"


@asynccontextmanager
async def homeserver(changed: dict[str, Answer]) -> AsyncIterator[str]:
    """Its URL. Takes the token of the good registration only."""
    answers = {**GOOD, **changed}

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.endswith("/whoami"):
            path = "whoami bot" if request.query.get("user_id") == BOT else "whoami"
        if path != "/_matrix/client/versions" and request.headers.get("Authorization") != "Bearer " + "a" * 32:
            return web.json_response({"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token"}, status=401)
        status, body = answers.get(path, (404, {"errcode": "M_UNRECOGNIZED"}))
        return (
            web.Response(text=body, status=status) if isinstance(body, str) else web.json_response(body, status=status)
        )

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


Look = Callable[..., Awaitable[list[Finding]]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """What is found, OK left out. ``swap`` changes the registration; ``bridge`` is the port where it listens."""

    async def ask(changed: dict[str, Answer], swap: tuple[str, str] = ("", ""), bridge: int = 0) -> list[Finding]:
        port = bridge or free_port()
        async with homeserver(changed) as url:
            config = (VECTORS / "good.yaml").read_text().replace("http://127.0.0.1:8008", url)
            registration = (VECTORS / "good_registration.yaml").read_text()
            (tmp_path / "config.yaml").write_text(config.replace(":29340", f":{port}"))
            (tmp_path / "registration.yaml").write_text(registration.replace(":29340", f":{port}").replace(*swap))
            found = await diagnose(load(tmp_path / "config.yaml"))
        return [finding for finding in found if finding.level is not Level.OK]

    return ask


async def test_all_is_well(look: Look) -> None:
    assert await look({}) == []


FAILED, REFUSED = {"errcode": "M_CONNECTION_FAILED"}, {"errcode": "M_BAD_STATUS", "status": 403}


@pytest.mark.parametrize(
    ("changed", "swap", "level", "detail", "remedy"),
    [
        ({}, ("a" * 32, "c" * 32), Level.FAIL, "ne connaît pas ce jeton", "app_service_config_files"),
        ({"/_matrix/client/versions": (200, "<html>")}, (), Level.FAIL, "pas comme un serveur Matrix", "API cliente"),
        ({"/_matrix/client/versions": (502, {})}, (), Level.FAIL, "pas comme un serveur Matrix", "API cliente"),
        ({"whoami": (200, {"user_id": "@x:autre.test"})}, (), Level.FAIL, "s'appelle autre.test", "server_name"),
        (
            {"whoami bot": (403, {"errcode": "M_FORBIDDEN", "error": "Application service cannot masquerade as this"})},
            (),
            Level.FAIL,
            "ne nous donne pas @pont",
            "fichier actuel",
        ),
        (
            {"whoami bot": (403, {"errcode": "ORG_MATRIX_EXPIRED_ACCOUNT"})},
            (),
            Level.FAIL,
            "ORG_MATRIX_EXPIRED_ACCOUNT",
            "administrateur",
        ),
        ({PING: (502, REFUSED)}, (), Level.FAIL, "hs_token diffèrent", "enregistrement actuel"),
        ({PING: (502, {**REFUSED, "status": 404})}, (), Level.FAIL, "autre programme", "appservice.listen"),
        ({PING: (502, FAILED)}, (), Level.WARN, "n'est pas lancé", "run"),
        ({PING: (400, {"errcode": "M_URL_NOT_SET"})}, (), Level.FAIL, "n'a pas d'url", "fichier actuel"),
        ({PING: (403, {"errcode": "M_FORBIDDEN"})}, (), Level.FAIL, "un autre id", "enregistrement actuel"),
        ({PING: (404, {"errcode": "M_UNRECOGNIZED"})}, (), Level.WARN, "n'a pas pu", "1.7"),
        ({ADMIN: (200, {"admin": True})}, (), Level.WARN, "administrateur du serveur", "retirez"),
        (
            {POWERS: (200, {"users": {BOT: 50}})},
            (),
            Level.WARN,
            "dans 1 salon un niveau que tous n'ont pas : !a:x",
            "0",
        ),
        ({}, ("rate_limited: false", "rate_limited: true"), Level.WARN, "bridera", "rate_limited: false"),
        ({}, ("rate_limited: false\n", ""), Level.WARN, "bridera", "rate_limited: false"),
        ({}, ("io.element.msc4190: true\n", ""), Level.WARN, "deux fois", "msc4190: true"),
        (
            {},
            ("receive_ephemeral: true\nde.sorunome.msc2409.push_ephemeral: true\n", ""),
            Level.WARN,
            "qui écrit",
            "receive_ephemeral: true",
        ),
        ({}, ("url: http://127.0.0.1:", "url: http://127.0.0.1:1 #"), Level.WARN, "le pont écoute sur", "même port"),
    ],
)
async def test_is_named(
    changed: dict[str, Answer], swap: tuple[str, str], level: Level, detail: str, remedy: str, look: Look
) -> None:
    (finding,) = await look(changed, swap or ("", ""))
    assert finding.level is level
    assert detail in finding.detail
    assert remedy in finding.remedy


async def test_a_bot_that_is_not_made_yet_is_no_fault(look: Look) -> None:
    answer = {"errcode": "M_FORBIDDEN", "error": "Application service has not registered this user (@pont)"}
    assert await look({"whoami bot": (403, answer)}) == []


async def test_a_bridge_that_runs_and_is_not_reached(look: Look) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        (finding,) = await look({PING: (502, FAILED)}, bridge=server.sockets[0].getsockname()[1])
    assert finding.level is Level.FAIL
    assert "pare-feu" in finding.remedy


async def test_nobody_answers(tmp_path: Path) -> None:
    for name in ("config", "registration"):
        source = VECTORS / {"config": "good.yaml", "registration": "good_registration.yaml"}[name]
        (tmp_path / f"{name}.yaml").write_text(source.read_text().replace(":8008", f":{free_port()}"))
    (finding,) = await diagnose(load(tmp_path / "config.yaml"))
    assert finding.level is Level.FAIL
    assert "homeserver.url" in finding.remedy
