"""What rooms do to their links: encryption, upgrades, kicks, invitations, bots."""

import asyncio

import pytest

from tchap_bridges.testing.process import eventually
from tchap_bridges.testing.world import LIST_DOMAIN, World

from .conftest import Linked, link

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


async def test_a_room_that_turns_encryption_on_gets_nothing_more_in_clear(linked: Linked) -> None:
    root = await linked.mail("Jean", "jean@a.localhost", "Avant", "en clair")
    seen = await linked.said("en clair")
    turned = await linked.agent.set_state(linked.room, "m.room.encryption", MEGOLM)
    await linked.mail("Jean", "jean@a.localhost", "Après", "ne doit pas paraître en clair")

    async def sealed() -> bool:
        events = await linked.agent.timeline(linked.room)
        return any(event["type"] == "m.room.encrypted" and event["sender"] == seen["sender"] for event in events)

    assert await eventually(sealed, timeout=20), "by the ghost that has spoken before"
    relation = {"rel_type": "m.thread", "event_id": seen["event_id"]}
    said = {"msgtype": "m.text", "body": "dit dans un salon chiffré", "m.relates_to": relation}
    await linked.agent.send_event(linked.room, "m.room.message", said)
    await asyncio.sleep(2)
    events = await linked.agent.timeline(linked.room)
    after = events[[event["event_id"] for event in events].index(turned) + 1 :]
    ours = [event for event in after if event["sender"] != linked.agent.user_id and "state_key" not in event]
    assert {event["type"] for event in ours} == {"m.room.encrypted"}
    assert not any(root.encode() in one.data and b"salon chiffr" in one.data for one in linked.world.sink.sent)


async def test_an_invite_into_an_encrypted_room_is_followed_by_an_encrypted_greeting(world: World) -> None:
    agent = world.camille
    encryption = {"type": "m.room.encryption", "state_key": "", "content": MEGOLM}
    room = await agent.create_room(name="Secret", initial_state=[encryption], invite=[world.bot])
    await agent.wait_for(room, lambda e: e["type"] == "m.room.encrypted" and e["sender"] == world.bot, timeout=20)


async def test_a_restricted_room_is_refused_with_its_reason(world: World) -> None:
    agent = world.camille
    rules = {"type": "im.vector.room.access_rules", "state_key": "", "content": {"rule": "restricted"}}
    room = await agent.create_room(name="Agents seulement", initial_state=[rules], invite=[world.bot])
    await agent.wait_for_text(room, "Bonjour")
    answer = await world.link(agent, room, f"courriel interdite@{LIST_DOMAIN}")
    assert "réservé aux agents" in answer


async def test_a_room_that_anybody_may_join_is_suspended_until_it_is_shut_again(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    assert "Accès : ouvert aux invités" in await linked.command("politique")
    await linked.agent.set_state(linked.room, "m.room.join_rules", {"join_rule": "public"})
    await linked.agent.send_text(linked.room, "SECRET à tous")
    await linked.said("Tchap n'admet pas les deux. Un administrateur du salon peut le changer.")
    await linked.agent.set_state(linked.room, "m.room.join_rules", {"join_rule": "invite"})
    await linked.said("reprend")
    await linked.agent.send_text(linked.room, "entre membres")
    await linked.left("entre membres")
    assert not any(b"SECRET" in one.data for one in linked.world.sink.sent)


async def test_links_follow_an_upgrade_that_both_rooms_confirm(linked: Linked) -> None:
    new = await linked.agent.upgrade(linked.room, "11")
    await linked.mail("Jean", "jean@a.localhost", "Pendant", "pendant le déménagement")
    await linked.agent.invite(new, linked.world.bot)
    await linked.agent.wait_for_text(new, "suspendu", timeout=20)  # the upgrade does not copy the access rule
    await linked.agent.set_state(new, "im.vector.room.access_rules", {"rule": "unrestricted"})
    await linked.agent.wait_for_text(new, "reprend", timeout=20)
    await linked.agent.wait_for_text(new, "pendant le déménagement", timeout=20)
    await linked.mail("Jean", "jean@a.localhost", "Nouveau salon", "bien arrivé")
    await linked.agent.wait_for_text(new, "bien arrivé", timeout=20)


async def test_cve_2021_32659_a_forged_upgrade_is_not_followed(linked: Linked) -> None:
    trap = await linked.agent.create_room(name="Piège", invite=[linked.world.bot])
    await linked.agent.set_state(linked.room, "m.room.tombstone", {"body": "", "replacement_room": trap})
    await asyncio.sleep(1)
    await linked.mail("Jean", "jean@a.localhost", "Toujours ici", "pas dans le piège")
    await linked.said("pas dans le piège")


async def test_cve_2021_32659_a_tombstone_under_another_key(linked: Linked) -> None:
    """The bridges' library took any event of that type, and asked nothing of the room that it named."""
    trap = await linked.agent.create_room(name="Autre piège", invite=[linked.world.bot])
    content = {"body": "", "replacement_room": trap}
    await linked.agent.set_state(linked.room, "m.room.tombstone", content, "autre")
    await linked.mail("Jean", "jean@a.localhost", "Encore ici", "pas dans cet appât")
    await linked.said("pas dans cet appât")
    assert not any("appât" in str(event["content"]) for event in await linked.agent.timeline(trap))


async def test_a_kick_ends_the_links(linked: Linked) -> None:
    async def membership() -> str:
        member = await linked.agent.state_content(linked.room, "m.room.member", linked.world.bot)
        return str(member and member["membership"])

    async def back() -> bool:
        return await membership() == "join"

    await linked.agent.kick(linked.room, linked.world.bot)
    await linked.agent.invite(linked.room, linked.world.bot)
    assert await eventually(back, timeout=20)
    assert "n'est relié à rien" in await linked.command("liste")
    assert sum("Bonjour" in body for body in await linked.bodies()) == 2


async def test_only_a_moderator_links(world: World) -> None:
    linked = await link(world)
    other = await world.agent("dominique", "Dominique Petit")
    await linked.agent.invite(linked.room, other.user_id)
    await other.join(linked.room)
    assert "modérateur" in await world.link(other, linked.room, f"courriel autre@{LIST_DOMAIN}")
    assert "modérateur" in await world.link(other, linked.room, "retirer 1")


async def test_a_bot_answers_only_where_it_is_on(linked: Linked) -> None:
    await linked.agent.send_text(linked.room, "!echo un")
    await linked.said("n'est pas actif")
    await linked.agent.send_text(linked.room, "!bot activer echo")
    await linked.said("✓ echo est actif")
    await linked.agent.send_text(linked.room, "!echo bonjour à vous")
    answer = await linked.agent.wait_for(
        linked.room,
        lambda e: e["sender"] == linked.world.bot and "bonjour à vous" in e["content"].get("body", ""),
        timeout=20,
    )
    assert answer["content"]["msgtype"] == "m.notice"


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_every_room_version(world: World, version: str) -> None:
    agent = world.camille
    options = {"room_version": version}
    linked = await (link(world, tchap=True, **options) if version != "12" else link_plain_12(world))
    await linked.mail("Jean", "jean@a.localhost", "Version", f"en version {version}")
    await linked.said(f"en version {version}")
    assert agent


async def link_plain_12(world: World) -> Linked:
    """A version 12 creator stands in no ``users``, and still counts."""
    agent = world.camille
    rule = {"type": "im.vector.room.access_rules", "state_key": "", "content": {"rule": "unrestricted"}}
    room = await agent.create_room(
        name="Version 12", room_version="12", preset="private_chat", invite=[world.bot], initial_state=[rule]
    )
    await agent.wait_for_text(room, "Bonjour")
    answer = await world.link(agent, room, f"courriel douze@{LIST_DOMAIN}")
    assert "✓" in answer, answer
    address = next(word for word in answer.replace("\n", " ").split() if "@pont." in word)
    return Linked(world, agent, room, "douze", address)
