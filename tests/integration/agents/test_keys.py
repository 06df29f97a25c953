"""Who can read what, and with which warning, as matrix-js-sdk shows it: the instrument sees red where it should."""

import asyncio

import pytest
import pytest_asyncio

from tchap_bridges.testing.js_agent import Device, JsAgent
from tchap_bridges.testing.nio_agent import NioAgent

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def without_identity(sign_up) -> JsAgent:
    return await sign_up(JsAgent, "sans")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def unsigned_device(sign_up) -> JsAgent:
    """Of somebody who has an identity."""
    one = await sign_up(JsAgent, "deux", cross_signed=True)
    signed = one.device_id
    await one.restart()
    assert one.device_id != signed
    return one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(alice, bruno, without_identity, unsigned_device, nina, gather):
    return await gather(alice, bruno, without_identity, unsigned_device, nina)


@pytest_asyncio.fixture(loop_scope="session", params=["all devices", "signed devices only"])
async def signed_only(request, alice):
    """The way in which alice reads."""
    await alice.isolate(signed_only=request.param == "signed devices only")
    yield request.param == "signed devices only"
    await alice.isolate(signed_only=False)


async def test_a_signed_device_has_no_shield(alice, bruno, room, signed_only):
    seen = await alice.see(room, await bruno.send_text(room, "signé"))
    assert (seen.body, seen.shield, seen.reason, seen.failure) == ("signé", "NONE", None, None)


@pytest.mark.parametrize("sender", ["without_identity", "unsigned_device", "nina"])
async def test_an_unsigned_device_is_red_or_not_read(request, alice, room, signed_only, sender):
    event = await request.getfixturevalue(sender).send_text(room, "non signé")
    seen = await alice.see(room, event)
    if signed_only:
        assert (seen.body, seen.shield, seen.failure) == ("", None, "UNSIGNED_SENDER_DEVICE")
    else:
        assert (seen.body, seen.shield, seen.reason, seen.failure) == ("non signé", "RED", "UNSIGNED_DEVICE", None)


async def test_a_message_with_the_keys_of_another_is_red_or_not_read(synapse, alice, nina, gather, signed_only):
    """What a bridge does that sends for its ghosts with the device of its bot."""
    room = await gather(alice, nina)
    await nina.send_text(room, "voici ma clé")
    async with await synapse.register(f"ghost.{room[1:9].lower()}", "x") as ghost:
        await nina.invite(room, ghost.user_id)
        await ghost.join(room)
        kind, content = nina._nio.encrypt(room, "m.room.message", {"msgtype": "m.text", "body": "pour autrui"})
        seen = await alice.see(room, await ghost.send_event(room, kind, content))
    if signed_only:
        assert (seen.body, seen.shield, seen.failure) == ("", None, "UNKNOWN_ERROR")
    else:
        assert (seen.body, seen.shield, seen.reason) == ("pour autrui", "RED", "MISMATCHED_SENDER")


async def test_devices_are_listed_with_what_is_known_of_them(alice, bruno, unsigned_device, room):
    assert await alice.devices(bruno.user_id) == {bruno.device_id: Device(name=None, signed=True, verified=False)}
    of_two = await alice.devices(unsigned_device.user_id)
    assert {device: known.signed for device, known in of_two.items()}[unsigned_device.device_id] is False
    assert len(of_two) == 2
    identity = await alice.identity(bruno.user_id)
    assert (identity.known, identity.verified, identity.changed) == (True, False, False)


async def test_a_new_identity_is_a_change_that_the_person_is_asked_about(alice, sign_up, gather):
    carla = await sign_up(JsAgent, "carla", cross_signed=True)
    room = await gather(alice, carla)
    await alice.see(room, await carla.send_text(room, "avant"))
    assert not (await alice.identity(carla.user_id)).changed
    await carla.restart()
    await carla.cross_sign()
    seen = await alice.see(room, await carla.send_text(room, "après"))
    assert (seen.body, seen.shield) == ("après", "NONE")
    assert (await alice.identity(carla.user_id)).changed


async def test_a_recovered_identity_is_no_change(alice, sign_up, gather):
    emma = await sign_up(JsAgent, "emma", cross_signed=True)
    room = await gather(alice, emma)
    await alice.see(room, await emma.send_text(room, "avant"))
    await emma.restart()
    await emma.recover()
    seen = await alice.see(room, await emma.send_text(room, "après"))
    assert (seen.body, seen.shield) == ("après", "NONE")
    assert not (await alice.identity(emma.user_id)).changed


async def test_a_late_key_is_waited_for(alice, nina, sign_up, gather):
    noor = await sign_up(NioAgent, "noor")
    room = await gather(nina, alice, noor)
    nina.hold_keys()
    event = await nina.send_text(room, "la clé suit")
    early = await alice.see(room, event, late=0.5)
    assert (early.body, early.encrypted, early.failure) == ("", True, "MEGOLM_UNKNOWN_INBOUND_SESSION_ID")
    assert "no session found" in ((await noor.see(room, event, late=0.2)).failure or "")
    waiting = asyncio.create_task(alice.see(room, event, late=60))
    await nina.release_keys()
    assert (await waiting).body == "la clé suit"
    assert (await noor.see(room, event, late=60)).body == "la clé suit"


async def test_a_new_device_reads_what_comes_and_not_what_was(alice, sign_up, gather):
    dora = await sign_up(JsAgent, "dora", cross_signed=True)
    room = await gather(alice, dora)
    before = await alice.send_text(room, "avant")
    assert (await dora.see(room, before)).body == "avant"
    await dora.restart()
    lost = await dora.see(room, before)
    assert (lost.body, lost.failure) == ("", "HISTORICAL_MESSAGE_NO_KEY_BACKUP")
    assert (await dora.see(room, await alice.send_text(room, "après"))).body == "après"


async def test_who_was_removed_gets_no_key_any_more(alice, bruno, nina, gather):
    room = await gather(alice, bruno, nina)
    session = await _session(nina, room, await alice.send_text(room, "à trois"))
    await alice.kick(room, bruno.user_id, reason="fin")
    await alice.wait_for_member(room, bruno.user_id, "leave")
    await nina.wait_for_member(room, bruno.user_id, "leave")
    assert await _session(nina, room, await alice.send_text(room, "à deux")) != session
    await nina.leave(room)
    await alice.wait_for_member(room, nina.user_id, "leave")


async def test_a_discarded_session_is_not_used_again(alice, nina, gather):
    room = await gather(alice, nina)
    first = await _session(nina, room, await alice.send_text(room, "un"))
    assert await _session(nina, room, await alice.send_text(room, "deux")) == first
    await alice.discard_session(room)
    assert await _session(nina, room, await alice.send_text(room, "trois")) != first


async def test_a_session_ends_after_as_many_messages_as_the_room_says(alice, nina, gather):
    room = await gather(alice, nina, rotation=2)
    sessions = [await _session(nina, room, await alice.send_text(room, str(number))) for number in range(4)]
    assert [session == sessions[0] for session in sessions] == [True, True, False, False]


async def _session(reader: NioAgent, room: str, event: str) -> str:
    """Under which key an event was sent; the reader can read it."""
    assert (await reader.see(room, event)).failure is None
    return (await reader.http.event(room, event))["content"]["session_id"]
