"""Where the story is played: every step is shown as it is done, and checked."""

import time
from collections.abc import Awaitable
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")


class StepFailed(Exception):
    """A step of the demo did not show what it should."""


class Stage:
    """Counts the steps, and tells each."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    async def step(self, title: str, work: Awaitable[T], found: str = "") -> T:
        """Do, with a spinner; tick, or raise."""
        with self.console.status(f"{title}…"):
            result = await work
        self.steps += 1
        self.console.print(f"[green]✓[/green] {title}{f' : {found}' if found else ''}")
        return result

    def check(self, title: str, good: object) -> None:
        if not good:
            raise StepFailed(title)
        self.steps += 1
        self.console.print(f"[green]✓[/green] {title}")
