"""An encrypted room and a network, seen by a real client that hears only devices which their owners have signed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridge_echo.network import Posted
from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.agent import Seen
from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.matrix_client import Client
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

    def post(self, id_: str) -> Posted:
        return self.echo.post(id_)

    async def shown(self, words: str) -> Seen:
        """What alice sees that says so: encrypted, and without a warning."""
        return sound(await self.alice.wait_for_text(self.room, words))

    async def asked(self) -> Seen:
        """The poll that stands in the room."""
        client = Client(self.world.synapse.url, token=self.alice.token, user_id=self.alice.user_id)
        async with client, asyncio.timeout(20):
            while True:
                for event in reversed(await client.timeline(self.room)):
                    if event["type"] == "m.room.encrypted":
                        seen = await self.alice.see(self.room, event["event_id"])
                        if seen.kind == "org.matrix.msc3381.poll.start":
                            return sound(seen)
                await asyncio.sleep(0.2)

    async def becomes(self, event: str, true: Callable[[Seen], bool]) -> Seen:
        """The event on alice's screen, once that holds of it."""
        async with asyncio.timeout(20):
            while not true(seen := await self.alice.see(self.room, event)):
                await asyncio.sleep(0.1)
        return seen


def sound(seen: Seen) -> Seen:
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


async def test_what_agents_do_arrives_on_the_network(hall: Hall) -> None:
    alice, room = hall.alice, hall.room
    said = await alice.send_text(room, "salut à tous")
    there = await hall.told("salut à tous")
    await alice.edit(room, said, "salut à toutes et à tous")
    await hall.echo.until(lambda: hall.post(there).text == "salut à toutes et à tous", seconds=20)
    await alice.react(room, said, "👍")
    await hall.echo.until(lambda: [symbol for _name, symbol in hall.post(there).reactions] == ["👍"], seconds=20)
    await alice.send_text(room, "d'accord", reply_to=said)
    assert hall.post(await hall.told("d'accord")).reply_to == there
    await alice.send_text(room, "dans le fil", thread=said)
    assert hall.post(await hall.told("dans le fil")).thread == there
    data = bytes(range(256)) * 1000
    await alice.send_file(room, "plan.bin", "application/octet-stream", data)
    await hall.echo.until(lambda: any(one.files for one in hall.echo.channel("#general").messages), seconds=20)
    (file,) = next(one.files for one in hall.echo.channel("#general").messages if one.files)
    assert (file.name, file.data) == ("plan.bin", data)
    await alice.redact(room, said)
    await hall.echo.until(lambda: there not in hall.echo.channel("#general").posts, seconds=20)


async def test_what_the_network_does_is_seen_without_a_warning(hall: Hall) -> None:
    alice, room = hall.alice, hall.room
    sam, zoe = hall.echo.person("sam", "Sam"), hall.echo.person("zoe", "Zoé")
    post = sam.say("#general", "bonjour du réseau")
    seen = await hall.shown("bonjour du réseau")
    assert seen.sender != hall.world.bot, "a ghost says it"
    assert seen.name == "Sam (écho)"
    sam.edit(post, "bonjour du réseau, corrigé")
    assert sound(await hall.becomes(seen.event_id, lambda now: now.edited)).body == "bonjour du réseau, corrigé"
    zoe.react(post, "🎉")
    reactions = (await hall.becomes(seen.event_id, lambda now: bool(now.reactions))).reactions
    assert list(reactions) == ["🎉"]
    assert reactions["🎉"] != [seen.sender], "by another ghost"
    zoe.say("#general", "réponse de Zoé", reply_to=post)
    answer = await hall.shown("réponse de Zoé")
    assert (answer.relation or {})["m.in_reply_to"]["event_id"] == seen.event_id
    zoe.say("#general", "au fil de l'eau", thread=post)
    assert ((await hall.shown("au fil de l'eau")).relation or {})["rel_type"] == "m.thread"
    data = b"un fichier du reseau " * 10_000
    zoe.say("#general", "voici", files=[("note.txt", "text/plain", data)])
    file = await hall.shown("note.txt")
    assert "url" not in file.content
    assert await alice.download(room, file.event_id) == data
    sam.delete(post)
    await hall.becomes(seen.event_id, lambda now: now.redacted)


async def test_a_poll_is_asked_voted_and_told(hall: Hall) -> None:
    alice, room = hall.alice, hall.room
    await alice.send_text(room, "!bot activer sondages")
    await hall.shown("sondages est actif")
    await alice.send_text(room, "!sondage Thé ou café ? Thé / Café")
    start = await hall.asked()
    option = start.content["org.matrix.msc3381.poll.start"]["answers"][1]["id"]
    await alice.vote(room, start.event_id, [option])
    sam = hall.echo.person("sam", "Sam")
    await hall.told("2. Café")
    sam.say("#general", "2")
    await hall.shown("2")
    await alice.send_text(room, "!clore")
    told = await hall.shown("✓ Café")
    assert "2 voix" in told.body.replace("\u202f", " ").replace("\xa0", " ")


async def test_who_comes_reads_what_follows_and_who_has_gone_nothing_more(
    hall: Hall, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    del request
    sam, world = hall.echo.person("sam", "Sam"), hall.world
    sam.say("#general", "avant bruno")
    before = await hall.shown("avant bruno")
    await (await world.synapse.register("bruno", "secret", display_name="Bruno")).close()
    async with await JsAgent.start(tmp_path, world.synapse.url, "bruno", "secret", cross_signed=True) as bruno:
        await hall.alice.invite(hall.room, bruno.user_id)
        await bruno.join(hall.room)
        await hall.alice.wait_for_member(hall.room, bruno.user_id)
        sam.say("#general", "pendant bruno")
        during = await hall.shown("pendant bruno")
        assert sound(await bruno.see(hall.room, during.event_id)).body == "pendant bruno"
        await bruno.restart()
        sam.say("#general", "pour le nouvel appareil")
        newer = await hall.shown("pour le nouvel appareil")
        assert (await bruno.see(hall.room, newer.event_id)).body == "pour le nouvel appareil"
        await hall.alice.kick(hall.room, bruno.user_id)
        await hall.alice.wait_for_member(hall.room, bruno.user_id, "leave")
        sam.say("#general", "après bruno")
        await hall.shown("après bruno")
        assert (await bruno.see(hall.room, before.event_id, late=1)).failure


async def test_what_is_said_while_the_bridge_is_away_is_read_when_it_is_back(hall: Hall) -> None:
    alice, room, bridge = hall.alice, hall.room, hall.world.bridge
    await bridge.kill()
    await alice.discard_session(room)
    await alice.send_text(room, "pendant l'absence")
    await bridge.start()
    assert await hall.told("pendant l'absence")
    hall.echo.person("sam", "Sam").say("#general", "de retour")
    await hall.shown("de retour")
