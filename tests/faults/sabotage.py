"""`tchap-bridges` with a fault built in: ``python sabotage.py FAULT[:NUMBER] … -- run --config config.yaml``.

The product has no hooks for tests: a fault replaces a method before the program starts, in a process of its own.
"""

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Wrap = Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dies_after(number: int) -> Wrap:
    """The ``number``-th call does all its work, and nobody hears of it."""
    count = 0

    def wrap(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **more: Any) -> Any:
            nonlocal count
            result = await method(*args, **more)
            count += 1
            if count == number:
                _die()
            return result

        return wrapped

    return wrap


def _dies_before(number: int) -> Wrap:
    """The ``number``-th call begins, and does nothing."""
    count = 0

    def wrap(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                _die()
            return await method(*args, **more)

        return wrapped

    return wrap


def _answers_late(number: int) -> Wrap:
    """Every call does its work at once, and returns after so many seconds."""

    def wrap(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **more: Any) -> Any:
            result = await method(*args, **more)
            await asyncio.sleep(number)
            return result

        return wrapped

    return wrap


def _begins_late(number: int) -> Wrap:
    """Every call waits so many seconds before it does anything."""

    def wrap(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **more: Any) -> Any:
            await asyncio.sleep(number)
            return await method(*args, **more)

        return wrapped

    return wrap


def _fails(number: int) -> Wrap:
    """The first calls, so many of them, fail as a bug of ours would."""
    count = 0

    def wrap(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def wrapped(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count <= number:
                raise ZeroDivisionError("a bug, on purpose")
            return await method(*args, **more)

        return wrapped

    return wrap


def _inbox() -> Any:
    from tchap_bridges.core.inbox import Inbox  # noqa: PLC0415

    return Inbox


def _endpoint() -> Any:
    from tchap_bridges.matrix.endpoint import Endpoint  # noqa: PLC0415

    return Endpoint


def _rooms() -> Any:
    from tchap_bridges.matrix.rooms import Rooms  # noqa: PLC0415

    return Rooms


def _media() -> Any:
    from tchap_bridges.matrix.media import Media  # noqa: PLC0415

    return Media


def _mail() -> Any:
    from tchap_bridge_email.connection import EmailConnection  # noqa: PLC0415

    return EmailConnection


def _door() -> Any:
    from tchap_bridge_email.entrance import Entrance  # noqa: PLC0415

    return Entrance


def _spool() -> Any:
    from tchap_bridge_email.incoming import Incoming  # noqa: PLC0415

    return Incoming


def _desk() -> Any:
    from tchap_bridges.core.desk import Desk  # noqa: PLC0415

    return Desk


def _timers() -> Any:
    from tchap_bridges.core.bots.timers import Timers  # noqa: PLC0415

    return Timers


def _runner() -> Any:
    from tchap_bridges.core.bots.runner import Runner  # noqa: PLC0415

    return Runner


def _courier() -> Any:
    from tchap_bridges.core.courier import Courier  # noqa: PLC0415

    return Courier


def _clockwork(number: int) -> None:
    """No fault: the bot of that file is installed."""
    from importlib.metadata import EntryPoint, entry_points  # noqa: PLC0415

    from tchap_bridges import plugins  # noqa: PLC0415

    def points(**group: str) -> Any:
        found = tuple(entry_points(**group))
        ours = EntryPoint(name="horloge", value="clockwork:Clockwork", group=plugins.BOTS)
        return (*found, ours) if group == {"group": plugins.BOTS} else found

    plugins.entry_points = points


def _poison(number: int) -> None:
    """Room events that hold the word make the reader of rooms fail."""
    from tchap_bridges.matrix import homeserver  # noqa: PLC0415

    read = homeserver.read

    def poisoned(item: Any, *more: Any) -> Any:
        if b"poison-mortel" in item.raw:
            raise ZeroDivisionError("a bug, on purpose")
        return read(item, *more)

    homeserver.read = poisoned


def _breaks(method: str) -> Callable[[int], None]:
    """A plain method of the spooled mail fails, so many times."""

    def build(number: int) -> None:
        owner = _spool()
        whole, count = getattr(owner, method), 0

        def broken(*args: Any) -> Any:
            nonlocal count
            count += 1
            if count <= number:
                raise ZeroDivisionError("a bug, on purpose")
            return whole(*args)

        setattr(owner, method, broken)

    return build


METHODS: dict[str, tuple[Callable[[], Any], str, Callable[[int], Wrap]]] = {
    "die-transaction-kept": (_endpoint, "_transaction", _dies_after),
    "die-mail-kept": (_inbox, "accept", _dies_after),
    "die-event-sent": (_rooms, "_put_event", _dies_after),
    "die-file-created": (_media, "_create", _dies_after),
    "die-file-uploaded": (_media, "_upload", _dies_after),
    "die-mail-sent": (_mail, "_hand_over", _dies_after),
    "die-command": (_desk, "handle", _dies_before),
    "die-command-done": (_desk, "handle", _dies_after),
    "die-timer-calling": (_timers, "_call", _dies_after),
    "die-timers-fired": (_timers, "_fire", _dies_after),
    "die-bot-called": (_runner, "handle", _dies_after),
    "die-bot-done": (_courier, "_at_desk", _dies_after),
    "late-transaction": (_endpoint, "_transaction", _answers_late),
    "slow-accept": (_inbox, "accept", _begins_late),
    "fail-rcpt": (_door, "known", _fails),
    "fail-accept": (_inbox, "accept", _fails),
}
"""Fault → (class, method, what is done to it)."""

OTHERS: dict[str, Callable[[int], None]] = {
    "clockwork": _clockwork,
    "poison": _poison,
    "fail-read": _breaks("read"),
    "fail-spool": _breaks("feed"),
}


def build_in(fault: str) -> None:
    name, _colon, number = fault.partition(":")
    if name in OTHERS:
        OTHERS[name](int(number or 1))
        return
    find, method, wrap = METHODS[name]
    owner = find()
    setattr(owner, method, wrap(int(number or 1))(getattr(owner, method)))


if __name__ == "__main__":
    split = sys.argv.index("--")
    for each in sys.argv[1:split]:
        build_in(each)
    from tchap_bridges.cli import main

    sys.argv = ["tchap-bridges", *sys.argv[split + 1 :]]
    main()
