"""Mail addresses and the ids made of them: normalised to compare, derived to be opaque. Pure.

An id that this program makes is a truncated HMAC over what it stands for, so that nobody can guess or forge one, and
so that the same thing has the same id after a crash. The secret is the connection's own (`bridge.Host.secret`).
"""

import base64
import hmac
import re
import unicodedata

from tchap_bridges.ids import MessageId

_OWN_LOCAL = re.compile(r"[a-z2-7]{26}\.tchap")
_OWN_RETURN = re.compile(r"retour-[a-z2-7]{12}")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_MAILBOX = re.compile(r"[^\s<>()\[\],;:\\\"@]+@[^\s<>()\[\],;:\\\"@]+")
_NEEDS_QUOTES = re.compile(r"[\s()<>\[\]:;@\\,\"]")
_LOCAL_OCTETS, _DOMAIN_OCTETS = 64, 255  # RFC 5321 section 4.5.3.1


def normalise(address: str) -> str | None:
    """The one spelling under which an address is compared and stored; None when it is not one.

    Lower case on both sides (RFC 5321 lets a local part be case-sensitive; no list and no person means it), NFC, the
    domain in its A-label form, no trailing dot, no ``mailto:`` (RFC 6068), no needless quotes. A local part that needs
    quotes (RFC 5321 section 4.1.2) is refused: nobody has one, and what looks like it is two addresses in one word.
    """
    parts = _parts(address)
    if parts is None or _NEEDS_QUOTES.search(parts[0]) or len(parts[0].encode()) > _LOCAL_OCTETS:
        return None
    return "@".join(parts)


def writer(address: str) -> str | None:
    """The same for whom a mail comes from: real mail has what `normalise` refuses, and its author is somebody still."""
    parts = _parts(address)
    whole = "@".join(parts or ())
    return whole if 0 < len(whole.encode()) <= _LOCAL_OCTETS + 1 + _DOMAIN_OCTETS else None


def _parts(address: str) -> tuple[str, str] | None:
    """The local part without quotes, the domain: what is before the last @, and what is after it."""
    text = unicodedata.normalize("NFC", address).strip().removeprefix("<").removesuffix(">").strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    local, _at, domain = text.rpartition("@")
    if local.startswith('"') and local.endswith('"') and len(local) > 2:
        local = local[1:-1].replace("\\", "")
    if not local or any(c.isspace() or not c.isprintable() for c in text):
        return None
    host = ascii_domain(domain)
    return (local.casefold(), host) if host is not None else None


def ascii_domain(domain: str) -> str | None:
    """A domain in lower-case A-labels (RFC 5890), None when no name server could hold it."""
    name = domain.strip().rstrip(".").lower()
    try:
        host = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = host.split(".")
    sound = len(host) <= _DOMAIN_OCTETS and all(0 < len(label) <= 63 and not _strange(label) for label in labels)
    return host if sound else None


def _strange(label: str) -> bool:
    return not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", label)


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def other_address(name: str, address: str) -> str | None:
    """An address that a display name shows and that is not the sender's own: a classic of impersonation."""
    for found in _MAILBOX.findall(name):
        shown = normalise(found)
        if shown is not None and shown != address:
            return shown
    return None


def mac(secret: bytes, purpose: str, *parts: str, length: int) -> str:
    """``length`` characters of base32 (five bits each) that only the holder of ``secret`` can make."""
    told = "\x1f".join((purpose, *parts)).encode("utf-8", "surrogatepass")
    digest = hmac.digest(secret, told, "sha256")
    return base64.b32encode(digest).decode("ascii").lower()[:length]


def slug(text: str, *, longest: int = 40) -> str:
    """The words of a text as they may stand in a local part: ``Équipe d'accueil`` → ``equipe-d-accueil``."""
    flat = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode("ascii")
    return _NOT_SLUG.sub("-", flat)[:longest].strip("-")


def detailed(address: str, detail: str) -> str:
    """With a detail (RFC 5233): ``pont+camille-martin@pont.fr``; the address itself where none of it can be written."""
    local, _at, domain = address.rpartition("@")
    return f"{local}+{slug(detail)}@{domain}" if slug(detail) else address


def subscription_address(chat: str, secret: bytes, domain: str) -> str:
    """The address to subscribe to a list: readable by its administrator, not to be guessed by anybody else."""
    return _readable(chat.replace("@", "."), mac(secret, "subscription", chat, length=8), domain)


def return_address(chat: str, secret: bytes, domain: str) -> str:
    """The envelope sender of what goes to a chat: a delivery report comes back to it, and so to the chat."""
    return f"retour-{mac(secret, 'return', chat, length=12)}@{domain}"


def is_return_address(address: str, domain: str) -> bool:
    """It has the shape of a `return_address`, which no other address made here can have: theirs end in ``-`` and 8."""
    local, _, host = address.rpartition("@")
    return host == domain and _OWN_RETURN.fullmatch(local) is not None


def allocated_address(name: str, secret: bytes, domain: str, *, asker: str, room: str, attempt: int) -> str:
    """An address for a room that has none. ``attempt`` counts up while the address is somebody's already."""
    return _readable(name, mac(secret, "allocated", name, asker, room, str(attempt), length=8), domain)


def _readable(text: str, tail: str, domain: str) -> str:
    return "-".join(filter(None, (slug(text), tail))) + "@" + domain


def own_message_id(key: str, secret: bytes, domain: str) -> MessageId:
    """The Message-ID of the mail that carries the outgoing message ``key``: the same at each attempt."""
    return MessageId(f"<{mac(secret, 'message-id', key, length=26)}.tchap@{domain}>")


def is_own_message_id(message_id: str, domain: str) -> bool:
    """It has the shape of an id made here. A shape and no proof: whoever saw one can write it again."""
    local, _, host = message_id.removeprefix("<").removesuffix(">").partition("@")
    return host.lower() == domain and _OWN_LOCAL.fullmatch(local) is not None
