"""One room for each file of tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.world import World
from tests.integration.encryption.hall import Hall


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
