"""A bot that hangs, raises, talks or clings harms nobody but itself, and is switched off where it goes on."""

import asyncio
import contextlib
import itertools
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bot import Bot, Room, command, on, webhook
from tchap_bridges.core import pace
from tchap_bridges.core.bots import conduct, leash, limits, runner
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Message, Reaction
from tchap_bridges.ids import RoomId
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

from .stage import stage


class Rowdy(Bot):
    """Se tient mal."""

    name = "voyou"

    def __init__(self) -> None:
        self.mind = True
        self.held = asyncio.Event()
        self.called = 0

    @command("parle")
    async def talk(self, room: Room, words: str) -> None:
        """Parle autant de fois."""
        await room.kv.set("asked", words)
        for n in range(int(words)):
            await room.say(f"bla {n}")

    @on(Reaction)
    async def chatter(self, room: Room, event: Reaction) -> None:
        await room.kv.set("votes", str(int(await room.kv.get("votes") or 0) + 1))
        for n in range(40):
            await room.say(f"{event.key} {n}")

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        self.called += 1
        match event.text.plain:
            case "rate":
                raise RuntimeError
            case "exit":
                sys.exit(2)
            case "annule":
                raise asyncio.CancelledError
            case "dort":
                await asyncio.Event().wait()
            case "s'accroche":
                while self.mind:
                    with contextlib.suppress(asyncio.CancelledError):
                        await self.held.wait()
                        return
            case "s'accroche à tout":
                while True:
                    try:
                        await self.held.wait()
                    except BaseException:  # noqa: BLE001 - as strangers do
                        continue
                    return

    @command("votes")
    async def votes(self, room: Room, words: str) -> str:
        """Combien."""
        return await room.kv.get("votes") or "0"

    @command("sort")
    async def leave(self, room: Room, words: str) -> None:
        """Sort."""
        sys.exit(2)

    @command("annule")
    async def cancel(self, room: Room, words: str) -> None:
        """Annule."""
        raise asyncio.CancelledError


class Good(Bot):
    """Se tient bien."""

    name = "sage"

    @command("sage")
    async def good(self, room: Room, words: str) -> str:
        """Répond."""
        return f"sage {words}"


async def _audit(bench: Bench) -> Sequence[tuple[str, str]]:
    async with bench.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=1000)
    return [(row["what"], row["detail"]) for row in rows if row["what"] in {"bot stopped", "denied"}]


_ids = itertools.count(1)


async def _post(bench: Bench, room: BenchRoom, words: Sequence[str]) -> None:
    """Many messages at once, and nobody waits for what comes of them."""
    events = []
    for text in words:
        event: dict[str, Any] = {"event_id": f"$p{next(_ids)}", "type": "m.room.message", "room_id": room.id}
        content = {"msgtype": "m.text", "body": text}
        events.append({**event, "sender": ADMIN, "origin_server_ts": 1, "content": content})
    await bench.kernel.inbox.take([(event["event_id"], json.dumps(event).encode()) for event in events])


async def _until(room: BenchRoom, words: str, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not any(words in said for said in room.said):
            await asyncio.sleep(0.005)


async def test_one_that_exits_or_cancels_itself_is_told_of_as_broken() -> None:
    async with Bench(Rowdy, Good) as bench:
        room = await bench.room(Rowdy, Good)
        for word in ("!sort", "!annule") * 3:  # more often than its pool has workers
            assert "erreur interne du robot voyou" in await room.say(ADMIN, word)
        assert await room.say(ADMIN, "!votes") == "0"
        assert await room.say(ADMIN, "!sage oui") == "sage oui"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of what clings when it is let go
@pytest.mark.parametrize("words", ["s'accroche", "s'accroche à tout"])
async def test_one_that_swallows_its_cancellation_holds_its_pool_no_longer_than_its_grace(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LONGEST", 0.2)
    monkeypatch.setattr(leash, "GRACE", 0.2)
    async with Bench(Rowdy, Good) as bench:
        rooms = [await bench.room(Rowdy, Good) for _ in range(3)]
        bot = bench.kernel.crew.switch._bots["voyou"]
        assert isinstance(bot, Rowdy)
        for room in rooms:  # one more than its pool has workers
            await _post(bench, room, [words])
        assert (await rooms[0].say(ADMIN, "!sage tout de suite")).startswith("sage tout de suite")
        for room in rooms:
            await _until(room, "il ne s'arrêtait plus")
        assert await _audit(bench) == [("bot stopped", "voyou stubborn")] * 3
        bot.mind = False
        bot.held.set()
        fresh = await bench.room(Rowdy)
        assert await fresh.say(ADMIN, "!votes") == "0", "its workers are free"


async def test_one_that_fails_without_end_is_switched_off_in_that_room_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FAILURES", 4)
    async with Bench(Rowdy) as bench:
        room, other = await bench.room(Rowdy), await bench.room(Rowdy)
        for _ in range(limits.FAILURES - 1):
            await room.say(ADMIN, "rate")
        await room.say(ADMIN, "bien")  # in a row, or not at all
        for _ in range(limits.FAILURES - 1):
            await room.say(ADMIN, "exit")
            await other.say(ADMIN, "!sort")  # of which people are told each time
        assert not [one for one in room.said if "arrêté" in one]
        told = await room.say(ADMIN, "annule")
        assert "voyou est arrêté dans ce salon : il échouait à chaque fois." in told
        assert told.endswith("admin, pour l'activer de nouveau : !bot activer voyou")
        assert "pas actif" in await room.say(ADMIN, "!votes")
        assert await other.say(ADMIN, "!votes") == "0"
        assert await _audit(bench) == [("bot stopped", "voyou failed")]
        await room.say(ADMIN, "!bot activer voyou")
        await room.say(ADMIN, "rate")
        assert await room.say(ADMIN, "!votes") == "0", "it begins anew"


async def test_a_store_that_is_away_is_no_failure_of_a_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    from tchap_bridges.store.errors import StoreUnavailable  # noqa: PLC0415

    class Reader(Bot):
        """Lit."""

        name = "lit"

        @command("lu")
        async def read(self, room: Room, words: str) -> str:
            """Combien."""
            return str(len(await room.kv.all()))

        @on(Message)
        async def hear(self, room: Room, event: Message) -> None:
            nonlocal away
            if away:
                away -= 1
                raise StoreUnavailable("gone")
            await room.kv.set(event.text.plain, "lu")

    away = limits.FAILURES + 5
    async with Bench(Reader) as bench:
        room = await bench.room(Reader)
        await _post(bench, room, ["un"])
        async with asyncio.timeout(5):
            while away:
                bench.clock.at += timedelta(minutes=1)
                bench.kernel.lanes.open("bot:lit")  # what backed off is due now
                await asyncio.sleep(0.01)
        bench.clock.at += timedelta(minutes=1)
        bench.kernel.lanes.open("bot:lit")
        await bench.settle()
        assert await room.say(ADMIN, "!lu") == "1"
        assert await _audit(bench) == []


async def test_what_is_said_beyond_measure_is_not_shown_and_what_is_kept_is_kept() -> None:
    async with Bench(Rowdy) as bench:
        room, other = await bench.room(Rowdy), await bench.room(Rowdy)
        asked = await room.happens(ADMIN, "m.room.message", {"msgtype": "m.text", "body": "?"})
        said = type("S", (), {"id": asked})()
        for _ in range(6):
            await room.react("@ana:exemple.fr", said, "👍")
        shown = [one for one in room.said if one.startswith("👍")]
        assert len(shown) == limits.SAID_AT_ONCE
        assert [one for one in room.said if "parle trop" in one] == [
            "⚠ admin, le robot voyou parle trop : ce qu'il dit n'est plus montré pour l'instant."
        ], "the room is told once"
        assert await room.say(ADMIN, "!parle 1") == "✗ ce robot parle trop en ce moment. Réessayez dans un moment."
        assert await other.say(ADMIN, "!votes") == "0", "elsewhere it may speak"
        await bench.clock.forward(minutes=10)
        assert await room.say(ADMIN, "!votes") == "6", "and every vote has counted"
        assert await _audit(bench) == []


async def test_a_command_that_is_refused_for_it_has_done_nothing() -> None:
    async with Bench(Rowdy) as bench:
        room = await bench.room(Rowdy)
        for _ in range(limits.SAID_AT_ONCE // 40):
            assert "bla 39" in await room.say(ADMIN, "!parle 40")
        assert "parle trop en ce moment" in await room.say(ADMIN, "!parle 41")
        async with bench.db.snapshot() as tx:
            assert len(await tx.all("kv_all", space=f"bot:voyou {room.id}")) == 1
        await bench.clock.forward(minutes=3)
        assert "bla 0" in await room.say(ADMIN, "!parle 1")


async def test_one_that_never_calms_down_is_switched_off() -> None:
    async with Bench(Rowdy) as bench:
        room = await bench.room(Rowdy)
        asked = await room.happens(ADMIN, "m.room.message", {"msgtype": "m.text", "body": "?"})
        said = type("S", (), {"id": asked})()
        for _ in range(4 * limits.PATIENCE // 60_000 + 10):
            for _ in range(3):
                await room.react("@ana:exemple.fr", said, "👍")
            await bench.clock.forward(seconds=15)
        assert len([one for one in room.said if "il parlait sans cesse" in one]) == 1
        assert await _audit(bench) == [("bot stopped", "voyou flooded")]


async def test_what_is_told_to_many_people_is_not_said_in_one_room() -> None:
    """A survey answers two hundred people within a minute, each in their own conversation."""

    class Survey(Bot):
        """Demande."""

        name = "enquete"

        @command("demande")
        async def ask(self, room: Room, words: str) -> str:
            """Demande à quarante."""
            for n in range(int(words), int(words) + 40):
                await room.tell(f"@p{n}:exemple.fr", "Et vous ?")
            return "demandé"

    async with Bench(Survey) as bench:
        room = await bench.room(Survey)
        for n in range(0, 200, 40):
            assert await room.say(ADMIN, f"!demande {n}") == "demandé"
        assert bench.direct("@p199:exemple.fr").said == ["Et vous ?"]


async def test_beside_one_that_hangs_fails_and_floods_another_answers_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they do is contained: the other's answers are whole, in order, and none waits for them."""
    monkeypatch.setattr(runner, "LONGEST", 2.0)
    async with Bench(Rowdy, Good) as bench:
        room = await bench.room(Rowdy, Good)
        for words in ("dort", "rate", "dort", "exit"):
            await _post(bench, room, [words])
        await _post(bench, room, [f"!sage {n}" for n in range(20)])
        async with asyncio.timeout(1.5):
            while len([one for one in room.said if one.startswith("sage")]) < 20:
                await asyncio.sleep(0.005)
        assert [one for one in room.said if one.startswith("sage")] == [f"sage {n}" for n in range(20)]
        bot = bench.kernel.crew.switch._bots["voyou"]
        assert isinstance(bot, Rowdy)
        assert bot.called == 1, "it sleeps still, and its own room waits for it alone"


async def test_who_gives_too_many_commands_is_told_once_and_then_left_alone() -> None:
    async with Bench(Good) as bench:
        room, other = await bench.room(Good), await bench.room(Good)
        for n in range(pace.COMMANDS_AT_ONCE):
            assert await room.say("@vite:exemple.fr", f"!sage {n}") == f"sage {n}"
        assert "plus de 30 commandes par minute" in await room.say("@vite:exemple.fr", "!sage encore")
        for _ in range(10):
            assert await room.say("@vite:exemple.fr", "!sage encore") == ""
        assert await room.say("@lent:exemple.fr", "!sage moi") == "sage moi", "somebody else"
        assert await other.say("@vite:exemple.fr", "!sage là") == "sage là", "somewhere else"
        await bench.clock.forward(seconds=30)
        assert await room.say("@vite:exemple.fr", "!sage calme") == "sage calme"
        await bench.clock.forward(minutes=2)
        for n in range(pace.COMMANDS_AT_ONCE):
            await room.say("@vite:exemple.fr", f"!sage {n}")
        assert "plus de 30 commandes" in await room.say("@vite:exemple.fr", "!sage encore"), "told again"


def test_buckets_of_many_are_forgotten_when_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    at = 0
    monkeypatch.setattr("tchap_bridges.core.clock.now", lambda: at)
    buckets: pace.Buckets[int] = pace.Buckets(60, 2)
    for n in range(30_000):
        buckets.of(n).take()
    assert len(buckets._known) == 30_000, "nobody is forgotten who has used theirs"
    at = 60_000
    for n in range(30_000, 50_001):
        buckets.of(n)
    assert len(buckets._known) <= 20_001
    at = 0
    assert not buckets.of(50_000).take(3)
    assert buckets.of(50_000).take(2), "a clock that steps back takes nothing away"
    assert not buckets.of(50_000).take()


def test_a_bot_is_heard_in_one_place_while_it_is_not_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tchap_bridges.core.clock.now", lambda: 0)
    judge, room = limits.Limits(), RoomId("!a")
    assert judge.says("b", room, Counter({})) is limits.Speech.SHOWN
    assert (
        judge.says("b", room, Counter({room: 50})) is judge.says("b", room, Counter({room: 50})) is limits.Speech.SHOWN
    )
    assert judge.says("b", room, Counter({room: 21})) is limits.Speech.REFUSED_FIRST
    assert judge.says("b", room, Counter({"@p": 1, room: 21})) is limits.Speech.REFUSED
    assert judge.says("b", room, Counter({"@p": 50})) is limits.Speech.SHOWN
    assert judge.says("b", room, Counter({room: 20})) is limits.Speech.SHOWN, "what fits is heard"
    assert conduct.nothing is not None


async def test_what_was_posted_is_owed_and_waits_until_the_bot_may_speak() -> None:
    class Alerts(Bot):
        """Alerte."""

        name = "alerte"

        @webhook()
        async def posted(self, room: Room, body: Any) -> None:
            for n in range(50):
                await room.say(f"{body['n']}.{n}")

    async with Bench(Alerts) as bench:
        room = await bench.room(Alerts)
        for n in range(3):
            await room.hook(Alerts, {"n": n})
        assert len(room.said) == 100
        bench.clock.at += timedelta(minutes=2)
        bench.kernel.lanes.open("bot:alerte")  # what backed off is due now
        await bench.settle()
        assert room.said[100:] == [f"2.{n}" for n in range(50)]
        assert await _audit(bench) == []


async def test_what_one_says_waits_for_nothing_that_another_says_in_the_same_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Bench(Rowdy, Good) as bench:
        room = await bench.room(Rowdy, Good)
        send = type(bench.kernel.homeserver.rooms).send

        async def slow(*arguments: Any) -> Any:
            await asyncio.sleep(0.03)
            return await send(*arguments)

        monkeypatch.setattr(type(bench.kernel.homeserver.rooms), "send", slow)
        await _post(bench, room, ["!parle 40"])
        await _until(room, "bla 0")
        await _post(bench, room, ["!sage vite"])
        await _until(room, "sage vite")
        assert "bla 39" not in room.said
        await _until(room, "bla 39")
        assert [one for one in room.said if one.startswith("bla")] == [f"bla {n}" for n in range(40)]


async def test_an_answer_waits_for_what_it_answers_in_another_s_lane(tmp_path: Path) -> None:
    """Somebody of a network writes, and a bot answers them: their words are on their way into the room still."""

    class Answers(Bot):
        """Répond."""

        name = "repond"

        @on(Message)
        async def hear(self, room: Room, event: Message) -> str:
            return "en effet"

    async with stage(tmp_path, bots={"repond": Answers()}) as s:
        await s.say("!bot activer repond")
        await s.shown.until(1)
        s.shown.log.clear()
        s.shown.failures.append(NotReady("plus tard", retry_after=0.6))
        await s.net.say("il pleut")
        await s.shown.until(2)
        assert s.shown.texts == ["il pleut", "en effet"]
        first, second = s.shown.log
        assert second.reply_to == s.shown.seen[first.key][0]
