"""A room that is encrypted and linked to a network, and who is in it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tchap_bridge_echo.network import Posted
from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.agent import Seen
from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World


@dataclass
class Hall:
    """``alice`` is in ``room``, encrypted and linked to the channel #general, both ways."""

    world: World
    echo: EchoServer
    alice: JsAgent
    room: str

    async def told(self, words: str) -> str:
        """The network's own id of what shows these words there."""
        found = await self.echo.until(
            lambda: next((one.id for one in self.echo.channel("#general").messages if words in one.text), ""),
            seconds=20,
        )
        return str(found)

    def post(self, id_: str) -> Posted:
        return self.echo.post(id_)

    async def shown(self, words: str) -> Seen:
        """What alice sees that says so: encrypted, and without a warning."""
        return sound(await self.alice.wait_for_text(self.room, words))

    async def asked(self) -> Seen:
        """The poll that stands in the room."""
        client = Client(self.world.synapse.url, token=self.alice.token, user_id=self.alice.user_id)
        async with client, asyncio.timeout(20):
            while True:
                for event in reversed(await client.timeline(self.room)):
                    if event["type"] == "m.room.encrypted":
                        seen = await self.alice.see(self.room, event["event_id"])
                        if seen.kind == "org.matrix.msc3381.poll.start":
                            return sound(seen)
                await asyncio.sleep(0.2)

    async def becomes(self, event: str, true: Callable[[Seen], bool]) -> Seen:
        """The event on alice's screen, once that holds of it."""
        async with asyncio.timeout(20):
            while not true(seen := await self.alice.see(self.room, event)):
                await asyncio.sleep(0.1)
        return seen


def sound(seen: Seen) -> Seen:
    assert (seen.encrypted, seen.shield, seen.failure) == (True, "NONE", None)
    return seen
