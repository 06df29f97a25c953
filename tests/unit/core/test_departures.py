"""Ghosts follow people out of a room: late, slowly, and only those who were there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tchap_bridges.core import clock, departures
from tchap_bridges.core.departures import QUIET
from tchap_bridges.events import Author, Membership
from tchap_bridges.ids import ChatId, PersonId
from tchap_bridges.testing.postgres import PostgresServer, start_postgres

from .homeserver import ROOM, WHEN
from .stage import Stage, stage


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "EVERY", 0.01)
    monkeypatch.setattr(departures, "PACE", 0.0)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with start_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def play(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    url = request.getfixturevalue("postgres").create_database() if request.param == "postgresql" else None
    async with stage(tmp_path, url=url) as found:
        yield found


async def moves(play: Stage, person: str, *, present: bool, chat: str = "#c") -> bool:
    assert play.net.host is not None
    author = Author(person=PersonId(person), name=person.title())
    event = Membership(chat=ChatId(chat), author=author, present=present, at=WHEN)
    return await play.net.host.receive(event, key=f"{person} {present} {clock.now()}")


async def enters(play: Stage, person: str) -> None:
    """As the homeserver's side notes it when they first speak."""
    async with play.db.transaction() as tx:
        await tx.run("ghost_room_add", room=ROOM, mxid=f"@pont_{person}:test")


async def waiting(play: Stage) -> list[str]:
    async with play.db.snapshot() as tx:
        return sorted(row["mxid"] for row in await tx.all("departures"))


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not check():
            await asyncio.sleep(0.01)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    then = clock.now() + int(seconds * 1000)
    monkeypatch.setattr(clock, "now", lambda: then)


async def test_whoever_left_leaves_once_it_is_quiet(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await enters(play, "bob")
    assert await moves(play, "bob", present=False)
    later(monkeypatch, QUIET - 5)
    await asyncio.sleep(0.1)
    assert play.hs.departed == []
    later(monkeypatch, 10)
    await until(lambda: play.hs.departed)
    assert play.hs.departed == [(ROOM, "@pont_bob:test")]
    assert play.shown.log == [], "the room is told nothing"
    async with asyncio.timeout(10):
        while await waiting(play):
            await asyncio.sleep(0.01)


async def test_whoever_never_spoke_leaves_no_trace(play: Stage) -> None:
    for n in range(1000):
        assert not await moves(play, f"p{n}", present=bool(n % 2))
    assert not await moves(play, "bob", present=False, chat="#ailleurs")
    assert await waiting(play) == []
    async with play.db.snapshot() as tx:
        assert not await tx.value("inbox_open_count")
    assert ("in", "net") not in play.meter.counted


async def test_whoever_is_back_stays(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await enters(play, "bob")
    await moves(play, "bob", present=False)
    assert await moves(play, "bob", present=True)
    assert await waiting(play) == []
    assert not await moves(play, "bob", present=True)
    later(monkeypatch, QUIET + 5)
    await asyncio.sleep(0.1)
    assert play.hs.departed == []


async def test_whoever_speaks_is_there(play: Stage) -> None:
    """From outside the channel, say, or by a link that knows more than its network's list."""
    await enters(play, "bob")
    await moves(play, "bob", present=False)
    left = clock.now()
    await until(lambda: clock.now() > left)  # in one millisecond, whoever leaves has spoken before
    await play.net.say("encore moi", by="bob")
    await play.shown.until(1)
    assert await waiting(play) == []


async def test_last_words_bring_nobody_back(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before they left, shown after: their ghost enters for it, and leaves again."""
    await play.net.say("adieu", by="bob")
    assert await moves(play, "bob", present=False), "nobody is inside yet, but somebody is about to be"
    await play.shown.until(1)
    await enters(play, "bob")
    assert await waiting(play) == ["@pont_bob:test"]
    later(monkeypatch, QUIET + 5)
    await until(lambda: play.hs.departed)


async def test_a_crowd_leaves_one_by_one(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a message passes meanwhile."""
    monkeypatch.setattr(departures, "PACE", 0.02)
    for n in range(120):
        await enters(play, f"p{n}")
        assert await moves(play, f"p{n}", present=False)
    later(monkeypatch, QUIET + 5)
    await until(lambda: play.hs.departed)
    await play.net.say("quel calme", by="zoe")
    await play.shown.until(1)
    assert len(play.hs.departed) < 120
    await until(lambda: len(play.hs.departed) == 120)
    assert len(set(play.hs.departed)) == 120


async def test_a_restart_forgets_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(tmp_path) as play:
        await enters(play, "bob")
        await enters(play, "zoe")
        await moves(play, "bob", present=False)
        await moves(play, "zoe", present=False)
    async with stage(tmp_path, linked=False) as again:
        assert await moves(again, "zoe", present=True), "it is known who is leaving"
        later(monkeypatch, QUIET + 5)
        await until(lambda: again.hs.departed)
        assert again.hs.departed == [(ROOM, "@pont_bob:test")]
