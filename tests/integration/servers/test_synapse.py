"""The homeserver that tests use, and the client that watches it."""

import json
import re
import uuid

import aiohttp
import pytest

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.matrix_http import MatrixError
from tchap_bridges.testing.process import ServerFailedError
from tchap_bridges.testing.synapse import MissingServerError, find_python
from tchap_bridges.testing.timeline import render_timeline


@pytest.fixture
def name():
    return lambda word: f"{word}.{uuid.uuid4().hex[:8]}"


async def test_kill_and_restart_keep_events_and_address(synapse_factory):
    async with synapse_factory() as synapse:
        url, pid = synapse.url, synapse.pid
        async with await synapse.register("camille", "secret") as camille:
            room = await camille.create_room(name="Essai")
            said = await camille.send_text(room, "avant")
            await synapse.kill()
            with pytest.raises(aiohttp.ClientConnectionError):
                await camille.send_text(room, "pendant")
            await synapse.restart()
            assert (synapse.url, synapse.pid != pid) == (url, True)
            await camille.send_text(room, "après")
            bodies = [event["content"].get("body") for event in await camille.timeline(room)]
            assert [body for body in bodies if body] == ["avant", "après"]
            assert (await camille.event(room, said))["content"]["body"] == "avant"


async def test_a_folder_is_taken_up_again(synapse_factory, tmp_path):
    async with synapse_factory(folder=tmp_path, server_name="un.localhost") as synapse:
        url = synapse.url
        async with await synapse.register("camille", "secret"):
            pass
    async with synapse_factory(folder=tmp_path) as synapse:
        assert (synapse.url, synapse.server_name) == (url, "un.localhost")
        async with await synapse.register("camille", "secret") as camille:  # there already: a new session
            assert camille.user_id == "@camille:un.localhost"


async def test_a_failed_start_shows_the_log(synapse_factory):
    with pytest.raises(ServerFailedError, match="database"):
        async with synapse_factory(extra={"database": {"name": "nonsense"}}):
            pass


def test_a_missing_synapse_says_what_to_do(monkeypatch):
    monkeypatch.setenv("TCHAP_BRIDGES_SYNAPSE_PYTHON", "/nowhere/python")
    with pytest.raises(MissingServerError, match="TCHAP_BRIDGES_SYNAPSE_PYTHON"):
        find_python()


async def test_what_an_agent_does_and_another_sees(synapse, name):
    async with (
        await synapse.register(name("camille"), "x", display_name="Camille Martin [Finances]") as camille,
        await synapse.register(name("jean"), "x", display_name="Jean Dupont [Culture]") as jean,
    ):
        room = await camille.create_room(name="Réunions")
        await camille.invite(room, jean.user_id)
        assert await jean.wait_for_invite() == room
        await jean.join(room)

        root = await camille.send_text(room, "Réunion jeudi ?", html="<b>Réunion</b> jeudi ?")
        answer = await jean.send_text(room, "Oui", thread=root)
        await jean.edit(room, answer, "Oui, à 14 h")
        gone = await jean.send_text(room, "Oups", reply_to=root)
        await jean.redact(room, gone, reason="erreur")
        await camille.react(room, answer, "👍")
        sent = await jean.send_file(room, "ordre.pdf", "application/pdf", b"%PDF" * 300)

        seen = await camille.wait_for(room, lambda event: event["event_id"] == sent)
        assert await camille.download(seen["content"]["url"]) == b"%PDF" * 300
        await camille.read_up_to(room, sent)
        await jean.wait_for_receipt(room, camille.user_id, sent)
        assert (await jean.receipts(room))[camille.user_id] == sent
        assert set(await jean.members(room)) == {camille.user_id, jean.user_id}

        text = re.sub(r"\d\d:\d\d  ?", "", render_timeline(await camille.timeline(room)))
        assert "Camille Martin [Finances]\n       Réunion jeudi ?\n  │ " in text
        assert (
            "Jean Dupont [Culture] (modifié)\n  │        Oui, à 14 h\n  │        👍 Camille Martin [Finances]" in text
        )
        assert "(message supprimé)" in text
        assert "Oups" not in text
        assert "📎 ordre.pdf (1,2 ko, application/pdf)" in text


async def test_nothing_is_missed_between_two_looks(synapse, name):
    async with (
        await synapse.register(name("camille"), "x") as camille,
        await synapse.register(name("jean"), "x") as jean,
    ):
        room = await camille.create_room(invite=[jean.user_id])
        await jean.join(room)
        await jean.sync_once()
        for number in range(120):  # more than one sync carries
            await camille.send_text(room, f"message {number}")
        await jean.wait_for_text(room, "message 119")
        bodies = [event["content"].get("body", "") for event in jean.seen(room)]
        assert [body for body in bodies if body.startswith("message")] == [f"message {n}" for n in range(120)]


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_in_a_tchap_room_an_invited_bot_can_only_speak(synapse, name, version):
    async with await synapse.register(name("agent"), "x") as agent, await synapse.register(name("bot"), "x") as bot:
        room = await agent.create_tchap_room("Projet", invite=[bot.user_id], room_version=version)
        await bot.join(room)
        await bot.send_text(room, "bonjour")
        for forbidden in (
            bot.invite(room, agent.user_id.replace("agent", "ghost")),
            bot.set_state(room, "m.room.name", {"name": "à moi"}),
            bot.set_state(room, "im.vector.room.access_rules", {"rule": "unrestricted"}),
            bot.kick(room, agent.user_id),
        ):
            with pytest.raises(MatrixError, match="403 M_FORBIDDEN"):
                await forbidden
        rules = await bot.state_content(room, "im.vector.room.access_rules")
        assert rules == {"rule": "restricted", "visibility": "private", "force_unencrypted_at_creation": True}
        assert await bot.state_content(room, "m.room.encryption") is None
        await agent.set_power(room, bot.user_id, 50)
        await bot.invite(room, f"@ghost:{synapse.server_name}")


async def test_an_appservice_acts_as_a_device_it_made(synapse_factory, tmp_path):
    """MSC4190 and MSC4326 with no experimental flag: only `device_id` counts, and with it a txnId survives a crash."""
    ghost = "@_pont_jean:demo.tchap.localhost"
    registration = tmp_path / "registration.yaml"
    registration.write_text(
        json.dumps(
            {
                "id": "pont",
                "url": None,
                "as_token": "as",
                "hs_token": "hs",
                "sender_localpart": "unused",
                "rate_limited": False,
                "io.element.msc4190": True,
                "namespaces": {"users": [{"exclusive": True, "regex": "@_pont_.*"}]},
            }
        )
    )
    async with synapse_factory(registrations=[registration]) as synapse:
        person = {"user_id": ghost}
        async with Client(synapse.url, token="as", user_id=ghost, params=person) as client:
            body = {"type": "m.login.application_service", "username": "_pont_jean", "inhibit_login": True}
            await client.request("POST", "/_matrix/client/v3/register", json=body)
            await client.request("PUT", "/_matrix/client/v3/devices/PONT", json={})
        async with Client(synapse.url, token="as", user_id=ghost, params=person | {"device_id": "PONT"}) as client:
            room = await client.create_room()
            content = {"msgtype": "m.text", "body": "une fois"}
            first = await client.send_event(room, "m.room.message", content, txn="t1")
            await synapse.kill()
            await synapse.restart()
            assert await client.send_event(room, "m.room.message", content, txn="t1") == first
        async with Client(synapse.url, token="as", user_id=ghost, params=person | {"device_id": "INCONNU"}) as client:
            with pytest.raises(MatrixError, match="M_UNKNOWN_DEVICE"):
                await client.send_event(room, "m.room.message", content)
