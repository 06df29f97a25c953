"""A poll in a real room: asked by a command, answered with the room's own polls and by words, ended, told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.world import LIST_DOMAIN, World

START, RESPONSE, END = (f"org.matrix.msc3381.poll.{kind}" for kind in ("start", "response", "end"))

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Place:
    """A room in which polls are switched on, its admin and a member."""

    world: World
    echo: EchoServer
    camille: Client
    bob: Client
    room: str

    async def types(self, client: Client, words: str, **more: str) -> str:
        return await client.send_text(self.room, words, **more)

    async def asked(self, words: str) -> Mapping[str, Any]:
        """The poll that a command makes."""
        await self.types(self.camille, words)
        return await self.camille.wait_for(self.room, lambda e: e["type"] == START)

    async def votes(self, client: Client, poll: str, *answers: str) -> str:
        relation = {"rel_type": "m.reference", "event_id": poll}
        content = {"m.relates_to": relation, RESPONSE: {"answers": list(answers)}}
        return await client.send_event(self.room, RESPONSE, content)


@dataclass
class Hall:
    """One world for the tests of this file, and the network that is linked in it."""

    world: World
    echo: EchoServer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hall(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hall]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    folder = tmp_path_factory.mktemp("bots")
    async with EchoServer() as echo:
        changes = {"bots": {"sondages": {}}, "bridges": {"echo": {"port": echo.port}}}
        async with await World.start(folder, template=template, changes=changes) as found:
            yield Hall(found, echo)


@pytest_asyncio.fixture(loop_scope="session")
async def place(hall: Hall, request: pytest.FixtureRequest) -> Place:
    world = hall.world
    name = request.node.name.replace("_", "-")[:40].lower()
    camille, bob = await world.agent(f"camille-{name}", "Camille Martin"), await world.agent(f"bob-{name}", "Bob")
    room = await world.room(camille)
    await camille.invite(room, bob.user_id)
    await bob.join(room)
    await camille.send_text(room, "!bot activer sondages")
    await camille.wait_for_text(room, "sondages est actif")
    return Place(world, hall.echo, camille, bob, room)


async def test_from_the_question_to_the_result(place: Place) -> None:
    poll = await place.asked("!sondage On mange où ? Cantine / Crêperie / Pique-nique")
    content = poll["content"][START]
    assert content["question"]["org.matrix.msc1767.text"] == "On mange où ?"
    assert [one["org.matrix.msc1767.text"] for one in content["answers"]] == ["Cantine", "Crêperie", "Pique-nique"]
    id_ = str(poll["event_id"])
    await place.votes(place.camille, id_, "1")
    await place.votes(place.camille, id_, "2")  # she thinks again
    await place.types(place.bob, "!vote 2")
    await place.bob.wait_for_text(place.room, "✓ Bob : Crêperie")
    await place.types(place.camille, "!clore")
    end = await place.camille.wait_for(place.room, lambda e: e["type"] == END)
    assert end["content"]["m.relates_to"]["event_id"] == id_
    result = await place.camille.wait_for_text(place.room, "Crêperie — 2 voix")
    assert result["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == id_


async def test_a_vote_that_is_removed_gives_the_one_before_it_back(place: Place) -> None:
    id_ = str((await place.asked("!sondage Lundi ou mardi ? Lundi / Mardi"))["event_id"])
    await place.votes(place.bob, id_, "1")
    second = await place.votes(place.bob, id_, "2")
    await place.bob.redact(place.room, second)
    await place.types(place.camille, "!clore")
    assert "✓ Lundi — 1 voix" in (await place.camille.wait_for_text(place.room, "Mardi — "))["content"]["body"]


async def test_only_who_asked_or_moderates_ends_it(place: Place) -> None:
    await place.asked("!sondage On y va ?")
    await place.types(place.bob, "!clore")
    await place.bob.wait_for_text(place.room, "peut le clore")
    assert not [e for e in await place.bob.timeline(place.room) if e["type"] == END]


async def test_a_keycap_is_a_vote_and_its_removal_takes_it_back(place: Place) -> None:
    id_ = str((await place.asked("!sondage Thé ou café ? Thé / Café"))["event_id"])
    await place.camille.react(place.room, id_, "1\ufe0f\u20e3")
    reaction = await place.bob.react(place.room, id_, "2\ufe0f\u20e3")
    await place.bob.react(place.room, id_, "👍")  # no vote
    await place.bob.redact(place.room, reaction)
    await place.types(place.camille, "!clore")
    assert (await place.camille.wait_for_text(place.room, "Café — 0 voix"))["content"]["body"].count("✓ Thé — 1 voix")


async def test_people_of_a_linked_network_vote_by_number(place: Place) -> None:
    echo = place.echo
    assert "✓" in await place.world.link(place.camille, place.room, "écho #general")
    sam = echo.person("sam", "Sam")
    await place.asked("!sondage Rouge ou bleu ? Rouge / Bleu")
    async with asyncio.timeout(15):
        while not any("2. Bleu" in post.text for post in echo.channel("#general").messages):
            await asyncio.sleep(0.05)
    sam.say("#general", "2")
    await place.camille.wait_for_text(place.room, "2")
    await place.types(place.camille, "!clore")
    await place.camille.wait_for_text(place.room, "✓ Bleu — 1 voix")
    async with asyncio.timeout(15):  # who voted there reads what came of it
        while not any("✓ Bleu — 1 voix" in post.text for post in echo.channel("#general").messages):
            await asyncio.sleep(0.05)


async def test_the_result_is_a_picture_too(place: Place) -> None:
    await place.asked("!sondage On y va ?")
    await place.types(place.camille, "!clore")
    image = await place.camille.wait_for(place.room, lambda e: e["content"].get("msgtype") == "m.image")
    data = await place.camille.download(image["content"]["url"])
    assert data.startswith(b"\x89PNG")
    assert image["content"]["info"]["size"] == len(data)


async def test_a_list_that_is_told_answers_only_is_asked_nothing(place: Place) -> None:
    """What is said in the room must not reach five hundred subscribers, and a question is no answer."""
    assert "✓" in await place.world.link(place.camille, place.room, f"courriel sondage@{LIST_DOMAIN}")
    await place.asked("!sondage Qui vient dimanche ?")
    await place.types(place.camille, "!clore")
    await place.camille.wait_for(place.room, lambda e: e["content"].get("msgtype") == "m.image")
    assert not [one for one in place.world.sink.mails if b"dimanche" in one.data]


async def test_a_list_linked_both_ways_is_asked(place: Place) -> None:
    assert "✓" in await place.world.link(place.camille, place.room, f"courriel tous@{LIST_DOMAIN} sens=deux-sens")
    await place.asked("!sondage Qui vient samedi ?")
    async with asyncio.timeout(15):
        while not [one for one in place.world.sink.mails if b"samedi" in one.data]:
            await asyncio.sleep(0.05)


async def test_who_asks_in_english_is_answered_in_english(place: Place) -> None:
    await place.types(place.camille, "!poll")
    await place.camille.wait_for_text(place.room, "the question is missing")
    poll = await place.asked("!poll Shall we go?")
    assert [one["org.matrix.msc1767.text"] for one in poll["content"][START]["answers"]] == ["Yes", "No"]
    await place.types(place.camille, "!close")
    await place.camille.wait_for_text(place.room, "0 voters")
