"""An outgoing message as the bytes of a mail. Pure: the same message gives the same bytes at each attempt.

What right means here: aligned From, opaque and stable Message-ID, References of the parent plus the
parent, exactly one ``Re: ``, both a plain and an HTML body, lines of at most 78 characters, and nothing that a name, a
title or a file name could break out of (see `fields`).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from html import escape
from html.parser import HTMLParser

import nh3

from tchap_bridge_email import addresses, fields
from tchap_bridges.events import Form, Text
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import Outgoing

_REFERENCES = 20
_SUBJECT = 200
_TITLE_FROM_TEXT = 60
_REPLY_MARK = re.compile(
    r"^(?:(?:re|ré|réf|rép|aw|sv|antw)(?:\[\d{1,3}\])?[\s\u202f\xa0]*:[\s\u202f\xa0]*)+", re.IGNORECASE
)
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_TAGS = (
    "a b blockquote br caption code del details div em h1 h2 h3 h4 h5 h6 hr i li ol p pre s span strike strong sub"
    " summary sup table tbody td th thead tr u ul"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """From where mail leaves: the bridge's own address, the domain of its ids, and what makes these opaque.

    ``returns``: delivery reports can reach any address of the domain, and so come back to one of the chat's own.
    """

    address: str
    domain: str
    secret: bytes = field(repr=False)
    returns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file, read."""

    name: str
    mime: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail and its envelope. ``sender`` is "" for the null return path of a robot (RFC 3834 section 3.3)."""

    message_id: MessageId
    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)


def compose(
    message: Outgoing,
    *,
    origin: Origin,
    recipients: Sequence[str],
    enclosures: Sequence[Enclosure] = (),
    missing: Sequence[str] = (),
) -> Letter:
    """The mail that says ``message`` to ``recipients``, normalised addresses.

    ``missing`` are sentences on files that could not go along: they are said in the text, and nobody waits for them.
    """
    message_id = addresses.own_message_id(message.key, origin.secret, origin.domain)
    text = _whole_text(message, enclosures, missing)
    boundary = "=_tchap_" + addresses.mac(origin.secret, "boundary", message.key, length=20)
    head = b"".join(_head(message, text, message_id, origin, recipients))
    return Letter(
        message_id=message_id,
        sender=_envelope_sender(message, origin),
        recipients=tuple(recipients),
        raw=head + b"".join(_mixed(text, enclosures, boundary)),
    )


def _envelope_sender(message: Outgoing, origin: Origin) -> str:
    if message.author is None:
        return ""
    if not origin.returns:
        return origin.address
    return addresses.return_address(message.chat, origin.secret, origin.domain)


def _head(message: Outgoing, text: Text, message_id: str, origin: Origin, recipients: Sequence[str]) -> Iterator[bytes]:
    thread = tuple(one for one in message.thread if one != message_id)
    parent = message.reply_to if message.reply_to != message_id else None
    parent = parent or (thread[-1] if thread else None)
    network = message.network or "Tchap"
    name = fields.clean(message.author.name, longest=100) if message.author else ""
    shown = f"{name or 'Quelqu’un'} (via {network})" if message.author else network
    yield fields.field("Date", format_datetime(message.at).split())
    yield fields.field("From", [*fields.phrase_atoms(fields.clean(shown, longest=140)), f"<{origin.address}>"])
    yield _mailboxes("To", recipients)
    if message.author is not None or message.chat not in recipients:  # nobody answers a robot by writing to themselves
        yield _mailboxes("Reply-To", [message.chat])
    title = subject(message.title, text.plain)
    yield fields.field("Subject", [*(["Re:"] if parent else []), *fields.text_atoms(title)])
    yield fields.field("Message-ID", [message_id])
    if parent is not None and (known := fields.id_atoms([parent])):
        yield fields.field("In-Reply-To", known)
        yield fields.field("References", fields.id_atoms(references(thread, parent)))
    yield fields.field("MIME-Version", ["1.0"])
    yield fields.field("X-Loop", [origin.address])
    yield fields.field("X-Tchap-Bridges-Id", [message_id])
    if message.author is None or message.form is Form.NOTICE:
        yield fields.field("Auto-Submitted", ["auto-generated"])
        yield fields.field("X-Auto-Response-Suppress", ["All"])


def _mailboxes(name: str, mailboxes: Sequence[str]) -> bytes:
    """Addresses as they are; one beyond ASCII needs a server that speaks RFC 6532, and says so by its own bytes."""
    wrong = [one for one in mailboxes if not one.isprintable() or any(c in " <>,;()\r\n" for c in one)]
    if wrong:
        raise ValueError(f"{name}: not a normalised address")
    last = len(mailboxes) - 1
    atoms = [f"<{one}>" + ("," if at < last else "") for at, one in enumerate(mailboxes)]
    if all(atom.isascii() for atom in atoms):
        return fields.field(name, atoms)
    return (f"{name}: " + "\r\n ".join(atoms) + "\r\n").encode()


def references(thread: Sequence[str], parent: str) -> list[str]:
    """RFC 5322 section 3.6.4: the conversation, then the parent, each once; the first and the latest of a long one."""
    chain = [one for one in dict.fromkeys(thread) if one != parent]
    chain.append(parent)
    return chain if len(chain) <= _REFERENCES else [chain[0], *chain[1 - _REFERENCES :]]


def subject(title: str | None, plain: str) -> str:
    """The title without its reply marks; the first words where there is no title."""
    base = _REPLY_MARK.sub("", fields.clean(title or "", longest=_SUBJECT))
    if base:
        return base
    lines = (fields.clean(line, longest=400) for line in plain.splitlines())
    return _shorten(next(filter(None, lines), ""), _TITLE_FROM_TEXT) or "(sans objet)"


def _shorten(line: str, longest: int) -> str:
    if len(line) <= longest:
        return line
    kept = line[:longest].rpartition(" ")[0] or line[:longest]
    return kept.rstrip(" ,;:") + " …"


def _whole_text(message: Outgoing, enclosures: Sequence[Enclosure], missing: Sequence[str]) -> Text:
    """What is said, what is done (``/me`` names who does), or the names of what is sent without a word."""
    plain, html = message.text.plain, message.text.html
    if not plain:
        plain = _plain_of(html) if html else ", ".join(enclosure.name for enclosure in enclosures)
    if message.form is Form.EMOTE and message.author is not None:
        plain = f"* {message.author.name} {plain}"
        html = html and f"* {escape(message.author.name)} {html}"
    if missing:
        plain = "\n\n".join(filter(None, (plain, *(f"[{note}]" for note in missing))))
        html = html and html + "".join(f"<p>[{escape(note)}]</p>" for note in missing)
    return Text(plain=plain, html=html or None)


def _mixed(text: Text, enclosures: Sequence[Enclosure], boundary: str) -> Iterator[bytes]:
    both = f"{boundary}_a"
    if enclosures:
        yield fields.field("Content-Type", ["multipart/mixed;", f'boundary="{boundary}"'])
        yield f"\r\n--{boundary}\r\n".encode()
    yield fields.field("Content-Type", ["multipart/alternative;", f'boundary="{both}"'])
    yield f"\r\n--{both}\r\n".encode()
    yield from _words("text/plain", text.plain)
    yield f"\r\n--{both}\r\n".encode()
    yield from _words("text/html", _page(text))
    yield f"\r\n--{both}--\r\n".encode()
    for enclosure in enclosures:
        yield f"\r\n--{boundary}\r\n".encode()
        yield from _file(enclosure)
    if enclosures:
        yield f"\r\n--{boundary}--\r\n".encode()


def _words(mime: str, text: str) -> Iterator[bytes]:
    """A text part in whichever of quoted-printable and base64 is shorter: 78 characters a line in both."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    octets = "\n".join("".join(c for c in line if c == "\t" or ord(c) >= 0x20) for line in lines)
    data = octets.encode("utf-8", "replace") + b"\n"
    yield fields.field("Content-Type", [f"{mime};", 'charset="utf-8"'])
    quoted = binascii.b2a_qp(data, istext=True, quotetabs=False)
    if len(quoted) * 3 <= len(data) * 4:
        yield b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        yield quoted.replace(b"\n", b"\r\n")
    else:
        yield b"Content-Transfer-Encoding: base64\r\n\r\n"
        yield base64.encodebytes(data.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")


def _file(enclosure: Enclosure) -> Iterator[bytes]:
    mime = enclosure.mime.lower()
    # A message or multipart may not be base64-encoded (RFC 2046 section 5): it goes as the bytes that it is.
    if not _MIME.fullmatch(mime) or mime.startswith(("message/", "multipart/")):
        mime = "application/octet-stream"
    name = fields.clean(enclosure.name.replace("/", "_").replace("\\", "_"), longest=150) or "fichier"
    yield fields.field("Content-Type", [mime])
    yield fields.field("Content-Disposition", ["attachment;", *fields.parameter_atoms("filename", name)])
    yield b"Content-Transfer-Encoding: base64\r\n\r\n"
    yield base64.encodebytes(enclosure.data).replace(b"\n", b"\r\n")


def _page(text: Text) -> str:
    if text.html is None:
        body = "".join(f"<p>{'<br>'.join(escape(block).split(chr(10)))}</p>" for block in _paragraphs(text.plain))
    else:
        body = nh3.clean(
            text.html,
            tags=set(_TAGS.split()),
            attributes={"a": {"href"}, "ol": {"start"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
            url_schemes={"http", "https", "mailto", "matrix"},
        )
    return f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{body}\n</body></html>'


def _paragraphs(plain: str) -> Iterable[str]:
    return (block.strip("\n") for block in re.split(r"\n{2,}", plain) if block.strip())


class _Words(HTMLParser):
    """Collects what can be read, a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in {"br", "p", "div", "li", "tr", "blockquote", "pre", "h1", "h2", "h3"}:
            self.pieces.append("\n")


def _plain_of(html: str) -> str:
    words = _Words()
    words.feed(html)
    words.close()
    return "".join(words.pieces).strip()
