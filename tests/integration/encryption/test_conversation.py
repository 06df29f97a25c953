"""An encrypted room and a network, seen by a real client that hears only devices which their owners have signed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.agent import Seen
from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


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

    async def shown(self, words: str) -> Seen:
        """What alice sees that says so: encrypted, and without a warning."""
        seen = await self.alice.wait_for_text(self.room, words)
        assert (seen.encrypted, seen.shield, seen.failure) == (True, "NONE", None)
        return seen


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hall(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("encrypted")
    async with EchoServer(channels=("#general",)) as echo:
        changes = {"bridges": {"echo": {"port": echo.port}}}
        async with await World.start(folder, template=template, changes=changes) as world:
            await (await world.synapse.register("alice", "secret", display_name="Alice")).close()
            async with await JsAgent.start(folder, world.synapse.url, "alice", "secret", cross_signed=True) as alice:
                await alice.isolate(signed_only=True)
                rule = {"type": "im.vector.room.access_rules", "state_key": "", "content": {"rule": "unrestricted"}}
                room = await alice.create_room(
                    invite=[world.bot],
                    initial_state=[rule],
                    power_level_content_override={"users": {alice.user_id: 100}, "invite": 0, "state_default": 50},
                )
                found = Hall(world, echo, alice, room)
                await found.shown("Bonjour")
                for typed, answer in (("!pont écho #general", "✓"), ("!pont chiffrement autoriser", "✓")):
                    await alice.send_text(room, typed)
                    await found.shown(answer)
                yield found


async def test_what_agents_say_is_read_on_the_network(hall: Hall) -> None:
    await hall.alice.send_text(hall.room, "salut à tous")
    assert await hall.told("salut à tous")


async def test_what_the_network_says_is_read_without_a_warning(hall: Hall) -> None:
    sam = hall.echo.person("sam", "Sam")
    sam.say("#general", "bonjour du réseau")
    seen = await hall.shown("bonjour du réseau")
    assert seen.sender != hall.world.bot, "a ghost says it"
