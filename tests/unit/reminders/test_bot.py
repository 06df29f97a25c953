"""Reminders on the bench: said back, on time, once each, over restarts."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tchap_bot_reminders import RemindersBot
from tchap_bridges.core.bots.turn import Turn
from tchap_bridges.testing.bench import ADMIN, START, Bench

PARIS = ZoneInfo("Europe/Paris")
ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(RemindersBot) as found:
        yield found


async def test_the_moment_is_said_back_and_kept(bench: Bench) -> None:
    room = await bench.room(RemindersBot)
    said = await room.say(ANA, "!rappel demain 9h30 appeler Ana")
    assert "mardi 24 novembre 2026" in said
    assert "appeler Ana" in said
    await bench.clock.to("09:29")
    assert len(room.said) == 1
    await bench.clock.forward(minutes=1)
    assert room.said[1:] == ["⏰ ana : appeler Ana"]
    await bench.clock.forward(days=7)
    assert len(room.said) == 2, "once"


async def test_what_may_mean_two_things_is_asked(bench: Bench) -> None:
    room = await bench.room(RemindersBot)
    assert "lundi 30 novembre 2026 à 8" in await room.say(ANA, "!rappel lundi 8h réunion")
    said = await room.say(ANA, "!rappel vendredi prochain 9h dîner")
    assert "plusieurs façons" in said
    assert "vendredi 27 novembre 2026" in said
    assert "vendredi 4 décembre 2026" in said
    assert "je ne vois pas quand" in await room.say(ANA, "!rappel appeler Ana")
    assert "que faut-il rappeler" in await room.say(ANA, "!rappel demain 9h30")


async def test_again_and_again(bench: Bench) -> None:
    room = await bench.room(RemindersBot)
    said = await room.say(ANA, "!rappel tous les lundis à 9h réunion d'équipe")
    assert "lundi 30 novembre 2026" in said
    room.timeline.clear()
    for _week in range(3):
        await bench.clock.forward(days=7)
    days = ("30/11", "07/12", "14/12")  # the clock leaps from 9:30 to 9:30
    assert room.said == [f"⏰ ana : réunion d'équipe (c'était pour {day} 09:00)" for day in days]


@pytest.mark.parametrize("away", [timedelta(days=7), timedelta(hours=1)])
async def test_what_was_due_while_we_were_away_comes_once_and_says_so(tmp_path: Path, away: timedelta) -> None:
    async with Bench(RemindersBot, folder=tmp_path) as bench:
        room = await bench.room(RemindersBot)
        await room.say(ANA, "!rappel à 10h le train")
    async with Bench(RemindersBot, folder=tmp_path, at=START + timedelta(minutes=30) + away) as later:
        again = later.rejoin(room)
        await later.settle()
        assert again.said == ["⏰ ana : le train (c'était pour 23/11 10:00)"]


async def test_a_clock_that_steps_back_while_it_is_called_for_calls_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await bench.room(RemindersBot)
    await room.say(ANA, "!rappel tous les lundis à 9h réunion d'équipe")
    room.timeline.clear()
    monday = datetime(2026, 11, 30, 9, tzinfo=PARIS)
    with monkeypatch.context() as stepped:
        stepped.setattr(Turn, "now", property(lambda _turn: monday - timedelta(seconds=2)))
        await bench.clock.to(monday)
    await bench.clock.forward(minutes=2)
    assert room.said == ["⏰ ana : réunion d'équipe"]
    await bench.clock.forward(days=7)
    assert len(room.said) == 2


@pytest.mark.parametrize("back", [timedelta(hours=2), timedelta(days=9)])
async def test_a_clock_that_leaps_forth_and_back_calls_nothing_twice(bench: Bench, back: timedelta) -> None:
    room = await bench.room(RemindersBot)
    await room.say(ANA, "!rappel tous les jours à 9h point du matin")
    await room.say(ANA, "!rappel demain 10h appeler Bob")
    room.timeline.clear()
    await bench.clock.to(datetime(2026, 11, 25, 12, tzinfo=PARIS))
    assert len(room.said) == 2
    await bench.clock.to(bench.clock.at - back)
    for day in range(16, 28):
        await bench.clock.to(datetime(2026, 11, day, 13, tzinfo=PARIS))
    assert [words[-12:-1] for words in room.said[2:]] == ["26/11 09:00", "27/11 09:00"]


async def test_who_may_cancel(bench: Bench) -> None:
    room = await bench.room(RemindersBot)
    await room.say(ANA, "!rappel demain 9h30 appeler Ana")
    assert await room.say(BOB, "!rappels") == "1. 24/11/2026 09:30 — appeler Ana (ana)"
    await room.say(ANA, "!reminder every monday 9am team")
    assert "— team (ana) 🔁 every Monday at 9:00" in await room.say(BOB, "!reminders")
    assert "peut l'annuler" in await room.say(BOB, "!rappel annuler 1")
    assert "annulé" in await room.say(ADMIN, "!rappel annuler 1")
    room.timeline.clear()
    await bench.clock.forward(days=3)
    assert room.said == []
