"""Bridges that hear each other: nothing comes back, nothing is carried twice, and no robot answers a robot.

Two bridges, each as if the other were a stranger's. Room A and room B are tied to one IRC channel, each by one of them;
in room C are both, each tied to a channel of its own.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.world import BridgeProcess, World, write_yaml

from .ground import DRAIN, Ground
from .oracle import Ledger, Token, Verdict, tokens
from .scenario import Scale

LONG = (600.0, 2.0)
"""Seconds of the long form, and between two words of one speaker: the ear is on what comes back."""
SHORT = (8.0, 0.5)
BOTS = ("@pont:", "@pont2:")


@dataclass
class Stage:
    """Three rooms and three channels, and what is expected where: the places that see each token, once."""

    world: World
    agent: Client
    zoe: IrcClient
    rooms: dict[str, str]
    pause: float
    ledger: Ledger = field(default_factory=Ledger)
    reaches: dict[Token, frozenset[str]] = field(default_factory=dict)

    async def talk(self, place: str, reaches: frozenset[str], until: float) -> None:
        while time.monotonic() < until:
            token = self.ledger.new(place.strip("#").lower(), "camille" if place in self.rooms else "zoe")
            self.reaches[token] = reaches | {place}
            if place in self.rooms:
                await self.agent.send_text(self.rooms[place], f"Bonjour, {token}")
            else:
                self.zoe.say(place, f"salut, {token}")
            self.ledger.acknowledge(token)
            await asyncio.sleep(self.pause)

    async def command(self, until: float) -> int:
        """``!echo`` where both robots are switched on; returns how often."""
        asked = 0
        while time.monotonic() < until:
            asked += 1
            await self.agent.send_text(self.rooms["C"], f"!echo compte {asked}")
            await asyncio.sleep(4 * self.pause)
        return asked

    async def seen(self) -> Mapping[str, Counter[Token]]:
        found: dict[str, Counter[Token]] = {}
        for name, room in self.rooms.items():
            bodies = [str(event["content"].get("body", "")) for event in await self.agent.timeline(room)]
            found[name] = Counter(token for body in bodies for token in tokens(body))
        await self.zoe.sync()
        for channel in ("#rang", "#un", "#deux"):
            said = [text for _nick, text in self.zoe.said(channel)]
            found[channel] = Counter(token for text in said for token in tokens(text))
            found[channel].update(token for token in self.reaches if f"#{token.place}" == channel)  # her own words
        return found

    async def missing(self) -> int:
        seen = await self.seen()
        return sum(not seen[place][token] for token, places in self.reaches.items() for place in places)


async def no_echo(ground: Ground, scale: Scale) -> Verdict:
    """Two bridges in a row, and two in one room: ten minutes in which nothing comes back."""
    await ground.bridge.stop()  # two more of them, and a homeserver: the machine is small
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tchap-irc-")))
        folder.chmod(0o755)
        irc = await stack.enter_async_context(Ngircd(folder))
        other = await stack.enter_async_context(Ground.laid(twin=True))
        world = other.world
        assert world.twin is not None
        for bridge, nick in ((world.bridge, "pont"), (world.twin, "pont2")):
            with_irc(bridge, irc, nick)
            await bridge.start()
            stack.push_async_callback(bridge.stop)
        zoe = await stack.enter_async_context(await irc.client("zoe"))
        seconds, pause = SHORT if scale.short else LONG
        return await play(await set_up(world, other.agents[0], zoe, pause), seconds)


def with_irc(bridge: BridgeProcess, irc: Ngircd, nick: str) -> None:
    path = bridge.folder / "config.yaml"
    config: dict[str, Any] = YAML(typ="safe").load(path)
    section = {"bridge": "irc", "host": irc.host, "port": irc.port, "security": "none", "nick": nick}
    config["bridges"][f"irc-{nick}"] = {**section, "flood": {"burst": 100, "seconds": 0}}
    write_yaml(path, config)


async def set_up(world: World, agent: Client, zoe: IrcClient, pause: float) -> Stage:
    for channel in ("#rang", "#un", "#deux"):
        await zoe.join(channel)
    twin = f"@pont2:{world.synapse.server_name}"
    rooms = {"A": await world.room(agent, "A"), "B": await world.room(agent, "B", bot=twin)}
    rooms["C"] = await world.room(agent, "C")
    linked = [
        await world.link(agent, rooms["A"], "irc #rang"),
        await world.link(agent, rooms["B"], "irc #rang", bot=twin),
        await world.link(agent, rooms["C"], "irc #un"),
    ]
    await agent.invite(rooms["C"], twin)
    await agent.wait_for(rooms["C"], lambda e: e["type"] == "m.room.message" and e["sender"] == twin, timeout=30)
    linked.append(await world.link(agent, rooms["C"], "irc #deux via=irc-pont2", bot=twin))
    if not all("✓" in answer for answer in linked):
        raise AssertionError(f"not linked: {linked}")
    await agent.send_text(rooms["C"], "!bot activer echo")
    await agent.wait_for(rooms["C"], lambda e: e["sender"] == twin and "actif" in e["content"].get("body", ""))
    return Stage(world, agent, zoe, rooms, pause)


async def play(stage: Stage, seconds: float) -> Verdict:
    until = time.monotonic() + seconds
    row = frozenset(("A", "#rang", "B"))
    talks: list[Awaitable[None]] = [
        *(stage.talk(place, row, until) for place in ("A", "#rang", "B")),
        stage.talk("C", frozenset(("#un", "#deux")), until),
        stage.talk("#un", frozenset("C"), until),
        stage.talk("#deux", frozenset("C"), until),
    ]
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(stage.command(until))
        for talk in talks:
            group.create_task(talk)
    began = time.monotonic()

    async def drained() -> bool:
        return not await stage.missing()

    await eventually(drained, timeout=DRAIN, every=0.5)
    waited = time.monotonic() - began
    await asyncio.sleep(3)  # in which what goes round would come round
    verdict = judge(await stage.seen(), stage.reaches)
    verdict.seconds = waited
    verdict.wrong += await answers(stage, asking.result())
    verdict.notes.append(f"{len(stage.reaches)} words in six places, {asking.result()} commands, {seconds:.0f} s")
    return verdict


def judge(seen: Mapping[str, Counter[Token]], reaches: Mapping[Token, frozenset[str]]) -> Verdict:
    verdict = Verdict(sent=len(reaches))
    for token, places in reaches.items():
        for place, shown in seen.items():
            count, wanted = shown[token], int(place in places)
            verdict.lost += count < wanted
            verdict.dup += max(0, count - wanted)
            if count != wanted and len(verdict.notes) < 5:
                verdict.notes.append(f"{token} is {count} times in {place}, not {wanted}")
    return verdict


async def answers(stage: Stage, asked: int) -> list[str]:
    """Each command has one answer of each robot, and no channel has heard of it."""
    said = Counter(
        str(event["sender"]).partition(":")[0] + ":"
        for event in await stage.agent.timeline(stage.rooms["C"])
        if event["type"] == "m.room.message" and str(event["content"].get("body", "")).startswith("compte ")
    )
    wrong = [f"{bot} answered {said[bot]} of {asked} commands" for bot in BOTS if said[bot] != asked]
    heard = [text for channel in ("#un", "#deux") for _n, text in stage.zoe.said(channel) if "compte" in text]
    return wrong + [f"a channel heard {text!r}" for text in heard[:3]]
