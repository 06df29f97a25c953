"""The transaction endpoint: who may speak to it, what is kept, and when it says so."""

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from tchap_bridges.events import Author, Read, Typing
from tchap_bridges.matrix.arrivals import Arrivals
from tchap_bridges.matrix.endpoint import LARGEST, Endpoint
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.testing.ports import free_port

OURS = Namespace(server="x.fr", prefix="_pont_", bot="@_pont_bot:x.fr", secret=b"s" * 32)
TOKEN = {"Authorization": "Bearer secret"}
PATH = "/_matrix/app/v1/transactions/1"


class Inbox:
    def __init__(self):
        self.kept: dict[str, dict] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0
        self.error: Exception | None = None

    async def take(self, events):
        self.entered += 1
        await self.gate.wait()
        if self.error:
            raise self.error
        for key, raw in events:
            self.kept.setdefault(key, json.loads(raw))


class Client:
    def __init__(self, session, url):
        self._session, self._url = session, url

    async def __call__(self, method, path, *, headers=TOKEN, **options):
        async with self._session.request(method, self._url + path, headers=headers, **options) as answer:
            return answer.status, await answer.json()


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def passing():
    return []


@pytest_asyncio.fixture
async def ask(inbox, passing):
    async def knows(user):
        return user == "@_pont_abc:x.fr"

    endpoint = Endpoint("secret", Arrivals(inbox.take, passing.append, OURS), knows)
    runner = web.AppRunner(endpoint.app())
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        yield Client(session, f"http://127.0.0.1:{port}")
    await runner.cleanup()


def event(id_="$a", **more) -> dict:
    return {
        "event_id": id_,
        "room_id": "!r:x.fr",
        "sender": "@agent:x.fr",
        "type": "m.room.message",
        "content": {},
        **more,
    }


ROUTES = [
    ("PUT", PATH),
    ("PUT", "/transactions/1"),
    ("POST", "/_matrix/app/v1/ping"),
    ("GET", "/_matrix/app/v1/users/@_pont_abc:x.fr"),
    ("GET", "/users/@_pont_abc:x.fr"),
    ("GET", "/_matrix/app/v1/rooms/%23a:x.fr"),
    ("GET", "/rooms/%23a:x.fr"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_the_homeserver_may(ask, inbox, method, path):
    body = {"json": {"events": [event()]}} if method == "PUT" else {}
    for headers in ({}, {"Authorization": "Basic secret"}, {"Authorization": "Bearer "}):
        assert (await ask(method, path, headers=headers, **body))[0] == 401
        assert (await ask(method, path, headers=headers, **body))[1]["errcode"] == "M_UNAUTHORIZED"
    for token in ("wrong", "secre", "secrets", "é", "Secret"):
        status, said = await ask(method, path, headers={}, params={"access_token": token}, **body)
        assert (status, said["errcode"]) == (403, "M_FORBIDDEN")
    status, said = await ask(
        method, path, headers={"Authorization": "Bearer wrong"}, params={"access_token": "secret"}, **body
    )
    assert (status, said["errcode"]) == (403, "M_FORBIDDEN")
    assert inbox.kept == {}
    assert (await ask(method, path, headers={}, params={"access_token": "secret"}, **body))[0] in {200, 404}


@pytest.mark.parametrize("path", [PATH, "/transactions/1"])
async def test_events_are_kept_and_then_acknowledged(ask, inbox, path):
    events = [event("$a"), event("$b", type="m.room.member", state_key="@_pont_abc:x.fr", sender="@_pont_abc:x.fr")]
    ignored = [None, 3, {}, {"event_id": 3}, {"event_id": ""}, event("$c", sender="@_pont_abc:x.fr")]
    assert await ask("PUT", path, json={"events": [*events, *ignored]}) == (200, {})
    assert list(inbox.kept) == ["$a", "$b"]
    assert inbox.entered == 1  # one commit
    assert await ask("PUT", path, json={"events": events}) == (200, {})  # an old one after a newer
    assert list(inbox.kept) == ["$a", "$b"]


async def test_one_transaction_twice_at_once_has_one_effect(ask, inbox):
    inbox.gate.clear()
    body = {"events": [event("$a"), event("$b")]}
    both = [asyncio.create_task(ask("PUT", PATH, json=body)) for _ in range(2)]
    while inbox.entered < 2:
        await asyncio.sleep(0.01)
    assert not any(one.done() for one in both)  # nothing is acknowledged before it is kept
    inbox.gate.set()
    assert await asyncio.gather(*both) == [(200, {}), (200, {})]
    assert list(inbox.kept) == ["$a", "$b"]


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("bug"), ValueError("x")])
async def test_what_is_not_kept_is_not_acknowledged(ask, inbox, error):
    inbox.error = error
    status, said = await ask("PUT", PATH, json={"events": [event()]})
    assert (status, said["errcode"]) == (503, "M_UNKNOWN")
    assert "disk" not in str(said)


@pytest.mark.parametrize(
    ("body", "errcode"),
    [(b"", "M_NOT_JSON"), (b"{", "M_NOT_JSON"), (b"[" * 100_000, "M_NOT_JSON"), (b"[]", "M_BAD_JSON"),
     (b"{}", "M_BAD_JSON"), (b'{"events": {}}', "M_BAD_JSON"), (b"\xff\xff", "M_NOT_JSON")],
)  # fmt: skip
async def test_bad_bodies(ask, inbox, body, errcode):
    status, said = await ask("PUT", PATH, data=body)
    assert (status, said["errcode"]) == (400, errcode)
    assert inbox.entered == 0


async def test_a_body_without_end(ask, inbox):
    async def endless():
        for _ in range(LARGEST // (1 << 20) + 2):
            yield b"x" * (1 << 20)

    assert (await ask("PUT", PATH, data=endless()))[0] == 413
    assert inbox.entered == 0


async def test_queries(ask):
    assert await ask("GET", "/_matrix/app/v1/users/@_pont_abc:x.fr") == (200, {})
    assert (await ask("GET", "/_matrix/app/v1/users/@_pont_xyz:x.fr"))[0] == 404
    assert (await ask("GET", "/_matrix/app/v1/rooms/%23a:x.fr"))[0] == 404
    assert await ask("POST", "/_matrix/app/v1/ping", json={"transaction_id": "x"}) == (200, {})


def typing(*users, room="!r:x.fr") -> dict:
    return {"type": "m.typing", "room_id": room, "content": {"user_ids": list(users)}}


@pytest.mark.parametrize("name", ["ephemeral", "de.sorunome.msc2409.ephemeral"])
async def test_what_has_meaning_only_now_is_passed_on(ask, inbox, passing, name):
    a, b = Author(person="@a:x.fr", name=""), Author(person="@b:x.fr", name="")

    async def tell(*happenings):
        passing.clear()
        assert (await ask("PUT", PATH, json={"events": [], name: list(happenings)}))[0] == 200
        return list(passing)

    assert await tell(typing("@a:x.fr", OURS.bot)) == [Typing(chat="!r:x.fr", author=a, active=True)]
    assert await tell(typing("@a:x.fr", "@b:x.fr")) == [Typing(chat="!r:x.fr", author=b, active=True)]
    assert await tell(typing("@b:x.fr")) == [Typing(chat="!r:x.fr", author=a, active=False)]
    assert await tell(typing()) == [Typing(chat="!r:x.fr", author=b, active=False)]
    users = {"@a:x.fr": {"ts": 1}, "@_pont_abc:x.fr": {}}
    receipt = {"type": "m.receipt", "room_id": "!r:x.fr", "content": {"$e": {"m.read": users, "m.read.private": users}}}
    assert await tell(receipt) == [Read(chat="!r:x.fr", author=a, target="$e")]
    room = {"room_id": "!r:x.fr"}
    strange = [
        None,
        {},
        {"type": "m.typing", "room_id": 3, "content": {}},
        {"type": [], **room, "content": {}},
        {"type": "m.typing", **room, "content": {"user_ids": [3, {}]}},
        {"type": "m.receipt", **room, "content": {"$e": {"m.read": [1]}, "$f": 3}},
    ]
    assert await tell(*strange) == []
    assert inbox.entered == 0


async def test_a_new_connection_waits_until_its_past_is_kept(inbox):
    told = []

    async def catch_up(_exactly):
        told.append(list(inbox.kept))
        await inbox.take([("$lost", b"{}")])

    endpoint = Endpoint("secret", Arrivals(inbox.take, lambda _passing: None, OURS), None, catch_up=catch_up)
    runner = web.AppRunner(endpoint.app())
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    for first, second in (("$a", "$b"), ("$c", "$d")):
        async with aiohttp.ClientSession() as session:
            ask = Client(session, f"http://127.0.0.1:{port}")
            for id_ in (first, second):
                assert await ask("PUT", PATH, json={"events": [event(id_)]}) == (200, {})
    await runner.cleanup()
    assert list(inbox.kept) == ["$lost", "$a", "$b", "$c", "$d"]
    assert told == [[], ["$lost", "$a", "$b"]]  # once for each connection


async def test_a_transaction_that_others_are_missing_before_waits_for_them(inbox):
    """Synapse has been seen to send 8 after 6, and 7 later: what 7 tells happened before."""
    asked = []

    async def catch_up(exactly):
        asked.append(exactly)

    endpoint = Endpoint("secret", Arrivals(inbox.take, lambda _passing: None, OURS), None, catch_up=catch_up)
    runner = web.AppRunner(endpoint.app())
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    seen = {}
    async with aiohttp.ClientSession() as session:
        ask = Client(session, f"http://127.0.0.1:{port}")
        for number in ("5", "6", "8", "7", "9", "quelconque", "9", "12"):
            before = len(asked)
            path = f"/_matrix/app/v1/transactions/{number}"
            assert await ask("PUT", path, json={"events": [event(f"${number}")]}) == (200, {})
            seen.setdefault(number, []).append(asked[before:])
    await runner.cleanup()
    assert seen == {
        "5": [[True]],
        "6": [[]],
        "8": [[True]],
        "7": [[]],
        "9": [[], []],
        "quelconque": [[]],
        "12": [[True]],
    }
