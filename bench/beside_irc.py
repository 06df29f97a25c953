"""IRC under load: lines of ten people in one channel, brought into a room by our bridge, by heisenbridge, by nobody's.

One Synapse, one ngIRCd, both bridges at once; each has a channel and a room of its own, and they are measured in turns.
A second channel of ours is on an InspIRCd that keeps a history (mode +H).
"""

import asyncio
import itertools
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import aiohttp
from ruamel.yaml import YAML

from bench.backstage import backstage
from bench.figures import Figures, quantile
from bench.heisenbridge import NICK, Heisenbridge
from bench.procs import Costs
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.tap import Tap
from tchap_bridges.testing.world import World, write_yaml

TALKERS = 10
HISTORY = 2_000  # lines that the second server keeps
KILLED_AT = 6  # kill -9 when one line in so many is in the room
_V3 = "/_matrix/client/v3"
_NICK = "pont"
_PACE = 5.0  # seconds without a new line after which no more is waited for, once a bridge has been killed
_LIMIT = 300.0
_MARK = re.compile(r"\[n° (\d{7})\]")
_WORDS = "la réunion est déplacée à 15 h, salle Condorcet ; qui vient à distance ?"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One bridge: where it speaks, and how it is killed and comes back. ``key`` names its figures."""

    key: str
    nick: str
    channel: str
    room: str
    tap: Tap
    people: Sequence[IrcClient]
    pid: Callable[[], int]
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]

    async def burst(self, number: int) -> list[str]:
        """So many lines. Returns their marks in the order in which the server sent them.

        Two halves of the people take turns, each once: whoever joins lines that one person says in a row joins none.
        """
        judge, *speakers = self.people
        half = len(speakers) // 2
        start, said = judge.mark(), 0
        for turn in itertools.cycle((speakers[:half], speakers[half:])):
            for speaker in turn[: number - said]:
                speaker.say(self.channel, f"[n° {next(_numbers):07}] {_WORDS}")
                said += 1
            await judge.wait_for_count(said, _says(self.channel), since=start, timeout=60)
            if said == number:
                break
        return [mark for _nick, text in judge.said(self.channel, since=start) for mark in _MARK.findall(text)]

    async def present(self) -> None:
        """Return once the bridge is in its channel."""
        async with asyncio.timeout(120):
            while self.nick not in await self.people[0].names(self.channel):
                await asyncio.sleep(0.2)


class Stage:
    """A homeserver, two IRC servers, and a bridge for each side; everybody has spoken once."""

    def __init__(self, world: World, agent: Client, token: str, sides: Sequence[Side]) -> None:
        self.world, self.agent = world, agent
        self.ours, self.heisenbridge, self.history = sides
        self._token = token
        self._said: list[tuple[str, str, dict[str, Any]]] = []

    async def warm(self) -> None:
        """Let everybody's ghost enter, and keep what ours said, to be said again raw."""
        for side in (self.ours, self.heisenbridge, self.history):
            marks = await side.burst(TALKERS)
            await self._until(side.room, partial(_holds, {*marks}, len(marks)))
        async with backstage(self.world.bridge.folder) as store:
            for event in await self._last(self.ours.room, TALKERS):
                self._said.append((event["sender"], store.device(event["sender"]), event["content"]))

    # Rates

    async def rate(self, side: Side, number: int) -> float:
        """Lines a second into the room, by the homeserver's clock, from the first to the last."""
        marks = await side.burst(number)
        await self._complete(side.room, marks)
        events = await self._last(side.room, number)
        seen = [mark for event in events for mark in _marks(event) if mark in set(marks)]
        if seen != marks:
            raise RuntimeError(f"{side.key}: {_difference(marks, seen)}")
        return _rate([event["origin_server_ts"] for event in events if set(_marks(event)) & set(marks)], number)

    async def raw(self, number: int) -> float:
        """The same events sent by nobody's bridge, one after the other."""
        room = self.ours.room
        marks = [f"{next(_numbers):07}" for _n in range(number)]
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            group.create_task(self._complete(room, marks))  # who looks on costs the homeserver the same each time
            for n, mark in enumerate(marks):
                sender, device, content = self._said[n % len(self._said)]
                path = f"{_V3}/rooms/{quote(room)}/send/m.room.message/raw-{mark}"
                async with http.put(
                    self.world.synapse.url + path,
                    params={"user_id": sender, "device_id": device},
                    headers={"Authorization": f"Bearer {self._token}"},
                    json={**content, "body": f"[n° {mark}] {_WORDS}"},
                ) as answer:
                    answer.raise_for_status()
                    await answer.read()
        return _rate([event["origin_server_ts"] for event in await self._last(room, number)], number)

    # Latency

    async def latency(self, side: Side) -> float:
        """Seconds from a line's leaving the IRC client until a Matrix client's waiting sync returns with it."""
        mark = f"{next(_numbers):07}"

        async def see() -> float:
            await self.agent.wait_for(side.room, lambda event: mark in _marks(event), timeout=60)
            return time.perf_counter()

        await asyncio.sleep(0.3)  # at rest: what the last one set going has ended
        await self.agent.sync_once()
        task = asyncio.create_task(see())
        await asyncio.sleep(0.03)  # the long poll is there
        began = time.perf_counter()
        side.people[1].say(side.channel, f"[n° {mark}] {_WORDS}")
        return await task - began

    # kill -9

    async def killed(self, side: Side, number: int, *, away: int = 0) -> tuple[int, int, int]:
        """(lost, doubled, handed) after kill -9 of the bridge when a part of the lines is in the room.

        Lost: not in the room, of those that the server had written to the bridge's socket before the kill (so many are
        ``handed``) and, with ``away``, of so many more that are said while no bridge is there.
        """
        before = len(side.tap.handed)
        marks = await side.burst(number - away)
        await self._until(side.room, partial(_holds, {*marks}, number // KILLED_AT))
        await side.kill()
        handed = {*_MARK.findall(side.tap.handed[before:].decode(errors="replace"))} & set(marks)
        due = handed
        if away:
            marks += await side.burst(away)
            due = {*marks}
        await side.start()
        await side.present()
        seen = await self._settled(side.room, due)
        doubled = sum(seen[mark] - 1 for mark in marks if seen[mark] > 1)
        return len(due - seen.keys()), doubled, len(handed)

    # What is in a room

    async def _settled(self, room: str, due: set[str]) -> Counter[str]:
        """What is there once all is, or nothing has come for a while."""
        seen: Counter[str] = Counter()
        moved = time.monotonic()
        while True:
            found = await self._seen(room)
            if found != seen:
                seen, moved = found, time.monotonic()
            if time.monotonic() - moved > (1.0 if due <= seen.keys() else _PACE):
                return seen
            await asyncio.sleep(0.3)

    async def _complete(self, room: str, marks: Sequence[str]) -> None:
        """Return once the last of these is in the room; look seldom, so that looking costs the homeserver little."""
        async with asyncio.timeout(_LIMIT):
            while not any(marks[-1] in _marks(event) for event in await self._last(room, 3)):
                await asyncio.sleep(1)

    async def _until(self, room: str, true: Callable[[Counter[str]], bool]) -> None:
        async with asyncio.timeout(_LIMIT):
            while not true(await self._seen(room)):
                await asyncio.sleep(0.2)

    async def _seen(self, room: str) -> Counter[str]:
        return Counter(mark for event in await self._last(room, 1000) for mark in _marks(event))

    async def _last(self, room: str, number: int) -> list[dict[str, Any]]:
        """The last messages of a room, oldest first."""
        params = {"dir": "b", "limit": str(number), "filter": '{"types":["m.room.message"]}'}
        found = await self.agent.request("GET", f"{_V3}/rooms/{quote(room)}/messages", params=params)
        events: list[dict[str, Any]] = found["chunk"]
        return events[::-1]


@asynccontextmanager
async def stage(folder: Path, *, template: Path | None) -> AsyncIterator[Stage]:
    """Everything up, linked and warm."""
    other = Heisenbridge(folder / "heisenbridge", "demo.tchap.localhost")
    async with AsyncExitStack() as stack:
        # Of their own: these two change users, and nobody else may enter ours.
        of_plain, of_keeping = [Path(stack.enter_context(TemporaryDirectory(prefix="bench-"))) for _n in range(2)]
        plain = await stack.enter_async_context(Ngircd(of_plain))
        keeping = await stack.enter_async_context(Inspircd(of_keeping, services=False, history=HISTORY))
        ours_tap, other_tap = [await stack.enter_async_context(Tap(plain.port)) for _n in range(2)]
        keeping_tap = await stack.enter_async_context(Tap(keeping.port))
        world = await stack.enter_async_context(
            await World.start(folder / "world", template=template, run=False, registrations=[other.registration])
        )
        token = _only_irc(world.bridge.folder, ours_tap.port, keeping_tap.port)
        await world.bridge.start()
        agent = await world.agent()

        async def start_other() -> None:
            await other.start(world.synapse.url, agent.user_id)

        await start_other()
        stack.push_async_callback(other.stop)
        people = [await _people(stack, server) for server in (plain, keeping)]
        for channel, (first, *others) in (("#nous", people[0]), ("#eux", people[0]), ("#fil", people[1])):
            await first.join(channel)  # and is its operator
            await asyncio.gather(*(one.join(channel) for one in others))
        people[1][0].raw(f"MODE #fil +H {HISTORY}:3600")
        await people[1][0].wait_for(lambda line: line.command == "MODE" and "+H" in line.params)
        rooms = [await _linked(world, agent, name, via) for name, via in (("#nous", "irc"), ("#fil", "histoire"))]
        others_room = await other.link(agent, other_tap.port, "#eux")
        bridge = world.bridge

        def ours(channel: str, room: str, tap: Tap, who: Sequence[IrcClient]) -> Side:
            return Side(
                key="irc",
                nick=_NICK,
                channel=channel,
                room=room,
                tap=tap,
                people=who,
                pid=lambda: bridge.pid,
                kill=bridge.kill,
                start=bridge.start,
            )

        theirs = Side(
            key="heisenbridge",
            nick=NICK,
            channel="#eux",
            room=others_room,
            tap=other_tap,
            people=people[0],
            pid=lambda: other.pid,
            kill=other.kill,
            start=start_other,
        )
        sides = (
            ours("#nous", rooms[0], ours_tap, people[0]),
            theirs,
            ours("#fil", rooms[1], keeping_tap, people[1]),
        )
        for side in sides:
            await side.present()
        made = Stage(world, agent, token, sides)
        await made.warm()
        yield made


def _only_irc(folder: Path, plain: int, keeping: int) -> str:
    """Configure two connections to IRC and nothing else, as ``init`` leaves them. Returns the appservice's token."""
    config = YAML(typ="safe").load(folder / "config.yaml")
    common = {"bridge": "irc", "host": "127.0.0.1", "security": "none", "nick": _NICK}
    config["bridges"] = {"irc": {**common, "port": plain}, "histoire": {**common, "port": keeping}}
    config["bots"] = {}
    write_yaml(folder / "config.yaml", config)
    return str(YAML(typ="safe").load(folder / "registration.yaml")["as_token"])


async def _linked(world: World, agent: Client, channel: str, via: str) -> str:
    room = await world.room(agent, channel)
    answer = await world.link(agent, room, f"irc {channel} via={via}")
    if "✓" not in answer:
        raise RuntimeError(f"no link was made: {answer}")
    return room


async def _people(stack: AsyncExitStack, server: Ngircd | Inspircd) -> list[IrcClient]:
    """A judge who only listens, and those who speak."""
    nicks = ["juge", *(f"parleur{n}" for n in range(TALKERS))]
    made = await asyncio.gather(*(server.client(nick) for nick in nicks))
    return [await stack.enter_async_context(one) for one in made]


async def measure(on: Stage, figures: Figures, *, rounds: int, lines: int, singles: int) -> None:
    """All figures of all sides, in turns."""
    for _round in range(rounds):
        before = await on.raw(lines // 2)
        for side in (on.ours, on.heisenbridge):
            rate = await on.rate(side, lines)
            after = await on.raw(lines // 2)
            raw = (before + after) / 2  # of its neighbours: what else this machine does comes and goes
            figures.note(f"{side.key}.ratio_one_room", rate / raw, ours=rate, raw=raw)
            before = after
            costs = Costs.of(side.pid())
            figures.note(f"{side.key}.rss_mb", costs.main.rss + costs.workers.rss)
        waits: dict[str, list[float]] = {}
        for _single in range(singles):
            for side in (on.ours, on.heisenbridge):
                waits.setdefault(side.key, []).append(await on.latency(side))
        for key, found in waits.items():
            figures.note(f"{key}.latency_ms_p50", quantile(found, 0.5) * 1000)
        for side in (on.ours, on.heisenbridge):
            lost, doubled, handed = await on.killed(side, lines)
            figures.note(f"{side.key}.lost_after_kill", lost)
            figures.note(f"{side.key}.dup_after_kill", doubled)
            figures.note(f"{side.key}.handed_before_kill", handed)
        lost, doubled, _handed = await on.killed(on.history, lines, away=lines // 2)
        figures.note("irc.lost_after_kill_history", lost)
        figures.note("irc.dup_after_kill_history", doubled)


def _says(channel: str) -> Callable[[Any], bool]:
    return lambda line: line.command == "PRIVMSG" and line.target == channel and bool(_MARK.search(line.text))


def _holds(marks: set[str], least: int, seen: Counter[str]) -> bool:
    """So many of these are there."""
    return len(seen.keys() & marks) >= least


def _marks(event: dict[str, Any]) -> list[str]:
    return _MARK.findall(str(event.get("content", {}).get("body", "")))


def _rate(times: Sequence[int], lines: int) -> float:
    return (lines - 1) / ((max(times) - min(times)) / 1000)


def _difference(wanted: Sequence[str], seen: Sequence[str]) -> str:
    missing, more = len({*wanted} - {*seen}), len(seen) - len({*seen})
    return f"{len(wanted)} lines, {missing} missing, {more} doubled" + ("" if missing or more else ", out of order")
