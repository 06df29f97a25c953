"""Links to files: who can make one, what it shows, and what ends it."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tchap_bridges.core import clock, upkeep
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import Ticket, Tickets, Unknown, Withdrawn, plain_name
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import File
from tchap_bridges.ids import FileRef
from tchap_bridges.outgoing import Outgoing
from tchap_bridges.web.shares import shares_site

from .stage import KEY, Stage, stage

URL = "https://fichiers.exemple.fr"
PLAN = {"name": "plan d'étage.pdf", "mime": "application/pdf", "ref": "mxc://a/b"}


# Tickets


def tickets(key: bytes = KEY) -> Tickets:
    return Tickets(Secrets(key))


def test_a_ticket_comes_back() -> None:
    ticket = Ticket(2**40, 7, 1, 1_800_000_000)
    text = tickets().write(ticket)
    assert tickets().read(text) == ticket
    assert len(text) == 48
    assert text.rstrip("=") == text


def test_no_character_can_be_changed() -> None:
    text = tickets().write(Ticket(1, 2, 3, 4))
    for place, was in enumerate(text):
        with pytest.raises(Unknown):
            tickets().read(text[:place] + ("A" if was != "A" else "B") + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "A" * 48, "é" * 48, "A" * 47, "=" * 48, "A" * 4096, "..", "AAAA AAAA"])
def test_anything_else_is_unknown(text: str) -> None:
    with pytest.raises(Unknown):
        tickets().read(text)


def test_more_or_less_of_it_is_unknown() -> None:
    text = tickets().write(Ticket(1, 2, 3, 4))
    for other in (text[:-4], text + "AAAA", base64.urlsafe_b64encode(base64.urlsafe_b64decode(text)[:20]).decode()):
        with pytest.raises(Unknown):
            tickets().read(other)


def test_another_key_makes_other_tickets() -> None:
    with pytest.raises(Unknown):
        tickets(b"another").read(tickets().write(Ticket(1, 2, 3, 4)))


def test_a_key_of_another_purpose_makes_none() -> None:
    forged = Tickets(Secrets(Secrets(KEY).derive("connection email")))
    with pytest.raises(Unknown):
        tickets().read(forged.write(Ticket(1, 2, 3, 4)))


def test_only_our_own_questions_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tickets()
    question = ours.question()
    assert ours.proof(question) == tickets().proof(question)
    assert ours.proof(question) != ours.proof(ours.question())
    for wrong in (tickets(b"another").question(), ours.write(Ticket(1, 0, 0, 2**32 - 1))):
        with pytest.raises(Unknown):
            ours.proof(wrong)
    later = clock.now() + 62_000
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(Unknown):
        ours.proof(question)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plan d'étage.pdf", "plan-d-etage.pdf"),
        ("a.tar.gz", "a.tar.gz"),
        ("报告.pdf", "fichier.pdf"),
        ("", "fichier"),
        ("...", "fichier"),
        (".bashrc", "fichier.bashrc"),
        ("../../etc/passwd", "etc-passwd"),
        ("fin).", "fin"),
        ("a\nb", "a-b"),
        ("x" * 5000 + ".png", "x" * 60 + ".png"),
    ],
)
def test_names_end_no_url(name: str, shown: str) -> None:
    assert plain_name(name) == shown


# On the stage


async def handed(play: Stage, *, text: str = "voici", files: Any = (PLAN,), id: str = "$m") -> Outgoing:
    """What a connection was given of a message in the room."""
    await play.say(text, files=list(files), id=id)
    await play.net.shown.until(1)
    (message,) = [one for one in play.net.shown.log if isinstance(one, Outgoing)]
    return message


def token(url: str) -> str:
    assert url.startswith(f"{URL}/f/")
    return url.removeprefix(f"{URL}/f/").partition("/")[0]


async def read(play: Stage, url: str) -> bytes:
    shared = await play.kernel.shares.find(token(url))
    async with shared.open() as chunks:
        return b"".join([chunk async for chunk in chunks])


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, public_url=URL) as found:
        found.hs.rooms.files["mxc://a/b"] = b"%PDF un plan"
        yield found


async def test_a_connection_hands_out_what_serves_the_bytes(play: Stage) -> None:
    message = await handed(play)
    url = await message.files[0].link()
    assert url.endswith("/plan-d-etage.pdf")
    assert url == await message.files[0].link(), "a retry says the same"
    async with TestClient(TestServer(shares_site(play.kernel.shares, language="fr"))) as people:
        answer = await people.get(url.removeprefix(URL))
        assert (answer.status, await answer.read()) == (200, b"%PDF un plan")
        assert answer.content_type == "application/pdf"
        assert "plan%20d%27%C3%A9tage.pdf" in answer.headers["Content-Disposition"]
        for wrong in ("/", "/f", "/f/", f"/f/{'A' * 48}/plan.pdf", "/f/../f", "/check/", f"/check/{'A' * 48}"):
            assert (await people.get(wrong)).status == 404
        await play.event("deletion", target="$m")
        await play.net.shown.until(2)
        gone = await people.get(url.removeprefix(URL))
        assert gone.status == 410
        assert "Ce contenu n'est plus disponible".replace("'", "&#x27;") in await gone.text()


async def test_the_whole_of_a_long_text(play: Stage) -> None:
    message = await handed(play, text="très long " * 1000, files=())
    url = await message.link_to_text()
    assert await read(play, url) == ("très long " * 1000).encode()
    shared = await play.kernel.shares.find(token(url))
    assert shared.mime == "text/plain; charset=utf-8"


async def test_an_edited_text_is_read_as_it_is_now(play: Stage) -> None:
    message = await handed(play, text="avec un secret", files=())
    url = await message.link_to_text()
    await play.event("edit", target="$m", text="sans")
    edit = (await play.net.shown.until(2))[1]
    assert await read(play, url) == b"sans"
    assert await edit.link_to_text() == url


async def test_links_are_counted(play: Stage) -> None:
    counted = play.meter.counted
    url = await (await handed(play)).files[0].link()
    await play.kernel.shares.find(token(url))
    assert (counted["link", "net"], counted.get(("fetch", "net"))) == (1, None)
    await read(play, url)
    assert counted["fetch", "net"] == 1


async def test_its_time_ends_it(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await (await handed(play)).files[0].link()
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start + 30 * 24 * 3_600_000)
    assert await read(play, url)
    monkeypatch.setattr(clock, "now", lambda: start + 31 * 24 * 3_600_000 + 1000)
    with pytest.raises(Withdrawn):
        await play.kernel.shares.find(token(url))


async def test_unlinking_ends_it(play: Stage) -> None:
    url = await (await handed(play)).files[0].link()
    (link,) = await play.kernel.links.of_connection("net")
    await play.say("!pont retirer 1")
    await play.shown.until(1)
    async with play.db.snapshot() as tx:
        found = await play.kernel.links.get(tx, link.id)
    assert found is not None
    assert found.wanted == "gone", play.shown.texts
    with pytest.raises(Withdrawn):
        await play.kernel.shares.find(token(url))


async def test_a_room_whose_rules_forbid_it_gives_nothing(play: Stage) -> None:
    """For as long as they do."""
    url = await (await handed(play)).files[0].link()
    (link,) = await play.kernel.links.of_connection("net")
    for held, raised in (("checking", NotReady), ("suspended", Withdrawn)):
        async with play.db.transaction() as tx:
            await play.kernel.links.hold(tx, link, held)
        with pytest.raises(raised):
            await play.kernel.shares.find(token(url))
    async with play.db.transaction() as tx:
        await play.kernel.links.hold(tx, link, "")
    assert await read(play, url)


async def test_an_encrypted_room_gives_nothing_without_consent(play: Stage) -> None:
    url = await (await handed(play)).files[0].link()
    (link,) = await play.kernel.links.of_connection("net")
    async with play.db.transaction() as tx:
        await play.kernel.rooms.encrypted(tx, link.room)
    with pytest.raises(Withdrawn):
        await play.kernel.shares.find(token(url))
    async with play.db.transaction() as tx:
        await play.kernel.links.consent(tx, link, "@alice:test")
    assert await read(play, url)


async def test_retention_ends_it(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await (await handed(play)).files[0].link()
    real = clock.now
    monkeypatch.setattr(upkeep.clock, "now", lambda: real() + 30 * upkeep.DAY + 60_000)
    await play.kernel.upkeep.empty()
    monkeypatch.setattr(upkeep.clock, "now", real)
    with pytest.raises(Withdrawn):
        await play.kernel.shares.find(token(url))


async def test_a_file_from_a_network_for_another(tmp_path: Path) -> None:
    """A hub: it ends with the link that it came by too."""
    async with stage(tmp_path, nets=("net", "irc"), public_url=URL) as play:
        await play.link("#autre", net="irc")
        connection: Any = play.kernel.supervisor.connection("net")
        connection.files["f1"] = b"photo"
        await play.net.say("voici", files=(File(name="a.png", mime="image/png", ref=FileRef("f1")),))
        (message,) = await play.nets["irc"].shown.until(1)
        url = await message.files[0].link()
        assert await read(play, url) == b"photo"
        (link,) = await play.kernel.links.of_connection("net")
        async with play.db.transaction() as tx:
            await play.kernel.links.want(tx, link, "gone")
        with pytest.raises(Withdrawn):
            await play.kernel.shares.find(token(url))


async def test_without_a_public_address_there_is_a_reason_and_a_remedy(tmp_path: Path) -> None:
    async with stage(tmp_path) as play:
        message = await handed(play)
        for link in (message.files[0].link, message.link_to_text):
            with pytest.raises(Undeliverable) as error:
                await link()
            assert "adresse publique" in error.value.reason
            assert "web" in error.value.remedy


async def test_a_restart_forgets_no_link(tmp_path: Path) -> None:
    async with stage(tmp_path, public_url=URL) as play:
        url = await (await handed(play)).files[0].link()
    async with stage(tmp_path, public_url=URL, linked=False) as again:
        again.hs.rooms.files["mxc://a/b"] = b"encore"
        assert await read(again, url) == b"encore"
