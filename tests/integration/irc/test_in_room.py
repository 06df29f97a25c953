"""A room, a channel and a mailing list that are one conversation, on a real Synapse and a real ngIRCd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

Person = Callable[..., Awaitable[IrcClient]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ngircd: Ngircd
) -> AsyncIterator[World]:
    irc = {
        "bridge": "irc",
        "host": ngircd.host,
        "port": ngircd.port,
        "security": "none",
        "nick": "pont",
        "flood": {"burst": 100, "seconds": 0},
    }
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("irc-world")
    async with await World.start(folder, template=template, changes={"bridges": {"irc": irc}}) as found:
        yield found


async def test_a_room_and_a_channel_talk(world: World, ngircd: Ngircd, irc_client: Person) -> None:
    zoe = await irc_client(ngircd, "zoe")
    await zoe.join("#bureau")
    camille = await world.agent("camille", "Camille Martin")
    room = await world.room(camille, "Bureau")
    assert "✓" in await world.link(camille, room, "irc #Bureau")
    assert "zoe" in await world.link(camille, room, "irc qui")
    zoe.say("#bureau", "bonjour \x02tout le monde\x02")
    heard = await camille.wait_for(room, lambda event: "tout le monde" in event["content"].get("body", ""))
    assert heard["content"]["formatted_body"] == "bonjour <b>tout le monde</b>"
    profile = await camille.request("GET", f"/_matrix/client/v3/profile/{heard['sender']}")
    assert profile["displayname"] == "zoe (irc)"
    await camille.send_text(room, "bonjour Zoé, ça va ?\nil pleut")
    await zoe.wait_for(lambda line: "<Camille Martin> bonjour Zoé, ça va ?" in line.text)
    await zoe.wait_for(lambda line: "<Camille Martin> il pleut" in line.text)


async def test_a_list_a_room_and_a_channel(world: World, ngircd: Ngircd, irc_client: Person) -> None:
    """What comes by one network reaches the other, with its author's name, and comes back to none."""
    zoe = await irc_client(ngircd, "zoe3")
    await zoe.join("#trois")
    agent: Any = await world.agent("karim", "Karim Diallo")
    room = await world.room(agent, "Trois")
    answer = await world.link(agent, room, f"courriel trois@{LIST_DOMAIN}")
    subscriber = next(word for word in answer.split() if word.startswith("trois-"))
    assert "Ce qui vient de trois@" in await world.link(agent, room, "irc #trois")
    mail = list_mail("Ana López", "ana@exemple.fr", "Réunion", "La réunion est à 15 h.", list_name="trois")
    await asyncio.to_thread(world.mail, mail, sender=f"trois-bounces@{LIST_DOMAIN}", to=subscriber)
    await zoe.wait_for(lambda line: "<Ana López (courriel)> La réunion est à 15 h." in line.text)
    zoe.say("#trois", "noté")
    await agent.wait_for(room, lambda event: event["content"].get("body") == "noté")
    await zoe.sync()
    assert [text for nick, text in zoe.said("#trois") if "noté" in text] == []  # her own words do not come back
