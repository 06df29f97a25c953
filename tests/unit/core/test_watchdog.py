"""A bot that keeps the loop from turning is named, marked on disk, forgiven or switched off; nobody else ever is."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tchap_bridges.bot import Bot, Room, command
from tchap_bridges.core.bots import watchdog
from tchap_bridges.core.bots.frames import Grounds
from tchap_bridges.core.bots.stops import Blame
from tchap_bridges.core.bots.watchdog import EXIT, Marks, Patience, Watchdog
from tchap_bridges.errors import NotReady
from tchap_bridges.store.database import Database
from tchap_bridges.testing.bench import ADMIN, Bench

QUICK = Patience(slow=0.3, named=0.6, longest=2.0, end=60.0, held=60.0)


class Blocker(Bot):
    """Bloque."""

    name = "bloque"

    @command("bloque")
    async def block(self, room: Room, words: str) -> str:
        """Bloque autant de secondes."""
        _wait(float(words))
        return "fini"

    async def beside(self, seconds: float) -> None:
        time.sleep(seconds)


class Quiet(Bot):
    """Ne bloque rien."""

    name = "calme"

    @command("calme")
    async def calm(self, room: Room, words: str) -> str:
        """Rien."""
        return words


def _wait(seconds: float) -> None:
    time.sleep(seconds)


class Kept:
    """What a watchdog has done."""

    def __init__(self, base: Path) -> None:
        self.bot = Blocker()
        self.marks = Marks(base)
        self.stopped: list[Blame] = []
        self.ended: list[int] = []
        self.away = 0

    async def blocks(self, seconds: str) -> None:
        """As it is called: in a task of its own."""
        await asyncio.create_task(self.bot.block(None, seconds))

    async def stop(self, blame: Blame) -> None:
        if self.away:
            self.away -= 1
            raise NotReady("away", retry_after=0.05)
        self.stopped.append(blame)

    def found(self) -> list[Blame]:
        return self.marks.read(Grounds({"bloque": self.bot, "calme": Quiet()}))

    async def until_stopped(self) -> Blame:
        async with asyncio.timeout(5):
            while not self.stopped:
                await asyncio.sleep(0.02)
        return self.stopped[0]


@asynccontextmanager
async def watched(folder: Path, patience: Patience = QUICK) -> AsyncIterator[Kept]:
    kept = Kept(folder / "bridge.db")
    bots = {"bloque": kept.bot, "calme": Quiet()}
    dog = Watchdog(bots, kept.marks, kept.stop, patience=patience, end=kept.ended.append)
    running = asyncio.create_task(dog.run())
    await asyncio.sleep(0.3)
    try:
        yield kept
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_one_that_blocks_too_long_is_named_and_switched_off_when_the_loop_is_back(tmp_path: Path) -> None:
    async with watched(tmp_path) as kept:
        with capture_logs() as logs:
            await kept.blocks("3.2")
            blame = await kept.until_stopped()
        assert (blame.bot, blame.handler) == ("bloque", "Blocker.block")
        assert re.fullmatch(r"test_watchdog\.py:\d+", blame.where)
        assert 2.0 <= blame.seconds <= 3.6
        named = [one for one in logs if one["event"] == "bot.blocks_the_loop"]
        assert len(named) == 1, "it is named once, and while it blocks"
        assert named[0]["seconds"] < 2.0
        await asyncio.sleep(0.1)
        assert kept.found() == [], "written down, so the mark is gone"


async def test_a_short_block_is_named_and_forgiven_and_many_are_not(tmp_path: Path) -> None:
    async with watched(tmp_path) as kept:
        await kept.blocks("1.2")
        await asyncio.sleep(0.4)
        assert (kept.stopped, kept.found()) == ([], [])
        for _ in range(2):
            await kept.blocks("1.2")
            await asyncio.sleep(0.4)
        assert (await kept.until_stopped()).bot == "bloque"


async def test_blocks_too_short_to_be_named_add_up(tmp_path: Path) -> None:
    async with watched(tmp_path, Patience(slow=0.3, named=60.0, longest=1.5)) as kept:
        for _ in range(6):
            await kept.blocks("0.8")
            await asyncio.sleep(0.3)
        assert (await kept.until_stopped()).bot == "bloque"


@pytest.mark.parametrize(
    ("passed", "worked", "queued", "own"),
    [
        (0.25, 0.0, 0.0, 0.25),  # it waits for something, and the loop with it
        (0.25, 0.25, 0.0, 0.25),  # it computes
        (0.25, 0.05, 0.2, 0.05),  # others have the processor
        (0.25, 0.0, 0.3, 0.0),
        (30.0, 0.0, 0.0, 0.0),  # the machine slept, or the process was stopped
        (30.0, 29.5, 0.0, 29.5),  # it let no other thread run
        (30.0, 40.0, 0.0, 30.0),
    ],
)
def test_what_counts_is_the_thread_s_own_doing(passed: float, worked: float, queued: float, own: float) -> None:
    before, after = watchdog._Times(10.0, 1.0, 2.0), watchdog._Times(10.0 + passed, 1.0 + worked, 2.0 + queued)
    assert before.until(after) == pytest.approx(own)


async def test_the_mark_is_there_while_the_loop_stands(tmp_path: Path) -> None:
    async with watched(tmp_path) as kept:
        seen: list[list[Blame]] = []
        threading.Timer(1.2, lambda: seen.append(kept.found())).start()
        await kept.blocks("1.5")
        assert [blame.bot for blame in seen[0]] == ["bloque"]


async def test_a_task_that_a_bot_has_made_is_the_bot_s(tmp_path: Path) -> None:
    async with watched(tmp_path) as kept:
        await asyncio.gather(kept.bot.beside(2.9))
        assert (await kept.until_stopped()).handler == "Blocker.beside"


async def test_one_that_never_comes_back_ends_the_process(tmp_path: Path) -> None:
    async with watched(tmp_path, Patience(named=0.5, longest=1.0, end=1.5)) as kept:
        await kept.blocks("2.2")
        assert set(kept.ended) == {EXIT}


async def test_what_is_no_bot_s_is_named_and_nobody_is_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own code that is slow, also where a bot has called it: as a disk that hangs."""
    async with watched(tmp_path, Patience(named=0.4, longest=0.8, end=1.0)) as kept:
        with capture_logs() as logs:
            code = compile("import time; time.sleep(1.4)", "/usr/lib/somewhere.py", "exec")
            asyncio.get_running_loop().call_soon(exec, code)
            await asyncio.sleep(0.3)
        assert [one["where"] for one in logs if one["event"] == "loop.stands"] == ["somewhere.py:1"]
        store = Path(sys.modules[Database.__module__].__file__ or "").parent / "disk.py"
        scope: dict[str, object] = {}
        exec(compile("import time\ndef read(): time.sleep(1.4)", str(store), "exec"), scope)
        monkeypatch.setattr(sys.modules[__name__], "_wait", lambda _seconds: scope["read"]())
        await kept.blocks("0")
        await asyncio.sleep(0.3)
        assert (kept.ended, kept.stopped, kept.found()) == ([], [], [])


async def test_until_it_is_written_that_it_is_off_the_mark_stays(tmp_path: Path) -> None:
    async with watched(tmp_path) as kept:
        kept.away = 3
        await kept.blocks("2.9")
        await asyncio.sleep(0.05)
        assert [blame.bot for blame in kept.found()] == ["bloque"]
        await kept.until_stopped()
        await asyncio.sleep(0.05)
        assert kept.found() == []


async def test_time_in_which_nobody_ran_is_nobody_s_fault(tmp_path: Path) -> None:
    """The whole process is stopped in the middle of a handler, as a machine that sleeps does it."""
    async with watched(tmp_path) as kept:
        resume = subprocess.Popen(
            [sys.executable, "-c", f"import os,time;time.sleep(3.5);os.kill({os.getpid()},{int(signal.SIGCONT)})"]
        )

        def stop() -> None:
            os.kill(os.getpid(), signal.SIGSTOP)

        threading.Timer(0.2, stop).start()
        await kept.blocks("0.5")
        await asyncio.sleep(0.6)
        assert resume.wait() == 0
        assert (kept.stopped, kept.found()) == ([], [])


HOG = """
import asyncio, re, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from hog import Hog
from tchap_bridges.core.bots.watchdog import Marks, Patience, Watchdog

async def main():
    bot = Hog()
    async def stop(blame): ...
    dog = Watchdog({"gourmand": bot}, Marks(Path(sys.argv[1])), stop, patience=Patience(held=1.5))
    async with asyncio.TaskGroup() as group:
        group.create_task(dog.run())
        await asyncio.sleep(0.6)
        await bot.match(None, "")

asyncio.run(main())
"""

BOT = '''
import re
from tchap_bridges.bot import Bot, command

class Hog(Bot):
    """Prend tout."""

    name = "gourmand"

    @command("gourmand")
    async def match(self, room, words):
        """Cherche."""
        return re.match(r"(a+)+$", "a" * 60 + "b")
'''


def test_one_that_holds_the_interpreter_s_lock_ends_the_process_and_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.py").write_text(HOG)
    (tmp_path / "hog.py").write_text(BOT)
    base = tmp_path / "bridge.db"
    done = subprocess.run([sys.executable, str(tmp_path / "main.py"), str(base)], timeout=60, check=False)
    assert done.returncode == -signal.SIGPROF
    monkeypatch.syspath_prepend(tmp_path)
    hog = __import__("hog").Hog()
    (blame,) = Marks(base).read(Grounds({"calme": Quiet(), "gourmand": hog}))
    assert (blame.bot, blame.handler, blame.where) == ("gourmand", "match", "hog.py:13")
    sys.modules.pop("hog")


async def test_whom_the_last_process_has_named_is_off_before_anything_runs(tmp_path: Path) -> None:
    async with Bench(Blocker, Quiet, folder=tmp_path) as bench:
        room, other = await bench.room(Blocker, Quiet), await bench.room(Blocker)
        blame = Blame(bot="bloque", handler="Blocker.block", where="bot.py:12", at=5, seconds=61.0)
        for _ in range(2):  # a start that was cut short does it again, and tells nobody twice
            await bench.kernel.crew.stops.blocked(blame)
        await bench.settle()
        for each in (room, other):
            (told,) = each.said
            assert "bloque est arrêté" in told
            assert "empêché tout le pont de travailler (Blocker.block)" in told
            assert told.endswith("admin, pour l'activer de nouveau : !bot activer bloque")
        assert await bench.kernel.crew.stops.everywhere() == [{"bot": "bloque", "why": "blocked", "rooms": 2}]
        async with bench.db.snapshot() as tx:
            rows = [row for row in await tx.all("audit_list", after=0, limit=100) if row["what"] == "bot stopped"]
        assert [row["detail"] for row in rows] == ["bloque blocked"] * 2
        assert rows[0]["rule"] == "handler=Blocker.block at=bot.py:12 seconds=61"
        assert "pas actif" in await room.say(ADMIN, "!bloque 0")
        assert "○ bloque — Bloque. — arrêté : il a empêché" in await room.say(ADMIN, "!bot")
        assert await room.say(ADMIN, "!calme oui") == "oui"
        assert "✓ bloque est actif" in await room.say(ADMIN, "!bot activer bloque")
        assert await room.say(ADMIN, "!bloque 0") == "fini"
        assert await bench.kernel.crew.stops.everywhere() == [{"bot": "bloque", "why": "blocked", "rooms": 1}]
