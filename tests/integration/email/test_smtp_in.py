"""The door, by raw sockets: what is taken is on disk first, and what should not come in does not."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.entrance import House
from tchap_bridge_email.smtp_in import Door, listening
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.fields import Endpoint
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.host import FakeHost

from .conftest import LIST, SECOND, SUBSCRIBER, Bridge, Dial, Opener

MAIL = b"From: marie@exemple.fr\r\nMessage-ID: <1@exemple.fr>\r\nSubject: x\r\n\r\nBonjour\r\n"


async def test_a_mail_is_kept_as_it_came(bridge: Bridge, dial: Dial) -> None:
    body = MAIL + b"..deux\r\n" + bytes(range(128, 256)) + b"\r\n" + b"long" * 40_000 + b"\r\n"
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert (await client.reply()).startswith("250")
    (item,) = bridge.host.items
    assert item.raw == body
    assert (item.meta["recipient"], item.meta["sender"], item.meta["via"]) == (SUBSCRIBER, "marie@exemple.fr", "smtp")


async def test_a_session_takes_several_mails_and_pipelined_commands(bridge: Bridge, dial: Dial) -> None:
    one = b"MAIL FROM:<>\r\nRCPT TO:<" + SUBSCRIBER.encode() + b">\r\nDATA\r\n"
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai")
        await client.raw(one + MAIL + b".\r\n" + one + MAIL.replace(b"<1@", b"<2@") + b".\r\nQUIT\r\n")
        replies = [(await client.reply())[:3] for _ in range(9)]
    assert replies == ["250", "250", "354", "250", "250", "250", "354", "250", "221"]
    assert [item.meta["sender"] for item in bridge.host.items] == ["", ""]


async def test_the_same_mail_again_is_acknowledged_and_kept_once(bridge: Bridge, dial: Dial) -> None:
    for _ in range(2):
        async with dial(bridge.smtp) as client:
            await client.ready()
            await client.raw(MAIL + b".\r\n")
            assert (await client.reply()).startswith("250")
    assert len(bridge.host.items) == 1


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r\n.\n",
        b"\n\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\0\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    ],
)
async def test_cve_2024_27305_nothing_is_smuggled(bridge: Bridge, dial: Dial, end: bytes) -> None:
    hidden = f"MAIL FROM:<chef@gouv.fr>\r\nRCPT TO:<{SECOND}>\r\nDATA\r\nSubject: faux\r\n\r\nfaux".encode()
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL.removesuffix(b"\r\n") + end + hidden + b"\r\n.\r\n")
        reply = await client.reply()
        await client.raw(b"QUIT\r\n")
        rest = await client.reply()
    assert {item.meta["recipient"] for item in bridge.host.items} <= {SUBSCRIBER}
    lone = end.replace(b"\r\n", b"")
    if b"\r" in lone or b"\n" in lone:
        assert reply.startswith("550 5.5.2")
        assert rest == ""
        assert bridge.host.items == []
    else:
        assert reply.startswith("250")
        assert rest.startswith("221")
        assert hidden in bridge.host.items[0].raw


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("victime@gmail.example", "550 5.7.1"),
        ("victime%gmail.example@pont.example", "550 5.1.1"),
        ("@pont.example:victime@gmail.example", "550 5.7.1"),
        ("victime@gmail.example@pont.example", "553 5.1.3"),
        ("victime!gmail.example", "553 5.1.3"),
        ('"victime@gmail.example"', "553 5.1.3"),
        ("personne@pont.example", "550 5.1.1"),
        (LIST, "550 5.7.1"),
        ("", "553 5.1.3"),
        ("pont@pont.example", "550 5.7.1 This address only sends"),
        ("Postmaster@pont.example", "550 5.1.1 Nobody reads it here"),
        ("postmaster", "550 5.1.1 Nobody reads it here"),
        ("postmaster@autre.example", "550 5.7.1 Relaying denied"),
        (SUBSCRIBER, "250"),
        (SUBSCRIBER.upper(), "250"),
        (f"{SUBSCRIBER}.", "250"),
        (f"@relais.example:{SUBSCRIBER}", "250"),
    ],
)  # fmt: skip
async def test_only_our_own_addresses_exist(bridge: Bridge, dial: Dial, recipient: str, code: str) -> None:
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai", b"MAIL FROM:<x@y.example>")
        assert (await client.say(f"RCPT TO:<{recipient}>".encode())).startswith(code)


async def test_ten_thousand_recipients(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai", b"MAIL FROM:<x@y.example>")
        replies: list[str] = []
        for _ in range(100):
            await client.raw(f"RCPT TO:<{SUBSCRIBER}>\r\n".encode() * 100)
            replies += [(await client.reply())[:9] for _ in range(100)]
        assert replies.count("250 2.1.5") == 100
        assert replies.count("452 4.5.3") == 9_900
        assert (await client.say(b"DATA")).startswith("354")
        await client.raw(MAIL + b".\r\n")
        assert (await client.reply()).startswith("250")
    assert len(bridge.host.items) == 1


async def test_who_tries_addresses_is_sent_away(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai", b"MAIL FROM:<x@y.example>")
        replies = []
        while reply := await client.say(b"RCPT TO:<essai%d@pont.example>" % len(replies)):
            replies.append(reply[:3])
    assert len(replies) == House(domain="", sender="", size=0).refused_recipients
    assert (set(replies[:-1]), replies[-1]) == ({"550"}, "421")


async def test_size_is_refused_when_declared_and_when_not(open_bridge: Opener, dial: Dial) -> None:
    async with open_bridge(listen={"size_mb": 1}) as bridge:
        bridge.host.link(LIST, SUBSCRIBER)
        async with dial(bridge.smtp) as client:
            await client.reply()
            assert "SIZE 1000000" in await client.say(b"EHLO essai")
            assert (await client.say(b"MAIL FROM:<x@y.example> SIZE=1000001")).startswith("552")
            assert (await client.say(b"MAIL FROM:<x@y.example> SIZE=999999")).startswith("250")
            await client.say(f"RCPT TO:<{SUBSCRIBER}>".encode(), b"DATA")
            await client.raw(MAIL + b"x" * 1_500_000 + b"\r\n.\r\n")
            assert (await client.reply()).startswith("552 5.3.4")
            assert (await client.say(b"NOOP")).startswith("250")
            await client.say(b"MAIL FROM:<x@y.example>", f"RCPT TO:<{SUBSCRIBER}>".encode(), b"DATA")
            await client.raw(MAIL + b"x" * 5_000_000 + b"\r\n.\r\n")
            assert (await client.reply()).startswith("552 5.3.4")
            assert await client.reply() == ""
        assert bridge.host.items == []


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (b"MAIL FROM:<a\0b@y.example>", "5"),
        (b"MAIL FROM:<a@y.example>\rRCPT TO:<x@y.example>", "5"),
        (b"RCPT TO:<a\0@pont.example>", "5"),
        (b"\0", "5"),
        (b"\xff\xfe", "5"),
        (b"VRFY abonne@pont.example", "252"),
        (b"EXPN abonne@pont.example", "502"),
        (b"AUTH PLAIN AGEAYg==", "502"),
        (b"TURN", "5"),
        (b"MAIL FROM:" + b"x" * 70_000, "5"),
        (b"DATA", "503"),
        (b"STARTTLS", "454"),
    ],
)
async def test_odd_commands_are_answered_and_survived(bridge: Bridge, dial: Dial, line: bytes, codes: str) -> None:
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai")
        if line.startswith(b"RCPT"):
            await client.say(b"MAIL FROM:<a@y.example>")
        assert (await client.say(line)).startswith(codes)
        assert (await client.say(b"NOOP")).startswith("250")


async def test_nul_in_a_header_is_refused(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL.replace(b"Subject: x", b"Subject: x\0y") + b".\r\n")
        assert (await client.reply()).startswith("550 5.6.0")
    assert bridge.host.items == []


@pytest.mark.parametrize(
    "error", [NotReady("plein"), RuntimeError("bogue"), OSError("disque plein"), ValueError("5xx")]
)
async def test_whatever_goes_wrong_the_sender_keeps_the_mail(bridge: Bridge, dial: Dial, error: Exception) -> None:
    async with dial(bridge.smtp) as client:
        await client.ready()
        bridge.host.refusal = error
        await client.raw(MAIL + b".\r\n")
        assert (await client.reply()).startswith("451")
        bridge.host.refusal = None
        await client.say(b"MAIL FROM:<x@y.example>", f"RCPT TO:<{SUBSCRIBER}>".encode(), b"DATA")
        await client.raw(MAIL + b".\r\n")
        assert (await client.reply()).startswith("250")
    assert len(bridge.host.items) == 1


async def test_a_bug_of_ours_at_a_command_is_no_refusal_either(bridge: Bridge, dial: Dial) -> None:
    bridge.host.refusal = RuntimeError("bogue")
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai", b"MAIL FROM:<x@y.example>")
        assert (await client.say(f"RCPT TO:<{SUBSCRIBER}>".encode())).startswith("451")


async def test_who_is_too_slow_or_too_many_is_told_so(dial: Dial, free_port: Callable[[], int]) -> None:
    host, port = FakeHost(), free_port()
    host.link(LIST, SUBSCRIBER)
    house = House(domain="pont.example", sender="pont@pont.example", size=10_000, idle=1, data=0.5, sessions=2)
    door = Door(endpoint=Endpoint("127.0.0.1", port), lmtp=False, where="listen.smtp")
    async with listening([door], house, host), dial(port) as idle, dial(port) as slow:
        assert (await idle.reply()).startswith("220")
        await slow.ready()
        async with dial(port) as third:
            assert (await third.reply()).startswith("421 4.7.0")
        await slow.raw(b"Subject: x\r\n")
        assert (await slow.reply()).startswith("421 4.4.2")
        assert await slow.reply() == ""
        assert await idle.reply() == ""
        async with dial(port) as again:
            assert (await again.reply()).startswith("220")


async def test_while_nothing_can_be_looked_up_the_sender_waits(bridge: Bridge, dial: Dial) -> None:
    bridge.host.refusal = NotReady("base absente")
    async with dial(bridge.smtp) as client:
        await client.reply()
        await client.say(b"EHLO essai", b"MAIL FROM:<x@y.example>")
        assert (await client.say(f"RCPT TO:<{SUBSCRIBER}>".encode())).startswith("451")


async def test_hanging_up_after_the_final_dot_undoes_nothing(bridge: Bridge, dial: Dial) -> None:
    bridge.host.delay = 0.3
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL + b".\r\n")
        await asyncio.sleep(0.1)
        client.writer.transport.abort()
    await bridge.host.wait_for(1)
    bridge.host.delay = 0
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL + b".\r\n")
        assert (await client.reply()).startswith("250")
    assert len(bridge.host.items) == 1


async def test_a_stopping_bridge_stores_what_it_has_taken(open_bridge: Opener, dial: Dial) -> None:
    async with open_bridge() as bridge:
        bridge.host.link(LIST, SUBSCRIBER)
        bridge.host.delay = 0.3
        async with dial(bridge.smtp) as client:
            await client.ready()
            await client.raw(MAIL + b".\r\n")
            await asyncio.sleep(0.1)
    assert len(bridge.host.items) == 1


async def test_a_mail_cut_before_its_end_is_no_mail(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL)
    async with dial(bridge.smtp) as client:
        assert (await client.reply()).startswith("220")
    assert bridge.host.items == []


async def test_a_client_that_has_said_all_is_still_answered(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL + b".\r\nQUIT\r\n")
        client.writer.write_eof()
        assert (await client.reply()).startswith("250")
        assert (await client.reply()).startswith("221")
        assert await client.reply() == ""


async def test_lmtp_answers_for_each_recipient(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.lmtp) as client:
        assert (await client.reply()).startswith("220")
        assert (await client.say(b"EHLO essai")).startswith("500")
        assert (await client.say(b"HELO essai")).startswith("500")
        await client.say(b"LHLO essai", b"MAIL FROM:<>")
        codes = [
            (await client.say(f"RCPT TO:<{one}>".encode()))[:3]
            for one in (SUBSCRIBER, "personne@pont.example", SECOND, SUBSCRIBER)
        ]
        assert codes == ["250", "550", "250", "250"]
        await client.say(b"DATA")
        await client.raw(MAIL + b".\r\n")
        assert [(await client.reply())[:3] for _ in range(3)] == ["250", "250", "250"]
        assert (await client.say(b"NOOP")).startswith("250")
    assert [item.meta["recipient"] for item in bridge.host.items] == [SUBSCRIBER, SECOND]
    assert len({item.key for item in bridge.host.items}) == 2


async def test_lmtp_refuses_for_each_recipient_too(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.lmtp) as client:
        await client.ready(SUBSCRIBER, SECOND)
        bridge.host.refusal = RuntimeError("bogue")
        await client.raw(MAIL + b".\r\n")
        assert [(await client.reply())[:3] for _ in range(2)] == ["451", "451"]


async def test_cve_2024_34083_starttls_forgets_what_was_said_in_clear(
    open_bridge: Opener, dial: Dial, certificate: Certificate
) -> None:
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    async with open_bridge(listen=pair) as bridge:
        bridge.host.link(LIST, SUBSCRIBER)
        async with dial(bridge.smtp) as client:
            await client.reply()
            assert "STARTTLS" in await client.say(b"EHLO essai")
            await client.say(b"MAIL FROM:<clair@y.example>")
            await client.raw(f"STARTTLS\r\nRCPT TO:<{SUBSCRIBER}>\r\nDATA\r\n".encode())
            assert (await client.reply()).startswith("220")
            await client.writer.start_tls(certificate.for_client(), server_hostname="localhost")
            assert (await client.say(b"NOOP")).startswith("250")
            assert (await client.say(f"RCPT TO:<{SUBSCRIBER}>".encode())).startswith("503")
            assert "STARTTLS" not in await client.say(b"EHLO essai")
            await client.say(b"MAIL FROM:<x@y.example>", f"RCPT TO:<{SUBSCRIBER}>".encode(), b"DATA")
            await client.raw(MAIL + b".\r\n")
            assert (await client.reply()).startswith("250")
            assert (await client.say(b"QUIT")).startswith("221")
        (item,) = bridge.host.items
        assert (item.meta["sender"], item.meta["tls"]) == ("x@y.example", "yes")


async def test_a_client_that_breaks_off_the_handshake_does_no_harm(
    open_bridge: Opener, dial: Dial, certificate: Certificate
) -> None:
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    async with open_bridge(listen=pair) as bridge:
        async with dial(bridge.smtp) as client:
            await client.reply()
            await client.say(b"EHLO essai", b"STARTTLS")
            with pytest.raises(ssl.SSLError):
                await client.writer.start_tls(ssl.create_default_context(), server_hostname="ailleurs")
        async with dial(bridge.smtp) as client:
            assert (await client.reply()).startswith("220")


async def test_a_port_that_is_taken_is_a_mistake_of_the_configuration(bridge: Bridge, open_bridge: Opener) -> None:
    with pytest.raises(Misconfigured) as refused:
        async with open_bridge(listen={"smtp": f"127.0.0.1:{bridge.smtp}"}):
            pass
    assert (refused.value.where, bool(refused.value.remedy)) == ("listen.smtp", True)


async def test_lmtp_on_a_socket_file(open_bridge: Opener, tmp_path: Path) -> None:
    async with open_bridge(listen={"lmtp": f"unix:{tmp_path}/lmtp"}):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "lmtp"))
        assert (await reader.readline()).startswith(b"220")
        writer.close()
        await writer.wait_closed()


async def test_what_was_kept_can_be_read(bridge: Bridge, dial: Dial) -> None:
    async with dial(bridge.smtp) as client:
        await client.ready()
        await client.raw(MAIL + b".\r\n")
        await client.reply()
    config = bridge.connection._config
    (event,) = EmailBridge.read(bridge.host.items[0], config)
    assert event.chat == SUBSCRIBER
