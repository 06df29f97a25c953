"""Schedules on the bench: each time is called for once, whatever the clock, settings and program do meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tchap_bridges.bot import Bot, Room, RoomConfig, Schedule, at, command, daily, every, field
from tchap_bridges.core import clock
from tchap_bridges.core.bots import runner
from tchap_bridges.core.bots.limits import FAILURES
from tchap_bridges.core.bots.schedules import check
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.testing.bench import ADMIN, START, Bench, BenchRoom

PARIS = ZoneInfo("Europe/Paris")


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS)


class Hours(RoomConfig):
    hour: time | None = field(time(9), label="Heure")
    when: str = field("", label="Quand")


class Duty(Bot):
    """Dit l'heure qu'il devait être."""

    name = "astreinte"
    Config = Hours

    @daily(at="hour", catch_up="once")
    async def morning(self, room: Room) -> str:
        return f"matin {room.when:%d/%m %H:%M}"

    @at("when")
    async def again(self, room: Room) -> str:
        return f"encore {room.when:%d/%m %H:%M}"

    @command("ordre")
    async def order(self, room: Room, words: str) -> None:
        """En ordonne un sous la clé de l'autre."""
        for key in ("@morning", "@@morning", "morning"):
            await room.at(room.now + timedelta(minutes=int(words)), "due", key, key=key)

    @command("oublie")
    async def forget(self, room: Room, words: str) -> None:
        """Oublie."""
        await room.forget(words)

    async def due(self, room: Room, words: str) -> str:
        return f"ordre {words}"


def bot_of(*schedules: Schedule, raising: type[Exception] | None = None) -> type[Bot]:
    declared = schedules

    class Plain(Bot):
        """Dit l'heure qu'il devait être."""

        name = "plain"
        schedules = declared

        async def tell(self, room: Room) -> str:
            await room.say(f"{room.when:%d/%m %H:%M:%S}")
            if raising is not None:
                raise raising("on purpose")
            return ""

    return Plain


def each_day(**more: object) -> Schedule:
    return Schedule(handler="tell", at=time(9), daily=True, **more)


async def test_every_day_at_the_time_of_the_setting() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        await bench.clock.to("08:59")
        assert room.said == []
        await bench.clock.to("09:00")
        await bench.clock.forward(days=1)
        assert room.said == ["matin 24/11 09:00", "matin 25/11 09:00"]


async def test_a_setting_moves_it_and_switching_off_ends_it() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        assert "✓" in await room.say(ADMIN, '!bot regler astreinte hour=10h30 when="tous les mardis à 11h"')
        await bench.kernel.crew.switch.configure(
            room.id, "astreinte", Hours(hour=time(10, 15), when="chaque jour à midi")
        )
        await room.say(ADMIN, "!bot activer astreinte")  # it is on: nothing begins anew
        room.timeline.clear()
        await bench.clock.to(paris(2026, 11, 24, 9, 0))
        await bench.clock.to("10:15")
        await bench.clock.to("11:00")
        await bench.clock.to("12:00")
        assert room.said == ["matin 23/11 10:15", "encore 23/11 12:00", "matin 24/11 10:15", "encore 24/11 12:00"]
        await room.say(ADMIN, "!bot regler astreinte hour=aucun")
        await room.say(ADMIN, "!bot desactiver astreinte")
        room.timeline.clear()
        await bench.clock.forward(days=3)
        assert room.said == []
        await room.say(ADMIN, "!bot activer astreinte")
        room.timeline.clear()
        await bench.clock.forward(days=1)
        assert room.said == ["matin 28/11 09:00"]


async def test_a_setting_that_is_no_time_is_refused_when_it_is_set() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        said = await room.say(ADMIN, '!bot regler astreinte when="à la saint-glinglin"')
        assert said == "✗ when : « à la saint-glinglin » ne dit pas quand. Exemple : tous les lundis à 9h"
        said = await room.say(ADMIN, '!bots set astreinte when="every monday at 9"')
        assert said == (
            '✗ when : "every monday at 9" can be understood in several ways. '
            "Say: every Monday at 9:00, every Monday at 21:00"
        )
        with pytest.raises(Misconfigured, match="hour"):
            await bench.kernel.crew.switch.configure(room.id, "astreinte", Hours(hour=time(9, 0, 30)))
        room.timeline.clear()
        await bench.clock.to("09:00")
        assert room.said == ["matin 24/11 09:00"], "what was set before stands"


async def test_what_is_set_where_the_bot_is_off_schedules_nothing() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room()
        await bench.kernel.crew.switch.configure(room.id, "astreinte", Hours())
        await bench.clock.forward(days=2)
        assert room.said == []


async def test_no_key_of_an_order_is_a_schedule_s() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        await room.say("@ana:exemple.fr", "!ordre 5")
        await room.say("@ana:exemple.fr", "!oublie @morning")
        await bench.clock.forward(minutes=10)
        assert sorted(room.said) == ["ordre @@morning", "ordre morning"]
        await room.say("@ana:exemple.fr", "!ordre 60")
        await room.say(ADMIN, "!bot regler astreinte hour=10h30")
        room.timeline.clear()
        await bench.clock.to("10:30")
        assert room.said == ["matin 23/11 10:30"]
        await bench.clock.to("10:45")
        assert sorted(room.said[1:]) == ["ordre @@morning", "ordre @morning", "ordre morning"]


@pytest.mark.parametrize(
    ("catch_up", "days"),
    [("all", [24, 25, 26, 27, 28, 29, 30]), ("once", [30]), ("none", [])],
)
async def test_seven_days_down(tmp_path: Path, catch_up: str, days: list[int]) -> None:
    bot = bot_of(each_day(catch_up=catch_up))
    async with Bench(bot, folder=tmp_path) as bench:
        room = await bench.room(bot)
    for _start in range(2):
        async with Bench(bot, folder=tmp_path, at=START + timedelta(days=7)) as later:
            room = later.rejoin(room)
            await later.settle()
            assert room.said == [f"{day}/11 09:00:00" for day in days]
            days = []
    async with Bench(bot, folder=tmp_path, at=START + timedelta(days=7)) as later:
        room = later.rejoin(room)
        await later.clock.to("09:00")
        assert room.said == ["01/12 09:00:00"]


async def test_none_still_calls_for_what_is_a_little_late(tmp_path: Path) -> None:
    bot = bot_of(each_day(catch_up="none"))
    async with Bench(bot, folder=tmp_path) as bench:
        room = await bench.room(bot)
    async with Bench(bot, folder=tmp_path, at=paris(2026, 11, 24, 9, 4)) as later:
        room = later.rejoin(room)
        await later.settle()
        assert room.said == ["24/11 09:00:00"]


async def test_all_is_a_hundred_at_most(tmp_path: Path) -> None:
    bot = bot_of(Schedule(handler="tell", seconds=30, catch_up="all"))
    async with Bench(bot, folder=tmp_path) as bench:
        room = await bench.room(bot)
    async with Bench(bot, folder=tmp_path, at=START + timedelta(days=7)) as later:
        room = later.rejoin(room)
        await later.settle()
        assert len(room.said) == len(set(room.said)) == 100
        assert room.said[-1] == "30/11 09:30:00"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (paris(2026, 3, 28, 12), ["29/03 03:00", "30/03 02:30"]),
        (paris(2026, 10, 24, 12), ["25/10 02:30", "26/10 02:30"]),
        (paris(2027, 3, 27, 12), ["28/03 03:00", "29/03 02:30"]),
        (paris(2027, 10, 30, 12), ["31/10 02:30", "01/11 02:30"]),
    ],
)
async def test_when_clocks_are_changed(day: datetime, expected: list[str]) -> None:
    async with Bench(Duty, at=day) as bench:
        room = await bench.room(Duty, hour=time(2, 30), when="")
        for _minutes in range(0, 41 * 60, 15):
            bench.clock.at = (bench.clock.at.astimezone(ZoneInfo("UTC")) + timedelta(minutes=15)).astimezone(PARIS)
            async with bench.db.snapshot() as tx:
                if await tx.value("timer_next") <= clock.now():
                    await bench.settle()
        assert room.said == [f"matin {one}" for one in expected]


async def test_workdays_leave_out_weekends_and_holidays() -> None:
    bot = bot_of(each_day(workdays=True, catch_up="all"))
    async with Bench(bot, at=paris(2026, 12, 23, 12)) as bench:
        room = await bench.room(bot)
        await bench.clock.forward(days=13)
        days = ["24/12", "28/12", "29/12", "30/12", "31/12", "04/01", "05/01"]
        assert room.said == [f"{day} 09:00:00" for day in days]


@pytest.mark.parametrize("catch_up", ["all", "once", "none"])
async def test_the_clock_leaps_forth_and_back(catch_up: str) -> None:
    bot = bot_of(each_day(catch_up=catch_up))
    async with Bench(bot) as bench:
        room = await bench.room(bot)
        for leap in (paris(2026, 11, 26, 9, 2), paris(2026, 11, 23, 8), paris(2026, 11, 25, 9), paris(2026, 11, 20)):
            await bench.clock.to(leap)
        for day in range(21, 30):
            await bench.clock.to(paris(2026, 11, day, 9, 1))
        days = {"all": range(24, 30), "once": range(26, 30), "none": range(26, 30)}[catch_up]
        assert room.said == [f"{day}/11 09:00:00" for day in days]


async def test_a_call_that_raises_is_not_the_last_and_says_nothing() -> None:
    bot = bot_of(each_day(), raising=RuntimeError)
    async with Bench(bot) as bench:
        room = await bench.room(bot)
        for _day in range(3):
            await bench.clock.to("09:00")
        assert room.said == []
        async with bench.db.snapshot() as tx:
            assert await tx.value("timer_next") == clock.milliseconds(paris(2026, 11, 27, 9))


async def test_a_call_that_has_become_a_dead_letter_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_any: object) -> None:
        raise ValueError("on purpose")

    bot = bot_of(each_day())
    async with Bench(bot) as bench:
        room = await bench.room(bot)
        with monkeypatch.context() as broken:
            broken.setattr(runner, "load_config", unreadable)
            await bench.clock.to("09:00")
        async with bench.db.snapshot() as tx:
            assert len(await tx.all("outbox_dead_list", limit=9)) == 1
        await bench.clock.to("09:00")
        failed, *others = room.said
        assert "erreur interne" in failed
        assert others == ["25/11 09:00:00"]


async def test_a_setting_changed_while_its_time_is_called_for() -> None:
    """The change is heard in the lane of commands while the handler awaits; the next time is by what is set now."""

    class Slow(Bot):
        """Change d'heure pendant qu'on l'appelle."""

        name = "lent"
        Config = Hours

        @daily(at="hour")
        async def tell(self, room: Room) -> str:
            await bench.kernel.crew.switch.configure(room.id, "lent", Hours(hour=time(9, 30)))
            return f"{room.when:%d/%m %H:%M}"

    async with Bench(Slow) as bench:
        room = await bench.room(Slow)
        await bench.clock.to("09:00")
        await bench.clock.to("09:30")
        assert room.said == ["24/11 09:00", "24/11 09:30"]


async def test_switched_off_and_on_while_its_time_is_called_for() -> None:
    """The call that is under way sets no time of a schedule that has been set anew."""

    class Slow(Bot):
        """On l'arrête pendant qu'on l'appelle."""

        name = "lent"

        @every(minutes=30)
        async def tell(self, room: Room) -> str:
            async with bench.db.transaction() as tx:
                await bench.kernel.crew.timers.arrange(tx, room.id, "lent", {})
            if len(here.said) == 0:
                async with bench.db.transaction() as tx:
                    await bench.kernel.crew.renewal._arrange(tx, room.id, "lent")
            return f"{room.when:%H:%M}"

    async with Bench(Slow) as bench:
        here = await bench.room(Slow)
        await bench.clock.to("10:10")
        await bench.clock.to("10:30")
        assert here.said == ["10:00"]
        await bench.clock.to("10:40")
        await bench.clock.forward(days=1)
        assert here.said == ["10:00", "10:40"], "off is off"


async def test_one_that_is_stopped_for_its_conduct_is_called_no_more_until_it_is_switched_on() -> None:
    bot = bot_of(Schedule(handler="tell", seconds=60), raising=RuntimeError)
    async with Bench(bot) as bench:
        room = await bench.room(bot)
        for _failure in range(FAILURES):
            await bench.clock.forward(seconds=60)
        assert "est arrêté dans ce salon : il échouait à chaque fois" in room.said[-1]
        async with bench.db.snapshot() as tx:
            assert await tx.value("timer_next") is None
        await room.say(ADMIN, "!bot activer plain")
        async with bench.db.snapshot() as tx:
            assert await tx.value("timer_next") == clock.now() + 60_000


async def test_a_bot_that_is_not_ready_is_called_again_for_the_same_time() -> None:
    calls = 0

    class Shy(Bot):
        """N'est prêt qu'à la deuxième fois."""

        name = "timide"

        @daily(at="9h")
        async def tell(self, room: Room) -> str:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise NotReady("on purpose", retry_after=0)
            return f"{room.when:%d/%m %H:%M}"

    async with Bench(Shy) as bench:
        room = await bench.room(Shy)
        await bench.clock.to("09:00")
        await bench.clock.forward(days=1)
        assert room.said == ["24/11 09:00", "25/11 09:00"]


async def test_a_clock_that_was_wrong_for_a_while_keeps_no_call_waiting() -> None:
    calls = 0

    class Shy(Bot):
        """N'est prêt qu'à la troisième fois."""

        name = "timide"

        @daily(at="9h")
        async def tell(self, room: Room) -> str:
            nonlocal calls
            calls += 1
            if calls < 3:
                raise NotReady("on purpose", retry_after=0.05)
            return f"{room.when:%d/%m %H:%M}"

    async def until(number: int, now: datetime) -> None:
        bench.clock.at = now
        bench.kernel.crew.timers.nudge()
        async with asyncio.timeout(5):
            while calls < number:
                await asyncio.sleep(0.01)

    async with Bench(Shy) as bench:
        room = await bench.room(Shy)
        await until(1, paris(2026, 11, 24, 9))
        await until(2, paris(2026, 11, 28, 9))
        await until(3, paris(2026, 11, 24, 9, 5))
        await bench.settle()
        assert room.said == ["24/11 09:00"]


async def _next_of(bench: Bench) -> int | None:
    async with bench.db.snapshot() as tx:
        found: int | None = await tx.value("timer_next")
        return found


async def _said_after(folder: Path, bot: type[Bot], room: BenchRoom, when: datetime) -> list[str]:
    async with Bench(bot, folder=folder, at=when) as bench:
        room = bench.rejoin(room)
        await bench.settle()
        return room.said


async def test_at_the_start_schedules_are_those_that_the_bot_declares_now(tmp_path: Path) -> None:
    before, after = bot_of(each_day()), bot_of(Schedule(handler="tell", at=time(10), daily=True))
    none = bot_of()
    async with Bench(none, folder=tmp_path) as bench:
        room = await bench.room(none)
    assert await _said_after(tmp_path, before, room, paris(2026, 11, 23, 12)) == []
    assert await _said_after(tmp_path, after, room, paris(2026, 11, 24, 8)) == []
    assert await _said_after(tmp_path, after, room, paris(2026, 11, 24, 9, 30)) == []
    assert await _said_after(tmp_path, after, room, paris(2026, 11, 24, 10, 30)) == ["24/11 10:00:00"]
    due = await _said_after(tmp_path, before, room, paris(2026, 11, 25, 10, 30))
    assert due == ["25/11 10:00:00"], "it was due when the bot was changed"
    assert await _said_after(tmp_path, none, room, paris(2026, 11, 26, 10, 30)) == []
    assert await _said_after(tmp_path, before, room, paris(2026, 11, 26, 10, 40)) == []


async def test_one_that_is_developed_is_rearranged_at_once() -> None:
    before, after = bot_of(each_day()), bot_of(Schedule(handler="tell", at=time(10), daily=True))
    async with Bench(before) as bench:
        room = await bench.room(before)
        bench.kernel.crew.bots.develop("plain", after())
        async with asyncio.timeout(5):
            while await _next_of(bench) != clock.milliseconds(paris(2026, 11, 23, 10)):
                await asyncio.sleep(0.01)
        await bench.clock.to("10:00")
        await bench.clock.to("09:00")
        await bench.clock.to("10:00")
        assert room.said == ["23/11 10:00:00", "24/11 10:00:00"]


async def test_a_setting_that_a_newer_bot_cannot_read_stays_as_it_was(tmp_path: Path) -> None:
    class Words(RoomConfig):
        hour: str = field("9h", label="Heure")

    def asking(declare: Callable[..., Callable[..., Any]]) -> type[Bot]:
        class Plain(Bot):
            """Change de grammaire."""

            name = "plain"
            Config = Words

            @declare("hour")
            async def tell(self, room: Room) -> str:
                return f"{room.when:%d/%m %H:%M:%S}"

        return Plain

    before, after = asking(lambda at: daily(at=at)), asking(at)
    async with Bench(before, folder=tmp_path) as bench:
        room = await bench.room(before)
    assert await _said_after(tmp_path, after, room, paris(2026, 11, 24, 9, 30)) == ["24/11 09:00:00"]
    assert await _said_after(tmp_path, after, room, paris(2026, 11, 25, 9, 30)) == ["25/11 09:00:00"]


async def test_every_second_week_stays_the_same_one_over_a_restart(tmp_path: Path) -> None:
    bot = bot_of(Schedule(handler="tell", at="un mardi sur deux à 9h", catch_up="all"))
    async with Bench(bot, folder=tmp_path) as bench:
        room = await bench.room(bot)
    assert await _said_after(tmp_path, bot, room, paris(2026, 12, 2)) == ["24/11 09:00:00"]
    assert await _said_after(tmp_path, bot, room, paris(2026, 12, 23)) == ["08/12 09:00:00", "22/12 09:00:00"]


async def test_a_room_that_is_replaced_takes_what_is_due_with_it() -> None:
    class Moving(Bot):
        """Le salon est remplacé pendant qu'on l'appelle."""

        name = "nomade"

        @every(minutes=30)
        async def tell(self, room: Room) -> str:
            if room.id == old.id:
                await room.at(room.now, "due", "perdu", key="k")
                async with bench.db.transaction() as tx:
                    await bench.kernel.crew.hearing.move(tx, old.id, new.id)
            return f"{room.when:%H:%M}"

        async def due(self, room: Room, words: str) -> str:
            return words

    async with Bench(Moving) as bench:
        old, new = await bench.room(Moving), await bench.room()
        await bench.clock.to("10:00")
        await bench.clock.to("10:30")
        assert (old.said, new.said) == ([], ["10:00", "10:30"])


async def test_an_order_for_the_very_time_of_one_that_has_come_is_another() -> None:
    class Twice(Bot):
        """Se fait rappeler pour la même heure."""

        name = "bis"

        @command("bis")
        async def begin(self, room: Room, words: str) -> None:
            """Commence."""
            await room.at(room.now, "due", "1", key="k")

        async def due(self, room: Room, words: str) -> str:
            if words != "3":
                await room.at(room.when, "due", str(int(words) + 1), key="k")
            return words

    async with Bench(Twice) as bench:
        room = await bench.room(Twice)
        assert await room.say(ADMIN, "!bis") == "1\n2\n3"


class Wrong(Bot):
    """Se trompe."""

    name = "faux"

    @daily(at="nosuchsetting")
    async def tell(self, room: Room) -> None: ...


def test_what_names_nothing_is_found_by_name() -> None:
    with pytest.raises(Misconfigured, match=r"faux.*tell.*nosuchsetting"):
        check(Wrong)


def test_one_schedule_for_each_method_the_newest_of_a_class() -> None:
    with pytest.raises(TypeError, match="has a schedule already"):

        class Two(Bot):
            @daily(at="9h")
            @daily(at="10h")
            async def tell(self, room: Room) -> None: ...

    class First(Bot):
        @daily(at="9h")
        async def tell(self, room: Room) -> None: ...

    class Second(First):
        @daily(at="10h")
        async def tell(self, room: Room) -> None: ...

    assert [one.at for one in Second.schedules] == ["10h"]


async def test_what_names_nothing_is_not_switched_on() -> None:
    async with Bench(Wrong) as bench:
        room = await bench.room()
        said = await room.say(ADMIN, "!bot activer faux")
        assert said.startswith("✗ le robot faux est mal écrit, tell : « nosuchsetting » n'est pas une heure")
        assert "○ faux" in await room.say(ADMIN, "!bot")


async def test_a_span_of_no_whole_milliseconds_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    bot = bot_of(Schedule(handler="tell", seconds=100 / 3))
    async with Bench(bot, folder=tmp_path) as bench:
        room = await bench.room(bot)
    for seconds, said in ((20, []), (40, ["23/11 09:30:33"])):
        assert await _said_after(tmp_path, bot, room, START + timedelta(seconds=seconds)) == said


async def test_a_room_that_is_replaced_by_one_where_the_bot_is_on_already() -> None:
    async with Bench(Duty) as bench:
        old, new = await bench.room(Duty, hour=time(10)), await bench.room(Duty, hour=time(11))
        for room in (old, new):
            await room.say("@ana:exemple.fr", "!ordre 5")
        async with bench.db.transaction() as tx:
            await bench.kernel.crew.hearing.move(tx, old.id, new.id)
        await bench.clock.to("12:00")
        assert old.said == []
        assert sorted(new.said) == ["matin 23/11 11:00", "ordre @@morning", "ordre @morning", "ordre morning"]


async def test_a_room_that_we_have_left_is_called_for_no_more() -> None:
    async with Bench(Duty) as bench:
        room = await bench.room(Duty)
        await room.say("@ana:exemple.fr", "!ordre 5")
        await room.happens(ADMIN, "m.room.member", {"membership": "leave"}, state_key="@pont:exemple.fr")
        await bench.clock.forward(days=2)
        assert room.said == []
        async with bench.db.snapshot() as tx:
            assert await tx.value("timer_next") is None
            assert (ADMIN, "bot off") in [
                (row["who"], row["what"]) for row in await tx.all("audit_list", after=0, limit=9)
            ]


async def test_a_moment_without_a_zone_is_the_bot_s_own_error() -> None:
    class Naive(Bot):
        """Oublie le fuseau."""

        name = "naif"

        @command("naif")
        async def begin(self, room: Room, words: str) -> None:
            """Commence."""
            await room.at(room.now.replace(tzinfo=None), "begin", key="k")

    async with Bench(Naive) as bench:
        assert "erreur interne du robot" in await (await bench.room(Naive)).say(ADMIN, "!naif")
