"""Which recipients a mail says were not reached: RFC 3464, else the forms flufl.bounce knows, else prose."""

from __future__ import annotations

import email
import re

from flufl.bounce import all_failures

from tchap_bridge_email import headers
from tchap_bridge_email.charsets import decode, printable
from tchap_bridge_email.message import Address, Bounce, BouncedRecipient
from tchap_bridge_email.mime import Entity, content_of

MAX_BYTES = 1_000_000
"""Of a mail given to the heuristics; reports are small, except for what they quote."""
MAX_RECIPIENTS = 1000

_ROBOTS = (
    "mailer-daemon",
    "postmaster",
    "mail-daemon",
    "mailerdaemon",
    "mdaemon",
    "uucp",
    "smtp",
    "maildeliverysystem",
)
_SUBJECTS = re.compile(
    r"undeliver|non remis|non d[ée]livr|[ée]chec de (?:la )?(?:remise|distribution|livraison)|retard de remise"
    r"|notification d'[ée]tat|[ée]tat de la remise|message en attente|inconnu"
    r"|returned mail|non-?delivery|delivery (?:status|failure|notification|report|problem|error|has failed|delay)"
    r"|failure notice|mail (?:delivery|system|failure|not) ?|message (?:status|delay|delivery)|not delivered"
    r"|could not (?:send|be delivered)|can't be delivered|unknown user|user unknown|does not exist|bounce|warning|error"
    r"|unzustellbar|nicht zugestellt",
    re.IGNORECASE,
)
_MESSAGE_ID = re.compile(r"^[ \t>]*message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_ANNOUNCED = re.compile(
    r"(?:following|ces|suivante?s?|folgende[nr]?|siguientes?)\b[^.]{0,60}\b"
    r"(?:address|recipient|user|destinataire|adresse|empf[äa]nger|destinatario)"
    r"|address\(?e?s?\)? failed|could not be delivered to|n'a pas pu [êe]tre (?:remis|distribu|d[ée]livr)",
    re.IGNORECASE,
)
_RETURNED = re.compile(r"-{2,}.{0,40}(?:original|header|copy of|message|copie|en-t[êe]te)", re.IGNORECASE)
_REACHED = frozenset({"delivered", "relayed", "expanded"})
_UNFOLD = re.compile(r"\n[ \t]+")


def is_report(root: Entity) -> bool:
    """A delivery status notification by its form (RFC 3464 2), whatever it reports."""
    return any(leaf.content.value == "message/delivery-status" for leaf in root.leaves())


def read_bounce(root: Entity, raw: bytes, author: Address | None, subject: str) -> tuple[Bounce | None, str | None]:
    """The failures that a mail reports, or None; and what went wrong while looking, or None. Never raises.

    A delayed recipient counts (`action` says so); delivered, relayed and expanded ones are no failures.
    """
    recipients = _standard(root)
    problem = None
    if not recipients and _suspicious(root, author, subject):
        recipients, problem = _heuristic(raw)
        recipients = recipients or _in_words(root)
    if not recipients:
        return None, problem
    return Bounce(recipients=tuple(recipients[:MAX_RECIPIENTS]), original_message_id=_original(root)), problem


def _standard(root: Entity) -> list[BouncedRecipient]:
    found: dict[str, BouncedRecipient] = {}
    for leaf in root.leaves():
        if leaf.content.value != "message/delivery-status":
            continue
        text = printable(content_of(leaf)[0][:MAX_BYTES].decode("utf-8", "replace"))
        for group in re.split(r"\n[ \t]*\n", _UNFOLD.sub(" ", text)):
            one = _recipient(group)
            if one is not None and one.action not in _REACHED:
                found.setdefault(one.address.lower(), one)
    return list(found.values())


def _recipient(group: str) -> BouncedRecipient | None:
    fields: dict[str, str] = {}
    for line in group.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    address = _typed(fields.get("original-recipient", "")) or _typed(fields.get("final-recipient", ""))
    if not address:
        return None
    status = re.search(r"[245]\.\d{1,3}\.\d{1,3}", fields.get("status", ""))
    return BouncedRecipient(
        address=address,
        status=status[0] if status else None,
        action=headers.folded_atom(fields.get("action", "")) or None,
        diagnostic=_diagnostic(fields.get("diagnostic-code", "")),
    )


def _typed(value: str) -> str:
    """`rfc822; <jean@exemple.fr>` → the address (RFC 3464 2.3.1)."""
    found = headers.addresses(value.rpartition(";")[2].encode("utf-8", "replace"))
    return found[0].address if found else ""


def _diagnostic(value: str) -> str | None:
    kind, semicolon, rest = value.partition(";")
    text = rest if semicolon and " " not in kind.strip() else value
    return headers.one_line(text)[:500] or None


def _suspicious(root: Entity, author: Address | None, subject: str) -> bool:
    if root.content.value == "multipart/report" or root.first("x-failed-recipients") is not None:
        return True
    if (root.first("return-path") or b"?").strip() == b"<>":
        return True
    local = author.address.partition("@")[0].lower() if author else ""
    return local.replace("_", "-").startswith(_ROBOTS) or bool(_SUBJECTS.search(subject[:500]))


def _heuristic(raw: bytes) -> tuple[list[BouncedRecipient], str | None]:
    try:
        addresses = all_failures(email.message_from_bytes(raw[:MAX_BYTES]))
    except Exception as error:  # noqa: BLE001  a library's reading of hostile bytes: whatever it raises is told, not hidden
        return [], f"bounce not understood ({type(error).__name__})"
    temporary, permanent = ({one.decode("utf-8", "replace") for one in group} for group in addresses)
    return [
        BouncedRecipient(address=address, status=None, action=action, diagnostic=None)
        for action, group in (("failed", permanent), ("delayed", temporary - permanent))
        for address in sorted(group)
        if _ADDRESS.fullmatch(address)
    ], None


def _in_words(root: Entity) -> list[BouncedRecipient]:
    """A report in prose: the addresses in the few lines after a sentence that announces them."""
    leaf = next((one for one in root.leaves() if one.content.value == "text/plain"), None)
    if leaf is None:
        return []
    text, _ = decode(content_of(leaf)[0][:MAX_BYTES], leaf.content.params.get("charset", ""))
    found: dict[str, BouncedRecipient] = {}
    window = 0
    for line in printable(text).split("\n")[:200]:
        flat = line[:400]
        if _RETURNED.match(flat.strip()):
            break
        window = 8 if _ANNOUNCED.search(flat) else window - 1
        if window > 0:
            for match in _ADDRESS.finditer(flat):
                one = BouncedRecipient(address=match[0], status=None, action="failed", diagnostic=None)
                found.setdefault(match[0].lower(), one)
    return list(found.values())


def _original(root: Entity) -> str | None:
    """The Message-ID of the mail that came back: in its returned header, else quoted in the text."""
    leaves = list(root.leaves())
    returned = [leaf for leaf in leaves if leaf.content.value in ("message/rfc822", "text/rfc822-headers")]
    for leaf in [*returned, *leaves]:
        match = _MESSAGE_ID.search(content_of(leaf)[0][:MAX_BYTES].decode("utf-8", "replace"))
        if match:
            return headers.normal_id(match[1])
    return None
