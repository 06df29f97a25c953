"""What a scenario is, and how one is run to its verdict whatever happens in it."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .ground import Ground
from .oracle import Verdict


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it: payloads per direction, and kills."""

    count: int = 1000
    kills: int = 20

    @property
    def short(self) -> bool:
        return self.count < 500


SHORT = Scale(count=60, kills=3)

Play = Callable[[Ground, Scale], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``points``: their numbers in the list of what may go wrong; ``limit`` in seconds for the long form."""

    name: str
    points: str
    play: Play
    limit: float = 120.0

    @property
    def summary(self) -> str:
        return (self.play.__doc__ or "").partition("\n")[0].rstrip(".")

    async def run(self, ground: Ground, scale: Scale) -> tuple[Verdict, float]:
        """The verdict, and how many seconds it took. A scenario that breaks has failed, and says how."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.limit):
                verdict = await self.play(ground, scale)
        except TimeoutError as error:
            verdict = Verdict(wrong=[f"not over after {time.monotonic() - began:.0f} s: {_where(error)}"])
        except Exception as raised:  # noqa: BLE001  it is told, and the next scenario runs
            error = _first(raised)
            verdict = Verdict(wrong=[f"{type(error).__name__}: {error} ({_where(error)})"])
        if not verdict.passed:
            await ground.bridge.stop()  # whatever is wrong with it is not for the next one
        await ground.heal()
        return verdict, time.monotonic() - began


def _first(error: BaseException) -> BaseException:
    """What broke first, out of the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _where(error: BaseException) -> str:
    """The line of these scenarios where it happened."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tests/faults" in frame.filename]
    return ", ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames[-2:])
