"""Who wrote a mail that a list passed on: undo what lists do to From so that DMARC lets it through."""

from __future__ import annotations

import re

from tchap_bridge_email import headers
from tchap_bridge_email.message import Address, ListInfo
from tchap_bridge_email.mime import Entity

_VIA = re.compile(
    r"\s*\(?\b(?:via|par|über|ueber|por|tramite|through|on behalf of|de la part de)\s+\S.*\Z", re.IGNORECASE
)
_UNSUBSCRIBE = re.compile(r"<\s*((?:https?|mailto):[^<>\s]{1,2000})\s*>", re.IGNORECASE)
_INNER_ADDRESS = re.compile(r"[(<]?([^\s()<>@]{1,64}@[^\s()<>@]{1,255})[)>]?")


def list_of(root: Entity) -> ListInfo | None:
    """The list a mail came through, by List-Id (RFC 2919), else by what older list servers write; None for none."""
    raw = root.first("list-id")
    post = _post_address(root.first("list-post"))
    older = next((found for name in ("x-beenthere", "x-mailing-list") for found in _addresses(root, name)), None)
    if raw is None and post is None and older is None:
        return None
    text = headers.text_of(raw or b"")
    phrase, bracket, rest = text.rpartition("<")
    identity = (rest.partition(">")[0] if bracket else text).strip().lower()
    post = post or (older.address if older else None)
    return ListInfo(
        id=identity or (post or "").replace("@", "."),
        name=phrase.strip().strip("\"'").strip(),
        post=post,
        unsubscribe=tuple(_UNSUBSCRIBE.findall(headers.text_of(root.first("list-unsubscribe") or b""))),
    )


def author_of(root: Entity, info: ListInfo | None) -> tuple[Address | None, Address | None]:
    """(author, From as it arrived). Rewriting is undone only for mail that names its list."""
    sender = next((one for name in ("from", "sender", "x-original-from") for one in _addresses(root, name)), None)
    if info is None or sender is None:
        return sender, sender
    original = next((one for name in ("x-original-from", "x-mailfrom") for one in _addresses(root, name)), None)
    bare = _VIA.sub("", sender.name).strip().strip("\"'").strip()
    if bare == sender.name and not _is_list(sender, info):
        return sender, sender
    if original is not None and not _is_list(original, info):
        return Address(name=_person(original.name or bare), address=original.address), sender
    candidates = [one for name in ("reply-to", "cc") for one in _addresses(root, name) if not _is_list(one, info)]
    named = [one for one in candidates if one.name and one.name.casefold() == bare.casefold()]
    replies = [one for one in _addresses(root, "reply-to") if not _is_list(one, info)]
    if named or len(replies) == 1:
        found = (named or replies)[0]
        return Address(name=_person(bare or found.name), address=found.address), sender
    inner = _INNER_ADDRESS.search(bare)  # Sympa can put the author's address into the name
    if inner:
        name = (bare[: inner.start()] + bare[inner.end() :]).strip(" ()<>")
        return Address(name=_person(name), address=headers.domain_lowered(inner[1])), sender
    return Address(name=_person(bare or sender.name), address=sender.address), sender


def _person(name: str) -> str:
    """`Dupont, Jean` as it is; only quotes and edges go."""
    return name.strip().strip("\"'").strip()


def _is_list(one: Address, info: ListInfo) -> bool:
    """The list's own address, or one at a host the list lives on."""
    if one.address == info.post:
        return True
    local, _, _ = one.address.rpartition("@")
    hosted = bool(one.domain) and (info.id == one.domain or info.id.endswith(f".{one.domain}"))
    listed = info.id.partition(".")[0]
    return hosted and local.lower() in (listed, f"{listed}-bounces", f"{listed}-owner", f"{listed}-request")


def _post_address(raw: bytes | None) -> str | None:
    match = re.search(r"mailto:([^<>?\s]{1,320})", headers.text_of(raw or b""), re.IGNORECASE)
    return headers.domain_lowered(match[1]) if match else None


def _addresses(root: Entity, name: str) -> tuple[Address, ...]:
    return tuple(one for raw in root.all(name) for one in headers.addresses(raw))
