"""``check`` of mail: servers that are not there or refuse us, doors that others hold, and a domain's DNS."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dns.resolver
import pytest

from tchap_bridge_email.check import check
from tchap_bridge_email.config import EmailConfig
from tchap_bridges.bridge import Finding, Level
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.mail_sink import MailSink

Zone = dict[tuple[str, str], Sequence[str]]
DOMAIN = "pont.essai.test"
ZONE: Zone = {
    (DOMAIN, "MX"): ["10 mx.essai.test."],
    ("mx.essai.test", "A"): ["192.0.2.1"],
    (DOMAIN, "TXT"): ["autre=chose", "v=spf1 mx -all"],
    (f"_domainkey.{DOMAIN}", "TXT"): [],
    ("_dmarc.essai.test", "TXT"): ["v=DMARC1; p=reject; sp=quarantine"],
}


def resolver(zone: Zone) -> Callable[[str, str], Any]:
    async def lookup(name: str, kind: str) -> Sequence[str] | None:
        if not any(known == name for known, _kind in zone):
            return None
        return zone.get((name, kind), [])

    return lookup


async def look(port: int, *, zone: Zone = ZONE, lookup: Any = None, tls: Any = None, **changed: Any) -> list[Finding]:
    """What is found, OK left out."""
    values: dict[str, Any] = {
        "domain": DOMAIN,
        "listen": {"smtp": "127.0.0.1:1"},
        "submission": {"host": "127.0.0.1", "port": port, "security": "none"},
        **changed,
    }
    config = EmailConfig.model_validate(values)
    found = await check(config, lookup=lookup or resolver(zone), tls=tls)
    return [finding for finding in found if finding.level is not Level.OK]


async def test_all_is_well(mail_sink: MailSink) -> None:
    assert await look(mail_sink.port) == []
    assert mail_sink.sent == []


async def test_nobody_takes_our_mail(free_port: Callable[[], int]) -> None:
    (finding,) = await look(free_port())
    assert finding.level is Level.FAIL
    assert "submission.host" in finding.remedy


async def test_a_wrong_password(certificate: Certificate) -> None:
    async with await MailSink.start(certificate=certificate, users={"pont": "secret"}) as sink:
        relay = {"host": "localhost", "port": sink.port, "security": "starttls", "user": "pont", "password": "secret"}
        assert await look(0, submission=relay, tls=certificate.for_client()) == []
        (finding,) = await look(0, submission={**relay, "password": "faux"}, tls=certificate.for_client())
    assert "identifiants refusés" in finding.detail
    assert "submission.password" in finding.remedy
    assert "faux" not in finding.detail


async def test_a_certificate_that_nobody_signed(certificate: Certificate) -> None:
    async with await MailSink.start(certificate=certificate) as sink:
        (finding,) = await look(0, submission={"host": "localhost", "port": sink.port, "security": "starttls"})
    assert "certificat refusé" in finding.detail


async def test_a_server_without_starttls(mail_sink: MailSink) -> None:
    (finding,) = await look(0, submission={"host": "localhost", "port": mail_sink.port, "security": "starttls"})
    assert "submission.security" in finding.remedy


async def test_another_program_holds_our_door(mail_sink: MailSink) -> None:
    (finding,) = await look(mail_sink.port, listen={"smtp": f"127.0.0.1:{mail_sink.port}"})
    assert finding.subject == "listen.smtp"
    assert "ss -lntp" in finding.remedy


async def test_a_bridge_that_runs_holds_its_own(mail_sink: MailSink, tmp_path: Path) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 pont.essai.test tchap-bridges\r\n")
        await writer.drain()
        writer.close()

    path = str(tmp_path / "lmtp")
    async with await asyncio.start_unix_server(greet, path):
        assert await look(mail_sink.port, listen={"lmtp": f"unix:{path}"}) == []


async def test_a_mailbox_that_cannot_be_read(mail_sink: MailSink, free_port: Callable[[], int]) -> None:
    box = {"address": "l@essai.test", "host": "localhost", "port": free_port(), "user": "l", "password": "faux"}
    (finding,) = await look(mail_sink.port, mailboxes=[{**box, "security": "none"}])
    assert finding.subject == "boîte l@essai.test"
    assert "993" in finding.remedy


async def test_any_address_may_be_linked(mail_sink: MailSink) -> None:
    (finding,) = await look(mail_sink.port, allowed_domains=["*"])
    assert finding.level is Level.WARN


@pytest.mark.parametrize(
    ("changed", "level", "detail"),
    [
        ({(DOMAIN, "MX"): []}, Level.FAIL, "personne ne peut écrire"),
        ({(DOMAIN, "MX"): [], (DOMAIN, "A"): ["192.0.2.2"]}, Level.WARN, "l'adresse du domaine même"),
        ({(DOMAIN, "MX"): ["0 ."]}, Level.FAIL, "MX nul"),
        ({("mx.essai.test", "A"): []}, Level.FAIL, "n'a pas d'adresse"),
        ({(DOMAIN, "TXT"): []}, Level.WARN, "suspects"),
        ({(DOMAIN, "TXT"): ["v=spf1 -all", "v=spf1 mx -all"]}, Level.FAIL, "s'annulent"),
        ({(DOMAIN, "TXT"): ["v=spf1 +all"]}, Level.WARN, "+all"),
        ({("_dmarc.essai.test", "TXT"): ["bonjour"]}, Level.WARN, "au nom du domaine"),
    ],
)
async def test_dns(changed: Zone, level: Level, detail: str, mail_sink: MailSink) -> None:
    (finding,) = await look(mail_sink.port, zone={**ZONE, **changed})
    assert finding.level is level
    assert detail in finding.detail
    assert finding.remedy


async def test_a_domain_that_does_not_exist(mail_sink: MailSink) -> None:
    found = await look(mail_sink.port, zone={})
    assert [finding.level for finding in found] == [Level.FAIL, Level.WARN, Level.WARN, Level.WARN]


@pytest.mark.parametrize(
    ("keys", "detail"),
    [(None, "n'existe pas"), (["v=DKIM1; p="], "révoquée"), (["v=DKIM1; k=rsa; p=MIIB"], None)],
)
async def test_dkim_selector(keys: Sequence[str] | None, detail: str | None, mail_sink: MailSink) -> None:
    zone = ZONE if keys is None else {**ZONE, (f"s1._domainkey.{DOMAIN}", "TXT"): keys}
    found = await look(mail_sink.port, zone=zone, dkim_selector="s1")
    assert [detail in finding.detail for finding in found if detail] == ([True] if detail else [])


async def test_no_dns_is_a_warning_with_words(mail_sink: MailSink) -> None:
    async def lookup(_name: str, _kind: str) -> Sequence[str] | None:
        raise dns.resolver.NoNameservers

    (finding,) = await look(mail_sink.port, lookup=lookup)
    assert finding.level is Level.WARN
    assert "DNS public" in finding.remedy
