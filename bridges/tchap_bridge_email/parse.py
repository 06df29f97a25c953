"""A mail's bytes to a `Mail`: never raises, always gives something, and names what was wrong.

Pure: the same bytes give the same `Mail`, and nothing outside is touched. Parts are decoded one at a time; a `Mail`
holds the text and only the description of the files, whose bytes `part_bytes` extracts again.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Literal

from tchap_bridge_email import headers, mime
from tchap_bridge_email.author import author_of, list_of
from tchap_bridge_email.body import MAX_BODY, Contents, gather, read_body, read_text
from tchap_bridge_email.bounce import is_report, read_bounce
from tchap_bridge_email.calendar import read_invitation
from tchap_bridge_email.charsets import decode
from tchap_bridge_email.files import safe_name
from tchap_bridge_email.message import Address, Automatic, Bounce, Invitation, Mail, Part
from tchap_bridge_email.mime import Entity
from tchap_bridge_email.subject import read_subject

_AUTO_SUBJECT = re.compile(
    r"\s*(?:r[ée]ponse automatique|absen(?:ce|t) du bureau|message d'absence|automatic reply|auto(?:matic)?[- ]?reply"
    r"|out of (?:the )?office|autosvar|abwesenheits(?:notiz|assistent)|automatische antwort)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[^\s@]@[^\s@]{1,200}\.[^\s@]")


def parse(raw: bytes) -> Mail:
    """Read one mail (RFC 5322, MIME)."""
    root, problems = mime.read(raw)
    contents = gather(root, related=False)
    pieces = [read_body(body, problems) for body in contents.bodies]
    pieces = [piece for piece in pieces if piece.lines or piece.text]
    subject_text = headers.text_of(root.first("subject") or b"")
    subject = read_subject(subject_text)
    text, reply, removed, whole_html, reply_html = read_text(pieces, forward=subject.forward)
    info = list_of(root)
    author, sender = author_of(root, info)
    bounce, bounce_problem = read_bounce(root, raw, author, subject_text)
    invitation = _first_invitation(contents, problems)
    auto_submitted = headers.folded_atom(_text(root, "auto-submitted")) or "no"
    precedence = headers.folded_atom(_text(root, "precedence"))
    message_id = next(iter(_ids(root, "message-id")), None)
    date = _date(root)
    for absent, name in ((message_id, "Message-ID"), (date, "Date"), (author, "author")):
        if absent is None:
            problems.append(f"no {name}")
    if author and _ADDRESS.search(author.name) and author.address.lower() not in author.name.lower():
        problems.append("the author's name shows another address")
    if bounce_problem:
        problems.append(bounce_problem)
    return Mail(
        message_id=message_id,
        in_reply_to=_ids(root, "in-reply-to"),
        references=_ids(root, "references"),
        date=date,
        subject=subject_text,
        base_subject=subject.base,
        author=author,
        sender=sender,
        to=_addresses(root, "to"),
        cc=_addresses(root, "cc"),
        reply_to=_addresses(root, "reply-to"),
        list_info=info,
        text=text,
        reply=reply,
        removed=removed,
        html=whole_html,
        reply_html=reply_html,
        attachments=_files(contents, whole_html or "", problems),
        automatic=_automatic(root, subject_text, bounce, auto_submitted, precedence, listed=info is not None),
        bounce=bounce,
        calendar=invitation,
        problems=tuple(dict.fromkeys(problems)),
        auto_submitted=auto_submitted,
        precedence=precedence,
        report=root.content.value == "multipart/report" or is_report(root),
        return_path=_return_path(root),
        received_count=len(root.all("received")),
        x_loop=tuple(headers.text_of(value) for value in root.all("x-loop")),
        delivered_to=tuple(headers.text_of(value) for value in root.all("delivered-to")),
        security=_security(root),
        headers=tuple((name, headers.text_of(value)) for name, value in root.headers),
    )


def part_bytes(raw: bytes, index: int) -> bytes:
    """The decoded bytes of `Part.index` of the mail `raw`.

    Raises:
        IndexError: the mail has no leaf of that index.
    """
    root, _ = mime.read(raw)
    for leaf in root.leaves():
        if leaf.index == index:
            return mime.content_of(leaf)[0]
    raise IndexError(f"the mail has no part {index}")


# Files and invitations


def _files(contents: Contents, whole_html: str, problems: list[str]) -> tuple[Part, ...]:
    found = list(contents.files)
    found += [
        (leaf, False)
        for body in contents.bodies
        for leaf in (*body.plain, *body.rich)
        if leaf.end - leaf.body > MAX_BODY
    ]
    parts: dict[int, Part] = {}
    for leaf, related in found:
        data, problem = mime.content_of(leaf)
        if problem:
            problems.append(problem)
        content_id = headers.text_of(leaf.first("content-id") or b"").strip("<> ") or None
        location = headers.text_of(leaf.first("content-location") or b"") or None
        name = leaf.disposition.params.get("filename") or leaf.content.params.get("name") or ""
        if not name and leaf.content.value == "message/rfc822":
            name = _subject_of(data)
        shown = content_id is not None and f'"cid:{content_id}"' in whole_html
        parts[leaf.index] = Part(
            index=leaf.index,
            filename=safe_name(name, leaf.content.value, leaf.index),
            mime=leaf.content.value,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            inline=shown or related or leaf.disposition.value.startswith("inline"),
            content_id=content_id,
            content_location=location,
        )
    return tuple(parts[index] for index in sorted(parts))


def _subject_of(mail: bytes) -> str:
    """A name for an attached mail: what it is about."""
    inner, _ = mime.read(mail[: mime.MAX_HEADER_BYTES])
    subject = headers.text_of(inner.first("subject") or b"").replace("/", "-")
    return f"{subject[:100]}.eml" if subject else ""


def _first_invitation(contents: Contents, problems: list[str]) -> Invitation | None:
    for leaf in contents.calendars:
        data, problem = mime.content_of(leaf)
        text, guess = decode(data[:MAX_BODY], leaf.content.params.get("charset", "utf-8"))
        invitation, trouble = read_invitation(text, leaf.content.params.get("method", ""))
        problems += [found for found in (problem, guess, trouble) if found]
        if invitation is not None:
            return invitation
    return None


# The rest of the header


def _text(root: Entity, name: str) -> str:
    return headers.text_of(root.first(name) or b"")


def _ids(root: Entity, name: str) -> tuple[str, ...]:
    return headers.message_ids(b" ".join(root.all(name)))


def _addresses(root: Entity, name: str) -> tuple[Address, ...]:
    return tuple(one for value in root.all(name) for one in headers.addresses(value))


def _date(root: Entity) -> datetime | None:
    """Date, else the newest Received (its date follows the last semicolon, RFC 5321 4.4)."""
    written = root.first("date")
    found = headers.date_of(written) if written else None
    received = root.first("received")
    return found or (headers.date_of(received.rpartition(b";")[2]) if received else None)


def _return_path(root: Entity) -> str | None:
    raw = root.first("return-path")
    if raw is None:
        return None
    found = headers.addresses(raw)
    return found[0].address if found else ""


def _security(root: Entity) -> Literal["none", "signed", "encrypted"]:
    """By structure alone (RFC 1847, RFC 8551 3.2, and OpenPGP text in the body is left as it is)."""
    stack, security = [root], "none"
    while stack:
        node = stack.pop()
        kind = node.content.value
        enveloped = kind in ("application/pkcs7-mime", "application/x-pkcs7-mime")
        opaque = enveloped and node.content.params.get("smime-type", "").lower() == "signed-data"
        if kind == "multipart/encrypted" or (enveloped and not opaque):
            return "encrypted"
        if kind == "multipart/signed" or opaque:
            security = "signed"
        stack.extend(node.children)
    return "signed" if security == "signed" else "none"


def _automatic(
    root: Entity, subject: str, bounce: Bounce | None, auto_submitted: str, precedence: str, *, listed: bool
) -> Automatic | None:
    """RFC 3834 2 and 5, and what came before it. A list's Precedence does not make members robots."""
    if bounce is not None or is_report(root):
        return "bounce"
    replying = root.first("x-autoreply") or root.first("x-autorespond") or root.first("x-autoreply-from")
    if auto_submitted == "auto-replied" or precedence in ("auto_reply", "auto-reply") or replying:
        return "auto-reply"
    if _AUTO_SUBJECT.match(subject) and (auto_submitted != "no" or root.first("x-auto-response-suppress")):
        return "auto-reply"
    if auto_submitted != "no":
        return "bulk"
    return "bulk" if precedence in ("bulk", "junk") and not listed else None
