"""A survey in a real room: made by its owner, answered by two people at once, each alone with the bridge, and told."""

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing.matrix_client import Client, Event
from tchap_bridges.testing.world import World

SURVEY = "!enquete Cantine\n1. Y mangez-vous ? Oui / Non\n2*. Note de 1 à 5\nCommentaire libre :"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Place:
    """A room in which surveys are switched on, its admin and two members."""

    world: World
    camille: Client
    bob: Client
    chloe: Client
    room: str

    async def opens(self, words: str = SURVEY) -> Event:
        """What announces the survey."""
        await self.camille.send_text(self.room, words)
        await self.camille.wait_for_text(self.room, "Est-ce bien cela ?")
        await self.camille.send_text(self.room, "oui")
        return await self.bob.wait_for_text(self.room, "📝 Enquête n° 1")

    async def comes(self, client: Client) -> str:
        """Where the bridge asks somebody alone."""
        direct = await client.wait_for_invite()
        await client.join(direct)
        await client.wait_for_text(direct, "1/3 · Y mangez-vous ?")
        return direct


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("surveys")
    async with await World.start(folder, template=template, changes={"bots": {"enquetes": {}}}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World, request: pytest.FixtureRequest) -> Place:
    name = request.node.name.replace("_", "-")[:40].lower()
    camille, bob, chloe = [await world.agent(f"{one.lower()}-{name}", one) for one in ("Camille", "Bob", "Chloe")]
    room = await world.room(camille, tchap=True)
    for client in (bob, chloe):
        await camille.invite(room, client.user_id)
        await client.join(room)
    await camille.send_text(room, "!bot activer enquetes")
    await camille.wait_for_text(room, "enquetes est actif")
    return Place(world, camille, bob, chloe, room)


async def says(client: Client, room: str, words: str, told: str) -> None:
    await client.send_text(room, words)
    await client.wait_for_text(room, told)


async def test_from_the_questions_to_the_results(place: Place) -> None:
    bob, chloe, camille = place.bob, place.chloe, place.camille
    announced = await place.opens()
    await bob.react(place.room, str(announced["event_id"]), "📝")
    await chloe.send_text(place.room, "!repondre")
    his, hers = await place.comes(bob), await place.comes(chloe)
    assert set(await bob.members(his)) == {bob.user_id, place.world.bot}
    await says(bob, his, "oui", "✓ Oui\n2/3")
    await says(chloe, hers, "non", "✓ Non\n2/3")
    await says(chloe, hers, "passer", "attend une réponse")
    await says(bob, his, "4", "✓ 4\n3/3")
    await says(chloe, hers, "retour", "Votre réponse : Non")
    await says(chloe, hers, "passer", "2/3 · Note")
    await says(chloe, hers, "plus tard", "C'est gardé")
    await says(
        bob, his, "Trop bruyant", "1. Y mangez-vous ? — Oui\n2. Note de 1 à 5 — 4\n3. Commentaire libre — Trop bruyant"
    )
    await says(bob, his, "envoyer", "C'est envoyé")
    await chloe.send_text(place.room, "!repondre")
    await chloe.wait_for_text(hers, "Enquête « Cantine ». Nominative : Camille verra vos réponses")
    await says(chloe, hers, "5", "✓ 5\n3/3")
    await says(chloe, hers, "passer", "3. Commentaire libre — (passée)")
    await says(chloe, hers, "envoyer", "C'est envoyé")
    await camille.send_text(place.room, "!enquete clore")
    told = (await bob.wait_for_text(place.room, "moyenne 4,5"))["content"]["body"]
    assert "█████░░░░░ Oui — 1" in told
    assert "bruyant" not in told
    await bob.wait_for(place.room, lambda event: event["content"].get("msgtype") == "m.image")
    direct = await camille.wait_for_invite()
    await camille.join(direct)
    await camille.wait_for_text(direct, "— Trop bruyant")
    file = await camille.wait_for(direct, lambda event: event["content"].get("msgtype") == "m.file")
    table = (await camille.download(str(file["content"]["url"]))).decode("utf-8-sig")
    rows = [row[2:] for row in csv.reader(table.splitlines(), delimiter=";")]
    assert rows == [
        ["1. Y mangez-vous ?", "2. Note de 1 à 5", "3. Commentaire libre"],
        ["Oui", "4", "Trop bruyant"],
        ["Non", "5", ""],
    ]


async def test_who_declines_is_asked_nothing_more(place: Place) -> None:
    bob = place.bob
    await place.opens()
    await bob.send_text(place.room, "!repondre")
    direct = await bob.wait_for_invite()
    await bob.leave(direct)
    await says(bob, place.room, "!repondre", "vous avez décliné notre conversation directe")
    await says(bob, place.room, "!bot prive", "Je vous écris en privé")
    again = await bob.wait_for_invite()
    await bob.join(again)
    await bob.send_text(place.room, "!repondre")
    await bob.wait_for_text(again, "1/3 · Y mangez-vous ?")
