"""Pictures for networks that show them by URL: who has one, how long it is the same, and what ends it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tchap_bridges.core import clock
from tchap_bridges.core.avatars import LARGEST, STABLE, kind_of
from tchap_bridges.core.shares import Unknown, Withdrawn
from tchap_bridges.events import Author, File, Message, Text
from tchap_bridges.ids import ChatId, ConnectionName, FileRef, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.web.shares import shares_site

from .homeserver import ALICE, WHEN
from .stage import Stage, stage

URL = "https://fichiers.exemple.fr"
PNG = b"\x89PNG\r\n\x1a\n un visage"


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, nets=("net", "irc"), public_url=URL, links_days=30) as found:
        found.hs.pictures[ALICE] = "mxc://a/visage"
        found.hs.rooms.files["mxc://a/visage"] = PNG
        yield found


async def said(play: Stage, text: str = "bonjour", **more: Any) -> Outgoing:
    before = len(play.net.shown.log)
    await play.say(text, **more)
    found = (await play.net.shown.until(before + 1))[-1]
    assert isinstance(found, Outgoing)
    return found


async def shown(play: Stage, url: str) -> tuple[str, bytes]:
    shared = await play.kernel.avatars.find(url.removeprefix(f"{URL}/a/"))
    async with shared.open() as chunks:
        return shared.mime, b"".join([chunk async for chunk in chunks])


async def linked(play: Stage, **more: Any) -> str:
    url = await (await said(play, **more)).link_to_avatar()
    assert url is not None
    return url


async def test_a_picture_of_the_author_is_served_to_anybody(play: Stage) -> None:
    url = await linked(play)
    assert ALICE.split(":")[0][1:] not in url
    async with TestClient(TestServer(shares_site(play.kernel.shares, play.kernel.avatars, language="fr"))) as people:
        answer = await people.get(url.removeprefix(URL))
        assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
        assert answer.headers["Cache-Control"].startswith("public")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for wrong in ("/a/", "/a/AAAA", f"/a/{url[-60:]}", "/a/é", "/a/" + "A" * 3000):
            assert (await people.get(wrong)).status == 404
        del play.hs.pictures[ALICE]
        gone = await people.get(url.removeprefix(URL))
        assert (gone.status, gone.headers["Cache-Control"]) == (410, "private, no-cache")


async def test_one_author_has_one_link_for_days(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    start = (clock.now() // 1000 // STABLE) * STABLE * 1000
    monkeypatch.setattr(clock, "now", lambda: start)
    first = await linked(play)
    monkeypatch.setattr(clock, "now", lambda: start + 6 * 24 * 3_600_000)
    assert await linked(play) == first
    play.hs.pictures[ALICE] = "mxc://a/autre"
    assert await linked(play) != first, "a network that keeps what it fetched would never show the new one"
    play.hs.pictures["@bruno:test"] = "mxc://a/autre"
    assert await linked(play, by="@bruno:test") != await linked(play)


async def test_its_time_ends_it(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await linked(play)
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start + 30 * 24 * 3_600_000)
    assert await shown(play, url) == ("image/png", PNG)
    monkeypatch.setattr(clock, "now", lambda: start + (30 + 7) * 24 * 3_600_000 + 1000)
    with pytest.raises(Withdrawn):
        await shown(play, url)


async def test_who_has_none_or_hides_it_has_no_link(play: Stage) -> None:
    assert await (await said(play, by="@bruno:test")).link_to_avatar() is None


async def test_without_a_public_address_there_is_none_and_no_error(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        play.hs.pictures[ALICE] = "mxc://a/visage"
        assert await (await said(play)).link_to_avatar() is None


async def test_unlinking_ends_it(play: Stage) -> None:
    url = await linked(play)
    (link,) = await play.kernel.links.of_connection(ConnectionName("net"))
    async with play.db.transaction() as tx:
        await play.kernel.links.hold(tx, link, "suspended")
    with pytest.raises(Withdrawn):
        await shown(play, url)
    async with play.db.transaction() as tx:
        await play.kernel.links.want(tx, link, "gone")
    with pytest.raises(Withdrawn):
        await shown(play, url)


async def test_nobody_s_picture_leaves_an_encrypted_room_without_consent(play: Stage) -> None:
    url = await linked(play)
    (link,) = await play.kernel.links.of_connection(ConnectionName("net"))
    async with play.db.transaction() as tx:
        await play.kernel.rooms.encrypted(tx, link.room)
    with pytest.raises(Withdrawn):
        await shown(play, url)
    async with play.db.transaction() as tx:
        await play.kernel.links.consent(tx, link, ALICE)
    assert await shown(play, url) == ("image/png", PNG)


@pytest.mark.parametrize("data", [b"<svg onload='x'/>", b"<html>", b"", PNG + bytes(LARGEST)], ids=len)
async def test_only_small_images_are_served(play: Stage, data: bytes) -> None:
    play.hs.rooms.files["mxc://a/visage"] = data
    url = await linked(play)
    with pytest.raises(Withdrawn):
        await shown(play, url)


async def test_another_key_reads_nothing(play: Stage, tmp_path: Path) -> None:
    token = (await linked(play)).removeprefix(f"{URL}/a/")
    for n, was in enumerate(token[:-1]):  # of the last one, some bits say nothing
        with pytest.raises(Unknown):
            await play.kernel.avatars.find(token[:n] + ("A" if was != "A" else "B") + token[n + 1 :])


async def test_somebody_of_one_network_is_shown_on_another(play: Stage) -> None:
    """And no longer than the link that they came by."""
    await play.link("#autre", net="irc")
    connection: Any = play.kernel.supervisor.connection(ConnectionName("net"))
    connection.files["a1"] = b"GIF89a visage"
    assert play.net.host is not None
    portrait = File(name="a", mime="image/gif", ref=FileRef("a1"))
    author = Author(person=PersonId("bob"), name="Bob", avatar=portrait)
    event = Message(id=MessageId("n1"), chat=ChatId("#c"), author=author, at=WHEN, text=Text(plain="salut"))
    await play.net.host.receive(event, key="n1")
    (message,) = await play.nets["irc"].shown.until(1)
    url = await message.link_to_avatar()
    assert await shown(play, url) == ("image/gif", b"GIF89a visage")
    (link,) = await play.kernel.links.of_connection(ConnectionName("net"))
    async with play.db.transaction() as tx:
        await play.kernel.links.want(tx, link, "gone")
    with pytest.raises(Withdrawn):
        await shown(play, url)


def test_what_is_no_image_has_no_kind() -> None:
    assert kind_of(b"RIFF....WEBPVP8 ") == "image/webp"
    assert kind_of(b"RIFF....WAVEfmt ") is None
    assert kind_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
