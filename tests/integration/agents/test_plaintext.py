"""What was sent in clear into an encrypted room is found in the server's database, and nothing else is."""

import json

import pytest
import pytest_asyncio

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.nio_agent import NioAgent
from tchap_bridges.testing.plaintext import plaintext_in_encrypted_rooms
from tests.conftest import LEAKS

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(synapse_factory, tmp_path_factory):
    """A Synapse that knows an appservice."""
    registration = tmp_path_factory.mktemp("registration") / "registration.yaml"
    users = [{"exclusive": True, "regex": "@_pont_.*"}, {"exclusive": False, "regex": "@.*"}]
    registration.write_text(
        json.dumps(
            {
                "id": "pont",
                "url": None,
                "as_token": "as-token",
                "hs_token": "hs-token",
                "sender_localpart": "pont",
                "rate_limited": False,
                "namespaces": {"users": users},
            }
        )
    )
    async with synapse_factory(registrations=[registration]) as synapse:
        (synapse.folder / LEAKS).touch()
        yield synapse


@pytest_asyncio.fixture(loop_scope="session")
async def bot(server):
    """Of the appservice, the account in its sender_localpart."""
    async with Client(server.url, token="as-token", user_id=f"@pont:{server.server_name}") as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nina(server, tmp_path_factory):
    await (await server.register("nina", "secret")).close()
    async with await NioAgent.start(tmp_path_factory.mktemp("nio"), server.url, "nina", "secret") as one:
        yield one


async def test_only_what_came_after_encryption_counts(server, bot):
    room = await bot.create_room(preset="private_chat")
    await bot.send_text(room, "tous peuvent lire")
    await bot.set_state(room, "m.room.encryption", MEGOLM)
    assert _found(server, room) == []
    event = await bot.send_text(room, "personne ne devrait")
    (leak,) = _found(server, room)
    assert (leak.event_id, leak.kind, leak.sender) == (event, "m.room.message", bot.user_id)
    assert leak.keys == ("body", "m.mentions", "msgtype")


async def test_changing_the_rule_of_a_room_hides_nothing(server, bot):
    room = await bot.create_room(preset="private_chat", initial_state=[_encryption()])
    event = await bot.send_text(room, "avant le changement")
    await bot.set_state(room, "m.room.encryption", {**MEGOLM, "rotation_period_msgs": 5})
    assert [leak.event_id for leak in _found(server, room)] == [event]


async def test_redaction_hides_nothing(server, bot):
    room = await bot.create_room(preset="private_chat", initial_state=[_encryption()])
    event = await bot.send_text(room, "vite retiré")
    await bot.redact(room, event)
    assert [leak.event_id for leak in _found(server, room)] == [event]


async def test_every_kind_with_words_counts(server, bot):
    room = await bot.create_room(preset="private_chat", initial_state=[_encryption()])
    kinds = ["m.room.message", "m.sticker", "m.poll.start", "org.matrix.msc3381.poll.response", "fr.example.autre"]
    for kind in kinds:
        await bot.send_event(room, kind, {"msgtype": "m.text", "body": "ici"})
    assert [leak.kind for leak in _found(server, room)] == kinds


async def test_what_every_client_sends_in_clear_does_not_count(server, bot):
    room = await bot.create_room(preset="private_chat", initial_state=[_encryption()])
    event = await bot.send_event(room, "m.room.encrypted", {**MEGOLM, "ciphertext": "abc", "session_id": "s"})
    await bot.react(room, event, "👍")
    await bot.redact(room, event, reason="erreur")
    await bot.set_state(room, "m.room.topic", {"topic": "un sujet"})
    await bot.send_event(room, "m.call.hangup", {"call_id": "1", "version": "1"})
    assert _found(server, room) == []


async def test_what_a_client_encrypts_does_not_count(server, nina):
    room = await nina.create_room()
    first = await nina.send_text(room, "secret")
    await nina.send_text(room, "aussi", thread=first)
    await nina.send_file(room, "note.txt", "text/plain", b"secret")
    event = await nina.http.send_text(room, "en clair")
    leaks = plaintext_in_encrypted_rooms(server, ours={nina.user_id}.__contains__)
    assert [leak.event_id for leak in leaks] == [event]


async def test_words_beside_the_ciphertext_count_and_so_does_none(server, bot):
    room = await bot.create_room(preset="private_chat", initial_state=[_encryption()])
    sealed = {**MEGOLM, "ciphertext": "abc", "session_id": "s", "device_id": "D", "sender_key": "k"}
    await bot.send_event(room, "m.room.encrypted", {**sealed, "m.relates_to": {"event_id": "$x"}})
    beside = await bot.send_event(room, "m.room.encrypted", {**sealed, "body": "par mégarde"})
    without = await bot.send_event(room, "m.room.encrypted", {**MEGOLM, "body": "rien de caché"})
    assert [(leak.event_id, leak.keys) for leak in _found(server, room)] == [
        (beside, ("body",)),
        (without, ("algorithm", "body")),
    ]


async def test_of_whom_it_is_asked_decides(server, bot, nina):
    """The sender of an appservice and its exclusive namespace; not what it may merely see."""
    ghost_id = f"@_pont_jean:{server.server_name}"
    room = await bot.create_room(preset="private_chat", invite=[ghost_id, nina.user_id], initial_state=[_encryption()])
    register = {"type": "m.login.application_service", "username": "_pont_jean", "inhibit_login": True}
    await bot.request("POST", "/_matrix/client/v3/register", json=register)
    await nina.join(room)
    async with Client(server.url, token="as-token", user_id=ghost_id, params={"user_id": ghost_id}) as ghost:
        await ghost.join(room)
        for one in (ghost, nina.http, bot):
            await one.send_text(room, "à découvert")
    assert [leak.sender for leak in _found(server, room)] == [ghost_id, bot.user_id]
    everybody = plaintext_in_encrypted_rooms(server, ours=lambda _: True)
    assert nina.user_id in [leak.sender for leak in everybody if leak.room == room]


async def test_a_server_that_was_stopped_can_be_asked_too(synapse_factory):
    async with synapse_factory() as synapse:
        async with await synapse.register("agent", "x") as agent:
            room = await agent.create_room(preset="private_chat", initial_state=[_encryption()])
            event = await agent.send_text(room, "en clair")
        await synapse.stop()
        leaks = plaintext_in_encrypted_rooms(synapse, ours=lambda _: True)
        assert [(leak.room, leak.event_id) for leak in leaks] == [(room, event)]
        assert plaintext_in_encrypted_rooms(synapse) == []


def _encryption() -> dict:
    return {"type": "m.room.encryption", "state_key": "", "content": MEGOLM}


def _found(server, room):
    """Of the appservice, in this room."""
    return [leak for leak in plaintext_in_encrypted_rooms(server) if leak.room == room]
