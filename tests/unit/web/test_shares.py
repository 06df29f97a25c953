"""What a browser is given behind a link: safe headers, whole files, and words for people where there is nothing."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from tchap_bridges.core.shares import Shared, Unknown, Withdrawn
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.web import gate as gates
from tchap_bridges.web.gate import Gate, who_asks
from tchap_bridges.web.shares import shares_site

CHUNK = bytes(range(256)) * 256


class Shelf:
    """One share, its token "ok". ``error``: what finding it raises; ``torn``: what reading it does, after a chunk."""

    def __init__(self) -> None:
        self.name, self.mime = "plan.pdf", "application/pdf"
        self.chunks = 1
        self.error: Exception | None = None
        self.refused: Exception | None = None
        self.torn: Exception | None = None
        self.go_on: asyncio.Event | None = None
        self.opened = self.closed = 0

    async def find(self, token: str) -> Shared:
        if self.error is not None:
            raise self.error
        if token != "ok":
            raise Unknown
        return Shared(self.name, self.mime, self._open)

    def proof(self, question: str) -> str:
        if question != "qui":
            raise Unknown
        return "nous"

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        if self.refused is not None:
            raise self.refused
        self.opened += 1
        try:
            yield self._bytes()
        finally:
            self.closed += 1

    async def _bytes(self) -> AsyncIterator[bytes]:
        for _n in range(self.chunks):
            yield CHUNK
            if self.go_on is not None:
                await self.go_on.wait()
            if self.torn is not None:
                raise self.torn


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def people(shelf: Shelf) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(shares_site(shelf, language="fr"))) as client:
        yield client


def hardened(answer: ClientResponse) -> None:
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "private" in answer.headers["Cache-Control"]
    assert "aiohttp" not in answer.headers["Server"]


async def test_a_file(people: TestClient, shelf: Shelf) -> None:
    answer = await people.get("/f/ok/plan.pdf")
    assert (answer.status, await answer.read()) == (200, CHUNK)
    assert answer.headers["Content-Type"] == "application/pdf"
    hardened(answer)
    for other in ("/f/ok", "/f/ok/un-autre-nom.exe"):
        again = await people.get(other)
        assert "plan.pdf" in again.headers["Content-Disposition"]
    assert shelf.opened == shelf.closed == 3


@pytest.mark.parametrize(
    ("mime", "told", "place"),
    [
        ("image/png", "image/png", "inline"),
        ("IMAGE/JPEG; x=y", "image/jpeg", "inline"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("application/pdf", "application/pdf", "attachment"),
        ("text/plain", "text/plain", "inline"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8", "inline"),
        ("text/html", "text/plain", "inline"),
        ("text/html\r\nX-Evil: 1", "text/plain", "inline"),
        ("application/xhtml+xml", "application/octet-stream", "attachment"),
        ("application/javascript", "application/octet-stream", "attachment"),
        ("", "application/octet-stream", "attachment"),
    ],
)
async def test_types(people: TestClient, shelf: Shelf, mime: str, told: str, place: str) -> None:
    shelf.mime = mime
    answer = await people.get("/f/ok/f")
    assert answer.headers["Content-Type"] == told
    assert answer.headers["Content-Disposition"].startswith(f"{place}; ")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("plan.pdf", "attachment; filename=\"plan.pdf\"; filename*=UTF-8''plan.pdf"),
        ("l'été.pdf", "attachment; filename=\"l__t_.pdf\"; filename*=UTF-8''l%27%C3%A9t%C3%A9.pdf"),
        ('a"; b="\r\nX: y', "attachment; filename=\"a__ b____X_ y\"; filename*=UTF-8''a%22%3B%20b%3D%22__X%3A%20y"),
        ("../x", "attachment; filename=\".._x\"; filename*=UTF-8''.._x"),
        ("", "attachment; filename=\"fichier\"; filename*=UTF-8''fichier"),
        ("\ud800", "attachment; filename=\"_\"; filename*=UTF-8''_"),
        ("\u202efdp.exe", "attachment; filename=\"_fdp.exe\"; filename*=UTF-8''_fdp.exe"),
    ],
)
async def test_names(people: TestClient, shelf: Shelf, name: str, told: str) -> None:
    shelf.name = name
    answer = await people.get("/f/ok/f")
    assert answer.headers["Content-Disposition"] == told


async def test_head_says_the_same_and_opens_nothing(people: TestClient, shelf: Shelf) -> None:
    answer = await people.head("/f/ok/plan.pdf")
    whole = await people.get("/f/ok/plan.pdf")
    assert (answer.status, await answer.read()) == (200, b"")
    assert "Content-Length" not in answer.headers
    for name in ("Content-Type", "Content-Disposition", "Content-Security-Policy"):
        assert answer.headers[name] == whole.headers[name]
    assert shelf.opened == 1


async def test_an_empty_file(people: TestClient, shelf: Shelf) -> None:
    shelf.chunks = 0
    answer = await people.get("/f/ok/vide.txt")
    assert (answer.status, await answer.read()) == (200, b"")


async def test_a_large_file_is_never_held_whole(people: TestClient, shelf: Shelf) -> None:
    shelf.chunks = 480  # 30 MB
    tracemalloc.start()
    try:
        answer = await people.get("/f/ok/grand.bin")
        size = 0
        async for chunk in answer.content.iter_chunked(1 << 16):
            size += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 480 * len(CHUNK)
    assert peak < 4_000_000


@pytest.mark.parametrize("torn", [NotReady("le serveur est parti"), ZeroDivisionError()], ids=["network", "bug"])
async def test_a_file_that_breaks_off_is_no_whole_file(people: TestClient, shelf: Shelf, torn: Exception) -> None:
    shelf.chunks, shelf.torn = 2, torn
    answer = await people.get("/f/ok/plan.pdf")
    with pytest.raises(ClientPayloadError):
        await answer.read()
    assert shelf.opened == shelf.closed


async def test_who_leaves_early_leaves_nothing_open(people: TestClient, shelf: Shelf) -> None:
    shelf.chunks = 100_000
    answer = await people.get("/f/ok/grand.bin")
    await answer.content.read(1000)
    answer.close()
    async with asyncio.timeout(5):
        while shelf.closed == 0:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("limit", ["STALLED", "LONGEST"])
async def test_who_takes_nothing_is_given_up(
    people: TestClient, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"tchap_bridges.web.shares.{limit}", 0.1)
    shelf.chunks = 100_000
    answer = await people.get("/f/ok/grand.bin")
    async with asyncio.timeout(5):
        while shelf.closed == 0:
            await asyncio.sleep(0.01)
    answer.close()


@pytest.mark.parametrize("path", ["/", "/f", "/f/", "/f/ok/a/b", "/f/non/plan.pdf", "/check/", "/check/non", "/admin"])
async def test_all_that_is_wrong_is_told_in_the_same_words(people: TestClient, path: str) -> None:
    answer = await people.get(path)
    assert answer.status == 404
    assert await answer.text() == await (await people.get("/nulle-part")).text()
    hardened(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
async def test_it_can_only_be_read(people: TestClient, method: str) -> None:
    assert (await people.request(method, "/f/ok/plan.pdf")).status == 404


async def test_what_has_ended(people: TestClient, shelf: Shelf) -> None:
    shelf.error = Withdrawn()
    withdrawn = await people.get("/f/ok/plan.pdf")
    shelf.error, shelf.refused = None, Undeliverable("il n'est plus sur le serveur")
    lost = await people.get("/f/ok/plan.pdf")
    assert (withdrawn.status, lost.status) == (410, 410)
    assert await withdrawn.text() == await lost.text()
    hardened(withdrawn)


async def test_what_may_be_had_later(people: TestClient, shelf: Shelf) -> None:
    for where in ("error", "refused"):
        shelf.error = shelf.refused = None
        for error in (NotReady("pas encore"), ZeroDivisionError("pas encore")):
            setattr(shelf, where, error)
            answer = await people.get("/f/ok/plan.pdf")
            assert answer.status == 503
            assert "Retry-After" in answer.headers
            assert "pas encore" not in await answer.text()
            hardened(answer)


@pytest.mark.parametrize(
    ("accepted", "words"),
    [("en-GB,en;q=0.9,fr;q=0.1", "leads nowhere"), ("fr-FR,fr;q=0.9,en;q=0.8", "ne mène"), ("de", "ne mène")],
)
async def test_the_language_of_the_browser(people: TestClient, accepted: str, words: str) -> None:
    assert words in await (await people.get("/", headers={"Accept-Language": accepted})).text()


async def test_the_bridge_proves_itself(people: TestClient) -> None:
    answer = await people.get("/check/qui")
    assert (answer.status, await answer.text()) == (200, "nous")


# Not too much


async def test_an_address_has_so_many_requests_a_minute(shelf: Shelf) -> None:
    now = 0.0
    site = shares_site(shelf, language="fr", gate=Gate(lambda: now))
    async with TestClient(TestServer(site)) as people:

        async def ask(address: str) -> int:
            return (await people.get("/f/non", headers={"X-Forwarded-For": f"198.51.100.9, {address}"})).status

        assert [await ask("203.0.113.1") for _n in range(gates.A_MINUTE)] == [404] * gates.A_MINUTE
        assert await ask("203.0.113.1") == 429
        assert await ask("203.0.113.2") == 404
        now = 60.0
        assert await ask("203.0.113.1") == 404


async def test_an_address_has_so_many_downloads_at_once(people: TestClient, shelf: Shelf) -> None:
    shelf.go_on = asyncio.Event()
    slow = [await people.get("/f/ok/plan.pdf") for _n in range(gates.AT_ONCE)]
    refused = await people.get("/f/ok/plan.pdf")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    shelf.go_on.set()
    assert [await answer.read() for answer in slow] == [CHUNK] * gates.AT_ONCE
    assert (await people.get("/f/ok/plan.pdf")).status == 200


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "KNOWN", 10)
    gate = Gate(lambda: 0.0)
    admitted = [gate.admits(str(n)) for n in range(200)]
    assert admitted.count(True) == 10 + gates.A_MINUTE
    assert gate.admits("1"), "who was known already is counted alone"


@pytest.mark.parametrize(
    ("remote", "forwarded", "counted"),
    [
        ("127.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        ("8.8.8.8", "203.0.113.1", "8.8.8.8"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "n'importe quoi", "127.0.0.1"),
        ("::1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:8.8.8.8", "203.0.113.1", "8.8.8.8"),
        (None, "203.0.113.1", "None"),
    ],
)
def test_who_asks(remote: str | None, forwarded: str, counted: str) -> None:
    assert who_asks(remote, {"X-Forwarded-For": forwarded}) == counted
