"""A room and a channel of Slack that are one conversation, on a real Synapse and the stand-in workspace."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def workspace() -> AsyncIterator[Slack]:
    server = Slack()
    server.workspace.add_user("zoe", display_name="Zoé")
    server.workspace.add_channel("bureau", "zoe")
    async with server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, workspace: Slack
) -> AsyncIterator[World]:
    slack = {
        "bridge": "slack",
        "api": workspace.api_url.rstrip("/"),
        "bot_token": workspace.bot_token,
        "app_token": workspace.app_token,
        "destination": "état",
    }
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("slack-world")
    async with await World.start(folder, template=template, changes={"bridges": {"slack": slack}}) as found:
        yield found


async def test_a_room_and_a_channel_talk(world: World, workspace: Slack) -> None:
    people = workspace.workspace
    camille = await world.agent("camille", "Camille Martin")
    room = await world.room(camille, "Bureau")
    assert "✓" in await world.link(camille, room, "slack #Bureau")
    assert "Zoé" in await world.link(camille, room, "slack qui")
    said = people.say("#bureau", "zoe", "bonjour *tout le monde*")
    heard = await camille.wait_for(room, lambda event: "tout le monde" in event["content"].get("body", ""))
    assert heard["content"]["formatted_body"] == "bonjour <b>tout le monde</b>"
    profile = await camille.request("GET", f"/_matrix/client/v3/profile/{heard['sender']}")
    assert profile["displayname"] == "Zoé (slack)"
    await camille.send_text(room, "bonjour Zoé")
    await people.wait_for(lambda: "Camille Martin: bonjour Zoé" in people.transcript("#bureau"))
    people.say("#bureau", "zoe", "dans le fil", thread_ts=said.ts)
    answer = await camille.wait_for(room, lambda event: event["content"].get("body") == "dans le fil")
    assert answer["content"]["m.relates_to"]["event_id"] == heard["event_id"]
    people.edit("#bureau", said, "bonjour à tous")
    await camille.wait_for(
        room, lambda event: event["content"].get("m.new_content", {}).get("body") == "bonjour à tous"
    )
