"""The IRC servers of the tests do what CHAT's table says of them, and die and come back when told to."""

import os
from asyncio import gather, timeout
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient, IrcClosedError, IrcRefusedError
from tchap_bridges.testing.irc_crowd import CrowdError, crowd
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.process import MissingServerError, ServerFailedError

CAPS = ("message-tags", "server-time", "echo-message", "labeled-response", "batch", "account-tag")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A person's certificate."""
    return Certificate.make(tmp_path_factory.mktemp("own"), names=("camille",))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ngircd(irc_folder):
    async with Ngircd(irc_folder()) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inspircd(irc_folder, own):
    """With the account camille, password secret, and her certificate."""
    async with Inspircd(irc_folder()) as server:
        await server.register("camille", "secret", certificate=own)
        yield server


# ---- ngIRCd


async def test_ngircd_offers_almost_nothing(ngircd):
    async with await ngircd.client("zoe", caps=["multi-prefix"]) as zoe:
        assert set(zoe.offered) == {"multi-prefix"}
        assert zoe.enabled == {"multi-prefix"}
        assert (zoe.isupport["CASEMAPPING"], zoe.isupport["NICKLEN"]) == ("ascii", "30")
    with pytest.raises(IrcRefusedError, match="NAK"):
        await ngircd.client("zoe", sasl=("camille", "secret"))


async def test_ngircd_people_hear_each_other_over_plain_and_tls(ngircd):
    async with await ngircd.client("zoe") as zoe, await ngircd.client("jean", tls=True) as jean:
        await zoe.join("#essai")
        zoe.say("#essai", "avant")
        await zoe.sync()
        await jean.join("#essai")
        assert await jean.names("#essai") == {"zoe", "jean"}
        zoe.say("#essai", "é à vous")
        zoe.action("#essai", "salue")
        zoe.notice("#essai", "annonce")
        heard = await jean.wait_for(lambda line: line.command == "NOTICE" and line.nick == "zoe")
        assert (heard.target, heard.text, heard.tags) == ("#essai", "annonce", {})
        # No history, and nobody hears themselves.
        assert jean.said("#essai") == [("zoe", "é à vous"), ("zoe", "\x01ACTION salue\x01")]
        assert zoe.said("#essai") == []
        start = zoe.mark()
        await jean.change_nick("jeannot")
        await jean.part("#essai", "à demain")
        left = await zoe.wait_for(lambda line: line.command == "PART", since=start)
        assert (left.nick, left.text, jean.nick) == ("jeannot", "à demain", "jeannot")
        await jean.join("#essai")
        await jean.quit("bonne nuit")
        gone = await zoe.wait_for(lambda line: line.command == "QUIT", since=start)
        assert (gone.nick, "bonne nuit" in gone.text) == ("jeannot", True)


async def test_ngircd_throws_out_who_sends_more_than_512_octets(ngircd):
    async with await ngircd.client("zoe") as zoe, await ngircd.client("jean") as jean:
        await zoe.join("#long")
        await jean.join("#long")
        full = "x" * (512 - len("PRIVMSG #long :\r\n"))
        zoe.say("#long", full)
        heard = await jean.wait_for(lambda line: line.command == "PRIVMSG")
        # With zoe's address before it it is too long for jean: its end is lost, and ngIRCd says so.
        assert len(heard.raw) + 2 == 512
        assert heard.text.endswith("x[CUT]")
        zoe.say("#long", full + "x")
        await zoe.wait_closed()
        assert (zoe.lines[-1].command, zoe.lines[-1].text) == ("ERROR", "Request too long")
        with pytest.raises(IrcClosedError, match="Request too long"):
            await zoe.sync()


async def test_ngircd_takes_a_password_and_penalties(irc_folder):
    async with Ngircd(irc_folder(), password="mot", limits={"MaxPenaltyTime": "-1"}) as server:
        async with await server.client("zoe"):
            with pytest.raises((IrcRefusedError, IrcClosedError), match="Bad password"):
                await server.client("jean", password="faux")


# ---- InspIRCd


async def test_inspircd_offers_ircv3(inspircd):
    async with await inspircd.client("zoe", caps=CAPS) as zoe:
        assert set(zoe.offered) >= {
            *CAPS,
            *("account-notify", "chghost", "extended-join", "multi-prefix", "setname", "inspircd.org/standard-replies"),
        }
        assert set(zoe.offered["sasl"].split(",")) == {"PLAIN", "EXTERNAL"}
        assert zoe.isupport["CASEMAPPING"] == "rfc1459"
    with pytest.raises(IrcRefusedError, match="NAK"):
        await inspircd.client("zoe", caps=["message-tags", "inspircd.org/poison"])


@pytest.mark.parametrize(("server", "same"), [("ngircd", False), ("inspircd", True)])
async def test_a_casemapping_says_which_nicks_are_the_same(request, server, same):
    server = request.getfixturevalue(server)
    async with await server.client("zoe[m]"):
        if same:
            with pytest.raises(IrcRefusedError, match="433"):
                await server.client("ZOE{m}")
        else:
            async with await server.client("zoe{m}"):
                pass


async def test_inspircd_signs_in_by_password(inspircd):
    async with await inspircd.client("c1", sasl=("camille", "secret"), caps=CAPS) as camille:
        assert [line.raw for line in camille.lines if line.command == "AUTHENTICATE"][-1].endswith(b"AUTHENTICATE :+")
        async with await inspircd.client("jean", caps=CAPS) as jean:
            camille.say("jean", "bonjour")
            assert (await jean.wait_for_text("bonjour")).tags["account"] == "camille"
    with pytest.raises(IrcRefusedError, match="904"):
        await inspircd.client("c1", sasl=("camille", "faux"))
    with pytest.raises(IrcRefusedError, match="904"):
        await inspircd.client("c1", sasl=("personne", "x" * 450))


async def test_inspircd_signs_in_by_certificate(inspircd, own, tmp_path):
    async with await inspircd.client("c2", tls=True, own=own, external=True) as camille:
        assert await camille.wait_for(lambda line: line.command == "900" and line.params[2] == "camille")
        assert own.fingerprint in str(await camille.wait_for(lambda line: "certificate fingerprint" in line.text))
    for certificate in (None, Certificate.make(tmp_path)):
        with pytest.raises(IrcRefusedError, match="904"):
            await inspircd.client("c2", tls=True, own=certificate, external=True)


async def test_inspircd_echoes_with_label_and_id(inspircd, irc_client):
    zoe, jean = await gather(*(irc_client(inspircd, nick, caps=CAPS) for nick in ("zoe", "jean")))
    await zoe.join("#echo")
    await jean.join("#echo")
    zoe.say("#echo", "une fois", tags={"label": "l1", "+draft/reply": "a;b c"})
    echo = await zoe.wait_for_text("une fois", by="zoe")
    heard = await jean.wait_for_text("une fois")
    assert echo.tags["label"] == "l1"
    assert "label" not in heard.tags
    assert echo.tags["msgid"] == heard.tags["msgid"]
    assert heard.tags["+draft/reply"] == "a;b c"
    assert heard.tags["time"].endswith("Z")
    zoe.tagmsg("#echo", {"+typing": "active"})
    assert (await jean.wait_for(lambda line: line.command == "TAGMSG")).tags["+typing"] == "active"


async def test_inspircd_cuts_a_line_inside_a_character(inspircd, irc_client):
    zoe, jean = await gather(irc_client(inspircd, "zoe", caps=CAPS), irc_client(inspircd, "jean"))
    await zoe.join("#long")
    await jean.join("#long")
    await zoe.wait_for(lambda line: line.command == "JOIN" and line.nick == "jean")  # she may hear it later than he
    start = zoe.mark()
    zoe.say("#long", "é" * 600)
    zoe.say("#long", "x" + "é" * 600)  # one of the two has a character where the line ends
    heard = await jean.wait_for_count(2, lambda line: line.command == "PRIVMSG")
    assert [len(line.raw) + 2 for line in heard] == [512, 512]
    assert sorted(line.raw[-2:] for line in heard) == [b"\xa9\xc3", "é".encode()]
    await zoe.sync()  # nobody tells it, and it is not thrown out
    assert [line.command for line in zoe.lines[start:]] == ["PRIVMSG", "PRIVMSG", "PONG"]


async def test_inspircd_shows_history_on_joining(inspircd):
    async with await inspircd.client("zoe", caps=CAPS) as zoe:
        await zoe.join("#passé")
        zoe.raw("MODE #passé +H 50:1h")
        for number in range(3):
            zoe.say("#passé", f"message {number}")
        await zoe.sync()
        async with await inspircd.client("jean", caps=CAPS) as jean, await inspircd.client("sans") as plain:
            await jean.join("#passé")
            opened = await jean.wait_for(lambda line: line.command == "BATCH" and line.target.startswith("+"))
            await jean.wait_for(lambda line: line.command == "BATCH" and line.target.startswith("-"))
            assert opened.params[1:] == ("chathistory", "#passé")
            assert jean.said("#passé") == [("zoe", f"message {number}") for number in range(3)]
            told = {line.tags["batch"] for line in jean.lines if line.command == "PRIVMSG"}
            assert told == {opened.target[1:]}
            # Without the capability the past cannot be told from the present.
            await plain.join("#passé")
            await plain.sync()
            assert plain.said("#passé") == jean.said("#passé")


async def test_inspircd_believes_a_gateway(inspircd, irc_client):
    webirc = inspircd.webirc("poste.ministere.example", "192.0.2.7")
    agent, zoe = await gather(irc_client(inspircd, "agent", webirc=webirc), irc_client(inspircd, "zoe"))
    await zoe.join("#hotes")
    await agent.join("#hotes")
    came = await zoe.wait_for(lambda line: line.command == "JOIN" and line.nick == "agent")
    assert came.source.endswith("@192.0.2.7")  # a name it would take only from the DNS
    with pytest.raises((IrcRefusedError, IrcClosedError)):
        await IrcClient.connect(
            inspircd.port, "agent", webirc=type(webirc)(password="faux", host="a.example", address="192.0.2.7")
        )


async def test_inspircd_holds_back_who_floods(irc_folder):
    slow = {"commandrate": "1000", "threshold": "5", "fakelag": "no", "recvq": "2048"}
    async with Inspircd(irc_folder(), services=False, connect=slow) as server, await server.client("zoe") as zoe:
        await zoe.join("#flot")
        for _ in range(40):
            zoe.say("#flot", "x" * 200)
        await zoe.wait_closed()
        # What it says of it may be lost with the connection, which is reset while the client still speaks.
        await server.stop()
        assert any(reason in server.log.read_text() for reason in ("RecvQ exceeded", "Excess Flood"))


# ---- crowds and splits


async def test_a_crowd_comes_and_goes(ngircd):
    async with await ngircd.client("zoe") as zoe:
        await zoe.join("#foule")
        async with crowd(500, "#foule", port=ngircd.port) as people:
            assert await zoe.names("#foule") == {"zoe", *people.nicks}
            people.say(7, "bonjour")
            await zoe.wait_for_text("bonjour", by="foule7")
            people.quit(7, "au revoir")
            await zoe.wait_for(lambda line: line.command == "QUIT" and line.nick == "foule7")
            with pytest.raises(CrowdError, match="433"):
                async with crowd(1, "#foule", port=ngircd.port):
                    pass
        await zoe.wait_for_count(500, lambda line: line.command == "QUIT")
        assert people.here == 0


async def test_a_netsplit_takes_five_hundred_away_and_brings_them_back(irc_folder):
    left = Inspircd(irc_folder(), name="irc.gauche.example", services=False)
    right = Inspircd(irc_folder(), name="irc.droite.example", services=False)
    left.know(right)
    async with timeout(60), left, right:
        async with await left.client("zoe", caps=CAPS) as zoe, await right.client("jean") as jean:
            await zoe.join("#foule")
            await jean.join("#foule")
            async with crowd(500, "#foule", port=right.port) as people:
                everybody = {"jean", *people.nicks}
                for round_ in range(2):
                    start = zoe.mark()
                    await left.link(right)
                    came = await zoe.wait_for_count(501, lambda line: line.command == "JOIN", since=start)
                    assert {line.nick for line in came} == everybody
                    start = zoe.mark()
                    if round_ == 0:
                        await left.split(right)
                    else:
                        await right.kill()
                    gone = await zoe.wait_for_count(501, lambda line: line.command == "QUIT", since=start)
                    assert {line.nick for line in gone} == everybody
                    assert {line.text for line in gone} == {"irc.gauche.example irc.droite.example"}
                    assert "batch" not in gone[0].tags


# ---- faults


@pytest.mark.parametrize("make", [Ngircd, Inspircd])
async def test_kill_and_start_on_the_same_ports(irc_folder, make):
    async with make(irc_folder(), **({"services": False} if make is Inspircd else {})) as server:
        pid, ports = server.pid, (server.port, server.tls_port)
        assert Path(f"/proc/{pid}").stat().st_uid != 0
        async with await server.client("zoe") as zoe, await server.client("jean") as jean:
            await zoe.join("#essai")
            await server.kill()
            await zoe.wait_closed()
            await jean.wait_closed()
            assert zoe.lines[-1].command != "ERROR"
        with pytest.raises(OSError, match="Connect"):
            await server.client("zoe")
        await server.start()
        assert (server.pid != pid, (server.port, server.tls_port)) == (True, ports)
        async with await server.client("zoe", tls=True) as zoe:
            assert await zoe.names("#essai") == set()
            await server.stop()
            await zoe.wait_closed()
            assert server.pid == 0
        assert server.log.stat().st_size > 0


async def test_accounts_outlive_crash_and_restart(irc_folder, own):
    async with Inspircd(irc_folder()) as server:
        await server.register("jean", "secret", certificate=own)
        await server.kill()
        await server.start()
        async with await server.client("j1", tls=True, own=own, external=True):
            pass
        await server.services.stop()
        with pytest.raises(IrcRefusedError, match="NAK"):  # no services, no SASL
            await server.client("j1", sasl=("jean", "secret"))
        await server.services.start()
        await server.wait_for_services()
        async with await server.client("j1", sasl=("jean", "secret")):
            pass


async def test_a_client_that_hangs_and_one_that_is_cut(ngircd):
    async with await ngircd.client("zoe") as zoe, await ngircd.client("jean") as jean:
        await zoe.join("#essai")
        await jean.join("#essai")
        jean.pause()
        zoe.say("#essai", "entends-tu ?")
        await zoe.sync()
        with pytest.raises(TimeoutError, match="0 of 1 found"):
            await jean.wait_for(lambda line: line.says("entends-tu ?"), timeout=0.2)
        jean.resume()
        await jean.wait_for_text("entends-tu ?", to="#essai", by="zoe")
        jean.abort()
        await zoe.wait_for(lambda line: line.command == "QUIT" and line.nick == "jean")


async def test_what_cannot_be_started_says_why(irc_folder, tmp_path, monkeypatch):
    if os.geteuid() == 0:
        with pytest.raises(ServerFailedError, match="use another folder"):
            Ngircd(tmp_path / "closed")
    with pytest.raises(ServerFailedError, match=r"The end of its log:\n(?s:.*)nonsense"):
        async with Inspircd(irc_folder(), services=False, connect={"limit": 'x"><include file="nonsense'}):
            pass
    monkeypatch.setattr("tchap_bridges.testing.process._SYSTEM_PATH", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingServerError, match="ngircd"):
        Ngircd(irc_folder())
    with pytest.raises(MissingServerError, match="atheme-services"):
        Inspircd(irc_folder())
