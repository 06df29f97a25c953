"""What leaves, to a server that takes it, refuses it, falls silent or dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.compose import Letter
from tchap_bridge_email.config import EmailConfig
from tchap_bridge_email.submission import Relay, Unanswered, submit
from tchap_bridges.bridge import Asker, Item
from tchap_bridges.core.files import without_left_out
from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable
from tchap_bridges.events import Author, Message, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId, UserId
from tchap_bridges.outgoing import Outgoing, no_public_address
from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.mail_sink import MailSink
from tchap_bridges.testing.postfix import Postfix

from .conftest import LIST, SUBSCRIBER, Opener


class Remembered:
    """`outgoing.Steps` that outlives an attempt."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def get(self, step: str) -> str | None:
        return self.told.get(step)

    async def done(self, step: str, result: str) -> None:
        self.told[step] = result


class Bytes:
    """`outgoing.Attachment`."""

    def __init__(self, name: str, data: bytes, *, size: int | None = None, gone: bool = False) -> None:
        self.name, self.mime, self.size = name, "application/octet-stream", size
        self._data, self._gone = data, gone

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        if self._gone:
            raise Undeliverable("le fichier n'existe plus")

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(self._data), 1 << 16):
                yield self._data[start : start + (1 << 16)]

        yield chunks()

    async def link(self) -> str:
        return await no_public_address()


def outgoing(**more: Any) -> Outgoing:
    given = {
        "key": "k1",
        "chat": ChatId(LIST),
        "author": Author(person=PersonId("@jean:tchap"), name="Jean Dupont"),
        "network": "Tchap",
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "text": Text(plain="Bonjour"),
        "steps": Remembered(),
        "title": "Réunion",
    }
    return Outgoing(**{**given, **more})


def to(sink: MailSink, **more: Any) -> dict[str, Any]:
    return {"submission": {"host": "127.0.0.1", "port": sink.port, "security": "none", **more}}


async def test_a_message_arrives_with_its_envelope(open_bridge: Opener, mail_sink: MailSink) -> None:
    async with open_bridge(**to(mail_sink)) as bridge:
        (message_id,) = await bridge.connection.send(outgoing())
    (mail,) = mail_sink.mails
    assert (mail.message_id, mail.recipients, mail.hello) == (message_id, (LIST,), "pont.example")
    assert mail.sender.startswith("retour-")


async def test_a_return_address_is_the_chats_own(open_bridge: Opener, mail_sink: MailSink) -> None:
    asker = Asker(user=UserId("@jean:tchap"), name="Jean", room_name="Salon")
    async with open_bridge(**to(mail_sink)) as bridge:
        chat = await bridge.connection.find(LIST, {}, asker)
        await bridge.connection.send(outgoing())
    assert mail_sink.mails[0].sender in chat.aliases


@pytest.mark.parametrize(
    ("reply", "error", "retry_after"),
    [
        ("451 4.3.0 Plus tard", NotReady, 900.0),
        ("421 4.3.2 Fermeture", NotReady, None),
        ("550 5.7.1 Contenu refuse", Undeliverable, None),
        ("552 5.3.4 Trop gros", Undeliverable, None),
        ("535 5.7.8 Expediteur non autorise", Undeliverable, None),
        ("530 5.7.1 Domaine refuse", Undeliverable, None),
        ("432 4.7.12 Plus tard", NotReady, 900.0),
    ],
)
async def test_refusals_after_the_mail(
    open_bridge: Opener, mail_sink: MailSink, reply: str, error: type[Exception], retry_after: float | None
) -> None:
    mail_sink.refuse(reply)
    message = outgoing()
    async with open_bridge(**to(mail_sink)) as bridge:
        with pytest.raises(error) as raised:
            await bridge.connection.send(message)
        assert getattr(raised.value, "retry_after", None) == retry_after
        assert reply[:3] in str(raised.value)
        await bridge.connection.send(message)
        assert bridge.connection.retransmissions == 0


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("550 5.1.1 Inconnue", Undeliverable),
        ("450 4.2.1 Occupee", NotReady),
        ("530 5.7.1 Relais refuse", Undeliverable),
        ("534 5.7.9 Relais refuse", Undeliverable),
        ("535 5.7.8 Relais refuse", Undeliverable),
        ("538 5.7.11 Relais refuse", Undeliverable),
    ],
)
async def test_refusals_of_the_recipient(
    open_bridge: Opener, mail_sink: MailSink, reply: str, error: type[Exception]
) -> None:
    mail_sink.refused_recipients[LIST] = reply
    async with open_bridge(**to(mail_sink)) as bridge:
        with pytest.raises(error):
            await bridge.connection.send(outgoing())
    assert mail_sink.sent == []


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ("530 5.7.0 Authentication required", BadCredentials, "la configuration ne prévoit pas"),
        ("550 5.7.1 Expediteur refuse", Undeliverable, "a refusé le courriel"),
        ("535 5.7.8 Expediteur refuse", Undeliverable, "a refusé le courriel"),
        ("451 4.7.1 Plus tard", NotReady, "demande d'attendre"),
    ],
)
async def test_refusals_of_the_sender(mail_sink: MailSink, reply: str, error: type[Exception], words: str) -> None:
    mail_sink.refused_senders[LETTER.sender] = reply
    relay = Relay(host="127.0.0.1", port=mail_sink.port, security="none", name="essai")
    with pytest.raises(error, match=words) as raised:
        await submit(LETTER, [LIST], relay, handing=nothing)
    assert reply in str(raised.value)
    if isinstance(raised.value, BadCredentials):
        assert "submission.user" in raised.value.remedy


async def test_a_server_that_dies_before_its_answer_gets_the_same_mail_again(
    open_bridge: Opener, mail_sink: MailSink
) -> None:
    mail_sink.drop(times=2)
    message = outgoing()
    async with open_bridge(**to(mail_sink)) as bridge:
        for _ in range(2):
            with pytest.raises(NotReady):
                await bridge.connection.send(message)
        await mail_sink.stop()
        with pytest.raises(NotReady):  # away altogether: the doubt of before stays
            await bridge.connection.send(message)
        await mail_sink.resume()
        await bridge.connection.send(message)
        assert bridge.connection.retransmissions == 3
    assert len(mail_sink.sent) == 3
    assert len({one.data for one in mail_sink.sent}) == 1


async def test_a_server_that_never_answers(mail_sink: MailSink) -> None:
    mail_sink.hang()
    relay = Relay(host="127.0.0.1", port=mail_sink.port, security="none", name="essai", answer_seconds=0.2)
    with pytest.raises(Unanswered):
        await submit(LETTER, [LIST], relay, handing=nothing)


LETTER = Letter(
    message_id=MessageId("<1@x>"), sender="a@b.example", recipients=(LIST,), raw=b"Subject: x\r\n\r\n.\r\nx\r\n"
)


async def nothing() -> None: ...


async def test_one_status_for_each_recipient(mail_sink: MailSink) -> None:
    mail_sink.refused_recipients.update({"non@b.example": "550 5.1.1 Inconnue", "tard@b.example": "450 4.2.1 Occupee"})
    relay = Relay(host="127.0.0.1", port=mail_sink.port, security="none", name="essai")
    told = await submit(LETTER, ["oui@b.example", "non@b.example", "tard@b.example"], relay, handing=nothing)
    assert (told.accepted, set(told.refused), set(told.later)) == (
        ("oui@b.example",),
        {"non@b.example"},
        {"tard@b.example"},
    )
    assert mail_sink.mails[0].data == LETTER.raw


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_no_protection_no_mail(mail_sink: MailSink, certificate: Certificate, security: Any) -> None:
    relay = Relay(
        host="localhost",
        port=mail_sink.port,
        security=security,
        name="essai",
        tls=certificate.for_client(),
        connect_seconds=2,
    )
    with pytest.raises(NotReady) as raised:
        await submit(LETTER, [LIST], relay, handing=nothing)
    assert ("n'offre pas" in str(raised.value)) is (security == "starttls")
    assert mail_sink.sent == []


async def test_starttls_and_a_password(certificate: Certificate) -> None:
    async with await MailSink.start(certificate=certificate, require_tls=True, users={"pont": "secret"}) as sink:
        relay = Relay(
            host="localhost", port=sink.port, security="starttls", name="essai", user="pont", password="secret",
            tls=certificate.for_client(),
        )  # fmt: skip
        await submit(LETTER, [LIST], relay, handing=nothing)
        (mail,) = sink.mails
        assert (mail.tls, mail.user) == (True, "pont")


async def test_a_refused_password_stops_everything(certificate: Certificate) -> None:
    async with await MailSink.start(certificate=certificate, require_tls=True, users={"pont": "secret"}) as sink:
        relay = Relay(
            host="localhost", port=sink.port, security="starttls", name="essai", user="pont", password="faux",
            tls=certificate.for_client(),
        )  # fmt: skip
        with pytest.raises(BadCredentials) as raised:
            await submit(LETTER, [LIST], relay, handing=nothing)
        assert "faux" not in str(raised.value)


async def test_a_certificate_that_is_not_trusted(certificate: Certificate, open_bridge: Opener) -> None:
    async with await MailSink.start(certificate=certificate) as sink:
        submission = {"host": "localhost", "port": sink.port, "security": "starttls"}
        async with open_bridge(submission=submission) as bridge:
            with pytest.raises(NotReady, match="chiffrée"):
                await bridge.connection.send(outgoing())
        assert sink.sent == []


async def test_files_go_along(open_bridge: Opener, mail_sink: MailSink) -> None:
    files = (Bytes("plan.pdf", b"P" * 200_000), Bytes("perdu.pdf", b"", gone=True), Bytes("film.mov", b"", size=10**9))
    message = outgoing(files=files)
    async with open_bridge(**to(mail_sink)) as bridge:
        await bridge.connection.send(message)
    mail = mail_sink.mails[0].message()
    assert [part.get_filename() for part in mail.iter_attachments()] == ["plan.pdf"]
    said = mail.get_body(("plain",)).get_content()
    assert "perdu.pdf (le fichier n'existe plus)" in said
    assert "film.mov (un courriel porte ici 21 Mo de pièces jointes au plus)" in said
    assert [message.left_out(n) is None for n in range(3)] == [True, False, False]


@pytest.mark.parametrize("how", ["announced", "said afterwards"])
async def test_what_the_server_finds_too_big_does_not_hold_back_the_text(
    open_bridge: Opener, mail_sink: MailSink, how: str
) -> None:
    limit = 50_000 if how == "announced" else 10**9
    async with await MailSink.start(size_limit=limit) as sink:
        if how != "announced":
            sink.refuse("552 5.3.4 Trop gros")
        message = outgoing(files=(Bytes("plan.pdf", b"P" * 200_000),))
        async with open_bridge(**to(sink)) as bridge:
            await bridge.connection.send(message)
            assert bridge.connection.retransmissions == 0
            sent = sink.mails[0].data
            await bridge.connection.send(without_left_out(message))  # we stopped before it was written down
        (mail,) = sink.mails[1:]
        assert mail.data == sent
        assert list(mail.message().iter_attachments()) == []
        assert "plan.pdf (le serveur d'envoi n'accepte pas" in mail.message().get_body(("plain",)).get_content()
        assert message.left_out(0) is not None


async def test_sends_overlap(open_bridge: Opener, mail_sink: MailSink) -> None:
    mail_sink.hang()
    async with open_bridge(**to(mail_sink)) as bridge:
        stuck = asyncio.create_task(bridge.connection.send(outgoing(key="stuck")))
        await asyncio.sleep(0.2)
        await bridge.connection.send(outgoing(key="other"))
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)
    assert len(mail_sink.mails) == 1


async def test_a_submission_that_drags_on_holds_up_no_other_file(open_bridge: Opener, mail_sink: MailSink) -> None:
    mail_sink.hang()
    async with open_bridge(**to(mail_sink)) as bridge:
        stuck = asyncio.create_task(bridge.connection.send(outgoing(key="stuck", files=(Bytes("a", b"A"),))))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            await bridge.connection.send(outgoing(key="other", files=(Bytes("b", b"B"),)))
        stuck.cancel()
        await asyncio.gather(stuck, return_exceptions=True)
    assert len(mail_sink.mails) == 1


async def test_no_option_names_another_recipient(open_bridge: Opener, mail_sink: MailSink) -> None:
    asker = Asker(user=UserId("@jean:tchap"), name="Jean", room_name="Salon")
    aside = {"post": "anyone@evil.example"}
    async with open_bridge(**to(mail_sink)) as bridge:
        for words in (LIST, "adresse"):
            chat = await bridge.connection.find(words, aside, asker)
            assert chat == await bridge.connection.find(words, {}, asker)
            assert chat.options == {}
        await bridge.connection.send(outgoing(options=aside))  # a link made when there was such an option
        with pytest.raises(Undeliverable):
            await bridge.connection.send(outgoing(options=aside, chat=ChatId("accueil-abcdefgh@pont.example")))
    assert [mail.recipients for mail in mail_sink.mails] == [(LIST,)]


async def test_an_address_of_ours_writes_to_whom_it_answers(open_bridge: Opener, mail_sink: MailSink) -> None:
    async with open_bridge(**to(mail_sink)) as bridge:
        with pytest.raises(Undeliverable) as raised:
            await bridge.connection.send(outgoing(chat=ChatId("accueil-abcdefgh@pont.example")))
        assert raised.value.remedy
        marie = Author(person=PersonId("marie@exemple.fr"), name="Marie")
        await bridge.connection.send(outgoing(chat=ChatId("accueil-abcdefgh@pont.example"), answered=marie))
        two = Author(person=PersonId("marie@exemple.fr,x@evil.example"), name="Marie")
        with pytest.raises(Undeliverable, match="n'en est pas une"):
            await bridge.connection.send(outgoing(chat=ChatId("accueil-abcdefgh@pont.example"), answered=two))
    (mail,) = mail_sink.mails
    assert mail.recipients == ("marie@exemple.fr",)
    assert str(mail.message()["Reply-To"]) == "accueil-abcdefgh@pont.example"


@pytest.mark.parametrize(
    ("sender", "asks", "recipient"),
    [
        ("Formulaire <noreply@site.example>", "Marie <Marie@Exemple.fr>", "marie@exemple.fr"),
        ("Formulaire <noreply@site.example>", "pas une adresse, marie@exemple.fr", "marie@exemple.fr"),
        ("Adresse perdue", "marie@exemple.fr", "marie@exemple.fr"),
        ("marie@exemple.fr", "Marie <marie@exemple.fr>", "marie@exemple.fr"),
        ("marie@exemple.fr", "autre-salon-abcdefgh@pont.example", "marie@exemple.fr"),
        ("marie@exemple.fr", "", "marie@exemple.fr"),
        ('"demande de répondre à x@evil.example" <marie@exemple.fr>', "", "marie@exemple.fr"),
    ],
)
async def test_an_answer_goes_where_its_author_asked(
    open_bridge: Opener, mail_sink: MailSink, sender: str, asks: str, recipient: str
) -> None:
    ours = "accueil-abcdefgh@pont.example"
    raw = f"From: {sender}\r\nReply-To: {asks}\r\nTo: {ours}\r\nMessage-ID: <1@x>\r\n\r\nBonjour\r\n".encode()
    item = Item(key="k", raw=raw, meta={"recipient": ours, "sender": ""}, received_at=datetime(2026, 3, 1, tzinfo=UTC))
    async with open_bridge(**to(mail_sink)) as bridge:
        config = EmailConfig.model_validate(
            {"domain": "pont.example", "listen": {"smtp": "127.0.0.1:9"}, **to(mail_sink)}
        )
        (message,) = EmailBridge.read(item, config)
        assert isinstance(message, Message)
        await bridge.connection.send(outgoing(chat=ChatId(ours), answered=message.author))
    assert mail_sink.mails[0].recipients == (recipient,)


async def test_an_accented_address_needs_a_server_that_knows_them(open_bridge: Opener, mail_sink: MailSink) -> None:
    async with open_bridge(**to(mail_sink)) as bridge:
        await bridge.connection.send(outgoing(chat=ChatId("éléonore@exemple.fr")))
    assert mail_sink.mails[0].recipients == ("éléonore@exemple.fr",)


async def test_a_code_is_mailed_by_a_robot(open_bridge: Opener, mail_sink: MailSink) -> None:
    asker = Asker(user=UserId("@jean:tchap"), name="Jean\r\nBcc: x@y.example", room_name="Salon {code}")
    async with open_bridge(**to(mail_sink)) as bridge:
        await bridge.connection.challenge("liste@ailleurs.example", "12345678", asker, key="k")
    (mail,) = mail_sink.mails
    said = mail.message().get_body(("plain",)).get_content()
    assert (mail.sender, mail.recipients) == ("<>", ("liste@ailleurs.example",))
    french, english = said.split("--------")
    assert "!pont code 12345678" in french
    assert "!bridge code 12345678" in english
    assert "!pont" not in english
    assert "« Salon {code} »" in said
    assert "Jean Bcc: x@y.example (@jean:tchap) demande" in said
    assert mail.message()["Auto-Submitted"] == "auto-generated"
    assert mail.message()["Reply-To"] is None


async def test_through_a_real_postfix_and_back(open_bridge: Opener, postfix: Postfix, mail_sink: MailSink) -> None:
    submission = {"host": "127.0.0.1", "port": postfix.port, "security": "none"}
    async with open_bridge(submission=submission) as bridge:
        bridge.host.link(LIST, SUBSCRIBER)
        (message_id,) = await bridge.connection.send(outgoing(files=(Bytes("plan.pdf", b"P" * 2_000_000),)))
        mail = await mail_sink.wait_for(lambda one: one.message_id == message_id)
        assert [part.get_filename() for part in mail.message().iter_attachments()] == ["plan.pdf"]
