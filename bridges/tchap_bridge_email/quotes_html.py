"""What mail clients write around what they quote: the markers in HTML, by client, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Mark(Enum):
    """What an element is, as far as quoting goes."""

    CITE = auto()
    """Quoted text, surely."""
    SOFT = auto()
    """A `<blockquote>` that may be a quote or the author's indentation; the text around it decides."""
    ATTRIBUTION = auto()
    CUT = auto()
    """From here to the end it is the earlier mail, unless the mail is a forward."""
    SIGNATURE = auto()


_BY_ID = {
    "appendonsend": Mark.CUT,  # Outlook on the web
    "divrplyfwdmsg": Mark.CUT,
    "mail-editor-reference-message-container": Mark.CUT,  # new Outlook
    "olk_src_body_section": Mark.CUT,  # Outlook for Mac
    "zwchr": Mark.CUT,  # Zimbra
    "stopspelling": Mark.CUT,  # Hotmail
    "skydriveplaceholder": Mark.CUT,
    "replysplit": Mark.CUT,
    "signature": Mark.SIGNATURE,  # Outlook on the web
    "ms-outlook-mobile-signature": Mark.SIGNATURE,
    "protonmail_mobile_signature_block": Mark.SIGNATURE,
}
_BY_CLASS = {
    "gmail_attr": Mark.ATTRIBUTION,
    "moz-cite-prefix": Mark.ATTRIBUTION,
    "moz-email-headers-table": Mark.CUT,
    "outlookmessageheader": Mark.CUT,
    "yahoo_quoted": Mark.CUT,
    "protonmail_quote": Mark.CITE,
    "tutanota_quote": Mark.CITE,
    "gmail_signature": Mark.SIGNATURE,
    "gmail_signature_prefix": Mark.SIGNATURE,
    "moz-signature": Mark.SIGNATURE,
    "protonmail_signature_block": Mark.SIGNATURE,
    "tutanota_signature": Mark.SIGNATURE,
}
_ZIMBRA = {
    "__divider__": Mark.CUT,
    "__headers__": Mark.CUT,
    "__sig_post__": Mark.SIGNATURE,
    "__sig_pre__": Mark.SIGNATURE,
}


def mark_of(tag: str, attributes: Mapping[str, str | None]) -> Mark | None:
    """The mark of one element, None for most."""
    found = _BY_ID.get(_clean(attributes.get("id"))) or _ZIMBRA.get((attributes.get("data-marker") or "").lower())
    if found:
        return found
    classes = (attributes.get("class") or "").lower().split()
    if tag == "blockquote":
        cited = (attributes.get("type") or "").lower() == "cite" or "cite" in attributes
        named = any(name.startswith(("gmail_quote", "yahoo", "protonmail_quote", "tutanota_quote")) for name in classes)
        return Mark.CITE if cited or named else Mark.SOFT
    return next((_BY_CLASS[name] for name in classes if name in _BY_CLASS), None)


def _clean(name: str | None) -> str:
    """Clients that quote a mail rename its ids: `x_divRplyFwdMsg`, `m_-123456divRplyFwdMsg`, `ecxzwchr`."""
    bare = (name or "").lower()
    for prefix in ("x_", "ecx"):
        bare = bare.removeprefix(prefix)
    return bare.lstrip("m_-0123456789") if bare.startswith("m_") else bare
