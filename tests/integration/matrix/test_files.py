"""Files in a room, and what cannot be one."""

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Text

from .sending import Sent, edit_of


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
