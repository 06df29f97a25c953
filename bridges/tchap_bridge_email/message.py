"""What a parsed mail is: frozen values, nothing that reads bytes.

`parse.parse` makes a `Mail`; everything else in the bridge only looks at one. Text is `str` without control characters
other than tab and newline, and stays out of every repr; addresses are as written, but for the domain in lower case
(RFC 5321 2.4: the local part belongs to its host). Message-IDs keep their angle brackets and are normalised (see
`headers.message_ids`): two are the same exactly when the strings are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Automatic = Literal["bounce", "auto-reply", "bulk"]
"""Mail no person wrote just now: a delivery report, an answering machine, or a robot's post (RFC 3834)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox of RFC 5322 3.4. `name` is the decoded display name, "" when there is none."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part after the last @, in lower case; "" for an address without one."""
        return self.address.rpartition("@")[2].lower() if "@" in self.address else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInfo:
    """What the list says of itself: List-Id and its phrase (RFC 2919), List-Post (RFC 2369)."""

    id: str
    name: str
    post: str | None
    """The address to post to; None when the list gives none or says NO."""
    unsubscribe: tuple[str, ...] = ()
    """The URIs of List-Unsubscribe, as written, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A leaf that is shown as a file. `parse.part_bytes(raw, index)` gives its decoded bytes again."""

    index: int
    """Position among the leaves of the mail, in document order; the same for the same bytes, always."""
    filename: str
    """Safe to show and to save: no path, no control or direction characters, at most 200 characters, never empty."""
    mime: str
    size: int
    """Bytes after transfer decoding."""
    sha256: str
    inline: bool
    """True when the body refers to it, or when its sender asked for it to be shown in place."""
    content_id: str | None
    """Without angle brackets; what a `cid:` URL in the HTML names."""
    content_location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedRecipient:
    """One per-recipient group of a delivery report (RFC 3464 2.3)."""

    address: str
    status: str | None
    """Enhanced status code such as 5.1.1 (RFC 3463), None when the report gives none."""
    action: str | None
    """failed, delayed, delivered, relayed or expanded; None when the report is not in the standard form."""
    diagnostic: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """Which recipients did not get which mail."""

    recipients: tuple[BouncedRecipient, ...]
    original_message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """The first event of a text/calendar part (RFC 5545, RFC 5546), and the French card that shows it."""

    method: str
    """REQUEST, CANCEL, REPLY, PUBLISH …; "" when absent."""
    uid: str
    sequence: int
    summary: str = field(repr=False)
    start: str
    """ISO 8601: a date for an all-day event, else a date and time with its offset where the zone is known."""
    end: str | None
    location: str = field(repr=False)
    organizer: str
    recurrence: str
    """The repetition in French words, "" when the event happens once."""
    cancelled: bool
    text: str = field(repr=False)
    """The card: several lines of plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail, read. Empty rather than absent where emptiness says enough; None only where absence has a meaning."""

    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    """At most 100; the first and the latest are kept of a longer list."""
    date: datetime | None
    """Always aware; the Date header, else the newest Received, else None."""
    subject: str
    base_subject: str
    """The subject without reply and forward marks and list tags (RFC 5256 2.1); for comparing and for showing."""
    author: Address | None
    """Who wrote it, list rewriting undone."""
    sender: Address | None
    """The From header as it arrived: differs from `author` where a list rewrote it."""
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    list_info: ListInfo | None
    text: str = field(repr=False)
    """All that can be read, as plain text."""
    reply: str = field(repr=False)
    """What the author newly wrote; all of it when nothing else would be left."""
    removed: tuple[str, ...] = field(repr=False)
    """What `reply` leaves out of the body, block by block, in order: quotes, attributions, signatures, list footers."""
    html: str | None = field(repr=False)
    """The whole body as Matrix HTML, images still `cid:` (see `html.place_images`); None for a mail without HTML."""
    reply_html: str | None = field(repr=False)
    """As `html`, for `reply`."""
    attachments: tuple[Part, ...]
    automatic: Automatic | None
    bounce: Bounce | None
    """What it reports; in a form of RFC 3464 only where `report` says so, else by its words."""
    calendar: Invitation | None
    problems: tuple[str, ...]
    """What was wrong with the mail, for people who look into it: short English phrases, each at most once."""
    auto_submitted: str = "no"
    """First word of Auto-Submitted in lower case (RFC 3834 5); "no" when absent."""
    precedence: str = ""
    report: bool = False
    """A delivery report by its form: multipart/report, or a part that is message/delivery-status (RFC 3464)."""
    return_path: str | None = None
    """The envelope sender as the final host wrote it: "" for the null sender, None when the header is absent."""
    received_count: int = 0
    x_loop: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    security: Literal["none", "signed", "encrypted"] = "none"
    """S/MIME or OpenPGP as the MIME structure declares it; nothing is verified here."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Every header field, decoded, in order; for rules that look at one this class does not name."""
