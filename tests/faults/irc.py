"""IRC: kill -9 of the bridge while both sides talk, cuts between a line and its echo, and a long absence.

What a server that keeps a history has told people counts as acknowledged. Where there is none, only what the bridge had
on its disk does: nobody can say again what was said while it was away. What the bridge says on IRC may be seen though
nobody could tell it so: then the room is told that it is uncertain, once, and it is never sent again.
"""

import asyncio
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.tap import Tap

from .ground import Ground, Place
from .oracle import Ledger, Sighting, Verdict, tokens
from .scenario import Scale
from .storms import all_of, at_least, kill_at_random, shown_in_rooms
from .traffic import say, shares

_PAUSE = 0.5  # seconds between two lines of one person, so that kills meet them all along
_HISTORY = 2_000
_UNCERTAIN = "⚠ Peut-être non remis"
_KEPT = re.compile(r'tchap_bridges_events_total\{what="in",where="irc"\} (\S+)')


@dataclass(slots=True)
class Network:
    """An IRC server, the wire to it, people in every channel, and one who only listens."""

    tap: Tap
    judge: IrcClient
    people: Sequence[IrcClient]
    history: bool
    ledger: Ledger = field(default_factory=Ledger)
    """What was said on IRC."""
    back: Ledger = field(default_factory=Ledger)
    """What was said in the rooms."""
    events: dict[str, Any] = field(default_factory=dict)
    """What was said in the rooms, by its event's id."""
    notes: list[str] = field(default_factory=list)

    async def place(self, ground: Ground, name: str) -> Place:
        """A room and a channel, linked."""
        for one in (self.judge, *self.people):
            await one.join(f"#{name}")
        if self.history:
            self.judge.raw(f"MODE #{name} +H {_HISTORY}:3600")
            await self.judge.wait_for(lambda line: line.command == "MODE" and {f"#{name}", "+H"} <= {*line.params})
        agent = ground.agents[0]
        room = await ground.world.room(agent)
        answer = await ground.world.link(agent, room, f"irc #{name}")
        if "✓" not in answer:
            raise AssertionError(f"the link was not made: {answer}")
        return Place(name, room, "", [agent])

    # To speak

    async def chat(self, place: Place, person: IrcClient, number: int, *, pause: float = _PAUSE) -> None:
        """One person says so many lines. Where there is a history, they are acknowledged once others have seen them."""
        for _n in range(number):
            token = self.ledger.new(place.name, person.nick)
            start = self.judge.mark()
            person.say(f"#{place.name}", f"bonjour {token}")
            await self.judge.wait_for(partial(_has, str(token)), since=start, timeout=30)
            if self.history:
                self.ledger.acknowledge(token)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def talk(self, place: Place, agent: Client, number: int, *, pause: float = _PAUSE) -> None:
        """The agent of a room says so many messages."""
        for _n in range(number):
            token = self.back.new(place.name, agent.user_id[1:].partition(":")[0])
            event = await say(agent, place, f"bonjour, {token}")
            self.events[event] = token
            self.back.acknowledge(token)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    def both(self, where: Sequence[Place], number: int, *, pause: float = _PAUSE) -> list[Any]:
        """So many lines on IRC by everybody, and as many in the rooms."""
        pairs = [(place, person) for place in where for person in self.people]
        heard = zip(pairs, shares(number, len(pairs)), strict=True)
        said = zip(where, shares(number, len(where)), strict=True)
        slower = pause * len(where) / len(pairs)  # fewer of them, for as long
        return [
            *(self.chat(*pair, part, pause=pause) for pair, part in heard),
            *(self.talk(place, place.agents[0], part, pause=slower) for place, part in said),
        ]

    # What is seen

    async def on_irc(self, ground: Ground, where: Sequence[Place]) -> dict[str, list[Sighting]]:
        """What the judge heard from the bridge. What a room was told to be uncertain need not be there."""
        told = Counter([about for place in where for about in await self._told(ground, place)])
        for event, times in told.items():
            self.back.issued[self.events[event]] = False
            if times > 1:
                raise AssertionError(f"{self.events[event]} was told {times} times")
        lines = [(str(n), line) for n, line in enumerate(self.judge.lines) if line.command == "PRIVMSG"]
        return {
            place.name: [
                Sighting(n, token)
                for n, line in lines
                if line.target == f"#{place.name}" and line.nick.startswith("pont")
                for token in tokens(line.text)
            ]
            for place in where
        }

    async def _told(self, ground: Ground, place: Place) -> list[str]:
        """The events of which a room was told that nobody knows whether they arrived."""
        return [
            event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
            for event in await place.agents[0].timeline(place.room)
            if event["sender"] == ground.world.bot and _UNCERTAIN in str(event["content"].get("body", ""))
        ]

    async def judged(self, ground: Ground, where: Sequence[Place], *, most: int) -> Verdict:
        """Both ways. ``most``: so many messages at most may be uncertain."""

        async def seen(places: Sequence[Place]) -> dict[str, list[Sighting]]:
            return await self.on_irc(ground, places)

        verdict = await ground.judge(self.ledger, where, ground.seen_in_rooms)
        verdict += await ground.judge(self.back, where, seen)
        uncertain = [about for place in where for about in await self._told(ground, place)]
        verdict.notes += [*self.notes, f"{len(uncertain)} told to be uncertain"]
        if len(uncertain) > most:
            verdict.wrong.append(f"{len(uncertain)} messages are uncertain, expected at most {most}")
        return verdict


@asynccontextmanager
async def network(ground: Ground, make: Callable[[Path], Ngircd | Inspircd], people: int = 3) -> AsyncIterator[Network]:
    """A server of its own, and the bridge connected to it through the tap."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tchap-irc-", ignore_cleanup_errors=True))
        server = make(Path(folder))
        await stack.enter_async_context(server)
        tap = await stack.enter_async_context(Tap(server.port))
        nicks = ("juge", "zoe", "max", "lea", "tom")[: people + 1]
        judge, *others = await asyncio.gather(*(server.client(nick) for nick in nicks))
        for one in (judge, *others):
            await stack.enter_async_context(one)
        flood = {"burst": 1000, "seconds": 0}
        irc = {"host": "127.0.0.1", "port": tap.port, "security": "none", "nick": "pont", "flood": flood}
        await stack.enter_async_context(ground.running(bridges={"irc": irc}))
        yield Network(tap, judge, others, isinstance(server, Inspircd))


def _has(words: str, line: Line) -> bool:
    return words in line.text


def _keeping(folder: Path) -> Inspircd:
    return Inspircd(folder, services=False, history=_HISTORY)


async def kills_with_history(ground: Ground, scale: Scale) -> Verdict:
    """Both sides talk, on a server with labels and a history; kill -9 of the bridge at random points."""
    async with network(ground, _keeping) as net:
        where = [await net.place(ground, name) for name in ("h1", "h2")]
        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(net.both(where, scale.count)))
            group.create_task(kill_at_random(ground, scale.kills, scale.count, shown_in_rooms(where)))
        # A kill leaves at most one message of each channel in doubt: the next one leaves when it is confirmed.
        verdict = await net.judged(ground, where, most=ground.bridge.kills * len(where))
        verdict.notes.append(f"{ground.bridge.kills} kills")
    return verdict


async def kills_without_history(ground: Ground, scale: Scale) -> Verdict:
    """Both sides talk, on a server that keeps nothing; kill -9 of the bridge at random points."""
    async with network(ground, Ngircd) as net:
        where = [await net.place(ground, name) for name in ("p1", "p2")]
        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(net.both(where, scale.count)))
            begun = await _kill_counting(ground, net, scale)
        for token in tokens(net.tap.handed[begun:].decode(errors="replace")):
            _acknowledge(net, token)
        verdict = await net.judged(ground, where, most=ground.bridge.kills * len(where))
        verdict.notes.append(f"{ground.bridge.kills} kills, {len(net.ledger.acknowledged)} lines reached the bridge")
    return verdict


async def _kill_counting(ground: Ground, net: Network, scale: Scale) -> int:
    """Kill and start again, and acknowledge what the bridge had on its disk. Returns where its last run began."""

    async def said() -> int:
        return len(net.ledger.issued)

    begun = 0
    for point in sorted(random.randrange(scale.count * 19 // 20) for _ in range(scale.kills)):
        await at_least(said, point)
        await asyncio.sleep(random.uniform(0, 1))
        kept = int(float((_KEPT.findall(await ground.bridge.metrics()) or ["0"])[0]))
        await ground.bridge.kill()
        # In order: what a run has counted is the beginning of what it was handed.
        for token in tokens(net.tap.handed[begun:].decode(errors="replace"))[:kept]:
            _acknowledge(net, token)
        begun = len(net.tap.handed)
        await ground.bridge.start()
    return begun


def _acknowledge(net: Network, token: Any) -> None:
    if token in net.ledger.issued:
        net.ledger.acknowledge(token)


async def cut_before_echo(ground: Ground, scale: Scale) -> Verdict:
    """The connection is cut when a line has left and nothing has come back: before and after the server has it."""
    total = Verdict()
    both = (False, True)
    for name, make, swallows in (("c1", _keeping, both), ("c2", Ngircd, both[1:] if scale.short else both)):
        async with network(ground, make, people=1) as net:
            where = [await net.place(ground, name)]
            (place,) = where
            for swallow in swallows:
                token = net.back.new(name, place.agents[0].user_id[1:].partition(":")[0])
                net.tap.trap(str(token), swallow=swallow)
                event = await say(place.agents[0], place, f"coupé : {token}")
                net.events[event] = token
                net.back.acknowledge(token)
                async with asyncio.timeout(30):
                    await net.tap.sprung.wait()
                if not swallow:
                    await net.judge.wait_for(partial(_has, str(token)), timeout=30)
                net.tap.cut()
                await net.talk(place, place.agents[0], 3, pause=0)  # what follows leaves once it is back
            verdict = await net.judged(ground, where, most=2)
            shown = {one.token for one in (await net.on_irc(ground, where))[name]}
            verdict.notes.append(f"{name}: {len(shown)} of {len(net.events)} shown")
            total += verdict
    return total


async def absence(ground: Ground, scale: Scale) -> Verdict:
    """The bridge is away for five minutes (a few seconds in short); what was said meanwhile comes from the history."""
    away = 2.0 if scale.short else 300.0
    number = 20 if scale.short else 100
    async with network(ground, _keeping, people=1) as net:
        where = [await net.place(ground, "a1")]
        (place,) = where
        (person,) = net.people
        await net.chat(place, person, 3, pause=0)
        await at_least(shown_in_rooms(where), 3)
        await ground.bridge.kill()
        began = time.time()
        await net.chat(place, person, number, pause=away / number)
        await asyncio.sleep(max(0.0, away - (time.time() - began)))
        returned = time.time()
        await ground.bridge.start()
        await net.chat(place, person, 3, pause=0)
        verdict = await net.judged(ground, where, most=0)
        times = [
            event["origin_server_ts"] / 1000
            for event in await place.agents[0].timeline(place.room)
            for token in tokens(str(event["content"].get("body", "")))
            if token in net.ledger.issued and 3 < token.n <= 3 + number
        ]
        if not all(began - 1 < time_ < returned for time_ in times):
            verdict.wrong.append("what was said during the absence is not shown for its time")
        return verdict
