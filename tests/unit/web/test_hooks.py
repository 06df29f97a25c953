"""What a sender is told over HTTP: what is on disk is acknowledged, all else refused in a way that teaches nothing."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse, ClientSession

from tchap_bridges.app import served
from tchap_bridges.core.bots.deliveries import Outcome
from tchap_bridges.errors import NotReady
from tchap_bridges.testing.ports import free_port
from tchap_bridges.web import hooks as sites
from tchap_bridges.web.gate import Gate
from tchap_bridges.web.hooks import FORGERIES, LARGEST, hook_routes
from tchap_bridges.web.shares import shares_site

from .test_shares import Shelf


class Core:
    """Knows one hook, "ok", whose secret is "clé"; ``outcome``: what becomes of what is genuine."""

    def __init__(self) -> None:
        self.outcome: Outcome | Exception = Outcome.TAKEN
        self.taken: list[bytes] = []

    async def accept(self, id_: str, path: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        if id_ != "ok" or (path or headers.get("X-Key")) != "cle":
            return Outcome.FORGED
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is Outcome.TAKEN:
            self.taken.append(body)
        return self.outcome

    def knows(self, id_: str) -> bool:
        return id_ == "ok"

    def wait(self, id_: str) -> int:
        return 7 if id_ == "ok" else 1


@pytest.fixture
def core() -> Core:
    return Core()


class Sender:
    """Whoever posts, to a site that is served as the bridge serves it."""

    def __init__(self, http: ClientSession, port: int) -> None:
        self.http = http
        self.port = port

    async def post(self, path: str = "ok/cle", data: Any = b"{}", **headers: str) -> ClientResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(f"/hook/{path}", data=data, headers=named) as answer:
            await answer.read()
            return answer


@asynccontextmanager
async def serving(core: Core, gate: Gate | None = None) -> AsyncIterator[Sender]:
    port = free_port()
    site = shares_site(Shelf(), language="fr", beside=hook_routes(core, language="fr", gate=gate))
    async with served(site, "127.0.0.1", port), ClientSession(f"http://127.0.0.1:{port}") as http:
        yield Sender(http, port)


@pytest.fixture
async def sender(core: Core) -> AsyncIterator[Sender]:
    async with serving(core) as found:
        yield found


async def test_what_is_kept_is_acknowledged(sender: Sender, core: Core) -> None:
    answers = [await sender.post(data=b"un"), await sender.post("ok", b"deux", X_Key="cle")]
    assert [answer.status for answer in answers] == [202, 202]
    assert core.taken == [b"un", b"deux"]
    assert [(answer.content_type, await answer.text()) for answer in answers] == [("text/plain", "ok")] * 2


async def test_forged_and_unknown_look_alike(sender: Sender) -> None:
    seen = set()
    for path in ("ok", "ok/autre", "inconnu", "inconnu/cle", "ok%2F", "é"):
        answer = await sender.post(path)
        headers = {name: value for name, value in answer.headers.items() if name != "Date"}
        seen.add((answer.status, await answer.text(), json.dumps(headers, sort_keys=True)))
    assert {status for status, *_rest in seen} == {401}
    assert len(seen) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["ok/cle", "ok", "inconnu"])
async def test_only_post(sender: Sender, core: Core, method: str, path: str) -> None:
    answer = await sender.http.request(method, f"/hook/{path}")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert core.taken == []


@pytest.mark.parametrize("path", ["ok/cle", "inconnu"])
async def test_as_large_as_may_be_and_a_byte_more(sender: Sender, core: Core, path: str) -> None:
    assert (await sender.post(path, BytesIO(b"x" * LARGEST))).status == (202 if path == "ok/cle" else 401)
    assert (await sender.post(path, BytesIO(b"x" * (LARGEST + 1)))).status == 413
    assert len(core.taken) == (path == "ok/cle")


async def test_a_length_that_is_told_by_nobody_is_counted(sender: Sender, core: Core) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _n in range(64):
            yield b"x" * (LARGEST // 32)

    assert (await sender.post(data=chunks())).status == 413
    assert core.taken == []


async def test_of_what_is_too_large_no_more_is_read_than_may_be(sender: Sender) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sender.port)
    writer.write(f"POST /hook/ok/cle HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST * 100}\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_sender_that_dawdles_is_given_up(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "LONGEST", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", sender.port)
    writer.write(b"POST /hook/ok/cle HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    assert b" 408 " in await reader.readline()
    writer.close()


async def test_what_is_compressed_is_not_opened(sender: Sender, core: Core) -> None:
    assert (await sender.post(Content_Encoding="gzip")).status == 415
    assert (await sender.post(Content_Encoding="identity")).status == 202
    assert core.taken == [b"{}"]


@pytest.mark.parametrize(
    ("outcome", "status", "later"),
    [
        (Outcome.UNREADABLE, 400, None),
        (Outcome.OFF, 409, None),
        (Outcome.TOO_MANY, 429, "7"),
        (NotReady("la base est partie"), 503, "10"),
        (RuntimeError("clé"), 503, "10"),
    ],
)
async def test_each_refusal_has_its_number(
    sender: Sender, core: Core, outcome: Outcome | Exception, status: int, later: str | None
) -> None:
    core.outcome = outcome
    answer = await sender.post()
    assert (answer.status, answer.headers.get("Retry-After")) == (status, later)
    assert (await answer.text()).endswith(".\n")
    core.outcome = Outcome.TAKEN
    assert (await sender.post()).status == 202


async def test_a_forger_is_no_longer_listened_to_and_others_are(core: Core) -> None:
    now = [0.0]
    gate = Gate(lambda: now[0], a_minute=3)
    async with serving(core, gate) as sender:
        here, there = {"X_Forwarded_For": "192.0.2.1"}, {"X_Forwarded_For": "192.0.2.2"}
        assert [(await sender.post("ok/non", **here)).status for _n in range(5)] == [401] * 3 + [429] * 2
        assert (await sender.post("inconnu", **here)).status == 429
        assert (await sender.post("ok/non", BytesIO(b"x" * (LARGEST + 1)), **here)).status == 429
        assert (await sender.post(**there)).status == 202
        assert (await sender.post(**here)).status == 202, "somebody else's nonsense comes by the same proxy"
        now[0] = 60.0
        assert (await sender.post("ok/non", **here)).status == 401


async def test_the_nearest_proxy_is_believed_whatever_was_sent_before_its_own_header(core: Core) -> None:
    async with serving(core, Gate(lambda: 0.0, a_minute=3)) as sender:
        for n in range(5):
            headers = [("X-Forwarded-For", f"198.51.100.{n}"), ("X-Forwarded-For", "192.0.2.1")]
            answer = await sender.http.post("/hook/inconnu", headers=headers)
            assert answer.status == (401 if n < 3 else 429)


async def test_senders_are_not_counted_as_people_are(sender: Sender) -> None:
    assert {(await sender.post()).status for _n in range(FORGERIES + 10)} == {202}
    assert (await sender.http.get("/f/ok")).status == 200


async def test_nothing_of_a_secret_is_logged(sender: Sender, core: Core, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        for outcome in (Outcome.TAKEN, Outcome.FORGED, NotReady("absente"), RuntimeError("cle")):
            core.outcome = outcome
            await sender.post()
            await sender.post("ok", X_Key="cle")
    kept = [{k: v for k, v in entry.items() if k != "exc_info"} for entry in logs]
    assert "cle" not in str(kept)
    assert not [record for record in caplog.records if "cle" in record.getMessage() and record.name != "asyncio"]
