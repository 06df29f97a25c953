"""Sees from a thread that a bot keeps the event loop from turning, names it, and in the end ends the process.

The loop counts its turns; the thread sees the count stand still and looks in whose code the loop stands (`frames`):

1. after `NAMED` seconds in a bot's handler it is named in the log, and a mark is put on disk that outlives kill -9;
2. a loop that turns again within `LONGEST` seconds (all that it lost in ten minutes counts, from `SLOW` seconds on) is
   forgiven: the mark goes;
3. later than that the bot is switched off at once, and the mark goes when that is written;
4. after `END` seconds the process is ended, for the supervisor to start it again; the bot that the mark names is
   switched off before anything else runs.

Only time in which the process really ran is counted: a machine that swaps, sleeps or was stopped, or that has no
processor left for the loop's thread, is nobody's fault.
Where the code holds the interpreter's lock without end (one call into C, as a regular expression that backtracks), no
thread of Python's runs either. Then a signal comes, once the process has burnt `HELD` seconds of processor without this
thread having had its turn: faulthandler writes down where everybody stands, and the process ends.
"""

import asyncio
import faulthandler
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog

from tchap_bridges.bot import Bot
from tchap_bridges.core import clock
from tchap_bridges.core.bots.frames import Found, Grounds, Step, dumped
from tchap_bridges.core.bots.stops import Blame
from tchap_bridges.errors import NotReady
from tchap_bridges.logs import harmless

NAMED: Final = 3.0
"""Seconds without a turn of the loop after which a bot is named."""
SLOW: Final = 1.0
"""Seconds without a turn from which on they are a bot's account."""
LONGEST: Final = 10.0
"""Seconds without a turn, within `WINDOW`, that a bot is forgiven."""
WINDOW: Final = 600.0
END: Final = 60.0
"""Seconds without a turn after which the process is ended."""
HELD: Final = 60.0
"""Seconds of processor, of the whole process, without a turn of the thread."""
EXIT: Final = 70
"""What the process says then (EX_SOFTWARE): not 2, on which systemd would not start it again."""
_TICK: Final = 0.25
_LATE: Final = 1.0  # seconds that this thread may be late and still be taken for running

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """The constants of this file; tests are less patient."""

    slow: float = SLOW
    named: float = NAMED
    longest: float = LONGEST
    end: float = END
    held: float = HELD


class Marks:
    """Two files beside the store: ``….blocked`` is written by the thread, ``….held`` by the signal.

    Beside it and not in it: a loop that does not turn may hold the store's own lock.
    """

    def __init__(self, base: Path) -> None:
        self.blocked = base.with_name(f"{base.name}.blocked")
        self.held = base.with_name(f"{base.name}.held")

    def write(self, blame: Blame) -> None:
        """Whole, or not at all."""
        fresh = self.blocked.with_name(f"{self.blocked.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(blame), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.blocked)

    def read(self, grounds: Grounds) -> list[Blame]:
        """Whom the last process has left marks of."""
        found = []
        if text := _text(self.blocked):
            found.append(_blame(text))
        if text := _text(self.held):
            steps = dumped(text)
            if (who := grounds.who(steps)) is not None:
                at = int(self.held.stat().st_mtime * 1000)
                found.append(Blame(bot=who.bot, handler=who.handler, where=who.where, at=at, seconds=HELD))
            else:  # nobody's: whoever looks for why it ended finds it
                log.warning("loop.was_held", where=_shown(steps))
        return [blame for blame in found if blame is not None]

    def forgive(self) -> None:
        """What the thread has written is settled."""
        self.blocked.unlink(missing_ok=True)

    def clear(self) -> None:
        """So is what the last process has left; not while a watchdog runs."""
        self.forgive()
        self.held.unlink(missing_ok=True)


def _shown(steps: Sequence[Step]) -> str:
    return f"{Path(steps[0].file).name}:{steps[0].line}" if steps else "?"


def _text(path: Path) -> str:
    """What stands in it, '' when there is nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        log.warning("watchdog.mark_unreadable", **harmless(error))
        return ""


def _blame(text: str) -> Blame | None:
    try:
        return Blame(**json.loads(text))
    except (ValueError, TypeError) as error:
        log.warning("watchdog.mark_unreadable", **harmless(error))
        return None


@dataclass(frozen=True, slots=True)
class _Times:
    """In seconds: of the clock, of processor that a thread had, and for which it stood in line for one."""

    clock: float
    worked: float
    queued: float

    def until(self, later: "_Times") -> float:
        """The seconds that are the thread's own doing."""
        passed = later.clock - self.clock
        if passed > _TICK + _LATE:  # nobody ran, or this thread did and let nobody else
            return min(passed, later.worked - self.worked)
        return max(0.0, passed - (later.queued - self.queued))


@dataclass(frozen=True, slots=True)
class _Thread:
    """The one that the loop turns in."""

    ident: int
    native: int

    @property
    def frame(self) -> FrameType | None:
        return sys._current_frames().get(self.ident)  # noqa: SLF001 - it is documented

    def times(self) -> _Times:
        worked = time.clock_gettime(time.pthread_getcpuclockid(self.ident))
        try:  # https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
            queued = int(Path(f"/proc/self/task/{self.native}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # a kernel that does not tell
            queued = 0.0
        return _Times(time.monotonic(), worked, queued)


@dataclass(slots=True)
class _Standstill:
    """Since the loop's last turn: for how long it has stood, and for how long of that in each bot's code."""

    seconds: float = 0.0
    of: dict[str, tuple[Found, float]] = field(default_factory=dict)
    told: bool = False

    def note(self, who: Found | None, seconds: float) -> None:
        self.seconds += seconds
        if who is not None:
            self.of[who.bot] = (who, seconds + self.theirs(who.bot))

    def theirs(self, bot: str) -> float:
        return self.of[bot][1] if bot in self.of else 0.0

    @property
    def worst(self) -> Blame | None:
        """Whoever has kept it longest."""
        if not self.of:
            return None
        who, seconds = max(self.of.values(), key=lambda each: each[1])
        return Blame(bot=who.bot, handler=who.handler, where=who.where, at=clock.now(), seconds=seconds)


@dataclass(slots=True)
class _Lost:
    """What one bot has cost the loop lately."""

    spells: list[tuple[float, float]] = field(default_factory=list)

    def add(self, now: float, seconds: float) -> float:
        self.spells = [(at, n) for at, n in self.spells if now - at < WINDOW] + [(now, seconds)]
        return sum(n for _, n in self.spells)


class Watchdog:
    """``stop`` switches a bot off in all rooms; ``end`` ends the process."""

    def __init__(
        self,
        bots: Mapping[str, Bot],
        marks: Marks,
        stop: Callable[[Blame], Awaitable[None]],
        *,
        patience: Patience = Patience(),
        end: Callable[[int], Any] = os._exit,
    ) -> None:
        self._grounds = Grounds(bots)
        self._marks = marks
        self._stop = stop
        self._patience = patience
        self._end = end
        self._turns = 0
        self._over = threading.Event()
        self._blamed: asyncio.Queue[Blame] = asyncio.Queue()
        self._lost: dict[str, _Lost] = {}

    async def run(self) -> None:
        """Until cancelled: to be called on the loop that is watched."""
        loop = asyncio.get_running_loop()

        def blamed(blame: Blame) -> None:
            loop.call_soon_threadsafe(self._blamed.put_nowait, blame)

        watched = _Thread(threading.get_ident(), threading.get_native_id())
        thread = threading.Thread(target=self._watch, args=(watched, blamed), name="watchdog", daemon=True)
        with self._signal():
            thread.start()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._turn())
                    group.create_task(self._heed())
            finally:
                self._over.set()
                thread.join()

    async def _turn(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(_TICK / 2)

    async def _heed(self) -> None:
        """The loop is back, and the bot goes off; until that is written the mark stays."""
        while True:
            blame = await self._blamed.get()
            try:
                await self._stop(blame)
            except NotReady as error:
                log.warning("watchdog.not_stopped", bot=blame.bot, **harmless(error))
                await asyncio.sleep(error.retry_after or 1.0)
                self._blamed.put_nowait(blame)
            except Exception:  # the mark stays, for the next start
                log.exception("watchdog.not_stopped", bot=blame.bot)
            else:
                self._marks.forgive()

    # The thread

    def _watch(self, watched: "_Thread", blamed: Callable[[Blame], Any]) -> None:
        still, turns, before = _Standstill(), self._turns, watched.times()
        while not self._over.wait(_TICK):
            signal.setitimer(signal.ITIMER_PROF, self._patience.held)
            now = watched.times()
            try:
                if turns != self._turns:
                    self._back(still, blamed)
                    still, turns = _Standstill(), self._turns
                else:
                    steps = self._grounds.steps(watched.frame)
                    still.note(self._grounds.who(steps), before.until(now))
                    self._judge(still, _shown(steps))
            except Exception:  # whatever one look met, the next one comes
                log.exception("watchdog.look_failed")
            before = now

    def _judge(self, still: _Standstill, innermost: str) -> None:
        blame = still.worst
        if blame is not None and blame.seconds >= self._patience.named:
            if not still.told or blame.seconds >= self._patience.end:
                self._name(blame)
            if blame.seconds >= self._patience.end:
                log.critical("watchdog.ends_the_process", bot=blame.bot)
                self._end(EXIT)
        elif still.told or still.seconds < 2 * self._patience.named:
            return
        else:
            log.warning("loop.stands", seconds=round(still.seconds, 1), where=innermost)
        still.told = True

    def _name(self, blame: Blame) -> None:
        log.error(
            "bot.blocks_the_loop",
            bot=blame.bot,
            handler=blame.handler,
            where=blame.where,
            seconds=round(blame.seconds, 1),
        )
        try:
            self._marks.write(blame)
        except OSError as error:
            log.warning("watchdog.no_mark", **harmless(error))

    def _back(self, still: _Standstill, blamed: Callable[[Blame], Any]) -> None:
        """The loop turns again."""
        blame = still.worst
        if blame is None or blame.seconds < self._patience.slow:
            return
        lost = self._lost.setdefault(blame.bot, _Lost()).add(time.monotonic(), blame.seconds)
        log.warning(
            "bot.let_the_loop_go",
            bot=blame.bot,
            handler=blame.handler,
            where=blame.where,
            seconds=round(blame.seconds, 1),
            lately=round(lost, 1),
        )
        if lost < self._patience.longest:
            self._marks.forgive()
        else:
            blamed(blame)

    @contextmanager
    def _signal(self) -> Iterator[None]:
        """SIGPROF, when it comes, is faulthandler's, and then what it is by default: the end."""
        try:
            file = self._marks.held.open("w")
        except OSError as error:
            log.warning("watchdog.no_marks", remedy="the folder has to be writable", **harmless(error))
            yield
            return
        with file:
            faulthandler.register(signal.SIGPROF, file=file, all_threads=True, chain=True)
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                faulthandler.unregister(signal.SIGPROF)
                self._marks.held.unlink(missing_ok=True)
