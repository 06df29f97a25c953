"""What a mail becomes: whose it is, in which conversation, and when it is none of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tchap_bridge_email import convert
from tchap_bridge_email.convert import Home
from tchap_bridge_email.parse import parse
from tchap_bridges.bridge import Item
from tchap_bridges.events import Delivery, Event, Form, Message, Outcome

HOME = Home(address="pont@pont.fr", domain="pont.fr", returns=True)
RETURN = "retour-abcdefghijkl@pont.fr"
OWN = "<abcdefghijklmnopqrstuvwxyz.tchap@pont.fr>".replace("x", "2")
ARRIVAL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEAD = {
    "From": "Jean Dupont <Jean@Exemple.fr>",
    "To": "liste@exemple.fr",
    "Message-ID": "<1@exemple.fr>",
    "Date": "Sun, 01 Mar 2026 10:00:00 +0000",
    "Subject": "Bonjour",
}


def mail(body: str = "Bonjour à tous", **head: str) -> bytes:
    lines = {**HEAD, **{name.replace("_", "-"): value for name, value in head.items()}}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return (text + "\r\n" + body + "\r\n").encode()


def read(raw: bytes, home: Home = HOME, **meta: str) -> list[Event]:
    item = Item(key="k", raw=raw, meta={"recipient": "abonne@pont.fr", "sender": "", **meta}, received_at=ARRIVAL)
    return list(convert.events(parse(raw), item, home))


def one(raw: bytes, **meta: str) -> Message:
    (event,) = read(raw, **meta)
    assert isinstance(event, Message)
    return event


def test_a_mail_from_a_list() -> None:
    message = one(mail())
    assert (message.id, message.chat) == ("<1@exemple.fr>", "abonne@pont.fr")
    assert (message.author.person, message.author.name, message.author.remark) == (
        "jean@exemple.fr",
        "Jean Dupont",
        None,
    )
    assert message.at == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert (message.text.plain, message.title, message.form, message.echo) == (
        "Bonjour à tous",
        "Bonjour",
        Form.TEXT,
        False,
    )
    assert (message.thread, message.reply_to) == ((), None)


@pytest.mark.parametrize(
    ("head", "remark"),
    [
        ({"Reply_To": "Marie <Marie@b.fr>"}, "demande de répondre à marie@b.fr"),
        ({"Reply_To": "marie@b.fr, jean@exemple.fr"}, "demande de répondre à marie@b.fr"),
        ({"From": "a@b.fr <x@evil.example>", "Reply_To": "y@evil.example"},
         "écrit depuis x@evil.example ; demande de répondre à y@evil.example"),
        ({"From": "", "Reply_To": "marie@b.fr"}, "adresse illisible ; demande de répondre à marie@b.fr"),
        ({"Reply_To": "JEAN@exemple.fr"}, None),
        ({"Reply_To": "abonne@pont.fr"}, None),
        ({"Reply_To": "salon-abcdefgh@pont.fr"}, None),
        ({"Reply_To": "https://evil.example/@b.fr"}, None),
        ({"Reply_To": "liste@exemple.fr", "List_Id": "<liste.exemple.fr>"}, None),
    ],
)  # fmt: skip
def test_who_asks_to_be_answered_elsewhere_says_so_and_stays_who_they_are(
    head: dict[str, str], remark: str | None
) -> None:
    author = one(mail(**head)).author
    assert author.remark == remark
    assert author.person != "marie@b.fr"


def test_only_in_a_mailbox_a_mail_says_itself_where_it_belongs() -> None:
    raw = mail(List_Id="Une liste <Liste.exemple.fr>", List_Post="<mailto:liste@exemple.fr>", Cc="x@y.fr")
    assert one(raw, via="imap").also == ("liste.exemple.fr", "liste@exemple.fr", "x@y.fr")
    assert one(raw, via="smtp").also == ()


def test_an_answer() -> None:
    message = one(mail(References="<0@x> <2@x>", In_Reply_To="<2@x>", Subject="Re: Bonjour"))
    assert (message.thread, message.reply_to, message.title) == (("<0@x>", "<2@x>"), "<2@x>", "Re: Bonjour")


@pytest.mark.parametrize(
    ("head", "name", "person", "remark"),
    [
        ("jean@exemple.fr", "jean", "jean@exemple.fr", None),
        ("Ministre m@gouv.fr <x@evil.example>", "Ministre m@gouv.fr", "x@evil.example", "écrit depuis x@evil.example"),
        ("Support <ticket:12@exemple.fr>", "Support", "ticket:12@exemple.fr", None),
        ("", "Expéditeur inconnu", "inconnu", "adresse illisible"),
    ],
)
def test_who_wrote(head: str, name: str, person: str, remark: str | None) -> None:
    author = one(mail(From=head)).author
    assert (author.name, author.person, author.remark) == (name, person, remark)


def test_the_envelope_knows_the_sender_where_the_header_does_not() -> None:
    assert one(mail(From=""), sender="jean@exemple.fr").author.person == "jean@exemple.fr"


@pytest.mark.parametrize(
    ("date", "believed"),
    [
        (ARRIVAL - timedelta(days=3), True),
        (ARRIVAL + timedelta(minutes=10), True),
        (ARRIVAL + timedelta(hours=2), False),
        (ARRIVAL - timedelta(days=31), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (None, False),
    ],
)
def test_a_clock_far_off_is_not_believed(date: datetime | None, believed: bool) -> None:
    assert convert.moment(date, ARRIVAL) == (date if believed else ARRIVAL)


def test_no_id_is_stood_in_for_and_the_same_bytes_have_the_same() -> None:
    raw = mail(Message_ID="")
    assert one(raw).id == one(raw).id != one(raw + b"x").id


@pytest.mark.parametrize(
    "head", [{"Message_ID": OWN}, {"X_Tchap_Bridges_Id": OWN}, {"X_Tchap_Bridges_Id": OWN, "X_Loop": "pont@pont.fr"}]
)
def test_our_own_mail_coming_back_is_known(head: dict[str, Any]) -> None:
    message = one(mail(**head))
    assert (message.id, message.echo) == (OWN, True)


@pytest.mark.parametrize("listed", [{}, {"List_Id": "<liste.exemple.fr>", "Reply_To": "liste@exemple.fr"}])
@pytest.mark.parametrize(
    ("shown", "name", "person"),
    [
        ('"Camille Martin (via Tchap)" <pont@pont.fr>', "Camille Martin", "pont+camille-martin@pont.fr"),
        ('"Camille (DSI) (via Tchap)" <pont@pont.fr>', "Camille (DSI)", "pont+camille-dsi@pont.fr"),
        ("=?utf-8?b?5bGx55Sw?= (via Tchap) <pont@pont.fr>", "山田", "pont@pont.fr"),
        ('"Camille (via Tchap)" <x@evil.example>', "Camille", "x@evil.example"),
        ("Tchap <pont@pont.fr>", "Tchap", "pont+tchap@pont.fr"),
    ],
)
def test_in_another_room_of_the_list_the_author_bears_one_mark_of_origin(
    shown: str, name: str, person: str, listed: dict[str, Any]
) -> None:
    author = one(mail(From=shown, X_Tchap_Bridges_Id=OWN, **listed)).author
    assert (author.name, author.person) == (name, person)


def test_others_may_have_such_a_name() -> None:
    assert one(mail(From='"Camille (via IRC)" <c@exemple.fr>')).author.name == "Camille (via IRC)"


@pytest.mark.parametrize(
    "raw",
    [
        mail(X_Loop="pont@pont.fr"),
        mail(X_Loop="<Pont@PONT.fr>"),
        "\r\n".join(["Received: from a by b"] * 51).encode() + b"\r\n" + mail(),
    ],
)
def test_what_runs_in_circles_says_nothing(raw: bytes) -> None:
    assert read(raw) == []


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ({"Auto_Submitted": "auto-replied"}, Form.NOTICE),
        ({"Precedence": "list"}, Form.TEXT),
        ({"Precedence": "bulk", "List_Id": "<liste.exemple.fr>"}, Form.TEXT),
    ],
)
def test_a_list_is_no_robot_and_an_answering_machine_is(head: dict[str, str], form: Form) -> None:
    assert one(mail(**head)).form is form


REPORT = """\
--b
Content-Type: text/plain

Undelivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.exemple.fr

Final-Recipient: rfc822; liste@exemple.fr
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 no such list

--b
Content-Type: text/rfc822-headers

Message-ID: {original}

--b--
""".replace("\n", "\r\n")


def report(body: str = "", *, action: str = "failed", status: str = "5.1.1", original: str = OWN) -> bytes:
    kind = 'multipart/report; report-type=delivery-status; boundary="b"'
    body = body or REPORT.format(action=action, status=status, original=original)
    return mail(body, From="MAILER-DAEMON@exemple.fr", MIME_Version="1.0", Content_Type=kind)


def told(raw: bytes, home: Home = HOME, **meta: str) -> list[Delivery]:
    found = read(raw, home, **{"recipient": RETURN, **meta})
    assert all(isinstance(event, Delivery) for event in found)
    return [event for event in found if isinstance(event, Delivery)]


@pytest.mark.parametrize(
    ("action", "status", "outcome"),
    [
        ("failed", "5.1.1", Outcome.FAILED),
        ("delayed", "4.2.0", Outcome.DELAYED),
    ],
)
def test_a_delivery_report_speaks_of_our_mail(action: str, status: str, outcome: Outcome) -> None:
    (event,) = told(report(action=action, status=status))
    assert (event.target, event.outcome, event.recipient) == (OWN, outcome, "liste@exemple.fr")
    assert "no such list" in event.detail


def test_a_report_on_somebody_elses_mail_says_nothing() -> None:
    assert told(report(original="<1@ailleurs.fr>")) == []


ONLY_MAILBOXES = Home(address="pont@pont.fr", domain="pont.fr", returns=False)


@pytest.mark.parametrize(
    ("recipient", "via", "home", "believed"),
    [
        (RETURN, "smtp", HOME, True),
        ("liste-exemple-fr-abcdefgh@pont.fr", "smtp", HOME, False),
        ("retour-abcdefgh@pont.fr", "smtp", HOME, False),  # a room's own address, named so by its members
        ("retour-abcdefghijkl@ailleurs.fr", "imap", HOME, False),
        ("boite@ailleurs.fr", "imap", HOME, False),
        ("pont@pont.fr", "imap", HOME, False),
        ("pont@pont.fr", "imap", ONLY_MAILBOXES, True),
        ("boite@ailleurs.fr", "imap", ONLY_MAILBOXES, False),
    ],
)
def test_a_report_is_believed_where_our_mail_says_to_send_it(
    recipient: str, via: str, home: Home, believed: bool
) -> None:
    assert bool(told(report(), home, recipient=recipient, via=via)) is believed


def test_a_forged_report_fills_no_room() -> None:
    one = "Final-Recipient: rfc822; r{n}@exemple.fr\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    many = "".join(one.format(n=n) for n in range(900))
    whole = REPORT.format(action="failed", status="5.1.1", original=OWN)
    assert len(told(report(whole.replace("Final-Recipient", f"{many}Final-Recipient", 1)))) == 5


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/a?b",
        "HTTP://evil.example",
        "www.evil.example",
        "evil.example/login",
        "evil.example:8080/x",
        "mailto:x@evil.example",
        "ht\u202etps://evil.example",
    ],
)
def test_what_a_report_says_of_the_failure_leads_nowhere(link: str) -> None:
    lure = f"550 5.1.1 mx.exemple.fr dit : voyez {link} pour " + "débloquer votre compte " * 30
    (event,) = told(
        report(REPORT.format(action="failed", status="5.1.1", original=OWN).replace("550 no", f"{lure} no"))
    )
    assert "evil.example" not in event.detail
    assert event.detail.startswith("5.1.1 550 5.1.1 mx.exemple.fr dit : voyez … pour débloquer")
    assert len(event.detail) <= 200


@pytest.mark.parametrize(
    "address", ["https://evil.example/x@y.example", "evil.example/x@y.example", "a" * 101 + "@y.z"]
)
def test_an_address_that_is_a_lure_is_not_named(address: str) -> None:
    raw = report(REPORT.format(action="failed", status="5.1.1", original=OWN).replace("liste@exemple.fr", address))
    assert [event.recipient for event in told(raw)] in ([], [None])


ASKED = "Bonjour,\r\n\r\npouvez-vous ajouter the following addresses:\r\n\r\nmarie@exemple.fr\r\n"
QUOTED = f"{ASKED}\r\n> Message-ID: {OWN}\r\n"


@pytest.mark.parametrize("subject", ["Warning: salle changée", "error 404", "Colis non remis", "inconnu au bataillon"])
def test_people_may_write_about_failures(subject: str) -> None:
    raw = mail(ASKED, Subject=subject)
    assert parse(raw).bounce is not None  # it does read like a report
    message = one(raw, sender="jean@exemple.fr")
    assert "marie@exemple.fr" in message.text.plain
    assert message.form is Form.TEXT


@pytest.mark.parametrize(
    ("raw", "meta", "kind"),
    [
        (mail(ASKED, Subject="error"), {"sender": ""}, None),
        (mail(ASKED, Subject="error"), {"sender": "", "via": "imap"}, Message),  # nobody said how it came
        (mail(ASKED, Subject="error", Return_Path="<jean@exemple.fr>"), {"sender": "", "via": "imap"}, Message),
        (mail(ASKED, Subject="error", Return_Path="<>"), {"sender": "", "via": "imap"}, None),
        (mail(QUOTED, Subject="error"), {"sender": "jean@exemple.fr"}, Message),
        (mail(QUOTED, Subject="error"), {"sender": "jean@exemple.fr", "recipient": RETURN}, Delivery),
        (mail(ASKED, Subject="error"), {"sender": "jean@exemple.fr", "recipient": RETURN}, Message),
        (report(), {"sender": "jean@exemple.fr"}, None),
    ],
)
def test_what_only_reads_like_a_report(raw: bytes, meta: dict[str, str], kind: type | None) -> None:
    assert {type(event) for event in read(raw, **meta)} == ({kind} if kind else set())


PICTURES = """\
--b
Content-Type: text/html; charset=utf-8

<p>Voyez <img src="cid:plan@x" alt="plan"></p>
--b
Content-Type: image/png; name=plan.png
Content-ID: <plan@x>
Content-Disposition: inline
Content-Transfer-Encoding: base64

UExBTg==
--b
Content-Type: image/png; name=logo.png
Content-ID: <logo@x>
Content-Disposition: inline
Content-Transfer-Encoding: base64

TE9HTw==
--b
Content-Type: application/pdf; name=cr.pdf
Content-Disposition: attachment
Content-Transfer-Encoding: base64

UERG
--b--
""".replace("\n", "\r\n")


def test_pictures_of_the_text_are_shown_and_logos_are_not() -> None:
    raw = mail(PICTURES, MIME_Version="1.0", Content_Type='multipart/related; boundary="b"')
    message = one(raw)
    assert {file.name for file in message.files} == {"plan.png", "cr.pdf"}
    assert "cid:" not in (message.text.html or "")


def test_a_cut_mail_says_so_and_shows_no_half_files() -> None:
    raw = mail(PICTURES, MIME_Version="1.0", Content_Type='multipart/related; boundary="b"')
    message = one(raw[:-80], cut="45000000")
    assert message.files == ()
    assert "45 Mo" in message.text.plain


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\0" * 300,
        b"garbage",
        bytes(range(256)) * 40,
        b"Content-Type: multipart/mixed\r\n\r\n",
    ],
)
def test_garbage_is_a_message_too(raw: bytes) -> None:
    assert one(raw).text.plain
