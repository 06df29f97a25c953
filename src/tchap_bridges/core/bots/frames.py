"""Whose code the event loop stands in: from a thread's frames, or from what faulthandler has written of them. Pure.

A bot answers for what is written in its own package. It does not answer for our store, core or Matrix side, though it
has called them: a disk that hangs is no bot's doing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType
from typing import Final

import tchap_bridges
from tchap_bridges.bot import Bot

_OURS: Final = tuple(str(Path(tchap_bridges.__file__).parent / name) + "/" for name in ("core", "matrix", "store"))
_DUMPED: Final = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+|\?\?\?) in (?P<name>.*)')
_LOOP: Final = ("asyncio/base_events.py", "run_forever")


@dataclass(frozen=True, slots=True)
class Step:
    """One frame. ``bot``: the one whose own method it is, where that can be told."""

    file: str
    line: str
    name: str
    bot: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """``handler``: the bot's outermost function; ``where``: its innermost line."""

    bot: str
    handler: str
    where: str


class Grounds:
    """Which files are which bot's."""

    def __init__(self, bots: Mapping[str, Bot]) -> None:
        self._bots = bots

    def steps(self, frame: FrameType | None) -> Sequence[Step]:
        """The frames of a thread that may be running, innermost first."""
        found = []
        while frame is not None:
            code = frame.f_code
            first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            bot = next((name for name, one in self._bots.items() if one is first), "")
            found.append(Step(code.co_filename, str(frame.f_lineno), code.co_qualname, bot))
            frame = frame.f_back
        return found

    def who(self, steps: Sequence[Step]) -> Found | None:
        """The bot that a thread stands in; None when that is nobody's, or somebody else's, doing."""
        bots = dict(self._bots.items())
        of = {name: tuple(_grounds(type(bot))) for name, bot in bots.items()}
        theirs = []
        for step in steps:
            if names := [name for name, grounds in of.items() if step.file.startswith(grounds)]:
                theirs.append((step, names))
            elif not theirs and step.file.startswith(_OURS):
                return None
        if not theirs:
            return None
        (inner, _), (outer, names) = theirs[0], theirs[-1]
        own = next((step.bot for step, _ in reversed(theirs) if step.bot), "")
        named = next((name for name in names if hasattr(bots[name], outer.name.rpartition(".")[2])), names[0])
        return Found(own or named, outer.name, f"{Path(inner.file).name}:{inner.line}")


def dumped(text: str) -> Sequence[Step]:
    """The thread of the event loop in what faulthandler writes of all threads, innermost first."""
    for thread in re.split(r"^(?:Current thread|Thread) ", text, flags=re.MULTILINE):
        steps = [Step(match["file"], match["line"], match["name"]) for match in _DUMPED.finditer(thread)]
        if any(step.file.endswith(_LOOP[0]) and step.name == _LOOP[1] for step in steps):
            return steps
    return ()


def _grounds(bot: type[Bot]) -> Iterator[str]:
    """The files that the class, and those above it, are written in, and all the folder where that is a package."""
    for kind in bot.__mro__:
        if kind.__module__.partition(".")[0] in {"tchap_bridges", "builtins"}:
            continue
        for file in {member.__code__.co_filename for member in vars(kind).values() if isinstance(member, FunctionType)}:
            yield f"{Path(file).parent}/" if "." in kind.__module__ else file
