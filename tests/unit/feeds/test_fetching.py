"""One fetch: what is asked, what is followed, what is refused."""

import asyncio
import gzip
import socket
import threading
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tchap_bot_feeds import fetching
from tchap_bot_feeds.fetching import LARGEST, Failed, Fetched, Gone, Got, Same, checked, fetch
from tchap_bot_feeds.model import Version
from tchap_bridges.errors import Misconfigured
from tchap_bridges.public import AddressInfo, public_socket

from .site import Answer, Site, rss


def anywhere(info: AddressInfo) -> socket.socket:
    return socket.socket(*info[:3])


async def got(url: str, version: Version | None = None) -> Fetched:
    return await fetch(url, version or Version(), sockets=anywhere)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with Site() as found:
        yield found


async def test_the_same_is_not_sent_twice(site: Site) -> None:
    site.pages["/f"] = rss()
    site.headers = {"ETag": '"1"', "Last-Modified": "Mon, 23 Nov 2026 09:00:00 GMT"}
    first = await got(f"{site.url}/f")
    assert isinstance(first, Got)
    assert (first.body, first.content_type) == (rss(), "application/rss+xml")
    site.pages["/f"] = 304
    assert await got(f"{site.url}/f", first.version) == Same(moved=f"{site.url}/f")
    asked = site.asked[-1][1]
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"1"', "Mon, 23 Nov 2026 09:00:00 GMT")
    assert "If-None-Match" not in site.asked[0][1]


async def test_a_server_without_either_is_seen_to_send_the_same(site: Site) -> None:
    site.pages["/f"] = rss()
    first = await got(f"{site.url}/f")
    assert isinstance(first, Got)
    assert isinstance(await got(f"{site.url}/f", first.version), Same)
    site.pages["/f"] = rss(title="Autre")
    assert isinstance(await got(f"{site.url}/f", first.version), Got)


async def test_what_one_address_gave_is_not_told_to_another(site: Site) -> None:
    site.headers = {"ETag": '"secret"'}
    site.pages["/f"] = rss()
    first = await got(f"{site.url}/f")
    assert isinstance(first, Got)
    site.moves("/f", f"{site.url}/g", 302)
    site.pages["/g"] = rss()
    assert isinstance(await got(f"{site.url}/f", first.version), Got)
    assert "If-None-Match" not in site.asked[-1][1]


@pytest.mark.parametrize(
    ("steps", "moved"),
    [([301], 1), ([308, 301], 2), ([302], 0), ([307, 301], 0), ([301, 302, 301], 1), ([303], 0)],
)
async def test_what_moved_for_good_is_remembered(site: Site, steps: list[int], moved: int) -> None:
    """Only as far as all steps before were for good."""
    for n, status in enumerate(steps):
        site.moves(f"/{n}", f"/{n + 1}", status)
    site.pages[f"/{len(steps)}"] = rss()
    found = await got(f"{site.url}/0")
    assert isinstance(found, Got)
    assert found.moved == f"{site.url}/{moved}"
    assert found.url == f"{site.url}/{len(steps)}"


@pytest.mark.parametrize(
    "to", ["", "ftp://exemple.fr/", "file:///etc/passwd", "http://user:word@exemple.fr/", "http://"]
)
async def test_where_no_redirect_leads(site: Site, to: str) -> None:
    site.moves("/f", to)
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert len(site.asked) < 10


async def test_redirects_without_end(site: Site) -> None:
    site.moves("/a", "/b")
    site.moves("/b", "/a")
    found = await got(f"{site.url}/a")
    assert isinstance(found, Failed)
    assert "sans fin" in found.why
    assert len(site.asked) == fetching.MOST_REDIRECTS + 1


async def test_nothing_inside_is_asked(site: Site) -> None:
    """Neither by its address, nor by a name, nor where a redirect leads: the socket is not made."""
    site.pages["/f"] = rss()
    port = site.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"):
        found = await fetch(f"http://{host}:{port}/f", Version())
        assert isinstance(found, Failed)
        assert found.why == "cette adresse n'est pas sur l'internet public", host
    assert site.asked == []


async def test_a_redirect_to_the_inside_is_not_followed(site: Site) -> None:
    inside: list[AddressInfo] = []

    def first_only(info: AddressInfo) -> socket.socket:
        if inside:
            return public_socket(info)
        inside.append(info)
        return anywhere(info)

    site.pages["/secret"] = rss()
    site.moves("/f", f"{site.url}/secret")
    found = await fetch(f"{site.url}/f", Version(), sockets=first_only)
    assert isinstance(found, Failed)
    assert "internet public" in found.why
    assert [path for path, _headers in site.asked] == ["/f"], "each request has a connection of its own"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503, 204, 206])
async def test_other_answers(site: Site, status: int) -> None:
    site.pages["/f"] = status
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert str(status) in found.why


async def test_gone(site: Site) -> None:
    site.pages["/f"] = 410
    assert await got(f"{site.url}/f") == Gone()


@pytest.mark.parametrize(
    ("status", "said", "least", "most"),
    [
        (429, "120", 120, 120),
        (503, "3600", 3600, 3600),
        (429, "IN TWO HOURS", 7000, 7201),
        (429, "Mon, 23 Nov 2020 09:00:00 GMT", 0, 0),
        (429, "plus tard", None, None),
        (429, "-5", None, None),
        (429, "9" * 400, None, None),
        (500, "120", None, None),
    ],
)
async def test_how_long_to_wait(site: Site, status: int, said: str, least: int | None, most: int | None) -> None:
    site.pages["/f"] = status
    then = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    site.headers = {"Retry-After": then if said == "IN TWO HOURS" else said}
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    if least is None or most is None:
        assert found.wait is None
    else:
        assert found.wait is not None
        assert least <= found.wait.total_seconds() <= most


def packed(body: bytes, coding: str = "gzip", status: int = 200) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Encoding": coding})

    return answer


async def test_packed(site: Site) -> None:
    site.pages["/f"] = packed(gzip.compress(rss()))
    found = await got(f"{site.url}/f")
    assert isinstance(found, Got)
    assert found.body == rss()


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(rss())[:-4], "gzip"),
        (b"not packed", "gzip"),
        (zlib.compress(rss()), "deflate"),
        (rss(), "br"),
        (b"", "gzip"),
    ],
    ids=["cut", "no gzip", "deflate, which nobody asked for", "br", "nothing"],
)
async def test_packed_otherwise(site: Site, body: bytes, coding: str) -> None:
    site.pages["/f"] = packed(body, coding)
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert "de travers" in found.why


async def test_a_bomb(site: Site) -> None:
    """Two hundred megabytes in little: no more than the bound is ever unpacked."""
    bomb = zlib.compressobj(wbits=31)
    body = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(200)) + bomb.flush()
    site.pages["/f"] = packed(body)
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert "trop grand" in found.why


async def test_as_large_as_it_may_be(site: Site) -> None:
    site.pages["/f"] = b"x" * LARGEST
    assert isinstance(await got(f"{site.url}/f"), Got)
    site.pages["/f"] = b"x" * (LARGEST + 1)
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert "trop grand" in found.why


async def test_one_that_drips(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)

    async def drips(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x")
            await asyncio.sleep(0.05)

    site.pages["/f"] = drips
    found = await got(f"{site.url}/f")
    assert isinstance(found, Failed)
    assert "à temps" in found.why


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = await got(f"http://127.0.0.1:{port}/")
    assert isinstance(found, Failed)
    assert "joint" in found.why
    unknown = await got("http://n-existe-pas.invalid/")
    assert isinstance(unknown, Failed)
    assert "joint" in unknown.why


async def test_what_is_no_http() -> None:
    async def says(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.exemple.fr ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(says, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await got(f"http://127.0.0.1:{port}/")
    assert isinstance(found, Failed)
    assert "de travers" in found.why


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://exemple.fr", "https://exemple.fr"),
        ("https://exemple.fr/a#haut", "https://exemple.fr/a"),
        ("https://été.exemple.fr/é?q=ç", "https://xn--t-9fab.exemple.fr/%C3%A9?q=%C3%A7"),
        ("HTTP://EXEMPLE.FR:8080/a", "http://exemple.fr:8080/a"),
    ],
)
def test_addresses(url: str, asked: str) -> None:
    assert checked(url) == asked


@pytest.mark.parametrize(
    "url",
    ["", "exemple.fr", "ftp://exemple.fr/", "https://", "https://a:b@exemple.fr/", "https://exemple.fr:99999/",
     "https://[x/", "https://" + "a" * 3000, "javascript:alert(1)", "https://exemple.fr:0/"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(Misconfigured):
        checked(url)


async def test_headers_of_no_known_letters_are_left_aside() -> None:
    """aiohttp gives bytes that are no UTF-8 as halves of surrogates, which nothing can keep."""

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b'HTTP/1.1 200 OK\r\nETag: "\xff"\r\nLast-Modified: \xe9t\xe9\r\nContent-Type: text/xml;\xff\r\n'
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(rss()) + rss())
        writer.close()

    async with await asyncio.start_server(says, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await got(f"http://127.0.0.1:{port}/")
    assert isinstance(found, Got)
    assert (found.version.etag, found.version.modified, found.content_type) == ("", "", "")


async def test_names_that_nobody_answers_for_keep_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's lookup cannot be broken off: it must not take the threads that all of us share."""
    real, answered = socket.getaddrinfo, threading.Event()

    def hangs(host: str, *arguments: Any, **more: Any) -> Any:
        if host.endswith("lent.exemple.fr"):
            answered.wait()
            raise socket.gaierror("nobody answers")
        return real(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    try:
        found = await asyncio.gather(*(got(f"http://{n}.lent.exemple.fr/") for n in range(50)))
        assert [one.why for one in found if isinstance(one, Failed)] == ["le serveur ne répond pas à temps"] * 50
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "free") == "free"
    finally:
        answered.set()


async def test_a_name_that_no_name_can_be() -> None:
    found = await got(f"http://{'a' * 70}.exemple.fr/")
    assert isinstance(found, Failed)
