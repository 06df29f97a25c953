"""The mail servers of the tests, driven by the libraries that the bridge uses."""

import asyncio
from email.message import EmailMessage

import aioimaplib
import aiosmtplib
import pytest

from tchap_bridges.testing.dovecot import Dovecot
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.postfix import Postfix
from tchap_bridges.testing.process import MissingServerError, ServerFailedError


def mail(to="liste@ailleurs.example", number=1):
    message = EmailMessage()
    message["From"] = "Zoé Petit <zoe@ailleurs.example>"
    message["To"] = to
    message["Subject"] = f"Réunion {number}"
    message["Message-ID"] = f"<{number}@ailleurs.example>"
    message.set_content("Bonjour à toutes et à tous.\n.\nUne ligne d'un seul point.\n")
    return message


def smtp(server, port, **options):
    context = server.certificate.for_client() if hasattr(server, "certificate") else None
    return aiosmtplib.SMTP(hostname="127.0.0.1", port=port, tls_context=context, timeout=10, **options)


# ---- the sink


async def test_sink_keeps_envelope_bytes_and_time(mail_sink):
    async with smtp(mail_sink, mail_sink.port, start_tls=False) as client:
        await client.send_message(mail(), sender="retour@pont.example", recipients=["a@x.example", "b@x.example"])
    (kept,) = await mail_sink.wait_for_count(1)
    assert (kept.sender, kept.recipients) == ("retour@pont.example", ("a@x.example", "b@x.example"))
    assert (kept.message_id, kept.tls, kept.user) == ("<1@ailleurs.example>", False, None)
    assert (
        kept.message().get_content().replace("\r\n", "\n")
        == "Bonjour à toutes et à tous.\n.\nUne ligne d'un seul point.\n"
    )
    assert b"\r\n" in kept.data


async def test_sink_demands_tls_and_a_password(certificate):
    async with await MailSink.start(certificate=certificate, require_tls=True, users={"pont": "secret"}) as sink:
        async with smtp(sink, sink.port, start_tls=False) as client:
            with pytest.raises(aiosmtplib.SMTPResponseException, match="STARTTLS"):
                await client.send_message(mail())
        context = certificate.for_client()
        options = {"hostname": "localhost", "port": sink.port, "start_tls": True, "tls_context": context}
        async with aiosmtplib.SMTP(**options) as client:
            with pytest.raises(aiosmtplib.SMTPSenderRefused, match="Authentication"):
                await client.send_message(mail())
            with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                await client.login("pont", "faux")
            await client.login("pont", "secret")
            await client.send_message(mail())
        assert [(kept.tls, kept.user) for kept in sink.mails] == [(True, "pont")]


async def test_sink_refuses_drops_and_hangs_when_told(mail_sink):
    mail_sink.refuse("451 4.7.1 plus tard")
    mail_sink.refuse("554 5.7.1 jamais")
    mail_sink.drop()
    mail_sink.hang()
    mail_sink.refused_recipients["non@x.example"] = "550 5.1.1 inconnu"

    async def send(**options):
        async with smtp(mail_sink, mail_sink.port, start_tls=False) as client:
            client.timeout = 1
            return await client.send_message(mail(), **options)

    with pytest.raises(aiosmtplib.SMTPDataError, match="451"):
        await send()
    with pytest.raises(aiosmtplib.SMTPDataError, match="554"):
        await send()
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send()
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await send()
    refused, _ = await send(recipients=["oui@x.example", "non@x.example"])
    assert refused["non@x.example"].code == 550
    assert [one.outcome for one in mail_sink.sent] == ["refused", "refused", "dropped", "hung", "accepted"]
    assert len({one.message_id for one in mail_sink.sent}) == 1
    assert mail_sink.mails[0].recipients == ("oui@x.example",)


async def test_sink_goes_and_comes_back_on_its_port(mail_sink):
    async with smtp(mail_sink, mail_sink.port, start_tls=False) as client:
        await mail_sink.stop()
        with pytest.raises(aiosmtplib.SMTPException):
            await client.noop()
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await smtp(mail_sink, mail_sink.port, start_tls=False).connect()
    await mail_sink.resume()
    async with smtp(mail_sink, mail_sink.port, start_tls=False) as client:
        await client.send_message(mail())
    assert len(mail_sink.mails) == 1


# ---- Postfix


async def test_postfix_takes_a_submission_and_sends_it_on(postfix, mail_sink):
    async with smtp(postfix, postfix.submission_port, start_tls=False) as client:
        with pytest.raises(aiosmtplib.SMTPException, match="STARTTLS"):
            await client.send_message(mail())
    async with smtp(postfix, postfix.submission_port, start_tls=True) as client:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await client.send_message(mail())
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await client.login("agent@pont.example", "faux")
    async with smtp(postfix, postfix.submission_port, start_tls=True) as client:
        await client.login("agent@pont.example", "secret")
        await client.send_message(mail())
    kept = await mail_sink.wait_for(lambda one: one.message_id == "<1@ailleurs.example>")
    assert kept.recipients == ("liste@ailleurs.example",)
    assert "by mx.localhost (Postfix) with ESMTPSA" in " ".join(str(kept.message()["Received"]).split())


async def test_postfix_tries_again_after_a_refusal_and_a_cut(postfix, mail_sink):
    mail_sink.refuse()
    mail_sink.drop()
    async with smtp(postfix, postfix.port, start_tls=False) as client:
        await client.send_message(mail())
    await mail_sink.wait_for_count(1)
    assert [one.outcome for one in mail_sink.sent] == ["refused", "dropped", "accepted"]


async def test_postfix_keeps_its_queue_over_a_crash(postfix, mail_sink):
    await mail_sink.stop()
    async with smtp(postfix, postfix.port, start_tls=False) as client:
        for number in range(5):
            await client.send_message(mail(number=number))
    await postfix.kill()
    await mail_sink.resume()
    await postfix.restart()
    await mail_sink.wait_for_count(5)
    assert {one.message_id for one in mail_sink.mails} == {f"<{number}@ailleurs.example>" for number in range(5)}


async def test_postfix_delivers_a_domain_into_a_mailbox(postfix, dovecot):
    async with smtp(postfix, postfix.port, start_tls=True) as client:
        await client.send_message(mail(to="liste@pont.example"))
    async with asyncio.timeout(10):
        while not (kept := await dovecot.mails("liste@pont.example")):
            await asyncio.sleep(0.05)
    assert b"Delivered-To: liste@pont.example" in kept[0].data
    assert kept[0].flags <= {"\\Recent"}


async def test_postfix_without_a_way_out_sends_nothing_out(needs_root, server_folder):
    async with await Postfix.start(server_folder()) as server, smtp(server, server.port, start_tls=False) as client:
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused, match="sends nothing out"):
            await client.send_message(mail())


async def test_postfix_in_a_closed_folder_says_so(needs_root, tmp_path):
    with pytest.raises(ServerFailedError, match="use another folder"):
        await Postfix.start(tmp_path / "postfix")


async def test_a_missing_server_names_its_packages(monkeypatch, server_folder):
    monkeypatch.setattr("tchap_bridges.testing.process._SYSTEM_PATH", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingServerError, match="dovecot-imapd dovecot-lmtpd"):
        await Dovecot.start(server_folder(), users={})


# ---- Dovecot


async def test_dovecot_idle_sees_a_mail_come(dovecot):
    client = aioimaplib.IMAP4(host="127.0.0.1", port=dovecot.port, timeout=10)
    await client.wait_hello_from_server()
    await client.login("liste@pont.example", "secret")
    await client.select("INBOX")
    idle = await client.idle_start(timeout=20)
    await dovecot.append("liste@pont.example", mail().as_bytes())
    told = []
    while not any(line.endswith(b"EXISTS") for line in told):
        told += await client.wait_server_push(timeout=10)
    client.idle_done()
    await asyncio.wait_for(idle, 5)
    await client.logout()
    (kept,) = await dovecot.mails("liste@pont.example")
    assert kept.data == mail().as_bytes().replace(b"\n", b"\r\n")
    assert "\\Seen" not in kept.flags


async def test_dovecot_over_tls_after_a_restart(dovecot):
    await dovecot.append("agent@pont.example", mail().as_bytes())
    await dovecot.kill()
    await dovecot.restart()
    context = dovecot.certificate.for_client()
    client = aioimaplib.IMAP4_SSL(host="127.0.0.1", port=dovecot.tls_port, timeout=10, ssl_context=context)
    await client.wait_hello_from_server()
    await client.login("agent@pont.example", "secret")
    answer = await client.select("INBOX")
    assert b"1 EXISTS" in answer.lines
    await client.logout()


async def test_dovecot_takes_lmtp_for_its_users_only(dovecot):
    reader, writer = await asyncio.open_connection("127.0.0.1", dovecot.lmtp_port)

    async def say(line):
        writer.write(line + b"\r\n")
        answer = await reader.readline()
        while answer[3:4] == b"-":
            answer = await reader.readline()
        return answer[:3]

    assert (await reader.readline()).startswith(b"220")
    assert await say(b"LHLO moi") == b"250"
    assert await say(b"MAIL FROM:<>") == b"250"
    assert await say(b"RCPT TO:<personne@pont.example>") == b"550"
    assert await say(b"RCPT TO:<agent@pont.example>") == b"250"
    assert await say(b"DATA") == b"354"
    assert await say(b"Subject: LMTP\r\n\r\nbonjour\r\n.") == b"250"
    assert await say(b"QUIT") == b"221"
    writer.close()
    await writer.wait_closed()
    assert len(await dovecot.mails("agent@pont.example")) == 1
