"""Question time in a real room: asked there, alone, and from a linked network; ranked, taken, merged, exported."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.matrix_client import Client, Event
from tchap_bridges.testing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Place:
    """A room with question time, whoever moderates it, and two members."""

    world: World
    echo: EchoServer
    camille: Client
    ana: Client
    bob: Client
    room: str

    async def types(self, client: Client, words: str) -> None:
        await client.send_text(self.room, words)

    async def asked(self, client: Client, words: str) -> Event:
        """The message that shows it."""
        await self.types(client, f"!qr {words}")
        return await client.wait_for(self.room, lambda e: e["content"].get("body", "").endswith(words))

    async def shown(self, words: str) -> Event:
        return await self.camille.wait_for_text(self.room, words)


@dataclass
class Hall:
    world: World
    echo: EchoServer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hall(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with EchoServer() as echo:
        changes = {"bots": {"questions": {}}, "bridges": {"echo": {"port": echo.port}}}
        folder = tmp_path_factory.mktemp("questions")
        async with await World.start(folder, template=template, changes=changes) as found:
            yield Hall(found, echo)


@pytest_asyncio.fixture(loop_scope="session")
async def place(hall: Hall, request: pytest.FixtureRequest) -> Place:
    name = request.node.name.replace("_", "-")[:40].lower()
    camille, ana, bob = [await hall.world.agent(f"{who}-{name}", who.capitalize()) for who in ("camille", "ana", "bob")]
    room = await hall.world.room(camille)
    for member in (ana, bob):
        await camille.invite(room, member.user_id)
        await member.join(room)
    await camille.send_text(room, "!bot activer questions")
    await camille.wait_for_text(room, "questions est actif")
    return Place(hall.world, hall.echo, camille, ana, bob, room)


async def test_ranked_and_taken(place: Place) -> None:
    await place.types(place.ana, "!qr Quand ouvre la cantine ?")
    canteen = await place.shown("❓ N° 1 : Quand ouvre la cantine ? — Ana")
    await place.types(place.bob, "!qr Combien de jours de télétravail ?")
    home = await place.shown("❓ N° 2")
    await place.ana.react(place.room, str(canteen["event_id"]), "👍")
    taken_back = await place.bob.react(place.room, str(canteen["event_id"]), "👍")
    await place.ana.react(place.room, str(home["event_id"]), "👍")
    await place.camille.react(place.room, str(home["event_id"]), "👍🏽")
    await place.bob.redact(place.room, taken_back)
    await place.types(place.bob, "!qr liste")
    assert "2 👍 n° 2" in (await place.shown("1 👍 n° 1"))["content"]["body"].splitlines()[0]
    await place.types(place.bob, "!qr suivante")
    await place.shown("seule une personne qui modère")
    await place.types(place.camille, "!qr suivante")
    await place.shown("▶ Question n° 2 (2 voix)")
    edit = await place.shown("* ▶ N° 2, en cours")
    assert edit["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": home["event_id"]}
    await place.types(place.camille, "!qr fusionner 2 1")
    await place.shown("réunie à la n° 2 : 2 voix")


async def test_alone(place: Place) -> None:
    await place.types(place.ana, "!qr privé")
    direct = await place.ana.wait_for_invite()
    await place.ana.join(direct)
    await place.ana.wait_for_text(direct, "Votre serveur Tchap garde ce que vous écrivez ici")
    await place.ana.send_text(direct, "Le directeur part-il vraiment ?")
    await place.ana.wait_for_text(direct, "✓ Question n° 1 posée, sans votre nom.")
    said = await place.shown("❓ N° 1 : Le directeur part-il vraiment ?")
    assert "Ana" not in str(said)
    assert place.ana.user_id not in str(said)


async def test_approved(place: Place) -> None:
    await place.types(place.camille, "!bot regler questions moderated=oui")
    await place.shown("C'est réglé")
    await place.types(place.ana, "!qr Quand ouvre la cantine ?")
    notice = str((await place.shown("🕓 N° 1 attend"))["event_id"])
    await place.bob.react(place.room, notice, "✅")
    await place.camille.react(place.room, notice, "✅")
    await place.shown("❓ N° 1 : Quand ouvre la cantine ?")
    await place.types(place.ana, "!qr privé")
    direct = await place.ana.wait_for_invite()
    await place.ana.join(direct)
    await place.ana.wait_for_text(direct, "Écrivez votre question ici")
    await place.ana.send_text(direct, "Le directeur part-il vraiment ?")
    await place.shown("🕓 N° 2, posée en privé")
    await place.types(place.camille, "!qr moderer")
    own = await place.camille.wait_for_invite()
    await place.camille.join(own)
    await place.camille.wait_for_text(own, "N° 2 : Le directeur part-il vraiment ?")
    assert not [e for e in await place.bob.timeline(place.room) if "directeur" in str(e["content"])]
    await place.camille.send_text(own, "oui")
    await place.shown("❓ N° 2 : Le directeur part-il vraiment ?")
    await place.types(place.camille, "!qr export")
    file = await place.camille.wait_for(own, lambda e: e["content"].get("msgtype") == "m.file")
    data = await place.camille.download(file["content"]["url"])
    assert "2;Le directeur part-il vraiment ?;0;posée;;;\r\n" in data.decode("utf-8-sig")


async def test_people_of_a_linked_network_ask_and_vote(place: Place) -> None:
    assert "✓" in await place.world.link(place.camille, place.room, "écho #general")
    sam = place.echo.person("sam", "Sam")
    await place.types(place.ana, "!qr Quand ouvre la cantine ?")

    def post(words: str) -> str:
        return next((one.id for one in place.echo.channel("#general").messages if words in one.text), "")

    canteen = await place.echo.until(lambda: post("❓ N° 1 : Quand ouvre la cantine ?"), seconds=15)
    setting = sam.react(canteen, "👍")
    sam.say("#general", "!qr Et le parking, il ferme quand ?")
    await place.shown("❓ N° 2 : Et le parking, il ferme quand ? — Sam")
    await place.types(place.camille, "!qr liste")
    await place.shown("1 👍 n° 1")
    sam.unreact(setting)
    sam.say("#general", "!qr Et les vélos, où les mettre ?")  # which comes after it
    await place.shown("❓ N° 3")
    await place.types(place.camille, "!qr liste")
    await place.shown("0 👍 n° 1")
    sam.say("#general", "!qr suivante")
    await place.echo.until(lambda: post("✗ seule une personne qui modère"), seconds=15)
    sam.say("#general", "!qr privé")
    await place.echo.until(lambda: post("✗ cela ne se fait que depuis le salon"), seconds=15)
    sam.say("#general", "!qr retirer 3")
    await place.echo.until(lambda: post("✖ N° 3 : retirée"), seconds=15)
    await place.types(place.camille, "!qr suivante")
    await place.echo.until(lambda: post("▶ N° 1, en cours"), seconds=15)
