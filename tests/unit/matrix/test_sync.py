"""Sweeps of a homeserver that answers as the test likes."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from tchap_bridges.errors import NotReady
from tchap_bridges.i18n import _
from tchap_bridges.matrix import sync
from tchap_bridges.matrix.sync import Sweeper


class Client:
    """Answers each sync with the next of ``answers``, an exception or a dict; the last again and again.

    To its first ``away`` looks nobody answers at all.
    """

    def __init__(self, *answers, away=0) -> None:
        self.away = away
        self.answers = list(answers)
        self.lost = asyncio.Event()
        self.asked: list[str] = []

    async def call(self, method, path, body=None, *, name, user=None, params=None):
        self.asked.append(name)
        if name == "versions" and self.away:
            self.away -= 1
            raise NotReady(_("le serveur Matrix est injoignable ({kind})", kind="TimeoutError"))
        if name != "sync":
            return {}
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Store:
    def __init__(self) -> None:
        self.token: bytes | None = b"s0"

    @asynccontextmanager
    async def snapshot(self):
        yield self

    transaction = snapshot

    async def value(self, query, **values):
        return self.token

    async def run(self, query, *, value, **more):
        self.token = value


class Arrivals:
    def __init__(self) -> None:
        self.bodies: list[str] = []

    async def take(self, events):
        self.bodies += [event["content"]["body"] for event in events]


def told(*bodies, token="s1") -> dict:
    events = [{"type": "m.room.message", "content": {"body": body}} for body in bodies]
    return {"next_batch": token, "rooms": {"join": {"!r:x": {"timeline": {"events": events}}}}}


def sweeper(client, store=None, arrivals=None, **options) -> Sweeper:
    async def greet():
        return None

    return Sweeper(
        client,
        store or Store(),
        arrivals or Arrivals(),
        "@bot:x",
        appservice="pont",
        greet=greet,
        **{"on_alive": lambda: None, **options},
    )


@pytest.mark.parametrize("answer", [{}, {"next_batch": None}, {"next_batch": ""}])
async def test_an_answer_without_a_token_changes_none(answer):
    store = Store()
    with pytest.raises(NotReady):
        await sweeper(Client(answer), store).sweep()
    assert store.token == b"s0"


async def test_a_homeserver_that_is_not_ready_yet_is_asked_until_it_is():
    arrivals, client = Arrivals(), Client(NotReady("starting"), NotReady("starting"), told("perdu"))
    await sweeper(client, arrivals=arrivals).catch_up()
    assert arrivals.bodies == ["perdu"]


async def test_many_that_wait_for_the_past_are_served_by_one_sweep():
    client = Client(told())
    one = sweeper(client)
    await asyncio.gather(*(one.catch_up() for _ in range(5)))
    assert client.asked == ["sync"]


async def test_nobody_waits_for_the_past_without_end(monkeypatch):
    monkeypatch.setattr(sync, "_CATCH_UP", 0.3)
    started = time.monotonic()
    await sweeper(Client(NotReady("away"))).catch_up()
    await sweeper(Client(RuntimeError("a bug"))).catch_up()
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("every", "warnings"), [(60.0, 1), (0.0, 4)])
async def test_a_homeserver_that_is_away_is_told_of_until_it_is_found(every, warnings, monkeypatch):
    monkeypatch.setattr(sync, "_PROBE", (0.01, 0.01))
    monkeypatch.setattr(sync, "_APART", 0.01)
    monkeypatch.setattr(sync, "_TELL_EVERY", every)
    found = asyncio.Event()
    client = Client(NotReady("starting", retry_after=0.01), told(), away=3)
    with capture_logs() as logs:
        task = asyncio.create_task(sweeper(client, on_alive=found.set).run())
        await asyncio.wait_for(found.wait(), 5)
        task.cancel()
        await asyncio.wait([task])
    said = [(line["log_level"], line["event"], line.get("reason")) for line in logs]
    assert said[0] == ("warning", "sync.not_ready", "le serveur Matrix est injoignable (TimeoutError)")
    assert said[-1] == ("info", "sync.found", None)
    assert len(said) == warnings + 1


async def test_nothing_is_told_of_a_homeserver_that_is_there():
    found = asyncio.Event()
    with capture_logs() as logs:
        task = asyncio.create_task(sweeper(Client(told()), on_alive=found.set).run())
        await asyncio.wait_for(found.wait(), 5)
        task.cancel()
        await asyncio.wait([task])
    assert logs == []


def test_the_filters_are_json():
    assert json.loads(sync._filter(20))["room"]["timeline"]["limit"] == 20


BOT, AGENT, MALLORY = "@bot:x", "@agent:x", "@mallory:evil.org"
REAL = {"type": "m.room.member", "state_key": BOT, "sender": MALLORY, "content": {"membership": "invite"}}
NAME = {"type": "m.room.name", "state_key": "", "sender": MALLORY, "content": {"name": "Projet"}}

INVITES = {
    "honest": ([NAME, REAL], [MALLORY]),
    "by an agent, said the inviting server": ([REAL | {"sender": AGENT}, REAL], [MALLORY]),
    "of somebody else": ([REAL | {"sender": AGENT, "state_key": AGENT}, REAL], [MALLORY]),
    "with fields of ours": (
        [REAL | {"event_id": "$chosen", "room_id": "!chosen:x", "unsigned": {"invite_room_state": 3}}],
        [MALLORY],
    ),
    "forged alone, for somebody else": ([REAL | {"state_key": "@ghost:x"}], []),
    "taken back": ([REAL, REAL | {"content": {"membership": "leave"}}], []),
    "by nobody": ([REAL | {"sender": None}], []),
    "by two servers": ([REAL | {"sender": "@mallory:evil.org:x"}], []),
    "by a name with a space": ([REAL | {"sender": "@mallory x:evil.org"}], []),
    "not even a map": ([None, 3, [], REAL | {"content": "invite"}], []),
    "no list": ({"0": REAL}, []),
    "nothing": ([], []),
}


@pytest.mark.parametrize("name", INVITES)
def test_an_invite_is_the_last_one_of_the_bot_and_its_sender_the_one_that_was_checked(name):
    stripped, senders = INVITES[name]
    found = list(sync._invites({"!r:evil.org": {"invite_state": {"events": stripped}}}, "s1", BOT))
    assert [event["sender"] for event in found] == senders
    for event in found:
        assert (event["type"], event["state_key"], event["room_id"]) == ("m.room.member", BOT, "!r:evil.org")
        assert event["event_id"].startswith("$invite-")
        assert isinstance(event["unsigned"]["invite_room_state"], list)


JOIN = {"type": "m.room.member", "state_key": BOT, "event_id": "$join"}
SHAPES = [
    *([field] for field in (None, 3, "x", [], {})),
    *([JOIN | {"content": odd}] for odd in (None, 3, "join", [])),
    [JOIN],
    *([JOIN | {"content": {"membership": "join"}, "unsigned": odd}] for odd in (None, 3, [], {"prev_content": 3})),
]


@pytest.mark.parametrize("events", SHAPES, ids=range(len(SHAPES)))
async def test_no_event_stands_before_all_that_follow(events):
    store, arrivals = Store(), Arrivals()
    here = told("après")
    here["rooms"]["join"]["!r:x"]["timeline"]["events"][:0] = events
    arrivals.take = keep(kept := [])
    await sweeper(Client(here), store, arrivals).sweep()
    assert store.token == b"s1"
    assert kept[-1]["content"] == {"body": "après"}
    assert all(isinstance(event, dict) and event["room_id"] == "!r:x" for event in kept)


def keep(kept):
    async def take(events):
        kept.extend(events)

    return take


@pytest.mark.parametrize("odd", [None, 3, "x", [], ["x"]])
@pytest.mark.parametrize("where", ["rooms", "invite", "join", "leave", "part", "timeline", "events", "invite_state"])
async def test_an_answer_of_another_shape_tells_nothing(where, odd):
    part = {"timeline": odd if where == "timeline" else {"events": odd}}
    rooms = {"join": {"!r:x": odd if where == "part" else part}, "invite": {"!i:x": {"invite_state": odd}}}
    rooms |= {where: odd} if where in {"invite", "join", "leave"} else {}
    store, kept = Store(), []
    arrivals = Arrivals()
    arrivals.take = keep(kept)
    await sweeper(Client({"next_batch": "s1", "rooms": odd if where == "rooms" else rooms}), store, arrivals).sweep()
    assert (store.token, kept) == (b"s1", [])


async def test_whoever_is_told_of_the_homeserver_does_not_end_the_sweeps(monkeypatch):
    monkeypatch.setattr(sync, "_APART", 0.01)
    calls: list[str] = []

    def failing(name):
        def told_(*_):
            calls.append(name)
            raise RuntimeError("a bug")

        return told_

    client = Client(told(), NotReady("away", retry_after=0.01), told())
    one = sweeper(client, on_alive=failing("alive"), on_lost=failing("lost"), every=0.02)
    running = asyncio.create_task(one.run())
    for _turn in range(200):
        await asyncio.sleep(0.01)
        if client.asked.count("sync") > 4 or running.done():
            break
    assert not running.done()
    running.cancel()
    assert calls[:3] == ["alive", "lost", "alive"]


async def test_a_sweep_that_fails_for_no_known_reason_is_tried_again():
    client, alive = Client(RuntimeError("a bug"), KeyError("x"), told("après")), []
    arrivals = Arrivals()
    one = sweeper(client, arrivals=arrivals, on_alive=lambda: alive.append(1), every=0.01)
    running = asyncio.create_task(one.run())
    for _turn in range(200):
        await asyncio.sleep(0.01)
        if alive or running.done():
            break
    running.cancel()
    assert (alive, arrivals.bodies) == ([1], ["après"])
