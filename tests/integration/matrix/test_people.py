"""People named and shown, on a real Synapse: pills of ghosts that were never there, and a picture as others see it."""

import struct
import zlib
from contextlib import asynccontextmanager
from dataclasses import replace

from tchap_bridges.core.avatars import kind_of
from tchap_bridges.core.ports import Ghost
from tchap_bridges.events import File, Message, Text, mention
from tchap_bridges.ids import ChatId, FileRef, PersonId
from tchap_bridges.matrix.compose import PROFILE
from tchap_bridges.outgoing import OutgoingEdit, OutgoingReaction

from .conftest import person


def png(side: int = 120) -> bytes:
    """A grey square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def test_a_pill_of_somebody_who_never_spoke_and_back(side, agent):
    room = await side.enter(agent)
    text = Text(plain="demande à Zoé", html=f"demande à {mention(PersonId('zoe@exemple.fr'), 'Zoé')}")
    sent = await side.say(room, text=text)
    content = (await agent.event(room, sent))["content"]
    (ghost,) = content["m.mentions"]["user_ids"]
    assert content["body"] == "demande à Zoé"
    assert content["formatted_body"] == f'demande à <a href="https://matrix.to/#/{ghost}">Zoé</a>'
    assert ghost not in await agent.members(room), "nobody enters who has not spoken"
    assert await side.homeserver.ghost(ghost) == Ghost(
        network="courriel", person=PersonId("zoe@exemple.fr"), name="Zoé (courriel)"
    )
    await side.say(room, "me voici", author=person("zoe"))
    assert (await agent.members(room))[ghost]["displayname"] == "Zoe (courriel)"
    # an agent answers with a pill, as clients write it
    pill = f'<a href="https://matrix.to/#/{ghost}">Zoe (courriel)</a>: oui'
    answer = await agent.send_text(room, "Zoe (courriel): oui", html=pill, mentions=[ghost])
    (read,) = side.read(await agent.event(room, answer))
    assert isinstance(read, Message)
    assert read.text.html == f"{mention(PersonId(ghost), 'Zoe (courriel)')}: oui"


async def test_whoever_is_spoken_of_is_not_renamed(side, agent):
    room = await side.enter(agent)
    await side.say(room, "moi", author=person("zoe"))
    html = mention(PersonId("zoe@exemple.fr"), "@la petite Zoé")
    sent = await side.say(room, text=Text(plain="@la petite Zoé", html=html))
    (ghost,) = (await agent.event(room, sent))["content"]["m.mentions"]["user_ids"]
    assert (await agent.members(room))[ghost]["displayname"] == "Zoe (courriel)"


async def test_an_edit_calls_only_whom_it_adds(side, agent):
    room = await side.enter(agent)
    zoe, luc = (mention(PersonId(f"{name}@exemple.fr"), name) for name in ("zoe", "luc"))
    first = Text(plain="zoe", html=zoe)
    target = await side.say(room, text=first)
    edit = OutgoingEdit(
        key="edit",
        chat=ChatId(room),
        author=person("jean"),
        network="courriel",
        at=side.message(room).at,
        target=target,
        before=first,
        text=Text(plain="zoe luc", html=f"{zoe} {luc}"),
    )
    await side.homeserver.rooms.edit(edit)
    seen = await agent.wait_for(room, lambda event: "m.new_content" in event["content"])
    assert len(seen["content"]["m.new_content"]["m.mentions"]["user_ids"]) == 2
    assert len(seen["content"]["m.mentions"]["user_ids"]) == 1


async def test_in_a_room_without_ghosts_names_are_plain(side, agent):
    room = await side.enter_tchap(agent)
    await side.say(room, "d'abord")
    html = mention(PersonId("zoe@exemple.fr"), "Zoé")
    content = (await agent.event(room, await side.say(room, text=Text(plain="Zoé", html=html))))["content"]
    assert content["m.mentions"] == {}
    assert content["formatted_body"].endswith("</strong>Zoé")


async def test_everybody_is_not_called(side, agent):
    """Clients that look for ``@room`` in the words do not, where ``m.mentions`` is."""
    room = await side.enter(agent)
    content = (await agent.event(room, await side.say(room, "@room @channel @here")))["content"]
    assert content["m.mentions"] == {}


async def test_a_picture_as_the_room_sees_it(side, agent):
    room = await side.enter(agent)
    assert await side.homeserver.avatar(room, agent.user_id) == ""
    mxc = await agent.upload(png(), "image/png", "visage.png")
    await agent.request("PUT", f"/_matrix/client/v3/profile/{agent.user_id}/avatar_url", json={"avatar_url": mxc})
    await agent.wait_for(room, lambda event: event["content"].get("avatar_url") == mxc)
    await side.homeserver.sweeper.catch_up()
    assert await side.homeserver.avatar(room, agent.user_id) == mxc
    async with side.homeserver.thumbnail(mxc) as chunks:
        assert kind_of(b"".join([chunk async for chunk in chunks])) in {"image/png", "image/jpeg"}


async def test_whoever_leaves_is_back_with_their_next_word(side, agent):
    room = await side.enter(agent)
    sent = await side.say(room, "un", author=person("zoe"))
    ghost = (await agent.event(room, sent))["sender"]
    assert side.homeserver.ghost_of("courriel", PersonId("zoe@exemple.fr")) == ghost
    for _ in range(2):  # a retry changes nothing
        await side.homeserver.depart(room, ghost)
    assert ghost not in await agent.members(room)
    sent = await side.say(room, "deux", author=person("zoe"))
    assert (await agent.event(room, sent))["sender"] == ghost
    assert ghost in await agent.members(room)


class Portrait:
    """`outgoing.Attachment`: the picture of somebody elsewhere, as their network has it."""

    name, mime, size = "visage.png", "image/png", None

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.read = 0

    @asynccontextmanager
    async def open(self):
        self.read += 1

        async def chunks():
            yield self.data

        yield chunks()

    async def link(self):
        raise NotImplementedError


async def test_the_picture_of_somebody_elsewhere_is_their_ghost_s(side, agent):
    room = await side.enter(agent)
    zoe = person("zoe", avatar=File(name="z", mime="image/png", ref=FileRef("https://reseau.exemple/z/1")))
    face = Portrait(png())
    for words in ("un", "deux"):
        sent = await side.say(room, words, author=zoe, avatar=face)
    ghost = (await agent.event(room, sent))["sender"]
    mxc = (await agent.members(room))[ghost]["avatar_url"]
    assert await agent.download(mxc) == png()
    assert face.read == 1, "it is brought once"
    asked = len(side.observed)
    reaction = OutgoingReaction(key="r", chat=ChatId(room), author=zoe, network="courriel", target=sent, symbol="👏")
    await side.homeserver.rooms.react(reaction)
    assert [name for name, _, _ in side.observed[asked:]] == ["send"], "and looks the same whatever they do"
    other = replace(zoe, avatar=replace(zoe.avatar, ref=FileRef("https://reseau.exemple/z/2")))
    script = Portrait(b"<svg onload='alert(1)'/>")
    for words in ("trois", "quatre"):
        assert await side.say(room, words, author=other, avatar=script), "what is no picture stops nobody"
    assert script.read == 1
    assert (await agent.members(room))[ghost]["avatar_url"] == mxc


async def test_the_picture_of_whoever_the_bot_speaks_for(side, agent):
    room = await side.enter_tchap(agent)
    zoe = person("zoe", avatar=File(name="z", mime="image/png", ref=FileRef("https://reseau.exemple/z/3")))
    content = (await agent.event(room, await side.say(room, author=zoe, avatar=Portrait(png()))))["content"]
    assert await agent.download(content[PROFILE]["avatar_url"]) == png()
