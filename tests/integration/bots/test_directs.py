"""A bot is set in a direct conversation, in a real room: by questions, and by the page behind the link."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Place:
    """A room in which polls are switched on, and its admin."""

    world: World
    camille: Client
    room: str

    async def asks(self) -> str:
        """Have the bot open the direct conversation; its room, joined."""
        await self.camille.send_text(self.room, "!bot regler sondages")
        await self.camille.wait_for_text(self.room, "Je vous écris en privé")
        direct = await self.camille.wait_for_invite()
        await self.camille.join(direct)
        return direct


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("directs")
    async with await World.start(folder, template=template, changes={"bots": {"sondages": {}}}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World, request: pytest.FixtureRequest) -> Place:
    name = request.node.name.replace("_", "-")[:40].lower()
    camille = await world.agent(f"camille-{name}", "Camille Martin")
    room = await world.room(camille, tchap=True)
    await camille.send_text(room, "!bot activer sondages")
    await camille.wait_for_text(room, "sondages est actif")
    return Place(world, camille, room)


async def test_settings_by_question_in_a_conversation_of_two(place: Place) -> None:
    camille = place.camille
    direct = await place.asks()
    first = await camille.wait_for_text(direct, "1/2")
    assert "https://" in first["content"]["body"] or "http://" in first["content"]["body"]
    assert (await camille.state_content(direct, "im.vector.room.access_rules")) == {"rule": "direct"}
    assert set(await camille.members(direct)) == {camille.user_id, place.world.bot}
    await camille.send_text(direct, "non")
    await camille.wait_for_text(direct, "2/2")
    await camille.send_text(direct, "ok")
    await camille.wait_for_text(direct, "C'est réglé")
    told = await camille.wait_for_text(place.room, "a changé les réglages")
    assert told["content"]["body"].startswith("Camille Martin ")


async def test_the_page_behind_the_link(place: Place) -> None:
    camille = place.camille
    direct = await place.asks()
    said = await camille.wait_for_text(direct, "formulaire")
    found = re.search(r"http://\S+", said["content"]["body"])
    assert found is not None
    async with aiohttp.ClientSession() as http:
        async with http.get(found[0]) as page:
            assert page.status == 200
            assert "Tous les membres peuvent lancer un sondage" in await page.text()
        async with http.post(found[0], data={"everybody": "non"}) as sent:
            assert sent.status == 200
        async with http.post(found[0], data={"everybody": "oui"}) as again:
            assert again.status == 410
    await camille.wait_for_text(place.room, "a changé les réglages")
    await camille.send_text(place.room, "!bot regler sondages")
    await camille.wait_for_text(place.room, "Tous les membres peuvent lancer un sondage : non")


async def test_who_declines_is_not_invited_again_until_they_ask(place: Place) -> None:
    camille = place.camille
    await camille.send_text(place.room, "!bot regler sondages")
    first = await camille.wait_for_invite()
    await camille.leave(first)
    await camille.send_text(place.room, "!bot prive")
    await camille.wait_for_text(place.room, "Je vous écris en privé.")
    second = await camille.wait_for_invite()
    assert second != first
    await camille.join(second)
    await camille.wait_for_text(second, "quittez cette conversation")


async def test_a_conversation_that_somebody_opens_themselves(place: Place) -> None:
    camille, bot = place.camille, place.world.bot
    direct = await camille.create_room(preset="trusted_private_chat", is_direct=True, invite=[bot])
    await camille.wait_for_text(direct, "Bonjour")
    await camille.send_text(place.room, "!bot regler sondages")
    await camille.wait_for_text(direct, "1/2")


async def test_of_a_secret_vote_nothing_stays_though_it_is_edited_and_its_room_replaced(place: Place) -> None:
    camille, bot = place.camille, place.world.bot
    await camille.send_text(place.room, "!sondage Qui préside ? Ana / Bob secret=oui")
    await camille.wait_for_text(place.room, "Qui préside")
    await camille.send_text(place.room, "!voter")
    direct = await camille.wait_for_invite()
    await camille.join(direct)
    await camille.wait_for_text(direct, "2. Bob")
    room = await camille.upgrade(place.room, "11")
    if bot not in await camille.members(room):
        await camille.invite(room, bot)
    await camille.wait_for(
        room, lambda event: event["type"] == "m.room.member" and event["state_key"] == bot, timeout=30
    )
    before = await _settled(place.world)
    vote = await camille.send_text(direct, "2")
    await camille.wait_for_text(direct, "Votre vote est compté")
    await camille.edit(direct, vote, "1")
    await camille.send_text(direct, "1")
    await camille.wait_for_text(direct, "Je ne comprends ici que")
    assert _kept(place.world) == before
    await camille.send_text(room, "!clore")
    result = await camille.wait_for_text(room, "1 votant")
    assert "✓ Bob" in result["content"]["body"]


async def _settled(world: World) -> int:
    """As `_kept`, once what the room's move has sent is all there."""
    before, now = -1, _kept(world)
    while before != now:
        await asyncio.sleep(2)
        before, now = now, _kept(world)
    return now


def _kept(world: World) -> int:
    """How much of what has arrived is there to be read."""
    with closing(sqlite3.connect(world.bridge.folder / "data" / "bridge.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM inbox WHERE raw IS NOT NULL").fetchone()
    return int(count)
