"""People named across networks: who is called where, and that nobody is by words alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridges.core.ports import Ghost
from tchap_bridges.events import Text, mention, mentioned
from tchap_bridges.ids import PersonId
from tchap_bridges.matrix.html import safe_html
from tchap_bridges.matrix.pills import MOST, people, read_mentions, user_of, with_pills
from tchap_bridges.outgoing import Outgoing, OutgoingEdit

from .stage import Stage, stage

VECTORS = Path(__file__).parents[2] / "vectors" / "hub" / "mentions.yaml"
CASES = YAML(typ="safe").load(VECTORS)
ZOE = "@pont_zoe:test"


def is_ghost(user: object) -> bool:
    return isinstance(user, str) and user.startswith("@pont_")


@pytest.fixture
async def play(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as found:
        cast(found)
        yield found


def cast(play: Stage) -> None:
    play.hs.ghosts = {
        ZOE: Ghost(network="réseau", person=PersonId("zoe"), name="Zoé (réseau)"),
        "@pont_luc:test": Ghost(network="ailleurs", person=PersonId("luc"), name="Luc (ailleurs)"),
    }
    play.hs.names = {"@camille.martin-finances.gouv.fr:test": "Camille Martin"}


def written(case: dict[str, Any]) -> Text:
    """What `matrix.read` makes of it."""
    html = safe_html(case["html"]) if "html" in case else None
    content = {"m.mentions": {"user_ids": case.get("called", []), "room": case.get("everybody", False)}}
    return read_mentions(Text(plain=case["plain"], html=html), content, is_ghost)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_from_the_room(play: Stage, case: dict[str, Any]) -> None:
    text = written(case)
    await play.say(text.plain, html=text.html, id="$m")
    await play.event("edit", target="$m", text=text.plain, html=text.html)
    message, edit = await play.net.shown.until(2)
    assert isinstance(message, Outgoing)
    assert isinstance(edit, OutgoingEdit)
    assert message.text == Text(**case["seen"])
    assert (edit.text, edit.before) == (message.text, message.text), "the difference is of what was read there"


async def test_called_by_the_name_that_they_have_there(play: Stage) -> None:
    """A ghost's name lacks what would look like a ministry, and people of the network know each other by the whole."""
    await play.net.say("là", by="zoe[m]")
    await play.shown.until(1)
    play.hs.ghosts[ZOE] = Ghost(network="réseau", person=PersonId("zoe[m]"))
    await play.say("", html=mention(PersonId(ZOE), "Zoé (réseau)"))
    (message,) = await play.net.shown.until(1)
    assert message.text.html == '<a href="person:zoe%5Bm%5D">Zoe[M]</a>'


async def test_two_connections_of_one_network_share_no_people(tmp_path: Path) -> None:
    """A nick is one person on one connection and may be another on the next: each has ghosts of its own."""
    async with stage(tmp_path, nets=("net", "bis")) as play:
        cast(play)
        await play.link("#c", net="bis")
        await play.nets["bis"].say("là", by="zoe")
        await play.shown.until(1)
        await play.say("Zoé (réseau) ?", html=f"{mention(PersonId(ZOE), 'Zoé (réseau)')} ?")
        (_theirs, one) = await play.net.shown.until(2)
        (two,) = await play.nets["bis"].shown.until(1)
        assert one.text == Text(plain="Zoé ?", html='<a href="person:zoe">Zoé</a> ?')
        assert two.text == Text(plain="@Zoé ?", html="@Zoé ?")


async def test_from_a_network_to_the_others(tmp_path: Path) -> None:
    """The same connection knows them in another channel too, the room by their ghost; elsewhere the name is said."""
    async with stage(tmp_path, nets=("net", "irc")) as play:
        await play.link("#autre", net="irc")
        await play.link("#bis")
        html = f"demande à {mention(PersonId('zoe/é'), 'Zoé <3')}"
        await play.net.say("demande à Zoé <3", html=html)
        (in_room,) = await play.shown.until(1)
        (in_bis,) = await play.net.shown.until(1)
        (on_irc,) = await play.nets["irc"].shown.until(1)
        assert in_room.text.html == in_bis.text.html == html
        assert on_irc.text == Text(plain="demande à Zoé <3", html="demande à Zoé &lt;3")


def test_whoever_names_crowds_calls_few() -> None:
    text = Text(plain="", html="".join(mention(PersonId(str(n)), f"N{n}") for n in range(200)))
    assert len(people(text)) == 200
    called = {person: f"@pont_{person}:test" for person, _name in people(text)[:MOST]}
    shown = with_pills(text, called)
    assert (shown.html or "").count("matrix.to") == MOST
    assert "N199" in (shown.html or "")
    assert "person:" not in (shown.html or "")


@pytest.mark.parametrize("person", ["zoe", "U01/2", "a b&c", 'x"y', "é😀", "person:zoe", "%41"])
def test_a_mention_comes_back(person: str) -> None:
    html = mention(PersonId(person), "<Zoé>")
    assert "<Zoé>" not in html
    assert people(Text(html=html)) == ((person, "<Zoé>"),)


def test_other_links_name_nobody() -> None:
    for href in ("", "person:", "https://matrix.to/#/@a:b", "Person:a"):
        assert mentioned(href) is None
    for href in (
        "https://matrix.to/#/@a",
        "https://matrix.to.evil.fr/#/@a:b",
        "matrix:r/a:b",
        "https://matrix.to/#/@a:b/$e",
    ):
        assert user_of(href) is None


async def test_hostile_formatting_takes_no_time() -> None:
    text = Text(plain="x", html='<a href="person:' * 3000 + "<a " * 3000)
    async with asyncio.timeout(5):
        assert read_mentions(text, {}, is_ghost).plain == "x"
        people(text)
