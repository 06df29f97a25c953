"""A mailing list lives in a room: the whole program, a real homeserver, real SMTP."""

import asyncio
import email.policy
import re
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from tchap_bridges.testing.world import LIST_DOMAIN, MAIL_DOMAIN, World

from .conftest import Linked, link

pytestmark = pytest.mark.asyncio(loop_scope="session")


BOUNCE = """\
From: Mail Delivery System <mailer-daemon@a.localhost>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

La boîte n'existe pas.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; a.localhost

Final-Recipient: rfc822; parti@a.localhost
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: x

--b--
"""


async def test_a_thread_of_mails_is_a_thread_of_the_room(linked: Linked) -> None:
    first = await linked.mail("Jean Dupont", "jean@a.localhost", "Réunion", "On se voit à 15 h ?")
    root = await linked.said("15 h")
    second = await linked.mail(
        "Éloïse Müller", "eloise@a.localhost", "Re: Réunion", "D'accord !", parents=(first,), charset="iso-8859-15"
    )
    reply = await linked.said("D'accord")
    assert reply["content"]["m.relates_to"]["event_id"] == root["event_id"]
    assert root["sender"] != reply["sender"]
    answer = await linked.agent.send_text(
        linked.room, "J'y serai.", thread=root["event_id"], reply_to=reply["event_id"]
    )
    sent = (await linked.left("J'y serai.")).message()
    assert sent["In-Reply-To"] == second
    assert str(sent["References"]).split() == [first, second]
    assert str(sent["Subject"]) == "Re: Réunion"
    assert str(sent["From"]) == f'"Camille Martin (via Tchap)" <pont@{MAIL_DOMAIN}>'
    await linked.agent.wait_for_receipt(linked.room, linked.world.bot, answer)


async def test_the_lists_copy_of_our_own_mail_is_not_a_new_message(linked: Linked) -> None:
    await linked.mail("Jean", "jean@a.localhost", "Question", "Qui vient ?")
    root = await linked.said("Qui vient")
    await linked.agent.send_text(linked.room, "Moi, Camille", thread=root["event_id"])
    sent = await linked.left("Moi, Camille")
    copy = message_from_bytes(sent.data, policy=email.policy.SMTP)
    copy["List-Id"] = f"<{linked.list_name}.{LIST_DOMAIN}>"
    await linked.hand(copy)
    anonymous = message_from_bytes(sent.data, policy=email.policy.SMTP)
    anonymous.replace_header("Message-ID", "<autre@liste.localhost>")
    anonymous.replace_header("From", "liste anonyme <anonyme@liste.localhost>")
    await linked.hand(anonymous)
    await linked.mail("Jean", "jean@a.localhost", "Fin", "C'est tout")
    await linked.said("C'est tout")
    assert sum("Moi, Camille" in body for body in await linked.bodies()) == 1


async def test_replies_only_by_default(linked: Linked) -> None:
    await linked.agent.send_text(linked.room, "ok entre nous")
    await linked.mail("Jean", "jean@a.localhost", "Point", "Où en est-on ?")
    root = await linked.said("Où en est-on")
    await linked.agent.send_text(linked.room, "On avance bien", thread=root["event_id"])
    await linked.left("On avance bien")
    assert not any("ok entre nous" in sent.data.decode() for sent in linked.world.sink.mails)


async def test_both_ways_everything_leaves_and_what_cannot_is_told(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    event = await linked.agent.send_text(linked.room, "Premier message pour la liste")
    await linked.left("Premier message pour la liste")
    await linked.agent.wait_for_receipt(linked.room, world.bot, event)
    await linked.agent.edit(linked.room, event, "Premier message, corrigé")
    notice = await linked.said("ne peut plus y être modifié")
    assert notice["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    await linked.agent.redact(linked.room, event)
    await linked.said("ne peut plus y être supprimé")


async def test_a_file_of_the_room_is_attached_to_the_mail(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    data = bytes(range(256)) * 40
    await linked.agent.send_file(linked.room, "bilan été.bin", "application/octet-stream", data)
    sent = await world.sink.wait_for(lambda s: b"bilan" in s.data and linked.list_name in str(s.recipients), timeout=20)
    (attachment,) = list(sent.message().iter_attachments())
    assert attachment.get_filename() == "bilan été.bin"
    assert attachment.get_payload(decode=True) == data


async def test_a_file_that_the_relay_finds_too_large_is_told_in_reply(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    world.sink.refuse("552 5.3.4 Trop gros", times=1)
    event = await linked.agent.send_file(linked.room, "film.mov", "video/quicktime", b"film" * 1000)
    notice = await linked.said("film.mov n'est pas parti vers")
    assert notice["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    assert "ou un lien" in notice["content"]["body"]
    await linked.left("film.mov")


async def test_a_refusal_by_the_relay_is_told_in_reply(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    world.sink.refuse("550 5.7.1 Politique interne", times=1)
    event = await linked.agent.send_text(linked.room, "Ceci sera refusé")
    notice = await linked.said("Non remis")
    assert notice["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == event
    assert "Politique interne" in notice["content"]["body"]
    health = await world.bridge.health()
    assert health["dead_letters"] >= 1


async def test_a_late_parent_joins_its_thread(linked: Linked) -> None:
    await linked.mail("Zoé", "zoe@a.localhost", "Re: Plan", "Je préfère le B", parents=("<plan@a.localhost>",))
    root = await linked.said("Je préfère le B")
    await linked.mail("Jean", "jean@a.localhost", "Plan", "Plan A ou B ?", message_id="<plan@a.localhost>")
    late = await linked.said("Plan A ou B")
    assert late["content"]["m.relates_to"]["event_id"] == root["event_id"]


async def test_a_bounce_is_told_and_never_shown_as_a_message(world: World) -> None:
    linked = await link(world, "sens=deux-sens")
    await linked.agent.send_text(linked.room, "Un message qui rebondira")
    sent = await linked.left("Un message qui rebondira")
    report = BOUNCE.format(to=sent.sender, message_id=sent.message_id).replace("\n", "\r\n").encode()
    await asyncio.to_thread(world.mail, report, sender="", to=sent.sender)
    notice = await linked.said("parti@a.localhost")
    assert "Non remis" in notice["content"]["body"]


async def test_an_address_of_its_own_lets_nobody_unknown_in(world: World) -> None:
    agent = world.camille
    room = await world.room(agent, "Guichet")
    answer = await world.link(agent, room, "courriel adresse")
    address = next(word.strip(".,") for word in answer.replace("\n", " ").split() if f"@{MAIL_DOMAIN}" in word)
    guichet = Linked(world, agent, room, "guichet", address)
    letter = EmailMessage()
    letter["From"] = "Marie Curie <Marie@usager.localhost>"
    letter["To"] = address
    letter["Subject"] = "Ma demande"
    letter["Message-ID"] = "<demande@usager.localhost>"
    letter.set_content("Bonjour, où en est mon dossier ?")
    await guichet.hand(letter, sender="marie@usager.localhost")
    await guichet.said("écrit pour la première fois")
    assert not any("mon dossier" in body for body in await guichet.bodies())
    await agent.send_text(room, "!pont accepter marie@usager.localhost")
    shown = await guichet.said("mon dossier")
    await agent.send_text(room, "Votre dossier est complet.", thread=shown["event_id"])
    sent = await guichet.left("Votre dossier est complet.")
    assert sent.recipients == ("marie@usager.localhost",)
    assert sent.message()["In-Reply-To"] == "<demande@usager.localhost>"


async def test_an_address_elsewhere_is_linked_after_its_code(world: World) -> None:
    agent = world.camille
    room = await world.room(agent, "Preuve")
    answer = await world.link(agent, room, "courriel equipe@ailleurs.localhost")
    assert "code" in answer
    sent = await world.sink.wait_for(lambda s: s.recipients == ("equipe@ailleurs.localhost",), timeout=20)
    text = sent.message().get_body(("plain",)).get_content()
    (code,) = re.findall(r"\b\d{8}\b", text)[:1]
    assert "Essais restants" in await world.link(agent, room, "code 00000000")
    assert "✓" in await world.link(agent, room, f"code {code}")


async def test_nothing_is_lost_over_a_restart(linked: Linked) -> None:
    await linked.mail("Jean", "jean@a.localhost", "Avant", "avant l'arrêt")
    await linked.said("avant l'arrêt")
    await linked.world.bridge.stop()
    await linked.agent.send_text(linked.room, "!pont etat")
    await linked.world.bridge.start()
    await linked.said("connexion établie")


async def test_the_log_holds_no_content(linked: Linked) -> None:
    await linked.mail("Jean Secret", "jean.secret@a.localhost", "Objet discret", "mots-très-discrets")
    await linked.said("mots-très-discrets")
    log = linked.world.bridge.log.read_text()
    for word in ("mots-très-discrets", "Objet discret", "jean.secret", "Jean Secret"):
        assert word not in log


async def test_metrics_name_what_happens(linked: Linked) -> None:
    page = await linked.world.bridge.metrics()
    for name in (
        "tchap_bridges_events_total",
        "tchap_bridges_lane_depth",
        "tchap_bridges_homeserver_seconds",
        "tchap_bridges_loop_lag_seconds",
    ):
        assert name in page
