"""What the core sends, as people in the room see it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.ids import ChatId

from .conftest import person
from .sending import PROFILE, Sent, deletion_of, edit_of, eventually, reaction_of

MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}


async def test_one_key_shows_once_and_two_people_are_two(side, agent):
    room = await side.enter(agent)
    message = side.message(room, "ok")
    first = await side.homeserver.rooms.send(message)
    assert await side.homeserver.rooms.send(message) == first
    other = await side.homeserver.rooms.send(replace(message, author=person("anne")))
    assert other != first
    await asyncio.gather(
        side.homeserver.rooms.send(side.message(room, "même instant", author=person("jean"))),
        side.homeserver.rooms.send(side.message(room, "même instant", author=person("anne"))),
    )
    bodies = [event["content"].get("body") for event in await agent.timeline(room)]
    assert (bodies.count("ok"), bodies.count("même instant")) == (2, 2)


async def test_threads_replies_titles_and_late_ones(side, agent):
    room = await side.enter(agent)
    root = await side.say(room, "Réunion jeudi ?", title="Réunion <urgent>")
    content = (await agent.event(room, root))["content"]
    assert content["body"] == "Réunion <urgent>\n\nRéunion jeudi ?"
    assert content["formatted_body"] == "<strong>Réunion &lt;urgent&gt;</strong><br>Réunion jeudi ?"

    parent = await side.say(room, "oui", thread=(root,), reply_to=root)
    relation = (await agent.event(room, parent))["content"]["m.relates_to"]
    assert relation == {
        "rel_type": "m.thread",
        "event_id": root,
        "m.in_reply_to": {"event_id": root},
        "is_falling_back": True,
    }
    answer = await side.say(room, "non", thread=(root,), reply_to=parent)
    relation = (await agent.event(room, answer))["content"]["m.relates_to"]
    assert (relation["is_falling_back"], relation["m.in_reply_to"]) == (False, {"event_id": parent})

    late = await side.say(room, "avant", thread=(root,), late=True)
    content = (await agent.event(room, late))["content"]
    assert content["body"].startswith("(message arrivé en retard, daté du 12/03/2025 ")
    assert content["m.relates_to"]["event_id"] == root

    reply = await side.say(room, "seul", reply_to=root)
    relation = (await agent.event(room, reply))["content"]["m.relates_to"]
    assert relation == {"m.in_reply_to": {"event_id": root}}
    # What is in a thread can bear none: what should follow it there answers it.
    under = await side.say(room, "dessous", thread=(answer,), reply_to=answer)
    relation = (await agent.event(room, under))["content"]["m.relates_to"]
    assert relation == {"m.in_reply_to": {"event_id": answer}}


async def test_what_a_history_tells_has_its_own_time(side, agent):
    room = await side.enter(agent)
    now = datetime.now(UTC)
    for past, at, shown in (
        (True, now - timedelta(hours=2), True),
        (False, now - timedelta(hours=2), False),  # a mail says of itself when it was written, and may lie
        (True, now + timedelta(hours=2), False),
        (True, datetime(1969, 1, 1, tzinfo=UTC), False),
    ):
        sent = await side.say(room, "bonjour", at=at, past=past)
        event = await agent.event(room, sent)
        if shown:
            assert event["origin_server_ts"] == int(at.timestamp() * 1000)
        else:
            assert event["origin_server_ts"] >= int(now.timestamp() * 1000)
    assert (await agent.timeline(room))[-1]["event_id"] == sent  # times change no order


@pytest.mark.parametrize("shape", ["ghosts", "spoken"])
async def test_edits_reactions_and_deletions(side, agent, shape):
    rooms = side.homeserver.rooms
    room = await (side.enter(agent) if shape == "ghosts" else side.enter_tchap(agent))
    sent = await side.say(room, "bonjoru")
    await rooms.edit(edit_of(room, sent, "bonjour"))
    edit = (await agent.timeline(room))[-1]
    assert edit["sender"] == (await agent.event(room, sent))["sender"]
    prefix = "" if shape == "ghosts" else "Jean (courriel): "
    assert edit["content"]["m.new_content"]["body"] == f"{prefix}bonjour"
    assert edit["content"]["body"] == f"* {prefix}bonjour"
    assert edit["content"]["m.relates_to"] == {"rel_type": "m.replace", "event_id": sent}
    assert (PROFILE in edit["content"]["m.new_content"]) is (shape == "spoken")

    other = await agent.send_text(room, "du salon")
    set_ = await rooms.react(reaction_of(room, other))
    assert set_ is not None
    assert await rooms.react(reaction_of(room, other)) == set_  # a retry
    again = await rooms.react(reaction_of(room, other, key="anne", author=person("anne")))
    assert (again is None) is (shape == "spoken")  # the bot has said it already
    assert await rooms.react(reaction_of(room, other, key="off", removed=True, reaction=set_)) is None
    assert (await agent.event(room, set_))["content"] == {}

    ids = await rooms.send(side.message(room, "avec fichier", files=(Sent(b"x" * 20, size=20),)))
    await rooms.delete(deletion_of(room, ids[0], *ids))
    for id_ in ids:
        assert (await agent.event(room, id_))["content"] == {}
    await rooms.delete(deletion_of(room, "$nothing", key="gone"))  # not there: done
    with pytest.raises(Undeliverable, match="pas le droit de supprimer"):
        await rooms.delete(deletion_of(room, other, key="not ours"))
    with pytest.raises(Undeliverable, match="plus visible"):
        await rooms.edit(edit_of(room, "$nothing", "x"))


async def test_without_devices_nothing_enters_an_encrypted_room(make_side):
    async with make_side(devices=False) as side, await side.synapse.register("agent", "x") as agent:
        room = await side.enter(agent)
        sent = await side.say(room)
        side.encrypted.add(room)
        rooms = side.homeserver.rooms
        for refused in (
            side.say(room, "secret"),
            rooms.send(side.message(room, "", files=(Sent(b"x" * 20, size=20),))),
            rooms.edit(edit_of(room, sent, "secret")),
            rooms.react(reaction_of(room, sent)),
        ):
            asked = len(side.observed)
            with pytest.raises(Undeliverable, match="chiffré"):
                await refused
            assert "upload" not in [name for name, _, _ in side.observed[asked:]]
        assert "secret" not in str(await agent.timeline(room))

        side.encrypted.clear()
        other = await side.enter(agent)
        await agent.set_state(other, "m.room.encryption", MEGOLM)
        await eventually(lambda: any(event["type"] == "m.room.encryption" for event in side.inbox.events.values()))
        with pytest.raises(Undeliverable, match="chiffré"):  # before the core knows
            await side.say(other, "secret")


async def test_what_enters_an_encrypted_room_is_sealed(side, agent):
    room = await side.enter(agent)
    sent = await side.say(room)
    await agent.set_state(room, "m.room.encryption", MEGOLM)
    await eventually(lambda: any(event["type"] == "m.room.encryption" for event in side.inbox.events.values()))
    rooms = side.homeserver.rooms  # the core knows nothing of it yet
    file = await rooms.send(side.message(room, "", files=(Sent(b"clear " * 20, size=120),)))
    said = [await side.say(room, "secret"), *file]
    await rooms.edit(edit_of(room, sent, "secret"))
    said.append(await rooms.react(reaction_of(room, sent)))
    timeline = await agent.timeline(room)
    after = timeline[[event["type"] for event in timeline].index("m.room.encryption") + 1 :]
    assert [event["type"] for event in after if "state_key" not in event] == ["m.room.encrypted"] * 4
    assert {event["event_id"] for event in after} >= set(said)
    assert "secret" not in str(after)


async def test_in_an_encrypted_room_too_a_row_of_unknown_fate_is_looked_for_first(side, agent):
    room = await side.enter(agent)
    await agent.set_state(room, "m.room.encryption", MEGOLM)
    await eventually(lambda: any(event["type"] == "m.room.encryption" for event in side.inbox.events.values()))
    for author in (person("jean"), None):  # the bot is given the keys of ghosts, and keeps its own
        message = side.message(room, "une fois", author=author)
        ids = await side.homeserver.rooms.send(message)

        async def found(message=message, ids=ids) -> bool:
            message.steps.known.clear()
            message.steps.known["suspect"] = "1"
            asked = len(side.observed)
            again = await side.homeserver.rooms.send(message)
            assert again == ids, "said again, the homeserver knows it by the request's id"
            return "send" not in [name for name, _, _ in side.observed[asked:]]

        async with asyncio.timeout(20):  # until the key has come to the bot
            while not await found():
                await asyncio.sleep(0.1)


async def test_in_a_room_that_is_encrypted_as_one_speaks_nothing_is_said_in_clear(side, agent, monkeypatch):
    """Between the look and the request: it is refused there, and sealed the next time."""
    room = await side.enter(agent)
    await side.say(room)
    looks = iter([False])
    rooms = side.homeserver.rooms
    monkeypatch.setattr(rooms, "_encrypts", lambda _room: next(looks, True))
    await agent.set_state(room, "m.room.encryption", MEGOLM)
    message = side.message(room, "secret")
    with pytest.raises(NotReady):
        await rooms.send(message)
    await rooms.send(message)
    assert "secret" not in str(await agent.timeline(room))


async def test_a_row_of_unknown_fate_is_looked_for_first(side, agent):
    room = await side.enter(agent)
    message = side.message(room, "une fois", files=(Sent(b"x" * 20, size=20),))
    ids = await side.homeserver.rooms.send(message)
    message.steps.known.clear()
    message.steps.known["suspect"] = "1"
    asked = len(side.observed)
    assert await side.homeserver.rooms.send(message) == ids
    assert "send" not in [name for name, _, _ in side.observed[asked:]]
    never = side.message(room, "jamais partie")
    never.steps.known["suspect"] = "1"
    assert len(await side.homeserver.rooms.send(never)) == 1


async def test_an_empty_message_and_marks_on_files_alone(side, agent):
    room = await side.enter(agent)
    assert (await agent.event(room, await side.say(room, "")))["content"]["body"] == "(message vide)"
    doubted = person("jean", remark="adresse non vérifiée")
    ids = await side.homeserver.rooms.send(side.message(room, "", author=doubted, files=(Sent(b"x" * 20, size=20),)))
    content = (await agent.event(room, ids[0]))["content"]
    assert content["body"] == "⚠ adresse non vérifiée"
    assert len(ids) == 2


async def test_signs_of_life(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room)))["sender"]
    rooms = side.homeserver.rooms
    await agent.sync_once()
    await rooms.typing(ChatId(room), person("jean"), active=True)
    await rooms.typing(ChatId(room), person("inconnu"), active=True)
    found = await agent.sync_once(wait=2)
    typing = [event for event in found["rooms"]["join"][room]["ephemeral"]["events"] if event["type"] == "m.typing"]
    assert typing[0]["content"]["user_ids"] == [ghost]

    said = await agent.send_text(room, "lu ?")
    await side.homeserver.mark_read(room, said)
    await agent.wait_for_receipt(room, side.homeserver.bot, said)

    assert await side.homeserver.display_name(room, agent.user_id) == "Agent [Finances]"
    await agent.set_display_name("Agente [Culture]")
    await eventually(lambda: any("Agente" in str(event) for event in side.inbox.events.values()))
    assert await side.homeserver.display_name(room, agent.user_id) == "Agente [Culture]"
    assert await side.homeserver.display_name(room, "@personne:ailleurs") == "personne"

    await side.homeserver.wear(room, "Pont suspendu")
    assert (await agent.members(room))[side.homeserver.bot]["displayname"] == "Pont suspendu"
    await side.homeserver.wear(room, None)
    assert (await agent.members(room))[side.homeserver.bot]["displayname"] == "Pont"

    await agent.typing(room)
    await agent.read_up_to(room, said)
    await eventually(lambda: len(side.passing) >= 2)
    assert {type(event).__name__ for event in side.passing} == {"Typing", "Read"}

    await side.homeserver.leave(room, "au revoir")
    await side.homeserver.leave(room, "au revoir")
    assert set(await agent.members(room)) == {agent.user_id}
    left = (await agent.members(room, membership="leave"))[side.homeserver.bot]
    assert left["reason"] == "au revoir"
