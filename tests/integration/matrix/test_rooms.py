"""What the core sends, as people in the room see it."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Form, Text
from tchap_bridges.ids import ChatId, PersonId
from tchap_bridges.matrix.read import ORIGIN
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction, no_public_address

PROFILE = "com.beeper.per_message_profile"


def person(name: str, **more) -> Author:
    return Author(person=PersonId(f"{name}@exemple.fr"), name=name.title(), **more)


@dataclass
class Sent:
    """`outgoing.Attachment` of these bytes; `broken` fails that many times half-way."""

    data: bytes
    name: str = "ordre.pdf"
    mime: str = "application/pdf"
    size: int | None = None
    broken: int = 0
    opened: int = 0
    error: Exception = field(default_factory=lambda: NotReady("the network is away"))

    @asynccontextmanager
    async def open(self):
        self.opened += 1

        async def chunks():
            yield self.data[:10]
            if self.broken:
                self.broken -= 1
                raise self.error
            yield self.data[10:]

        yield chunks()

    async def link(self):
        return await no_public_address()


def edit_of(room, target, words, key="edit", author=None) -> OutgoingEdit:
    return OutgoingEdit(
        key=key,
        chat=ChatId(room),
        author=author or person("jean"),
        network="courriel",
        at=datetime.now(UTC),
        target=target,
        text=Text(plain=words),
    )


def deletion_of(room, target, *parts, key="deletion") -> OutgoingDeletion:
    return OutgoingDeletion(
        key=key, chat=ChatId(room), author=person("jean"), network="courriel", target=target, parts=parts
    )


def reaction_of(room, target, key="reaction", author=None, **more) -> OutgoingReaction:
    return OutgoingReaction(
        key=key,
        chat=ChatId(room),
        author=author or person("jean"),
        network="courriel",
        target=target,
        symbol="👍",
        **more,
    )


async def test_a_ghost_is_made_when_it_first_speaks_and_keeps_its_name_current(side, agent):
    room = await side.enter(agent)
    sent = await side.say(room, "bonjour", author=person("jean dupont"))
    seen = await agent.event(room, sent)
    assert seen["content"]["body"] == "bonjour"
    assert seen["content"]["m.mentions"] == {}
    assert seen["content"][ORIGIN]["network"] == "courriel"
    assert (await agent.members(room))[seen["sender"]]["displayname"] == "Jean Dupont (courriel)"
    assert "exemple" not in str(seen)  # no address anywhere
    renamed = replace(person("jean dupont"), name="J. Dupont [Premier ministre]")
    await side.say(room, "encore", author=renamed)
    await agent.wait_for(
        room, lambda event: event["content"].get("displayname") == "J. Dupont Premier ministre (courriel)"
    )
    asked = len(side.observed)
    await side.say(room, "et encore", author=renamed)
    assert [name for name, _, _ in side.observed[asked:]] == ["send"]


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_where_a_ghost_cannot_enter_the_bot_speaks_for_it(side, agent, version):
    room = await side.enter_tchap(agent, room_version=version)
    seen = await agent.event(room, await side.say(room, "bonjour <b>"))
    assert seen["sender"] == side.homeserver.bot
    assert seen["content"]["body"] == "Jean (courriel): bonjour <b>"
    html = "<strong data-mx-profile-fallback>Jean (courriel): </strong>bonjour &lt;b&gt;"
    assert seen["content"]["formatted_body"] == html
    profile = seen["content"][PROFILE]
    assert (profile["displayname"], profile["has_fallback"]) == ("Jean (courriel)", True)
    asked = len(side.observed)
    await side.say(room)
    assert [name for name, _, _ in side.observed[asked:]] == ["send"]  # what was learnt is not asked again
    alone = await agent.event(room, await side.say(room, "Je suis le pont.", author=None, form=Form.NOTICE))
    assert PROFILE not in alone["content"]
    assert alone["content"]["msgtype"] == "m.notice"

    await agent.set_power(room, side.homeserver.bot, 50)
    await eventually(lambda: any(event["type"] == "m.room.power_levels" for event in side.inbox.events.values()))
    seen = await agent.event(room, await side.say(room, "enfin moi"))
    assert seen["sender"] != side.homeserver.bot
    assert PROFILE not in seen["content"]


async def test_a_public_room_is_entered_without_an_invite(side, agent):
    room = await agent.create_room(preset="public_chat")
    await side.homeserver.join(room)
    await side.say(room)
    states = [event for event in await agent.timeline(room) if event["type"] == "m.room.member"]
    assert "invite" not in {event["content"]["membership"] for event in states}


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


@pytest.mark.parametrize("size", [None, 5_000, 4_000, 6_000], ids=["unknown", "true", "too-small", "too-large"])
async def test_files_are_streamed_whatever_size_they_claim(side, agent, size):
    room = await side.enter(agent)
    file = Sent(b"x" * 5_000, size=size)
    message = side.message(room, "voici", files=(file, Sent(b"\x89PNG" * 9, "é.png", "image/png")))
    words, pdf, image = await side.homeserver.rooms.send(message)
    assert (await agent.event(room, words))["content"]["body"] == "voici"
    content = (await agent.event(room, pdf))["content"]
    assert (content["msgtype"], content["filename"], content["info"]["size"]) == ("m.file", "ordre.pdf", 5_000)
    assert await agent.download(content["url"]) == b"x" * 5_000
    content = (await agent.event(room, image))["content"]
    assert (content["msgtype"], content["body"]) == ("m.image", "é.png")
    async with side.homeserver.rooms.open_file(content["url"]) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == b"\x89PNG" * 9
    with pytest.raises(Undeliverable, match="plus sur le serveur"):
        async with side.homeserver.rooms.open_file(content["url"] + "x"):
            pass


async def test_a_file_goes_on_where_it_stopped_and_holds_no_text_back(side, agent):
    room = await side.enter(agent)
    file = Sent(b"x" * 5_000, size=5_000, broken=1)
    message = side.message(room, "le texte d'abord", files=(file, Sent(b"y" * 100, size=100)))
    with pytest.raises(NotReady, match="network is away"):
        await side.homeserver.rooms.send(message)
    bodies = [event["content"].get("body") for event in await agent.timeline(room)]
    assert bodies[-1] == "le texte d'abord"
    asked = len(side.observed)
    ids = await side.homeserver.rooms.send(message)
    done = [name for name, _, _ in side.observed[asked:]]
    assert done.count("media_create") == 1  # the first file kept its address
    assert len(ids) == 3
    bodies = [event["content"].get("body") for event in await agent.timeline(room)]
    assert bodies[-3:] == ["le texte d'abord", "ordre.pdf", "ordre.pdf"]
    asked = len(side.observed)
    assert await side.homeserver.rooms.send(message) == ids
    assert len(side.observed) == asked  # all of it was done


async def test_what_cannot_be_a_file_is_told(side, agent):
    room = await side.enter(agent)
    gone = Sent(b"x" * 100, size=100, broken=9, error=Undeliverable("il n'existe plus"))
    files = (Sent(b"x" * 1_500_000, "gros.zip", size=1_500_000), Sent(b"x" * 1_500_000, "caché.zip"), gone)
    ids = await side.homeserver.rooms.send(side.message(room, "", files=files))
    bodies = [(await agent.event(room, id_))["content"]["body"] for id_ in ids]
    assert bodies == [
        "📎 gros.zip n'a pas pu être joint : il est trop grand (1,5 Mo, le serveur accepte 1 Mo)",
        "📎 caché.zip n'a pas pu être joint : il est trop grand (1,5 Mo, le serveur accepte 1 Mo)",
        "📎 ordre.pdf n'a pas pu être joint : il n'existe plus",
    ]


async def test_a_text_too_long_is_cut_and_comes_whole_beside(side, agent):
    room = await side.enter_tchap(agent)
    long = "\n".join(f'ligne {number} "é"' for number in range(4_000))
    text, file = await side.homeserver.rooms.send(
        side.message(room, long, text=Text(plain=long, html=f"<p>{long}</p>"))
    )
    shown = (await agent.event(room, text))["content"]["body"]
    assert shown.endswith("\n[… suite dans le fichier joint]")
    kept = shown.removeprefix("Jean (courriel): ").splitlines()[:-1]
    assert len(kept) > 1_000
    assert kept == long.splitlines()[: len(kept)]
    await side.homeserver.rooms.edit(edit_of(room, text, long))
    assert (await agent.download((await agent.event(room, file))["content"]["url"])).decode() == long


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


async def test_nothing_enters_an_encrypted_room(side, agent):
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
    await agent.set_state(other, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    await eventually(lambda: any(event["type"] == "m.room.encryption" for event in side.inbox.events.values()))
    with pytest.raises(Undeliverable, match="chiffré"):  # before the core knows
        await side.say(other, "secret")


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


async def test_what_a_ghost_may_have_said_is_not_said_again_by_the_bot(side, agent, monkeypatch):
    room = await side.enter(agent)
    await side.say(room)
    client = side.homeserver._client
    exchange = client._exchange

    async def unheard(method, path, body, query):
        await exchange(method, path, body, query)
        raise NotReady("cut before the answer")

    message = side.message(room, "une fois")
    with monkeypatch.context() as patch:
        patch.setattr(client, "_exchange", unheard)
        with pytest.raises(NotReady):
            await side.homeserver.rooms.send(message)
    (said,) = [event for event in await agent.timeline(room) if event["content"].get("body") == "une fois"]
    await agent.request("POST", f"/_matrix/client/v3/rooms/{room}/ban", json={"user_id": said["sender"]})
    await agent.set_power(room, side.homeserver.bot, 0)
    assert await side.homeserver.rooms.send(message) == [said["event_id"]]
    assert "une fois" in str(said)
    assert str(await agent.timeline(room)).count("une fois") == 1


async def test_a_kicked_ghost_comes_back_and_a_banned_one_does_not(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room)))["sender"]
    await agent.kick(room, ghost)
    assert (await agent.event(room, await side.say(room, "revenu")))["sender"] == ghost
    await agent.request("POST", f"/_matrix/client/v3/rooms/{room}/ban", json={"user_id": ghost})
    with pytest.raises(Undeliverable, match="banni"):
        await side.say(room, "banni")
    assert (await agent.event(room, await side.say(room, "moi", author=person("anne"))))["sender"] != ghost


async def test_a_ghost_who_may_not_speak_is_spoken_for_and_a_bot_who_may_not_says_why(side, agent):
    room = await side.enter(agent)
    await side.say(room)
    levels = await agent.state_content(room, "m.room.power_levels")
    levels |= {"events_default": 10, "users": {**levels["users"], side.homeserver.bot: 10}}
    await agent.set_state(room, "m.room.power_levels", levels)
    assert (await agent.event(room, await side.say(room, "par le robot")))["sender"] == side.homeserver.bot
    await agent.set_power(room, side.homeserver.bot, 0)
    with pytest.raises(Undeliverable, match="ne peut pas écrire"):
        await side.say(room, "muet")
    await agent.kick(room, side.homeserver.bot)
    with pytest.raises(Undeliverable, match="ne peut pas écrire"):
        await side.say(room, "dehors", author=None)


async def test_an_account_lost_with_the_homeservers_database_is_made_again(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room)))["sender"]
    device = side.homeserver._ours.device(ghost)
    await side.homeserver._client.call("DELETE", f"/_matrix/client/v3/devices/{device}", {}, name="x", user=ghost)
    assert (await agent.event(room, await side.say(room, "encore")))["sender"] == ghost


async def test_a_deactivated_ghost_loses_nothing(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room, author=person("parti"))))["sender"]
    async with await side.synapse.register("root", "x", admin=True) as root:
        await root.request("POST", f"/_synapse/admin/v1/deactivate/{ghost}", json={})
    await eventually(lambda: any(event.get("state_key") == ghost for event in side.inbox.events.values()))
    seen = await agent.event(room, await side.say(room, "encore là", author=person("parti")))
    assert seen["sender"] in {ghost, side.homeserver.bot}
    assert seen["content"]["body"].endswith("encore là")
    assert (await agent.event(room, await side.say(room, "et moi", author=person("anne"))))["sender"] != ghost


async def test_a_name_that_changes_at_each_message_is_not_told_each_time(side, agent):
    room = await side.enter(agent)
    author = person("double")
    for name in ("Un", "Deux", "Un", "Deux", "Un"):
        await side.say(room, author=replace(author, name=name))
    assert [name for name, _, _ in side.observed].count("profile") <= 2 + 2 * 2


async def test_a_homeserver_without_devices_of_ours_and_a_tchap_one(make_side):
    registration = {"io.element.msc4190": False}
    async with make_side(tchap=True, devices=False, registration=registration) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await side.enter(agent)
            message = side.message(room)
            ids = await side.homeserver.rooms.send(message)
            assert await side.homeserver.rooms.send(message) == ids
            for user in (side.homeserver.bot, (await agent.event(room, ids[0]))["sender"]):
                path = f"/_matrix/client/v3/user/{user}/account_data/im.vector.hide_profile"
                found = await side.homeserver._client.call("GET", path, name="x", user=user)
                assert found == {"hide_profile": True}
            assert (await side.homeserver.facts(room)).rule == "restricted"


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


async def eventually(check, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.02)
