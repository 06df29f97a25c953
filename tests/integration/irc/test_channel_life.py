"""Coming, going, being put out and not let in, on real servers, as the rooms read of it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc import presence
from tchap_bridges.errors import Misconfigured, Undeliverable
from tchap_bridges.events import ChatChanged, Membership, Message
from tchap_bridges.ids import ChatId
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_crowd import crowd
from tchap_bridges.testing.ngircd import Ngircd
from tests.integration.irc.relaying import ASKER, Person, hears, relay

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=["ngircd", "inspircd"])
def server(request: pytest.FixtureRequest, ngircd: Ngircd, inspircd: Inspircd) -> Ngircd | Inspircd:
    return {"ngircd": ngircd, "inspircd": inspircd}[request.param]


async def test_who_has_spoken_and_goes_is_told_and_nobody_else(server: Any, irc_client: Person) -> None:
    zoe, max_, eve = [await irc_client(server, nick) for nick in ("zoev1", "maxv1", "evev1")]
    for person in (zoe, max_, eve):
        await person.join("#vie1")
    async with relay(server, "#vie1", "pontv1") as r:
        zoe.say("#vie1", "je parle")
        max_.say("#vie1", "moi aussi")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "moi aussi")
        await eve.part("#vie1")  # silent: nobody knows her
        zoe.raw("KICK #vie1 maxv1 :dehors")
        left = await r.heard(lambda event: isinstance(event, Membership))
        assert (left.author.name, left.present, left.reason) == ("maxv1", False, "exclu par zoev1 : dehors")
        await max_.join("#vie1")
        back = await r.heard(lambda event: isinstance(event, Membership) and event.present)
        assert back.author == left.author
        await zoe.change_nick("zoev1b")
        renamed = await r.heard(lambda event: isinstance(event, Membership) and event.author.name == "zoev1")
        assert not renamed.present
        zoe.say("#vie1", "sous un autre nom")
        said = await r.heard(lambda event: isinstance(event, Message) and event.text.plain.startswith("sous"))
        assert said.author.person == "zoev1b"
        await zoe.quit("bonne nuit")
        quit_ = await r.heard(lambda event: isinstance(event, Membership) and event.author.name == "zoev1b")
        assert not quit_.present
        assert len([event for event in r.host.events if isinstance(event, Membership)]) == 4


async def test_an_account_is_one_person_under_any_nick(inspircd: Inspircd, irc_client: Person) -> None:
    await inspircd.register("ana", "secret")
    ana = await irc_client(inspircd, "anav2", caps=["sasl"], sasl=("ana", "secret"))
    await ana.join("#vie2")
    async with relay(inspircd, "#vie2", "pontv2") as r:
        ana.say("#vie2", "un")
        await ana.change_nick("anav2b")
        ana.say("#vie2", "deux")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "deux")
        authors = [event.author for event in r.host.events if isinstance(event, Message)]
        assert [author.name for author in authors] == ["anav2", "anav2b"]
        assert {author.person for author in authors} == {"@ana"}
        assert not [event for event in r.host.events if isinstance(event, Membership)]


async def test_put_out_it_comes_back_and_says_so(
    server: Any, irc_client: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BACK_OFF", (0.3, 1.0))
    zoe = await irc_client(server, "zoev3")
    await zoe.join("#vie3")
    async with relay(server, "#vie3", "pontv3") as r:
        await r.connection.send(r.message("là"))
        zoe.raw("KICK #vie3 pontv3 :ouste")
        told = await r.heard(lambda event: isinstance(event, Message) and "exclu" in event.text.plain)
        assert "zoev3" in told.text.plain
        assert "ouste" in told.text.plain
        await r.send(r.message("revenu"))
        await hears(zoe, "revenu")


async def test_banned_it_is_told_with_a_remedy_and_an_invitation_lets_it_in(
    server: Any, irc_client: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "BACK_OFF", (0.2, 3600.0))
    zoe = await irc_client(server, "zoev4")
    await zoe.join("#vie4")
    async with relay(server, "#vie4", "pontv4") as r:
        await r.connection.send(r.message("là"))
        zoe.raw("MODE #vie4 +i")
        zoe.raw("KICK #vie4 pontv4")
        told = await r.heard(lambda event: isinstance(event, Message) and "invitation" in event.text.plain)
        assert "/invite" in told.text.plain
        with pytest.raises(Undeliverable) as why:
            await r.connection.send(r.message("pas encore"))
        assert "invitation" in why.value.reason
        zoe.raw("INVITE pontv4 #vie4")
        await r.heard(lambda _event: "#vie4" in r.connection._live[0].channels)
        await r.send(r.message("enfin"))
        await hears(zoe, "enfin")
        assert len(r.notices()) == 2


@pytest.mark.parametrize(
    ("mode", "words", "mended"),
    [
        ("+i", "invitation", ""),
        ("+b *!*@*", "banni", ""),
        ("+k cle", "mot de passe", "-k cle"),  # an invitation is enough on InspIRCd only
        ("+l 1", "plein", "-l"),
    ],
)
async def test_a_channel_that_does_not_let_it_in_is_not_linked(
    server: Any, irc_client: Person, mode: str, words: str, mended: str
) -> None:
    """What the answer says to do is enough: an operator does it, and the same command links."""
    zoe = await irc_client(server, "zoev5")
    channel = f"#vie5{mode[1]}"
    await zoe.join(channel)
    zoe.raw(f"MODE {channel} {mode}")
    await zoe.sync()
    async with relay(server, "#vie5", "pontv5") as r:
        with pytest.raises(Misconfigured) as why:
            await r.connection.find(channel, {}, ASKER)
        assert words in why.value.reason
        assert "Refaites ensuite la commande" in why.value.remedy
        typed = re.search(r"« /(invite pontv5 \S+) »", why.value.remedy)
        assert typed is not None
        zoe.raw(f"MODE {channel} {mended}" if mended else typed[1])
        await zoe.sync()
        assert (await r.connection.find(channel, {}, ASKER)).name == channel


async def test_a_moderated_channel_is_told_of(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoev6")
    await zoe.join("#vie6")
    async with relay(server, "#vie6", "pontv6") as r:
        await r.connection.send(r.message("là"))
        zoe.raw("MODE #vie6 +m")
        await zoe.sync()
        with pytest.raises(Undeliverable) as why:
            await r.connection.send(r.message("chut"))
        assert "modéré" in why.value.reason
        assert "+v" in why.value.remedy
        zoe.raw("MODE #vie6 +v pontv6")
        await zoe.sync()
        await r.connection.send(r.message("parole"))
        await hears(zoe, "parole")


async def test_a_direct_conversation_is_one_persons(server: Any, irc_client: Person) -> None:
    """Both ways, alone; who is not there is named."""
    zoe, eve = await irc_client(server, "Zoev7"), await irc_client(server, "evev7")
    async with relay(server, "Zoev7", "pontv7") as r:
        await r.connection.send(r.message("en privé"))
        await hears(zoe, "<Jeanne Martin> en privé")
        assert [one.name for one in await r.connection.members(ChatId("zoev7"))] == ["zoev7"]
        eve.say("pontv7", "je m'incruste")
        zoe.say("pontv7", "bien reçu")
        said = await r.heard(lambda event: isinstance(event, Message))
        assert (said.chat, said.text.plain, said.author.name) == ("zoev7", "bien reçu", "Zoev7")
        await eve.wait_for(lambda line: line.command == "NOTICE" and line.nick == "pontv7")
        eve.say("pontv7", "encore")
        await zoe.quit()
        with pytest.raises(Undeliverable) as why:
            await r.connection.send(r.message("partie ?"))
        assert "Zoev7".lower() in why.value.reason.lower()
        assert await r.connection.members(ChatId("zoev7")) == []
        assert sum(line.command == "NOTICE" and line.nick == "pontv7" for line in eve.lines) == 1
        assert r.said() == ["bien reçu"]


async def test_a_crowd_that_comes_and_goes_leaves_no_trace(inspircd: Inspircd, irc_client: Person) -> None:
    zoe = await irc_client(inspircd, "zoev8")
    await zoe.join("#vie8")
    async with relay(inspircd, "#vie8", "pontv8") as r:
        async with crowd(150, "#vie8", port=inspircd.port, prefix="foulev") as people:
            people.say(7, "un mot")
            await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "un mot")
            for n in range(150):
                people.quit(n, "bonsoir")
            await r.heard(lambda event: isinstance(event, Membership))
        zoe.say("#vie8", "calme")
        await r.heard(lambda event: isinstance(event, Message) and event.text.plain == "calme")
        assert len([event for event in r.host.events if isinstance(event, Membership)]) == 1
        assert len(r.host.events) == 3


async def test_a_netsplit_is_one_notice(irc_folder: Callable[[], Path]) -> None:
    """However many are behind it, told by the clock and not by the next line, and nobody has left."""
    one = Inspircd(irc_folder(), name="un.essai.localhost", services=False)
    two = Inspircd(irc_folder(), name="deux.essai.localhost", services=False)
    one.know(two)
    async with one, two:
        await one.link(two)
        async with relay(one, "#vie9", "pontv9") as r, crowd(40, "#vie9", port=two.port) as people:
            people.say(3, "présent")
            await r.heard(lambda event: isinstance(event, Message))
            await one.split(two)
            told = await r.heard(lambda event: isinstance(event, Message) and "Coupure" in event.text.plain)
            assert "40 personnes" in told.text.plain
            assert not [event for event in r.host.events if isinstance(event, Membership)]
            assert len(r.notices()) == 1


async def test_a_topic_that_changes_is_told(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoev10")
    await zoe.join("#vie10")
    async with relay(server, "#vie10", "pontv10") as r:
        zoe.raw("TOPIC #vie10 :\x02Ordre\x02 du jour")
        changed = await r.heard(lambda event: isinstance(event, ChatChanged))
        assert (changed.topic, changed.author.name) == ("Ordre du jour", "zoev10")
