"""A room, a channel and a mailing list that are one conversation, on a real Synapse and a real ngIRCd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

pytestmark = pytest.mark.asyncio(loop_scope="session")

Person = Callable[..., Awaitable[IrcClient]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ngircd: Ngircd, inspircd: Inspircd
) -> AsyncIterator[World]:
    """Two IRC networks: irc, the first and without ado, and interne."""
    bridges = {
        name: {
            "bridge": "irc",
            "host": server.host,
            "port": server.port,
            "security": "none",
            "nick": "pont",
            "flood": {"burst": 100, "seconds": 0},
        }
        for name, server in (("irc", ngircd), ("interne", inspircd))
    }
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("irc-world")
    async with await World.start(folder, template=template, changes={"bridges": bridges}) as found:
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


async def test_a_room_and_one_person(world: World, ngircd: Ngircd, irc_client: Person) -> None:
    """A conversation of two: what the room says goes to her alone, what she writes to the bridge comes in."""
    zoe = await irc_client(ngircd, "Zoe5")
    agent: Any = await world.agent("lea", "Léa Bernard")
    room = await world.room(agent, "Avec Zoé")
    assert "✓" in await world.link(agent, room, "irc Zoe5")
    await agent.send_text(room, "bonjour Zoé")
    line = await zoe.wait_for(lambda line: "<Léa Bernard> bonjour Zoé" in line.text)
    assert line.target == "Zoe5"
    zoe.say("pont", "bonjour Léa")
    heard = await agent.wait_for(room, lambda event: event["content"].get("body") == "bonjour Léa")
    profile = await agent.request("GET", f"/_matrix/client/v3/profile/{heard['sender']}")
    assert profile["displayname"] == "Zoe5 (irc)"
    await zoe.quit()
    await agent.send_text(room, "toujours là ?")
    told = await agent.wait_for(room, lambda event: "Non remis" in event["content"].get("body", ""))
    assert "pas connecté" in told["content"]["body"]


async def test_of_two_networks_the_name_chooses(world: World, inspircd: Inspircd, irc_client: Person) -> None:
    zoe = await irc_client(inspircd, "zoe6")
    await zoe.join("#interne")
    agent: Any = await world.agent("ines", "Inès Roux")
    for name, words in (("A", "irc #interne interne"), ("B", "irc #interne2 via=interne"), ("C", "interne #interne3")):
        room = await world.room(agent, f"Interne {name}")
        assert "✓" in await world.link(agent, room, words)
        channel = words.split()[1]
        if channel != "#interne":
            await zoe.join(channel)
        await agent.send_text(room, f"par {name}")
        line = await zoe.wait_for(lambda line, n=name: f"<Inès Roux> par {n}" in line.text)
        assert line.target == channel


async def test_words_are_withdrawn_edited_and_refused_in_french(
    world: World, ngircd: Ngircd, irc_client: Person
) -> None:
    zoe = await irc_client(ngircd, "zoe7")
    await zoe.join("#mots")
    zoe.raw("MODE #mots +m")
    agent: Any = await world.agent("noe", "Noé Petit")
    room = await world.room(agent, "Mots")
    assert "✓" in await world.link(agent, room, "irc #mots")
    await agent.send_text(room, "muet")
    told = await agent.wait_for(room, lambda event: "Non remis" in event["content"].get("body", ""))
    assert "modéré (+m)" in told["content"]["body"]
    assert "« /mode #mots +v pont »" in told["content"]["body"]
    zoe.raw("MODE #mots -m")
    await zoe.sync()
    sent = await agent.send_text(room, "La réunion est mardi à 15 h, salle Condorcet")
    await zoe.wait_for(lambda line: "mardi" in line.text)
    await agent.edit(room, sent, "La réunion est jeudi à 15 h, salle Condorcet")
    line = await zoe.wait_for(lambda line: "(corrigé)" in line.text)
    assert "jeudi" in line.text
    assert "Condorcet" not in line.text
