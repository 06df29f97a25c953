"""What one room event means: conversation, or a fact about the room. Pure.

Everything here was written by anybody who is in a room: any field may be absent or of any type, and then it means
nothing. Only JSON that is none, or no event, is a `RemoteViolation`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tchap_bridges.bridge import Item
from tchap_bridges.core.ports import Declined, GhostMoved, Gone, Invited, RoomChanged, RoomFact, Upgraded
from tchap_bridges.errors import RemoteViolation
from tchap_bridges.events import Author, Deletion, Edit, Event, File, Form, Membership, Message, Reaction, Text
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId, RoomId, UserId
from tchap_bridges.matrix import polls
from tchap_bridges.matrix.facts import access_rule, lets_in
from tchap_bridges.matrix.html import safe_html
from tchap_bridges.matrix.names import Namespace, is_user_id
from tchap_bridges.matrix.pills import read_mentions
from tchap_bridges.matrix.text import clean_text, without_quote

ORIGIN = "org.tchap_bridges.origin"
"""In the content of every event of ours: what bears it came from a bridge, and no bridge carries it on."""

_FORMS = (("m.text", Form.TEXT), ("m.emote", Form.EMOTE), ("m.notice", Form.NOTICE))
_FILES = (
    ("m.image", "image/png"),
    ("m.video", "video/mp4"),
    ("m.audio", "audio/ogg"),
    ("m.file", "application/octet-stream"),
)
_RULE_EVENTS = (
    ("m.room.encryption", "encryption"),
    ("im.vector.room.access_rules", "access"),
    ("m.room.power_levels", "power"),
    ("m.room.join_rules", "join"),
    ("m.room.create", "create"),
)
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What every event has, checked."""

    id: MessageId
    kind: str
    room: RoomId
    sender: UserId
    at: datetime
    content: Mapping[str, Any]
    state_key: str | None
    whole: Mapping[str, Any]

    @property
    def chat(self) -> ChatId:
        return ChatId(self.room)

    @property
    def author(self) -> Author:
        return Author(person=PersonId(self.sender), name="")


def read(item: Item, ours: Namespace) -> Sequence[Event | RoomFact]:
    """What the stored event means; nothing, for most. Raises RemoteViolation for what is no event at all."""
    event = _open(item)
    if event.kind == "m.room.member":
        return tuple(_member(event, ours))
    if event.state_key is not None:
        return tuple(_state(event))
    if event.sender in ours or ORIGIN in event.content:
        return ()
    match event.kind:
        case "m.room.message":
            return tuple(_message(event, ours))
        case "m.sticker":
            return tuple(_said(event, {**event.content, "msgtype": "m.image"}, ours))
        case "m.reaction":
            return tuple(_reaction(event))
        case "m.room.redaction":
            return tuple(_redaction(event))
        case kind if kind in polls.KINDS:
            return tuple(_poll(event))
        case _:
            return ()


def room_of(item: Item) -> RoomId | None:
    """The room of an event that `read` failed on, as far as it can be told."""
    try:
        return RoomId(_id(_whole(item).get("room_id"), "!")) or None
    except RemoteViolation:
        return None


def _whole(item: Item) -> Mapping[str, Any]:
    try:
        whole = json.loads(item.raw)
    except (ValueError, RecursionError) as error:
        raise RemoteViolation(f"an event that is no JSON: {type(error).__name__}") from None
    if not isinstance(whole, dict):
        raise RemoteViolation("an event that is no object")
    return whole


def _open(item: Item) -> _Envelope:
    whole = _whole(item)
    id_, kind = _id(whole.get("event_id"), "$"), _text(whole.get("type"))
    room, sender = _id(whole.get("room_id"), "!"), _id(whole.get("sender"), "@")
    if not (id_ and kind and room and sender):
        raise RemoteViolation("an event without id, type, room or sender")
    state_key = whole.get("state_key")
    return _Envelope(
        MessageId(id_),
        kind,
        RoomId(room),
        UserId(sender),
        _when(whole.get("origin_server_ts"), item.received_at),
        _map(whole.get("content")),
        state_key if isinstance(state_key, str) else None,
        whole,
    )


# Conversation


def _message(event: _Envelope, ours: Namespace) -> Iterator[Event]:
    relation = _map(event.content.get("m.relates_to"))
    if relation.get("rel_type") != "m.replace":
        yield from _said(event, event.content, ours)
        return
    target, new = _id(relation.get("event_id"), "$"), _map(event.content.get("m.new_content"))
    if target and (text := _words(new, ours, answers=False)):
        yield Edit(id=event.id, chat=event.chat, author=event.author, at=event.at, target=MessageId(target), text=text)


def _said(event: _Envelope, content: Mapping[str, Any], ours: Namespace) -> Iterator[Event]:
    thread, reply_to = _lineage(_map(content.get("m.relates_to")))
    file = _file(content)
    text = _words(content, ours, answers=reply_to is not None)
    if file is not None and content.get("filename") in (None, content.get("body")):
        text = Text()  # the body is the file's name
    if not (text or file):
        return
    yield Message(
        id=event.id,
        chat=event.chat,
        author=event.author,
        at=event.at,
        text=text,
        files=(file,) if file else (),
        thread=thread,
        reply_to=reply_to,
        form=next((form for name, form in _FORMS if name == content.get("msgtype")), Form.TEXT),
    )


def _lineage(relation: Mapping[str, Any]) -> tuple[tuple[MessageId, ...], MessageId | None]:
    """The thread, root first and parent last, and the message answered.

    In a thread, clients that know threads name the latest event as answered for those that do not; it is then the
    parent, and answered by nobody. https://spec.matrix.org/v1.17/client-server-api/#fallback-for-unthreaded-clients
    """
    root = _id(relation.get("event_id"), "$") if relation.get("rel_type") == "m.thread" else ""
    answered = _id(_map(relation.get("m.in_reply_to")).get("event_id"), "$")
    thread = tuple(dict.fromkeys(MessageId(id_) for id_ in (root, answered) if id_)) if root else ()
    really = answered and not (root and relation.get("is_falling_back") is True)
    return thread, MessageId(answered) if really else None


def _words(content: Mapping[str, Any], ours: Namespace, *, answers: bool) -> Text:
    plain = clean_text(_text(content.get("body")))
    html = _text(content.get("formatted_body")) if content.get("format") == "org.matrix.custom.html" else ""
    if answers:
        plain = without_quote(plain)
    return read_mentions(Text(plain=plain, html=safe_html(html)), content, ours.is_ghost)


def _file(content: Mapping[str, Any]) -> File | None:
    mime = next((mime for name, mime in _FILES if name == content.get("msgtype")), None)
    if mime is None:
        return None
    info, url, sealed = _map(content.get("info")), _text(content.get("url")), content.get("file")
    if isinstance(sealed, dict) and _text(sealed.get("url")).startswith("mxc://"):
        ref = json.dumps(sealed)  # an EncryptedFile, key and all: opened where encryption is
    elif url.startswith("mxc://"):
        ref = url
    else:
        return None
    size = info.get("size")
    name = clean_text(_text(content.get("filename")) or _text(content.get("body"))).replace("\n", " ").strip()
    told = _text(info.get("mimetype"))
    return File(
        name=name[:255] or "fichier",
        mime=told if told.isascii() and told.isprintable() and "/" in told and len(told) < 128 else mime,
        ref=FileRef(ref),
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 53 else None,
    )


def _reaction(event: _Envelope) -> Iterator[Event]:
    relation = _map(event.content.get("m.relates_to"))
    target, key = _id(relation.get("event_id"), "$"), clean_text(_text(relation.get("key"))).strip()
    if relation.get("rel_type") == "m.annotation" and target and key:
        yield Reaction(
            id=event.id, chat=event.chat, author=event.author, at=event.at, target=MessageId(target), key=key[:100]
        )


def _redaction(event: _Envelope) -> Iterator[Event]:
    # Room version 11 moved it into the content, and homeservers write it in both places. Where these differ the one was
    # not looked at when the redaction was allowed.
    targets = {_id(place.get("redacts"), "$") for place in (event.content, event.whole) if "redacts" in place}
    if len(targets) == 1 and (target := targets.pop()):
        yield Deletion(id=event.id, chat=event.chat, author=event.author, at=event.at, target=MessageId(target))


def _poll(event: _Envelope) -> Iterator[Event]:
    relation = _map(event.content.get("m.relates_to"))
    related = _text(relation.get("rel_type")), MessageId(_id(relation.get("event_id"), "$")) or None
    found = polls.read(
        event.kind, event.content, related, id=event.id, chat=event.chat, author=event.author, at=event.at
    )
    if found is not None:
        yield found


# Facts


def _member(event: _Envelope, ours: Namespace) -> Iterator[Event | RoomFact]:
    user, membership = _id(event.state_key, "@"), _text(event.content.get("membership"))
    if not user:
        return
    if user == ours.bot:
        if membership == "invite" and is_user_id(event.sender):
            direct = event.content.get("is_direct") is True
            yield Invited(room=event.room, by=event.sender, encrypted=_invited_encrypted(event), direct=direct)
        elif membership in {"leave", "ban"}:
            yield Gone(room=event.room, by=event.sender)
    elif ours.is_ghost(user):
        if membership in {"join", "leave", "ban"}:
            yield GhostMoved(room=event.room, ghost=UserId(user), present=membership == "join")
    elif membership in {"join", "leave", "ban"}:
        present = membership == "join"
        before = _map(_map(event.whole.get("unsigned")).get("prev_content")).get("membership")
        if before == "invite" and not present:
            yield Declined(room=event.room, user=UserId(user))
        if present == (before == "join"):
            return  # a change of name or avatar, or an invite refused
        yield Membership(
            chat=event.chat,
            author=Author(person=PersonId(user), name=clean_text(_text(event.content.get("displayname")))),
            present=present,
            at=event.at,
            reason=clean_text(_text(event.content.get("reason"))) or None,
        )


def _invited_encrypted(event: _Envelope) -> bool:
    """From the stripped state that comes with an invite."""
    stripped = _map(event.whole.get("unsigned")).get("invite_room_state")
    return isinstance(stripped, list) and any(
        _map(state).get("type") == "m.room.encryption" and _map(state).get("state_key") == "" for state in stripped
    )


def _state(event: _Envelope) -> Iterator[RoomFact]:
    if event.state_key != "":
        return
    if event.kind == "m.room.tombstone":
        if to := _id(event.content.get("replacement_room"), "!"):
            yield Upgraded(room=event.room, to=RoomId(to), by=event.sender)
        return
    for kind, what in _RULE_EVENTS:
        if kind == event.kind:
            yield RoomChanged(room=event.room, what=what, by=event.sender, value=_value(event))  # type: ignore[arg-type]


def _value(event: _Envelope) -> str | None:
    match event.kind:
        case "im.vector.room.access_rules":
            return access_rule(event.content, tchap=True)
        case "m.room.join_rules":
            return "public" if lets_in(event.content) else ""
        case _:
            return None


# Fields that may be anything


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: Any, sigil: str) -> str:
    good = isinstance(value, str) and value.startswith(sigil) and 1 < len(value) <= _LONGEST_ID
    return value if good and value.isprintable() and " " not in value else ""


def _when(value: Any, otherwise: datetime) -> datetime:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 253_402_300_800_000:  # year 9999
        return datetime.fromtimestamp(value / 1000, UTC)
    return otherwise
