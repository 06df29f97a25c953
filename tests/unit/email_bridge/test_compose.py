"""The mail that leaves: what a mail program reads in it, and that nothing written in a room can break out of it."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_email import fields
from tchap_bridge_email.compose import Enclosure, Letter, Origin, compose, references, subject
from tchap_bridges.events import Author, Form, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing

ORIGIN = Origin(address="pont@pont.fr", domain="pont.fr", secret=b"s" * 32)
FIELDS = {
    "date", "from", "to", "reply-to", "subject", "message-id", "in-reply-to", "references", "mime-version", "x-loop",
    "x-tchap-bridges-id", "content-type",
}  # fmt: skip


class NoSteps:
    def get(self, step: str) -> str | None:
        return None

    async def done(self, step: str, result: str) -> None: ...


def outgoing(**more: Any) -> Outgoing:
    given = {
        "key": "k1",
        "chat": ChatId("liste@exemple.fr"),
        "author": Author(person=PersonId("@jean:tchap"), name="Jean Dupont"),
        "network": "Tchap",
        "at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        "text": Text(plain="Bonjour à tous", html="<p>Bonjour <strong>à tous</strong></p>"),
        "steps": NoSteps(),
        "title": "Réunion de mardi",
    }
    return Outgoing(**{**given, **more})


def letter(message: Outgoing | None = None, **more: Any) -> Letter:
    return compose(message or outgoing(), **{"origin": ORIGIN, "recipients": ["liste@exemple.fr"], **more})


def read(sent: Letter) -> EmailMessage:
    return email.message_from_bytes(sent.raw, policy=email.policy.default)


def test_a_person_writes_to_a_list() -> None:
    sent = letter()
    mail = read(sent)
    assert mail["From"] == '"Jean Dupont (via Tchap)" <pont@pont.fr>'
    assert mail["To"].addresses[0].addr_spec == mail["Reply-To"].addresses[0].addr_spec == "liste@exemple.fr"
    assert mail["Subject"] == "Réunion de mardi"
    assert mail["Message-ID"] == mail["X-Tchap-Bridges-Id"] == sent.message_id
    assert mail["Date"].datetime == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert mail["In-Reply-To"] is mail["References"] is mail["Auto-Submitted"] is None
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert mail.get_body(("plain",)).get_content() == "Bonjour à tous\r\n"
    assert "<strong>à tous</strong>" in mail.get_body(("html",)).get_content()
    assert sent.sender.startswith("retour-")
    assert sent.sender.endswith("@pont.fr")


def test_the_same_message_is_the_same_mail_at_each_attempt() -> None:
    assert letter(enclosures=[Enclosure(name="a", mime="x/y", data=b"z")]) == letter(
        enclosures=[Enclosure(name="a", mime="x/y", data=b"z")]
    )
    assert letter().message_id != letter(outgoing(key="k2")).message_id


def test_an_answer_is_in_the_thread() -> None:
    mail = read(letter(outgoing(thread=("<a@x>", "<b@x>", "<c@x>"), reply_to=MessageId("<b@x>"))))
    assert mail["In-Reply-To"] == "<b@x>"
    assert mail["References"] == "<a@x> <c@x> <b@x>"
    assert mail["Subject"] == "Re: Réunion de mardi"


def test_without_a_known_parent_the_last_of_the_thread_is_answered() -> None:
    assert read(letter(outgoing(thread=("<a@x>", "<b@x>"))))["In-Reply-To"] == "<b@x>"


def test_it_never_refers_to_itself() -> None:
    own = letter().message_id
    mail = read(letter(outgoing(thread=(MessageId("<a@x>"), own), reply_to=own)))
    assert mail["In-Reply-To"] == mail["References"] == "<a@x>"


def test_a_long_conversation_keeps_its_first_and_latest() -> None:
    chain = references([f"<{n}@x>" for n in range(200)], "<199@x>")
    assert len(chain) == 20
    assert (chain[0], chain[1], chain[-1]) == ("<0@x>", "<181@x>", "<199@x>")


@pytest.mark.parametrize("long", ["x" * 300, "x" * 890])
def test_a_long_id_stays_whole(long: str) -> None:
    mail = read(letter(outgoing(thread=(f"<{long}@x>",))))
    assert mail["References"] == f"<{long}@x>"


@pytest.mark.parametrize("bad", ["<a@x>\r\nBcc: y@z", "<a b@x>", "<a<b@x>", "<é@x>", "", "<>"])
def test_what_is_no_id_is_left_out(bad: str) -> None:
    mail = read(letter(outgoing(thread=(MessageId(bad),))))
    assert set(map(str.lower, mail.keys())) <= FIELDS
    assert mail["References"] is None


@pytest.mark.parametrize(
    ("title", "plain", "expected"),
    [
        ("Re: RE : Ré: [liste] Été", "x", "[liste] Été"),
        ("RE\u202f: x", "", "x"),
        ("Re[2]: x", "", "x"),
        ("Tr: x", "", "Tr: x"),
        ("Rendez-vous: x", "", "Rendez-vous: x"),
        (None, "\n\n  Bonjour\ttout le monde\nsuite", "Bonjour tout le monde"),
        (None, "mot " * 40, "mot mot mot mot mot mot mot mot mot mot mot mot mot mot mot …"),
        (None, "", "(sans objet)"),
        ("Re:", "texte", "texte"),
    ],
)
def test_subjects(title: str | None, plain: str, expected: str) -> None:
    assert subject(title, plain) == expected


def test_a_robot_answers_no_robot() -> None:
    sent = letter(outgoing(author=None))
    mail = read(sent)
    assert (sent.sender, mail["Auto-Submitted"], mail["From"]) == ("", "auto-generated", "Tchap <pont@pont.fr>")


def test_what_a_machine_says_for_somebody_is_answered_by_no_machine() -> None:
    sent = letter(outgoing(form=Form.NOTICE))
    mail = read(sent)
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert sent.sender.startswith("retour-")  # somebody wants to know whether it arrived
    assert letter(outgoing(form=Form.NOTICE, author=None)).sender == ""


def test_nobody_is_asked_to_answer_a_robot_at_their_own_address() -> None:
    assert read(letter(outgoing(author=None)))["Reply-To"] is None
    own = letter(outgoing(author=None, chat=ChatId("accueil@pont.fr")))
    assert str(read(own)["Reply-To"]) == "accueil@pont.fr"


def test_where_only_mailboxes_receive_reports_come_to_the_bridge() -> None:
    plain = Origin(address="pont@pont.fr", domain="pont.fr", secret=b"s" * 32, returns=False)
    assert letter(origin=plain).sender == "pont@pont.fr"


@pytest.mark.parametrize(
    ("name", "mime", "shown", "kind"),
    [
        ("compte rendu.pdf", "application/pdf", "compte rendu.pdf", "application/pdf"),
        ("Été à la plage.pdf", "application/pdf", "Été à la plage.pdf", "application/pdf"),
        ("é" * 140 + ".txt", "text/plain", "é" * 140 + ".txt", "text/plain"),
        ("../../etc/passwd", "text/plain", ".._.._etc_passwd", "text/plain"),
        ('a"; x="b.txt', "text/plain", 'a"; x="b.txt', "text/plain"),
        ("facture\u202efdp.exe", "application/x-msdownload", "facturefdp.exe", "application/x-msdownload"),
        ("a\r\nX-Evil: 1.txt", "text/plain\r\nX-Evil: 1", "a X-Evil: 1.txt", "application/octet-stream"),
        ("mail.eml", "message/rfc822", "mail.eml", "application/octet-stream"),
        ("", "", "fichier", "application/octet-stream"),
    ],
)
def test_files(name: str, mime: str, shown: str, kind: str) -> None:
    data = bytes(range(256)) * 3
    mail = read(letter(enclosures=[Enclosure(name=name, mime=mime, data=data)]))
    (part,) = mail.iter_attachments()
    assert (part.get_filename(), part.get_content_type(), part.get_payload(decode=True)) == (shown, kind, data)


def test_what_could_not_go_along_is_said_in_both_bodies() -> None:
    mail = read(letter(missing=["Pièce jointe non transmise : <plan>.pdf"]))
    assert "[Pièce jointe non transmise : <plan>.pdf]" in mail.get_body(("plain",)).get_content()
    assert "[Pièce jointe non transmise : &lt;plan&gt;.pdf]" in mail.get_body(("html",)).get_content()


def test_html_that_no_reader_should_meet_does_not_leave() -> None:
    html = '<p onclick="x()">a<script>x()</script><img src="mxc://h/1"><a href="javascript:x()">b</a></p>'
    said = read(letter(outgoing(text=Text(plain="a b", html=html)))).get_body(("html",)).get_content()
    assert not any(word in said for word in ("script", "onclick", "mxc:", "<img"))


def test_html_alone_is_readable_as_plain_text() -> None:
    mail = read(letter(outgoing(text=Text(html="<p>un</p><p>deux &amp; trois</p>"))))
    assert mail.get_body(("plain",)).get_content() == "un\r\ndeux & trois\r\n"


def test_what_is_done_names_who_does_it() -> None:
    mail = read(letter(outgoing(form=Form.EMOTE, text=Text(plain="arrive", html="<em>arrive</em>"))))
    assert mail.get_body(("plain",)).get_content() == "* Jean Dupont arrive\r\n"
    assert "* Jean Dupont <em>arrive</em>" in mail.get_body(("html",)).get_content()


def test_a_file_without_a_word_names_itself() -> None:
    silent = outgoing(text=Text(), title=None)
    mail = read(letter(silent, enclosures=[Enclosure(name="plan.pdf", mime="application/pdf", data=b"x")]))
    assert mail["Subject"] == "plan.pdf"
    assert mail.get_body(("plain",)).get_content() == "plan.pdf\r\n"


WILD = st.text(
    st.one_of(st.sampled_from('\r\n\0\t "\\<>,:;=?()@[]\u2028\u2029\x85\u202e\ud800é😀'), st.characters()), max_size=120
)


@given(name=WILD, title=WILD, network=WILD, file=WILD, mime=WILD, text=WILD, html=WILD, ref=WILD)
def test_nothing_breaks_out(
    name: str, title: str, network: str, file: str, mime: str, text: str, html: str, ref: str
) -> None:
    message = outgoing(
        author=Author(person=PersonId("@x:y"), name=name),
        title=title,
        network=network,
        text=Text(plain=text, html=html.encode("utf-8", "replace").decode()),
        thread=(MessageId(ref), MessageId(f"<{ref}>")),
    )
    raw = letter(message, enclosures=[Enclosure(name=file, mime=mime, data=b"\r\n.\r\n")]).raw
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    names = [line.partition(b":")[0].decode().lower() for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert set(names) <= FIELDS
    assert len(names) == len(set(names))
    mail = email.message_from_bytes(raw)
    assert len([part for part in mail.walk() if not part.is_multipart()]) == 3
    assert not [part.defects for part in mail.walk() if part.defects]


@given(WILD)
def test_visible_text_survives_its_coding(text: str) -> None:
    seen = fields.clean(text, longest=500)
    raw = fields.field("Subject", fields.text_atoms(seen) or ["x"])
    parsed = email.message_from_bytes(raw + b"\r\n", policy=email.policy.default)
    assert parsed["Subject"] == (seen or "x")


def test_a_field_takes_atoms_only() -> None:
    for bad in ("a\r\nb", "a b", "é", "a\0"):
        with pytest.raises(ValueError, match="not an atom"):
            fields.field("Subject", [bad])
