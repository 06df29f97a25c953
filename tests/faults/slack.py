"""Slack: kill -9 of the bridge while both sides talk, lost answers and events told again in between.

What somebody said in Slack counts as acknowledged at once: it stands in the channel, and the history tells it to
whoever was away. The stand-in for Slack lives in this process, and so outlives every kill.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.slack import Slack

from .ground import Ground, Place
from .oracle import Ledger, Sighting, Verdict, tokens
from .scenario import Scale
from .storms import all_of, kill_at_random, shown_in_rooms
from .traffic import say, shares

PEOPLE = ("zoe", "max", "lea")
_PAUSE = 0.5  # seconds between two messages of one person, so that kills meet them all along
_IN_A_THREAD = 0.3
_ODD = 0.02  # how often Slack misbehaves at a message: sockets that never live long are waited for ever longer


@dataclass(slots=True)
class Workspace:
    """A workspace whose people all know each other; one app, ours."""

    slack: Slack
    ledger: Ledger = field(default_factory=Ledger)
    """What was said in Slack."""
    back: Ledger = field(default_factory=Ledger)
    """What was said in the rooms."""

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
            if random.random() < _ODD:
                self._misbehave()
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

    def _misbehave(self) -> None:
        faults = self.slack.faults
        random.choice(
            (
                lambda: faults.lose_answer("chat.postMessage"),
                lambda: faults.fail("chat.postMessage"),
                lambda: setattr(faults, "redeliver", 3),
                lambda: setattr(faults, "duplicate_events", 1),
                lambda: setattr(faults, "refresh_mid_event", 1),
                lambda: setattr(faults, "cut_mid_frame", 1),
            )
        )()

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
    """Both sides talk; kill -9 of the bridge at random points, and Slack is no better."""
    async with workspace(ground) as slack:
        where = [await slack.place(ground, name) for name in ("s1", "s2")]
        async with asyncio.TaskGroup() as group:
            group.create_task(all_of(slack.both(where, scale.count)))
            group.create_task(kill_at_random(ground, scale.kills, scale.count, shown_in_rooms(where)))
        slack.slack.faults.heal()
        verdict = await ground.judge(slack.ledger, where, ground.seen_in_rooms)
        verdict += await ground.judge(slack.back, where, slack.seen)
        verdict.notes.append(f"{ground.bridge.kills} kills")
    return verdict
