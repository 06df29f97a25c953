"""Slack: kill -9 of the bridge while both sides talk, lost answers and events told again in between.

What somebody said in Slack counts as acknowledged at once: it stands in the channel, and the history tells it to
whoever was away. The stand-in for Slack lives in this process, and so outlives every kill.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.slack import Slack

from .ground import Ground, Place
from .oracle import Ledger, Sighting, Verdict, tokens
from .scenario import Scale
from .storms import all_of, kill_at_random, shown_in_rooms
from .traffic import say, shares

PEOPLE = ("zoe", "max", "lea")
_PAUSE = 0.5  # seconds between two messages of one person, so that kills meet them all along
_IN_A_THREAD = 0.3
_TURNS = 2  # how often Slack misbehaves in each way

_AT_CALLS = ("lose_answer", "fail")
_AT_EVENTS = ("redeliver", "duplicate_events", "refresh_mid_event", "cut_mid_frame")
ODDITIES = (*_AT_CALLS, *_AT_EVENTS, "hold_acks", "outage")


@dataclass(slots=True)
class Workspace:
    """A workspace whose people all know each other; one app, ours."""

    slack: Slack
    ledger: Ledger = field(default_factory=Ledger)
    """What was said in Slack."""
    back: Ledger = field(default_factory=Ledger)
    """What was said in the rooms."""
    every: int = 0
    """After how many messages Slack misbehaves once more."""
    said: int = 0
    played: Counter[str] = field(default_factory=Counter)

    async def place(self, ground: Ground, name: str) -> Place:
        """A room and a channel, linked."""
        self.slack.workspace.add_channel(name, *PEOPLE)
        agent = ground.agents[0]
        room = await ground.world.room(agent)
        answer = await ground.world.link(agent, room, f"slack #{name}")
        if "✓" not in answer:
            raise AssertionError(f"the link was not made: {answer}")
        return Place(name, room, "", [agent])

    async def chat(self, place: Place, person: str, number: int) -> None:
        """One person says so many messages, some in a thread of theirs."""
        root = ""
        for _n in range(number):
            token = self.ledger.new(place.name, person)
            thread = root if root and random.random() < _IN_A_THREAD else ""
            message = self.slack.workspace.say(f"#{place.name}", person, f"bonjour {token}", thread_ts=thread)
            root = root if thread else message.ts
            self.ledger.acknowledge(token)
            self.said += 1
            if self.said % self.every == 0:
                await self._misbehave(ODDITIES[self.said // self.every % len(ODDITIES)])
            await asyncio.sleep(_PAUSE * random.uniform(0.5, 1.5))

    async def talk(self, place: Place, agent: Client, number: int) -> None:
        for _n in range(number):
            token = self.back.new(place.name, agent.user_id[1:].partition(":")[0])
            await say(agent, place, f"bonjour, {token}")
            self.back.acknowledge(token)
            await asyncio.sleep(_PAUSE * random.uniform(0.5, 1.5) / len(PEOPLE))

    def both(self, where: Sequence[Place], number: int) -> list[Any]:
        """So many messages in Slack by everybody, and as many in the rooms."""
        pairs = [(place, person) for place in where for person in PEOPLE]
        heard = zip(pairs, shares(number, len(pairs)), strict=True)
        said = zip(where, shares(number, len(where)), strict=True)
        return [
            *(self.chat(*pair, part) for pair, part in heard),
            *(self.talk(place, place.agents[0], part) for place, part in said),
        ]

    async def _misbehave(self, how: str) -> None:
        """What strikes an event waits for a socket: none is to be struck before it has said hello."""
        faults = self.slack.faults
        faults.hold_acks = how == "hold_acks"
        self.played[how] += 1
        if how == "lose_answer":
            faults.lose_answer("chat.postMessage")
        elif how == "fail":
            faults.fail("chat.postMessage")
        elif how == "outage":
            await self.slack.stop()
            await asyncio.sleep(1)
            await self.slack.start()
        elif how in _AT_EVENTS:
            await eventually(self._listens, timeout=30)
            setattr(faults, how, 3 if how == "redeliver" else 1)

    async def _listens(self) -> bool:
        return bool(self.slack.sockets.open)

    def never_struck(self) -> list[str]:
        """The ways in which Slack was to misbehave and never did; forgets what is left of them."""
        faults = self.slack.faults
        left = Counter(fault.kind if fault.kind != "status" else "fail" for fault in faults.calls if fault.times > 0)
        left += Counter({how: 1 for how in _AT_EVENTS if getattr(faults, how)})
        faults.heal()
        return [how for how in ODDITIES if self.played[how] <= left[how]]

    async def seen(self, where: Sequence[Place]) -> dict[str, list[Sighting]]:
        """What stands in the channels by our app, in the order in which it was posted."""
        return {
            place.name: [
                Sighting(message.ts, token)
                for message in self.slack.workspace.channel(f"#{place.name}").messages.values()
                if message.bot_id
                for token in tokens(message.text)
            ]
            for place in where
        }


@asynccontextmanager
async def workspace(ground: Ground) -> AsyncIterator[Workspace]:
    """A Slack of its own, and the bridge connected to it."""
    async with Slack() as slack:
        for name in PEOPLE:
            slack.workspace.add_user(name)
        slack.sockets.ack_within = 2.0
        section = {
            "bot_token": slack.bot_token,
            "app_token": slack.app_token,
            "api": slack.api_url,
            "pace": {"burst": 10, "seconds": 0},
        }
        allowed = {"destinations": ["état", "hors-ue"]}
        async with ground.running(bridges={"slack": section}, policy=allowed):
            yield Workspace(slack)


async def kills(ground: Ground, scale: Scale) -> Verdict:
    """Both sides talk; kill -9 of the bridge at random points, and Slack misbehaves in every way in between."""
    async with workspace(ground) as slack:
        where = [await slack.place(ground, name) for name in ("s1", "s2")]
        slack.every = max(1, scale.count // (_TURNS * len(ODDITIES)))
        in_rooms = shown_in_rooms(where)

        async def progress() -> int:
            return await in_rooms() + sum(len(each) for each in (await slack.seen(where)).values())

        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(slack.both(where, scale.count)))
            group.create_task(kill_at_random(ground, scale.kills, 2 * scale.count, progress))
        spared = slack.never_struck()
        verdict = await ground.judge(slack.ledger, where, ground.seen_in_rooms)
        verdict += await ground.judge(slack.back, where, slack.seen)
        verdict.notes.append(f"{ground.bridge.kills} kills, {slack.played.total()} misbehaviours of Slack")
        if spared:
            verdict.wrong.append(f"Slack never misbehaved like this: {', '.join(spared)}")
    return verdict
