"""An encrypted room and a network, seen by a real client that hears only devices which their owners have signed."""

from pathlib import Path

import pytest

from tchap_bridges.testing.js_agent import JsAgent
from tests.integration.encryption.hall import Hall, sound

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
