"""Slack's messages and events as the contract's. Pure: names come from what is known already, never from the network.

A message is known by its ``ts`` within its channel; an event's key is made of what it tells, so that it is one thing
however often and by whatever way it comes: over another socket, in a second envelope, or out of the history.

https://docs.slack.dev/reference/events/message
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from tchap_bridge_slack import files, values
from tchap_bridge_slack.document import Names
from tchap_bridge_slack.emoji import unicode_of
from tchap_bridge_slack.formatting import text_of
from tchap_bridge_slack.people import avatar, one_line
from tchap_bridges.events import Author, ChatChanged, Deletion, Edit, Event, Form, Message, Reaction, Text
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import ChatId, MessageId, PersonId

Json = Mapping[str, Any]
TS: Final = re.compile(r"\d{1,12}\.\d{1,9}")
MARK: Final = "tchap_bridges_message"
"""The ``event_type`` of the metadata in what we post; its payload has ``key`` and ``part``."""

# Subtypes that say of a channel what its own events, or nobody, need say.
_SILENT: Final = frozenset(
    {
        "assistant_app_thread",
        "bot_add",
        "bot_remove",
        "channel_convert_to_private",
        "channel_join",
        "channel_leave",
        "channel_posting_permissions",
        "ekm_access_denied",
        "group_join",
        "group_leave",
        "message_replied",
        "reminder_add",
        "reply_broadcast",
    }
)


class Directory(Names, Protocol):
    """Names, and people as authors."""

    def author(self, id_: str, /) -> Author: ...


class Told(NamedTuple):
    """An event and the key by which it is told once."""

    event: Event
    key: str


@dataclass(frozen=True, slots=True)
class Me:
    """Who we are in the workspace."""

    user: str
    bot: str
    team: str
    url: str = ""

    def said(self, message: Json) -> bool:
        """Whether it is our own message."""
        return message.get("bot_id") == self.bot or message.get("user") == self.user


def told(event: Json, names: Directory, me: Me) -> Iterator[Told]:
    """What an event of the kinds ``message`` and ``reaction_*`` means. Of any shape: nonsense means nothing."""
    match event.get("type"):
        case "message":
            yield from _message_event(event, names, me)
        case "reaction_added" | "reaction_removed":
            yield from _reaction(event, names, me)
        case _other:
            return


def _message_event(event: Json, names: Directory, me: Me) -> Iterator[Told]:
    channel, subtype = values.string(event, "channel"), values.string(event, "subtype")
    if not channel:
        return
    if subtype == "message_changed":
        new, old = values.mapping(event.get("message")), values.mapping(event.get("previous_message"))
        if new.get("subtype") == "tombstone":
            yield from _deletion(channel, old or new, values.string(new, "ts"), event, names)
        elif not me.said(new) and _reworded(new, old, names):
            yield from edit_of(channel, new, names)
    elif subtype == "message_deleted":
        old = values.mapping(event.get("previous_message"))
        yield from _deletion(channel, old, values.string(event, "deleted_ts"), event, names)
    else:
        yield from message_of(channel, event, names, me)


def message_of(channel: str, message: Json, names: Directory, me: Me) -> Iterator[Told]:
    """A message as an event or the history gives it."""
    ts, subtype = values.string(message, "ts"), values.string(message, "subtype")
    if not TS.fullmatch(ts) or subtype in _SILENT or subtype == "tombstone" or message.get("is_ephemeral") is True:
        return
    change = _of_channel(channel, message, names)
    if change is not None:
        if not me.said(message):
            yield Told(change, f"message {channel} {ts}")
        return
    mine = me.said(message)
    if mine and not (is_marked(message) or message.get("files")):
        return  # a word of ours to one person, not a message of anybody's
    attached, lines = files.of(message)
    text = with_lines(text_of(message, names), lines)
    if not text and not attached:
        return
    thread = values.string(message, "thread_ts")
    robot = bool(message.get("bot_id")) or subtype == "bot_message"
    form = Form.EMOTE if subtype == "me_message" else Form.NOTICE if robot and not mine else Form.TEXT
    event = Message(
        id=MessageId(ts),
        chat=ChatId(channel),
        author=author_of(message, names),
        at=moment(ts),
        text=text,
        files=attached,
        thread=(MessageId(thread),) if TS.fullmatch(thread) and thread != ts else (),
        form=form,
        echo=mine,
    )
    yield Told(event, f"message {channel} {ts}")


def edit_of(channel: str, message: Json, names: Directory) -> Iterator[Told]:
    """That a message reads now as it is given."""
    ts = values.string(message, "ts")
    edited = values.mapping(message.get("edited"))
    at = values.string(edited, "ts") or ts
    if not TS.fullmatch(ts):
        return
    _attached, lines = files.of(message)
    text = with_lines(text_of(message, names), lines)
    key = f"edit {channel} {ts} {at} {words_hash(message)}"  # edited.ts counts in seconds
    event = Edit(
        id=MessageId(f"edit {ts} {at} {words_hash(message)}"),
        chat=ChatId(channel),
        author=author_of(message, names),
        at=moment(at),
        target=MessageId(ts),
        text=text,
    )
    yield Told(event, key)


def deletion_of(channel: str, ts: str, author: Author, at: datetime) -> Told:
    event = Deletion(id=MessageId(f"deletion {ts}"), chat=ChatId(channel), author=author, at=at, target=MessageId(ts))
    return Told(event, f"deletion {channel} {ts}")


def _deletion(channel: str, old: Json, ts: str, event: Json, names: Directory) -> Iterator[Told]:
    if TS.fullmatch(ts):
        yield deletion_of(channel, ts, author_of(old, names), moment(values.string(event, "event_ts") or ts))


def _reworded(new: Json, old: Json, names: Directory) -> bool:
    """Whether people read other words: Slack also tells of previews, reactions, replies, pins as changes."""
    if not old:
        return bool(new.get("edited"))
    return text_of(new, names) != text_of(old, names) or _file_ids(new) != _file_ids(old)


def _file_ids(message: Json) -> list[Any]:
    return [values.mapping(one).get("id") for one in values.each(message.get("files"))]


def words_hash(message: Json) -> str:
    """What a message says, in short; the same from an event and from the history."""
    said = json.dumps([values.string(message, "text"), _file_ids(message)], ensure_ascii=False)
    return hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _reaction(event: Json, names: Directory, me: Me) -> Iterator[Told]:
    item = values.mapping(event.get("item"))
    channel, ts = values.string(item, "channel"), values.string(item, "ts")
    name, user, at = (values.string(event, key) for key in ("reaction", "user", "event_ts"))
    if item.get("type", "message") != "message" or not channel or not TS.fullmatch(ts) or not name or not user:
        return
    if user == me.user:
        return
    event_id = MessageId(f"reaction {at or ts} {user} {name}")
    reaction = Reaction(
        id=event_id,
        chat=ChatId(channel),
        author=names.author(user),
        at=moment(at or ts),
        target=MessageId(ts),
        key=unicode_of(name) or f":{one_line(name)[:60]}:",
        removed=event.get("type") == "reaction_removed",
    )
    yield Told(reaction, f"{event.get('type')} {channel} {ts} {user} {name} {at}")


def _of_channel(channel: str, message: Json, names: Directory) -> Event | None:
    """What a message tells of the channel itself, or None where people speak."""
    subtype, user = values.string(message, "subtype"), values.string(message, "user")
    place, _underscore, what = subtype.partition("_")
    if place not in {"channel", "group"}:
        return None
    ts = values.string(message, "ts")
    at, chat, author = moment(ts), ChatId(channel), names.author(user) if user else author_of(message, names)
    match what:
        case "name":
            name = one_line(message.get("name"))
            return ChatChanged(chat=chat, author=author, at=at, name=f"#{name}") if name else None
        case "topic":
            topic = one_line(message.get("topic"))
            return ChatChanged(chat=chat, author=author, at=at, topic=topic)
        case "purpose":
            said: Phrase = _(
                "📌 {who} a changé la description du canal : {what}",
                who=author.name,
                what=one_line(message.get("purpose")),
            )
        case "archive":
            said = _(
                "📦 {who} a archivé le canal : plus rien n'y passe jusqu'à ce qu'il soit désarchivé", who=author.name
            )
        case "unarchive":
            said = _("📦 {who} a désarchivé le canal", who=author.name)
        case _other:
            return None
    return notice(channel, ts, said, author)


def notice(channel: str, ts: str, said: str, author: Author, *, id_: str = "") -> Message:
    """Something that is told of a channel. ``id_``: where ``ts`` is a message's, for which it must not be taken."""
    return Message(
        id=MessageId(id_ or ts),
        chat=ChatId(channel),
        author=author,
        at=moment(ts),
        text=Text(plain=said),
        form=Form.NOTICE,
    )


def author_of(message: Json, names: Directory) -> Author:
    """Who speaks: a person; or a robot, each name that it takes being somebody of its own."""
    user, bot = values.string(message, "user"), values.string(message, "bot_id")
    given = one_line(message.get("username"))
    if user and not given:
        known = names.author(user)
        profile = values.mapping(message.get("user_profile"))
        name = one_line(profile.get("display_name")) or one_line(profile.get("real_name"))
        if known.name == user and name:  # somebody of another organisation, whom we may not ask about
            return Author(person=known.person, name=name, avatar=avatar(profile))
        return known
    profile = values.mapping(message.get("bot_profile"))
    name = given or one_line(profile.get("name")) or bot or user or "Slack"
    person = f"{bot or user or 'bot'}/{given}" if given else bot or user or "bot"
    picture = avatar(message.get("icons")) or avatar(profile.get("icons"))
    return Author(person=PersonId(person), name=name, avatar=picture)


def is_marked(message: Json) -> bool:
    """Whether it is one that we posted for somebody."""
    mark = values.mapping(message.get("metadata")).get("event_type")
    return mark == MARK or bool(message.get("username"))


def key_of(message: Json) -> tuple[str, int] | None:
    """The key and the part of a message that we posted."""
    metadata = values.mapping(message.get("metadata"))
    payload = values.mapping(metadata.get("event_payload"))
    key, part = payload.get("key"), payload.get("part")
    if metadata.get("event_type") != MARK or not isinstance(key, str) or not isinstance(part, int):
        return None
    return key, part


def moment(ts: str) -> datetime:
    """A ``ts`` as a time; the epoch for what is none."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def with_lines(text: Text, lines: list[tuple[str, str]]) -> Text:
    """The text and further lines below it, each as words and as HTML."""
    if not lines:
        return text
    plain = "\n".join([*([text.plain] if text.plain else []), *(line for line, _html in lines)])
    said = text.html or _escaped(text.plain)
    html = "<br>".join([*([said] if said else []), *(line for _plain, line in lines)])
    return Text(plain=plain, html=html)


def _escaped(plain: str) -> str:
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
