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
    async with EchoServer(channels=("#general", "#ranked")) as echo:
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
    await place.types(place.camille, "!poll ?")
    await place.camille.wait_for_text(place.room, "the question is missing")
    poll = await place.asked("!poll Shall we go?")
    assert [one["org.matrix.msc1767.text"] for one in poll["content"][START]["answers"]] == ["Yes", "No"]
    await place.types(place.camille, "!close")
    await place.camille.wait_for_text(place.room, "Nobody voted")


async def test_a_ranking_is_voted_in_the_room_and_on_a_network(place: Place) -> None:
    assert "✓" in await place.world.link(place.camille, place.room, "écho #ranked")
    await place.types(place.camille, "!sondage On mange où ? Cantine / Crêperie / Pique-nique type=classement")
    question = await place.bob.wait_for_text(place.room, "!vote 2 1 3")
    async with asyncio.timeout(15):
        while not any("3. Pique-nique" in post.text for post in place.echo.channel("#ranked").messages):
            await asyncio.sleep(0.05)
    place.echo.person("zed", "Zed").say("#ranked", "2 1 3")
    await place.camille.wait_for_text(place.room, "2 1 3")
    await place.types(place.bob, "!vote 2 3")
    await place.bob.wait_for_text(place.room, "✓ Bob : Crêperie > Pique-nique")
    await place.types(place.camille, "1", reply_to=question["event_id"])
    await place.types(place.camille, "!clore")
    told = await place.camille.wait_for_text(place.room, "✓ Crêperie — 2 voix")
    assert "Tour 1" in told["content"]["body"]
    assert not [e for e in await place.bob.timeline(place.room) if e["type"] in {START, END}]


async def test_dates_are_a_poll_that_clients_show(place: Place) -> None:
    poll = await place.asked("!date Réunion ? le 24 décembre 2030 à 9h / le 26 décembre 2030 à 14h")
    answers = poll["content"][START]["answers"]
    assert [one["id"] for one in answers] == ["1", "2", "1?", "2?"]
    assert answers[3]["org.matrix.msc1767.text"] == "jeudi 26 décembre 2030 à 14\u00a0h\u00a000 (si besoin)"
    await place.votes(place.bob, str(poll["event_id"]), "1?", "2")
    await place.types(place.camille, "!vote 1! 2")
    await place.camille.wait_for_text(place.room, "(non)")
    await place.types(place.camille, "!clore")
    told = await place.camille.wait_for_text(place.room, "2 oui")
    assert "✓ jeudi 26 décembre 2030" in told["content"]["body"]


async def test_who_has_not_voted_is_called_by_a_message_that_notifies(place: Place) -> None:
    id_ = str((await place.asked("!sondage On y va ?"))["event_id"])
    await place.votes(place.camille, id_, "1")
    await place.types(place.camille, "!relancer")
    content = (await place.bob.wait_for_text(place.room, "votre vote est attendu"))["content"]
    assert content["msgtype"] == "m.text"
    assert content["m.mentions"] == {"user_ids": [place.bob.user_id]}
    assert f'href="https://matrix.to/#/{place.bob.user_id}"' in content["formatted_body"]


async def own_poll(place: Place, client: Client, question: str) -> str:
    """A poll that somebody makes with their own client."""
    asked = {"org.matrix.msc1767.text": question}
    answers = [{"id": id_, "org.matrix.msc1767.text": text} for id_, text in (("x-1", "Oui"), ("x-2", "Non"))]
    poll = {"kind": "org.matrix.msc3381.poll.disclosed", "max_selections": 1, "question": asked, "answers": answers}
    return await client.send_event(place.room, START, {**asked, START: poll})


async def test_a_deadline_for_somebodys_own_poll(place: Place) -> None:
    id_ = await own_poll(place, place.bob, "On y va ?")
    for n in range(22):  # more than one page of them
        await asyncio.gather(*(place.votes(place.camille, id_, f"x-{1 + (n + m) % 2}") for m in range(48)))
    await place.votes(place.camille, id_, "x-1")
    gone = await place.votes(place.bob, id_, "x-1")
    await place.votes(place.bob, id_, "x-2")
    await place.bob.redact(place.room, gone)
    await place.types(place.bob, "!clore demain 17h", reply_to=id_)
    said = await place.bob.wait_for_text(place.room, "Ce sondage sera clos")
    assert "Je n'ai pas le droit de clore" in said["content"]["body"]
    await place.types(place.bob, "!clore", reply_to=id_)
    told = await place.bob.wait_for_text(place.room, "Oui — 1 voix")
    assert "Non — 1 voix" in told["content"]["body"]
    assert told["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == id_
    assert not [e for e in await place.bob.timeline(place.room) if e["type"] == END]


async def test_where_it_may_the_bot_ends_somebodys_own_poll(place: Place) -> None:
    await place.camille.set_power(place.room, place.world.bot, 50)
    id_ = await own_poll(place, place.bob, "On y va ?")
    await place.votes(place.camille, id_, "x-2")
    await place.types(place.bob, "!clore", reply_to=id_)
    end = await place.bob.wait_for(place.room, lambda e: e["type"] == END)
    assert end["content"]["m.relates_to"] == {"rel_type": "m.reference", "event_id": id_}
    assert end["sender"] == place.world.bot


async def test_a_secret_vote_and_its_papers(place: Place) -> None:
    await place.types(place.camille, "!sondage Qui préside ? Ana / Bob secret=oui pv=oui csv=oui")
    question = await place.bob.wait_for_text(place.room, "Vote secret")
    await place.bob.react(place.room, str(question["event_id"]), "🗳️")
    await place.types(place.camille, "!voter")
    directs = {}
    for client in (place.bob, place.camille):
        directs[client.user_id] = direct = await client.wait_for_invite()
        await client.join(direct)
        asked = await client.wait_for_text(direct, "2. Bob")
        assert "sur le serveur Matrix" in asked["content"]["body"]
        await client.send_text(direct, "2")
        await client.wait_for_text(direct, "✓ Votre vote est compté")
    await place.types(place.camille, "!clore")
    result = (await place.camille.wait_for_text(place.room, "✓ Bob — 2 voix"))["content"]["body"]
    assert "⚠ Deux personnes ont voté" in result
    minutes = await place.camille.wait_for(place.room, lambda e: e["content"].get("body") == "pv.md")
    text = (await place.camille.download(minutes["content"]["url"])).decode()
    assert "# Procès-verbal de vote" in text
    assert "Ce vote est donc secret, pas anonyme." in text
    table = await place.camille.wait_for(
        directs[place.camille.user_id], lambda e: e["content"].get("body") == "votes.csv"
    )
    rows = (await place.camille.download(table["content"]["url"])).decode("utf-8-sig").splitlines()
    assert rows == ["Réponse;Voix;%;En tête", "Ana;0;0,0;", "Bob;2;100,0;x"]
    assert place.bob.user_id not in text + result


async def test_a_poll_is_made_by_answering_questions(place: Place) -> None:
    await place.types(place.bob, "!sondage")
    for asked, answer in (
        ("Quelle est la question ?", "On mange où ?"),
        ("Comment vote-t-on ?", "1"),
        ("Quelles réponses ?", "Cantine / Crêperie"),
        ("Jusqu'à quand ?", "sans"),
    ):
        await place.bob.wait_for_text(place.room, asked)
        await place.types(place.bob, answer)
    poll = await place.bob.wait_for(place.room, lambda e: e["type"] == START)
    assert poll["content"][START]["question"]["org.matrix.msc1767.text"] == "On mange où ?"
