"""A mail and its envelope as events. Pure: the same bytes mean the same, whenever they are read.

The envelope recipient says which conversation a mail is for. What the mail says of itself (`also`) counts only in a
mailbox, which has no other way to tell: at our own doors it would let anybody write into any room.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from tchap_bridge_email import addresses, away, fields
from tchap_bridge_email.html import place_images
from tchap_bridge_email.message import BouncedRecipient, Mail, Part
from tchap_bridge_email.threads import ancestors
from tchap_bridges.bridge import Item
from tchap_bridges.events import Author, Delivery, Event, File, Form, Message, Outcome, Text
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId

_HOPS = 50
_ALSO = 50
_NAME = 100
_REPORTED, _DETAIL = 5, 200
_PAST, _FUTURE = timedelta(days=30), timedelta(hours=1)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CID = re.compile(r'src="cid:([^"<>]*)"')
_OWN_MARK = re.compile(r" \(via [^()]{1,60}\)\Z")
"""What `compose` puts behind the name of whoever speaks through us."""
_LINK = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}:/+\S*|(?:mailto|matrix|tel):\S+|www\.\S+|[\w-]+(?:\.[\w-]+)+(?::\d+)?[/?#]\S*",
    re.IGNORECASE,
)
"""What a chat program makes a link of, bare host names aside: a diagnostic is full of those."""
_NOBODY = PersonId("inconnu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What tells our own mail from others': the bridge's address, and the domain of its ids.

    ``returns``: delivery reports come to one address for each chat, else to the bridge's own (see `compose.Origin`).
    """

    address: str
    domain: str
    returns: bool


def events(mail: Mail, item: Item, home: Home) -> Iterator[Event]:
    """What the mail says to the conversation of its recipient; nothing when it runs in circles.

    A delivery report speaks of the mail it is about, never in a thread. It says nothing of mail that is not ours, nor
    where our mail never told anybody to send it: whoever has read a mail of ours could write one.
    """
    chat = ChatId(item.meta["recipient"])
    own = own_id(mail, home)
    if mail.received_count > _HOPS or (own is None and home.address in map(addresses.normalise, mail.x_loop)):
        return
    if "unfetched" in item.meta or not _is_report(mail, item, home):
        yield _message(mail, item, chat, home, own)
    elif _takes_reports(item, home):
        yield from _deliveries(mail, chat, home)


def own_id(mail: Mail, home: Home) -> MessageId | None:
    """The id under which this very mail left from here; None when it did not.

    A list may give its copy another Message-ID: the header of ours then still carries the first.
    """
    ours = (value for name, value in mail.headers if name.lower() == "x-tchap-bridges-id")
    for candidate in (mail.message_id, *ours):
        if candidate is not None and addresses.is_own_message_id(candidate.strip(), home.domain):
            return MessageId(candidate.strip())
    return None


def _message(mail: Mail, item: Item, chat: ChatId, home: Home, own: MessageId | None) -> Message:
    thread = tuple(MessageId(one) for one in ancestors(mail))
    cut = int(item.meta.get("cut", "0"))
    left_in = item.meta.get("unfetched")
    files = () if cut or left_in else tuple(_shown(mail))
    author = _author(mail, item, home, own=own is not None)
    text = _unfetched(left_in) if left_in else _text(mail, cut=cut, has_files=bool(files))
    machine = mail.automatic == "auto-reply" and not left_in
    if machine:
        text = away.notice(author.name, mail.subject, text, answers=bool(thread))
    return Message(
        id=own or MessageId(mail.message_id or _stand_in(item.raw)),
        chat=chat,
        author=author,
        at=moment(mail.date, item.received_at),
        text=text,
        files=files,
        thread=thread,
        reply_to=thread[-1] if thread else None,
        title=None if machine else _visible(mail.subject) or None,
        form=Form.NOTICE if machine else Form.TEXT,
        also=tuple(also(mail, chat)) if item.meta.get("via") == "imap" else (),
        echo=own is not None,
    )


def _stand_in(raw: bytes) -> str:
    return f"<{hashlib.sha256(raw).hexdigest()[:40]}@sans-identifiant.invalid>"


def moment(date: datetime | None, arrival: datetime) -> datetime:
    """When it was written, as far as the sender's clock can be believed; when it arrived otherwise."""
    if date is None or not arrival - _PAST <= date <= arrival + _FUTURE:
        return arrival
    return date


def _author(mail: Mail, item: Item, home: Home, *, own: bool) -> Author:
    """``own``: it left from here, and names its author with our mark. Another room of the list puts its own instead.

    All our mail is from one address, and one person who bears the names of many in turn would say what others said.
    """
    writer = mail.author or mail.sender
    person = addresses.writer(writer.address) if writer else None
    person = person or addresses.writer(item.meta.get("sender", ""))
    declared = writer.name if writer else ""
    name = fields.clean(_OWN_MARK.sub("", declared) if own else declared, longest=_NAME)
    remarks = []
    if person is None:
        remarks.append("adresse illisible")
        name, person = name or "Expéditeur inconnu", _NOBODY
    elif addresses.other_address(name, person):
        remarks.append(f"écrit depuis {person}")
    asked = None if own else _asked(mail, item, home)
    if asked == person:
        asked = None
    if asked is not None:  # a form's address that nobody reads, or somebody who borrows a name: whoever answers sees it
        remarks.append(f"demande de répondre à {asked}")
    if own and person == home.address:
        person = addresses.detailed(person, name)
    return Author(
        person=PersonId(person),
        name=name or fields.clean(person.rpartition("@")[0], longest=_NAME),
        remark=" ; ".join(remarks) or None,
        answers=PersonId(asked) if asked is not None else None,
    )


def _asked(mail: Mail, item: Item, home: Home) -> str | None:
    """Reply-To, of a mail that no list passed on (a list's is its own, and there the list is answered).

    An address of ours is none: the answer would come back to a room.
    """
    if mail.list_info is not None:
        return None
    asked = next(filter(None, (_harmless(one.address) for one in mail.reply_to)), None)
    ours = asked is None or asked == item.meta["recipient"] or addresses.domain_of(asked) == home.domain
    return None if ours else asked


def _text(mail: Mail, *, cut: int, has_files: bool) -> Text:
    plain, html = mail.reply, mail.reply_html
    if cut:
        note = f"[Courriel de {cut // 1_000_000} Mo, trop volumineux : il est coupé ici et ses pièces jointes manquent]"
        plain, html = _append(plain, html, note)
    if mail.calendar is not None and mail.calendar.text not in plain:
        plain, html = _append(plain, html, mail.calendar.text)
    if mail.security == "encrypted":
        plain, html = _append(plain, html, "[Courriel chiffré : son contenu est dans la pièce jointe]")
    if not plain.strip() and not has_files:
        plain, html = "(courriel sans texte)", None
    return Text(plain=_visible(plain), html=_visible(place_images(html, {})) if html else None)


def _unfetched(mailbox: str) -> Text:
    """All that can be said of a mail whose server gave its header, at most."""
    return Text(
        plain=f"[Ce courriel est resté dans la boîte {mailbox} : son serveur refuse de le donner."
        " Demandez-le à qui gère cette boîte]"
    )


def _visible(text: str) -> str:
    """As `events` promises: a NEL ends a line, other control characters are gone."""
    return _CONTROL.sub("", text.replace("\x85", "\n"))


def _append(plain: str, html: str | None, more: str) -> tuple[str, str | None]:
    joined = f"{plain}\n\n{more}" if plain.strip() else more
    return joined, html and f"{html}<p>{escape(more, quote=False).replace(chr(10), '<br>')}</p>"


def _shown(mail: Mail) -> Iterator[File]:
    """The files to show: all that was attached, and the pictures of what a person wrote, but for quoted logos."""
    placed = frozenset() if mail.automatic == "auto-reply" else frozenset(_CID.findall(mail.reply_html or ""))
    for part in mail.attachments:
        if not part.inline or mail.html is None or part.content_id is None or escape(part.content_id) in placed:
            yield _file(part)


def _file(part: Part) -> File:
    return File(name=part.filename, mime=part.mime, size=part.size, ref=FileRef(str(part.index)))


def also(mail: Mail, chat: ChatId) -> Iterable[ChatId]:
    """Other names of the conversation: the list's id and address, then whom else the mail was written to."""
    names: list[str | None] = []
    if mail.list_info is not None:
        names += [mail.list_info.id.lower() or None, addresses.normalise(mail.list_info.post or "")]
    names += [addresses.normalise(one.address) for one in (*mail.to[:_ALSO], *mail.cc[:_ALSO])]
    found = dict.fromkeys(ChatId(name) for name in names if name is not None)
    found.pop(chat, None)
    return tuple(found)[:_ALSO]


def _is_report(mail: Mail, item: Item, home: Home) -> bool:
    """A delivery report, by its form or by its envelope. What only reads like one may be a person's mail."""
    if mail.automatic != "bounce":
        return False
    mailbox = item.meta.get("via") == "imap"  # tells no envelope but in Return-Path, if at all
    sender = mail.return_path if mailbox else item.meta.get("sender")
    return mail.report or sender == "" or (_takes_reports(item, home) and _reported(mail, home) is not None)


def _takes_reports(item: Item, home: Home) -> bool:
    """This is where our mail asks for reports: its envelope sender."""
    recipient = item.meta["recipient"]
    return addresses.is_return_address(recipient, home.domain) if home.returns else recipient == home.address


def _reported(mail: Mail, home: Home) -> MessageId | None:
    target = mail.bounce.original_message_id if mail.bounce is not None else None
    return MessageId(target) if target is not None and addresses.is_own_message_id(target, home.domain) else None


def _deliveries(mail: Mail, chat: ChatId, home: Home) -> Iterator[Delivery]:
    target = _reported(mail, home)
    if mail.bounce is None or target is None:
        return
    for recipient in mail.bounce.recipients[:_REPORTED]:
        said = fields.clean(" ".join(filter(None, (recipient.status, recipient.diagnostic))), longest=1000)
        yield Delivery(
            chat=chat,
            target=target,
            outcome=_outcome(recipient),
            recipient=_harmless(recipient.address),
            detail=fields.clean(_LINK.sub("…", said), longest=_DETAIL),
        )


def _harmless(address: str) -> str | None:
    """An address that a stranger names in a room, unless it is a lure."""
    normal = addresses.normalise(address)
    return normal if normal is not None and len(normal) <= _NAME and not _LINK.search(normal) else None


def _outcome(recipient: BouncedRecipient) -> Outcome:
    match recipient.action, (recipient.status or "")[:1]:
        case (("delivered" | "relayed" | "expanded"), _):
            return Outcome.DELIVERED
        case "delayed", _:
            return Outcome.DELAYED
        case None, "2":
            return Outcome.DELIVERED
        case None, "4":
            return Outcome.DELAYED
        case _:
            return Outcome.FAILED
