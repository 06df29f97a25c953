"""Holes that other mail servers and bridges had, tried on ours: whose certificate it is, and what is said in clear."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from tchap_bridge_email.imap_client import Account, signed_in
from tchap_bridge_email.submission import Relay, submit
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.events import Author, Text
from tchap_bridges.ids import PersonId
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.dovecot import Dovecot
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.postfix import Postfix

from .conftest import LIST, SECOND, SUBSCRIBER, Opener
from .test_sending import LETTER, nothing, outgoing

ROOT = Path(__file__).parents[3]
USER = "agent@pont.example"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@pytest.fixture(params=["localhost", "ailleurs.example"])
def named(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Certificate, bool]:
    """A certificate that the client trusts, and whether it is that of the server it asks for."""
    return Certificate.make(tmp_path / "named", names=(request.param,)), request.param == "localhost"


@asynccontextmanager
async def speaking(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that says what a test wants it to; the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):  # the client went, as it should
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


# CVE-2022-45197: slixmpp checked who had signed a certificate, and not whose it was.


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_cve_2022_45197_submission_under_another_name(named: tuple[Certificate, bool], security: Any) -> None:
    certificate, right = named
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 essai\r\n")
        if security == "starttls":
            await reader.readline()
            writer.write(b"250-essai\r\n250 STARTTLS\r\n")
            await reader.readline()
            writer.write(b"220 go\r\n")
            await writer.start_tls(certificate.for_server())
        heard.append(await reader.readline())

    async with speaking(talk, certificate.for_server() if security == "tls" else None) as port:
        tls = certificate.for_client()
        relay = Relay(host="localhost", port=port, security=security, name="essai", tls=tls, connect_seconds=10)
        with pytest.raises(NotReady) as raised:
            await submit(LETTER, [LIST], relay, handing=nothing)
    assert ("chiffrée" in str(raised.value)) is not right
    assert bool(b"".join(heard)) is right


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_cve_2022_45197_imap_under_another_name(
    server_folder: Callable[[], Path], named: tuple[Certificate, bool], security: Any
) -> None:
    certificate, right = named
    async with await Dovecot.start(server_folder(), users={USER: "secret"}, certificate=certificate) as dovecot:
        port = dovecot.tls_port if security == "tls" else dovecot.port
        account = Account(
            address=USER, host="localhost", port=port, security=security, user=USER, password="secret",
            folder="INBOX", tls=certificate.for_client(),
        )  # fmt: skip
        if right:
            async with signed_in(account):
                return
        with pytest.raises(NotReady):
            async with signed_in(account, seconds=10):
                pass


# CVE-2024-34083: what was said in clear counted after STARTTLS. Here from the other side: answers of somebody between.


async def test_cve_2024_34083_answers_slipped_in_before_starttls_of_submission(certificate: Certificate) -> None:
    """All that the rest of the session asks is answered already, in clear: nothing of it is believed."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 essai\r\n")
        heard.append(await reader.readline())
        writer.write(b"250-essai\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n")
        heard.append(await reader.readline())
        writer.write(
            b"220 go\r\n250 AUTH PLAIN LOGIN\r\n" + b"235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n" * 3
        )
        await writer.start_tls(certificate.for_server())
        heard.append(await reader.readline())
        writer.write(b"250-essai\r\n250 AUTH PLAIN\r\n")
        heard.append(await reader.readline())
        writer.write(b"535 no\r\n")
        while line := await reader.readline():
            heard.append(line)

    async with speaking(talk) as port:
        relay = Relay(
            host="localhost", port=port, security="starttls", name="essai", user="pont", password="secret",
            tls=certificate.for_client(), connect_seconds=10,
        )  # fmt: skip
        with pytest.raises(BadCredentials):
            await submit(LETTER, [LIST], relay, handing=nothing)
    assert [line.split(b" ")[0].strip().upper() for line in heard[:4]] == [b"EHLO", b"STARTTLS", b"EHLO", b"AUTH"]
    assert not any(line.startswith((b"MAIL", b"DATA")) for line in heard)


@pytest.mark.parametrize("cut", [b"", b"* CAP"])
async def test_cve_2024_34083_answers_slipped_in_before_starttls_of_imap(certificate: Certificate, cut: bytes) -> None:
    """The tags of our commands can be guessed: the answers to all of them come early, in clear."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] essai\r\n")
        while True:
            line = await reader.readline()
            heard.append(line)
            tag, word = line.split()[:2]
            if word.upper() == b"STARTTLS":
                break
            writer.write(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")
        prefix, number = tag[:-1], tag[-1:]
        early = b"".join(prefix + bytes([number[0] + n]) + b" OK slipped in\r\n" for n in range(1, 5))
        writer.write(tag + b" OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + early + cut)
        await writer.start_tls(certificate.for_server())
        while line := await reader.readline():
            heard.append(line)
            tag, word = line.split()[:2]
            if word.upper() == b"LOGIN":
                writer.write(tag + b" NO refused\r\n")
            else:
                writer.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")

    async with speaking(talk) as port:
        account = Account(
            address=USER, host="localhost", port=port, security="starttls", user=USER, password="secret",
            folder="INBOX", tls=certificate.for_client(),
        )  # fmt: skip
        with pytest.raises((BadCredentials, NotReady)):
            async with signed_in(account, seconds=5):
                pytest.fail("signed in by answers that came in clear")
    assert not any(b"LOGIN" in line for line in heard[: heard.index(next(x for x in heard if b"STARTTLS" in x))])


# CVE-2024-27305: two servers that disagree where a mail ends.


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r"])
@pytest.mark.parametrize("way", ["lmtp", "smtp"])
async def test_cve_2024_27305_nothing_is_smuggled_by_way_of_postfix(
    open_bridge: Opener, needs_root: None, server_folder: Callable[[], Path], way: str, end: bytes
) -> None:
    """Set as we tell operators to set it: Postfix and the bridge agree on where a mail ends."""
    hidden = f"MAIL FROM:<chef@gouv.fr>\r\nRCPT TO:<{SECOND}>\r\nDATA\r\nSubject: faux\r\n\r\nfaux\r\n.\r\n".encode()
    mail = b"From: zoe@exemple.fr\r\nSubject: un\r\nMessage-ID: <s@exemple.fr>\r\n\r\nvrai" + end + hidden
    async with open_bridge() as bridge:
        bridge.host.link(LIST, SUBSCRIBER, SECOND)
        doors = {"lmtp": f"lmtp:inet:127.0.0.1:{bridge.lmtp}", "smtp": f"smtp:[127.0.0.1]:{bridge.smtp}"}
        deliver = {"pont.example": doors[way]}
        async with await Postfix.start(server_folder(), deliver=deliver, extra=told_to_operators()) as postfix:
            reader, writer = await asyncio.open_connection("127.0.0.1", postfix.port)
            await reader.readline()
            for command in (b"EHLO x", b"MAIL FROM:<zoe@exemple.fr>", f"RCPT TO:<{SUBSCRIBER}>".encode(), b"DATA"):
                writer.write(command + b"\r\n")
                while (await reader.readline())[3:4] == b"-":
                    pass
            writer.write(mail)
            with suppress(ConnectionError):
                await reader.readline()
            writer.close()
            await aiosmtplib.send(
                b"From: zoe@exemple.fr\r\nSubject: deux\r\n\r\napres\r\n", sender="zoe@exemple.fr",
                recipients=[SUBSCRIBER], hostname="127.0.0.1", port=postfix.port, start_tls=False,
            )  # fmt: skip
            async with asyncio.timeout(30):
                while not any(b"apres" in item.raw for item in bridge.host.items) or postfix.queued():
                    await asyncio.sleep(0.05)
    assert {(item.meta["sender"], item.meta["recipient"]) for item in bridge.host.items} == {
        ("zoe@exemple.fr", SUBSCRIBER)
    }


def told_to_operators() -> dict[str, str]:
    """What our example of a main.cf says of line ends; as for a stranger, for this machine's own mail is exempt."""
    shown = (ROOT / "docs" / "operate" / "postfix" / "main.cf").read_text()
    told = dict(re.findall(r"^(smtpd_forbid_\w+) = (.+)$", shown, re.MULTILINE))
    assert told
    return {**told, "smtpd_forbid_bare_newline_exclusions": ""}


@pytest.mark.parametrize("end", ["\n.\n", "\r\n.\r\n", "\n.\r\n", "\r.\r", "\r\n.\n"])
async def test_cve_2024_27305_words_of_a_room_do_not_end_a_mail(
    open_bridge: Opener, needs_root: None, server_folder: Callable[[], Path], mail_sink: MailSink, end: str
) -> None:
    """What is typed in a room, a name, or a subject, leaves through a real Postfix as one mail."""
    more = f"{end}MAIL FROM:<chef@gouv.fr>\r\nRCPT TO:<{SECOND}>\r\nDATA\r\nSubject: faux\r\n\r\nfaux{end}"
    zoe = Author(person=PersonId("@zoe:tchap"), name=f"Zoé{more}")
    async with await Postfix.start(server_folder(), relay_to=("127.0.0.1", mail_sink.port)) as postfix:
        submission = {"host": "127.0.0.1", "port": postfix.port, "security": "none"}
        async with open_bridge(submission=submission) as bridge:
            await bridge.connection.send(
                outgoing(text=Text(plain=f"vrai{more}"), title=f"sujet{more}", author=zoe, key="k2")
            )
            await bridge.connection.send(outgoing(text=Text(plain="apres")))
            await mail_sink.wait_for(lambda one: b"apres" in one.data, timeout=60)
            async with asyncio.timeout(30):
                while postfix.queued():
                    await asyncio.sleep(0.05)
    assert {one.recipients for one in mail_sink.mails} == {(LIST,)}
    assert len(mail_sink.mails) == 2
