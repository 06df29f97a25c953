"""A folder of bots that are being written: each is loaded beside the installed ones, and anew when its file changes.

A bot is one ``*.py`` file there that speaks of ``tchap_bridges.bot``; files that begin with ``_`` or ``test_`` are left
alone. The folder's code is run as ours: it is for whoever writes bots, and never for production.

1. what a call has begun with, it ends with; the next one is served by the new code
2. a file that does not load keeps what ran before; the log, and ``!bot``, say which line is wrong
3. a file that is gone takes its bots along
"""

import asyncio
import hashlib
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import structlog

from tchap_bridges.bot import Bot
from tchap_bridges.core.bots import GUIDE, schedules
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _

EVERY: Final = 0.5
"""Seconds between two looks at the folder."""
LONGEST: Final = 10.0
"""Seconds that a file may take to load."""
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MARK: Final = b"tchap_bridges.bot"

T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Source:
    """A file as it was last seen. ``bots``: what it has given, by name. ``missed``: looks at which it was not there."""

    stamp: tuple[int, int] = (0, 0)
    version: str = ""
    bots: Mapping[str, Bot] = field(default_factory=dict)
    missed: int = 0


class Development:
    """Keeps ``bots`` as the folder is. `look` once before anything is served, then `run`."""

    def __init__(self, folder: Path, bots: Bots) -> None:
        self._folder = folder
        self._bots = bots
        self._sources: dict[Path, Source] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except OSError as error:
                log.warning("development.folder_unreadable", folder=self._folder.as_posix(), error=type(error).__name__)
            except Exception:  # the bridge goes on whatever is written there
                log.exception("development.look_failed")

    async def look(self) -> None:
        """Bring the bots up to date. Raises OSError when the folder cannot be read."""
        found = await asyncio.to_thread(_stamps, self._folder)
        for path, source in self._sources.items():
            source.missed = 0 if path in found else source.missed + 1
        for path, stamp in found.items():
            source = self._sources.setdefault(path, Source())
            if source.stamp != stamp:
                source.stamp = stamp
                await self._read(path, source)
        for path in [path for path, source in self._sources.items() if source.missed > 1]:
            self._put(path, self._sources.pop(path), {})  # once may be an editor that saves by way of another file

    async def _read(self, path: Path, source: Source) -> None:
        try:
            code = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            self._fail(path, source, Misconfigured(_("{file} ne se lit pas ({reason})", file=path.name, reason=error)))
            return
        version = hashlib.sha256(code).hexdigest()[:8]
        if version == source.version:  # it is again what runs
            self._bots.faults.pop(path.name, None)
            return
        try:
            async with asyncio.timeout(LONGEST):
                made = await _aside(lambda: load(path, code)) if _MARK in code else {}
            self._may(path, made)
        except Misconfigured as error:
            self._fail(path, source, error)
        except TimeoutError:
            self._fail(path, source, Misconfigured(_("{file} n'a pas fini de se charger", file=path.name)))
        else:
            source.version = version
            self._put(path, source, made)

    def _may(self, path: Path, made: Mapping[str, Bot]) -> None:
        others = self._others(path)
        for name in made.keys() & others.keys():
            reason = _("{file} : « {name} » est déjà dans {other}", file=path.name, name=name, other=others[name].name)
            raise Misconfigured(reason)

    def _others(self, path: Path) -> Mapping[str, Path]:
        """In which other file that is there a bot is, by its name."""
        others = {other: source for other, source in self._sources.items() if other != path and not source.missed}
        return {name: other for other, source in others.items() for name in source.bots}

    def _put(self, path: Path, source: Source, made: Mapping[str, Bot]) -> None:
        self._bots.faults.pop(path.name, None)
        for name in source.bots.keys() - made.keys() - self._others(path).keys():
            self._bots.drop(name)
            log.info("bot.gone", bot=name, file=path.name)
            for other, waiting in self._sources.items():
                if other.name in self._bots.faults:  # it may have wanted the name
                    waiting.stamp = (0, 0)
        for name, bot in made.items():
            log.info("bot.loaded", bot=name, version=source.version, file=path.name)
            self._bots.develop(name, bot)
        source.bots = made

    def _fail(self, path: Path, source: Source, error: Misconfigured) -> None:
        kept = ", ".join(f"{name} {source.version}" for name in source.bots)
        fault = error.reason  # of the author's own code: nobody's content is in it
        log.error("bot.not_loaded", file=path.name, fault=fault, still_running=kept or None)
        self._bots.faults[path.name] = fault


class _Loader(SourceLoader):
    """Of the bytes that were read, not of those that are on disk by now, nor of a cache."""

    def __init__(self, path: Path, code: bytes) -> None:
        self._path = path
        self._code = code

    def get_filename(self, fullname: str) -> str:
        del fullname
        return str(self._path)

    def get_data(self, path: str) -> bytes:
        del path
        return self._code


def load(path: Path, code: bytes) -> Mapping[str, Bot]:
    """The bots of one file, by name. Raises `Misconfigured`, with the line, for whatever goes wrong in it."""
    name = f"_developed_{path.stem}"
    before = sys.modules.get(name)
    loader = _Loader(path, code)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    sys.modules[name] = module = module_from_spec(spec)  # pydantic and dataclasses look there for what annotations name
    try:
        loader.exec_module(module)
        return _made(module)
    except BaseException as error:  # in a thread of its own: nobody else's end is meant
        if before is not None:
            sys.modules[name] = before
        else:
            del sys.modules[name]
        raise _wrong(path, error) from error


def _made(module: ModuleType) -> Mapping[str, Bot]:
    """Of the classes that are written there, not those that are imported, each one that has a name."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    bots = [one() for one in dict.fromkeys(own) if issubclass(one, Bot) and hasattr(one, "name")]
    if not bots:
        raise Misconfigured(_("aucune classe de robot n'a de nom"))
    made = {bot.name: bot for bot in bots}
    if len(made) < len(bots):
        raise Misconfigured(_("deux robots ont le même nom"))
    for bot in bots:
        if NAME.fullmatch(str(bot.name)) is None or bot.name == GUIDE:
            raise Misconfigured(_("un robot ne peut pas s'appeler « {name} »", name=bot.name))
        bot.Config()  # every setting has a default
        schedules.check(type(bot))
    return made


def _wrong(path: Path, error: BaseException) -> Misconfigured:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    where = f"{path.name}:{lines[-1]}" if lines else path.name
    if isinstance(error, Misconfigured):
        return Misconfigured(_("{where} : {reason}", where=where, reason=error.reason))
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return Misconfigured(_("{where} : {kind} : {reason}", where=where, kind=type(error).__name__, reason=reason))


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file that may hold bots was changed, and its size; in the order of their names."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and not path.name.startswith(("_", "test_", "conftest.", ".")):
            try:
                stat = path.stat()
            except FileNotFoundError:  # it went meanwhile
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


async def _aside(work: Callable[[], T]) -> T:
    """Run it in a thread that nobody waits for at the end: what is being written may well never return."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    def run() -> None:
        try:
            outcome: tuple[Any, BaseException | None] = work(), None
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            outcome = None, error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, daemon=True, name="development").start()
    return await done
