"""TLS, accounts and what is refused, live and through the bridge."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import IrcConfig
from tchap_bridges.bridge import Level
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.ngircd import Ngircd
from tests.integration.irc.relaying import Person, hears, relay

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=["ngircd", "inspircd"])
def server(request: pytest.FixtureRequest, ngircd: Ngircd, inspircd: Inspircd) -> Ngircd | Inspircd:
    return {"ngircd": ngircd, "inspircd": inspircd}[request.param]


def secured(server: Any, **more: Any) -> dict[str, Any]:
    return {
        "host": "localhost",
        "port": server.tls_port,
        "security": "tls",
        "tls_authority": str(server.certificate.certificate),
        **more,
    }


async def refusal(config: IrcConfig) -> Exception:
    """What `run` ends with."""
    async with IrcBridge().open(config, FakeHost()) as connection:
        with pytest.raises((NotReady, BadCredentials)) as why:
            async with asyncio.timeout(30):
                await connection.run()
    return why.value


async def test_words_cross_over_tls(server: Any, irc_client: Person) -> None:
    zoe = await irc_client(server, "zoes1")
    await zoe.join("#tls1")
    async with relay(server, "#tls1", "ponts1", **secured(server)) as r:
        await r.connection.send(r.message("chiffré"))
        await hears(zoe, "chiffré")


async def test_a_certificate_of_another_name_is_refused(irc_folder: Callable[[], Path]) -> None:
    """CVE-2022-45197: a bridge that did not look at the name would give its password to anybody."""
    folder = irc_folder()
    other = Certificate.make(folder / "autre", names=("irc.autre.example",))
    async with Ngircd(irc_folder(), certificate=other) as server:
        config = IrcConfig(**secured(server), nick="ponts2", server_password="secret")
        why = await refusal(config)
        assert isinstance(why, NotReady)
        assert "au nom d'un autre" in why.reason
        assert "PASS" not in server.log.read_text(errors="replace")


async def test_an_authority_that_nobody_knows_is_refused_and_named(server: Any) -> None:
    why = await refusal(IrcConfig(host="localhost", port=server.tls_port, nick="ponts3"))
    assert isinstance(why, NotReady)
    assert "tls_authority" in why.reason


async def test_sasl_plain_over_tls_and_a_wrong_password(inspircd: Inspircd, irc_client: Person) -> None:
    zoe = await irc_client(inspircd, "zoes5", caps=["account-tag", "message-tags"])
    await zoe.join("#tls5")
    plain = secured(inspircd, sasl="plain", account="pont", password="secret")
    async with relay(inspircd, "#tls5", "ponts5", **plain) as r:
        await r.connection.send(r.message("identifié"))
        line = await zoe.wait_for(lambda one: "identifié" in one.text)
        assert line.tags["account"] == "pont"
    wrong = IrcConfig(**{**plain, "password": "faux"}, nick="ponts5")
    assert isinstance(await refusal(wrong), BadCredentials)


async def test_sasl_external(inspircd: Inspircd, irc_client: Person, tmp_path: Path) -> None:
    own, stranger = Certificate.make(tmp_path / "own"), Certificate.make(tmp_path / "other")
    await inspircd.register("pontcert", "secret", certificate=own)
    zoe = await irc_client(inspircd, "zoes6", caps=["account-tag", "message-tags"])
    await zoe.join("#tls6")
    external = secured(inspircd, sasl="external", certificate=str(own.certificate), certificate_key=str(own.key))
    async with relay(inspircd, "#tls6", "ponts6", **external) as r:
        await r.connection.send(r.message("certifié"))
        line = await zoe.wait_for(lambda one: "certifié" in one.text)
        assert line.tags["account"] == "pontcert"
    other = {**external, "certificate": str(stranger.certificate), "certificate_key": str(stranger.key)}
    assert isinstance(await refusal(IrcConfig(**other, nick="ponts6")), BadCredentials)


async def test_services_that_are_away_are_waited_for(irc_folder: Callable[[], Path]) -> None:
    """Their server says nothing when they come back (no CAP NEW): it is asked again, and no password is at fault."""
    async with Inspircd(irc_folder()) as server:
        await server.register("pont", "secret")
        assert server.services is not None
        await server.services.stop()
        config = IrcConfig(
            host=server.host, port=server.port, security="none", nick="ponts7",
            sasl="plain", account="pont", password="secret",
        )  # fmt: skip
        why = await refusal(config)
        assert isinstance(why, NotReady)
        assert "services" in why.reason
        assert why.retry_after
        await server.services.start()
        await server.wait_for_services()
        async with relay(server, "#tls7", "ponts7", sasl="plain", account="pont", password="secret") as r:
            assert r.connection is not None


# What check says


async def test_check_of_a_sound_network(inspircd: Inspircd) -> None:
    config = IrcConfig(**secured(inspircd, sasl="plain", account="pont", password="secret"), nick="ponts8")
    found = await IrcBridge.check(config)
    assert {finding.level for finding in found} == {Level.OK}
    said = "\n".join(finding.detail for finding in found)
    assert "exacte" in said
    assert "+H" in said


async def test_check_of_a_plain_one(ngircd: Ngircd) -> None:
    found = await IrcBridge.check(IrcConfig(host=ngircd.host, port=ngircd.port, security="none", nick="ponts9"))
    warned = {str(finding.subject): finding for finding in found if finding.level is Level.WARN}
    assert {"remise", "historique"} <= warned.keys()
    assert "n'est pas possible ici" in warned["remise"].detail
    assert not [finding for finding in found if finding.level is Level.FAIL]
    assert all(finding.remedy for finding in warned.values())


async def test_check_of_what_is_wrong(inspircd: Inspircd, free_port: Callable[[], int]) -> None:
    wrong = IrcConfig(**secured(inspircd, sasl="plain", account="pont", password="faux"), nick="ponts10")
    nowhere = IrcConfig(host="127.0.0.1", port=free_port(), security="none")
    for config in (wrong, nowhere):
        failed = [finding for finding in await IrcBridge.check(config) if finding.level is Level.FAIL]
        assert len(failed) == 1
        assert failed[0].remedy
