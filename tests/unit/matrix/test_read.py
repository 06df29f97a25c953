"""What room events mean, and that nothing a stranger writes there can raise."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tchap_bridges.bridge import Item
from tchap_bridges.core.ports import Declined, GhostMoved, Gone, Invited, RoomChanged, Upgraded
from tchap_bridges.errors import RemoteViolation
from tchap_bridges.events import Author, Deletion, Edit, File, Form, Membership, Message, Reaction, Text
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.read import ORIGIN, read, room_of

BOT, GHOST, AGENT, OTHER = "@_pont_bot:x.fr", "@_pont_abc:x.fr", "@agent:x.fr", "@autre:y.fr"
ROOM = "!room:x.fr"
OURS = Namespace(server="x.fr", prefix="_pont_", bot=BOT, secret=b"s" * 32)
ARRIVED = datetime(2026, 1, 2, tzinfo=UTC)
AT = datetime(2025, 3, 12, 10, 42, tzinfo=UTC)
COMMON = {"id": "$event", "chat": ROOM, "author": Author(person=AGENT, name=""), "at": AT}


def event(kind="m.room.message", content=None, **more) -> dict:
    return {
        "event_id": "$event",
        "type": kind,
        "room_id": ROOM,
        "sender": AGENT,
        "origin_server_ts": int(AT.timestamp() * 1000),
        "content": content if content is not None else {"msgtype": "m.text", "body": "bonjour"},
        **more,
    }


def state(kind, content, key="", **more) -> dict:
    return event(kind, content, state_key=key, **more)


def meaning(of: object) -> tuple:
    raw = of if isinstance(of, bytes) else json.dumps(of).encode()
    return tuple(read(Item(key="$event", raw=raw, meta={}, received_at=ARRIVED), OURS))


def text(body, **more) -> dict:
    return {"msgtype": "m.text", "body": body, **more}


def html(body, formatted, **more) -> dict:
    return text(body, format="org.matrix.custom.html", formatted_body=formatted, **more)


def related(**relation) -> dict:
    return text("oui", **{"m.relates_to": relation})


IMAGE = {"msgtype": "m.image", "body": "a.png", "url": "mxc://x.fr/abc", "info": {"mimetype": "image/png", "size": 12}}
PNG = File(name="a.png", mime="image/png", ref="mxc://x.fr/abc", size=12)
BONJOUR = Text(plain="bonjour")
ANSWER = {"m.in_reply_to": {"event_id": "$parent"}}

MESSAGES = {
    "text": (text("bonjour"), {"text": BONJOUR}),
    "emote": ({"msgtype": "m.emote", "body": "rit"}, {"text": Text(plain="rit"), "form": Form.EMOTE}),
    "notice": ({"msgtype": "m.notice", "body": "note"}, {"text": Text(plain="note"), "form": Form.NOTICE}),
    "html": (html("b", "<b onclick=x>b</b><script>x</script>"), {"text": Text(plain="b", html="<b>b</b>")}),
    "controls": (text("a\x00b\r\nc\x1b[0m\u2028d"), {"text": Text(plain="ab\nc[0m\nd")}),
    "location": ({"msgtype": "m.location", "body": "ici", "geo_uri": "geo:1,2"}, {"text": Text(plain="ici")}),
    "unknown type": ({"msgtype": "fr.gouv.x", "body": "quoi"}, {"text": Text(plain="quoi")}),
    "image": (IMAGE, {"files": (PNG,)}),
    "image with a name": (IMAGE | {"filename": "a.png"}, {"files": (PNG,)}),
    "image with a caption": (
        IMAGE | {"filename": "a.png", "body": "regardez"},
        {"files": (PNG,), "text": Text(plain="regardez")},
    ),
    "sealed file": (
        {"msgtype": "m.file", "body": "s", "file": {"url": "mxc://x/y", "v": "v2"}},
        {"files": (File(name="s", mime="application/octet-stream", ref='{"url": "mxc://x/y", "v": "v2"}'),)},
    ),
    "file elsewhere": (IMAGE | {"url": "https://evil/"}, {"text": Text(plain="a.png")}),
    "absurd info": (
        IMAGE | {"info": {"mimetype": "image/png\r\nX: y", "size": -1}},
        {"files": (File(name="a.png", mime="image/png", ref="mxc://x.fr/abc"),)},
    ),
    "reply": (related(**ANSWER), {"text": Text(plain="oui"), "reply_to": "$parent"}),
    "reply with its quotation": (
        html("> <@a:b> mot\n> suite\n\noui", "<mx-reply><blockquote>mot</blockquote></mx-reply>oui")
        | {"m.relates_to": ANSWER},
        {"text": Text(plain="oui", html="oui"), "reply_to": "$parent"},
    ),
    "thread": (
        related(rel_type="m.thread", event_id="$root"),
        {"text": Text(plain="oui"), "thread": ("$root",)},
    ),
    "thread, falling back": (
        related(rel_type="m.thread", event_id="$root", is_falling_back=True, **ANSWER),
        {"text": Text(plain="oui"), "thread": ("$root", "$parent")},
    ),
    "thread, answering": (
        related(rel_type="m.thread", event_id="$root", is_falling_back=False, **ANSWER),
        {"text": Text(plain="oui"), "thread": ("$root", "$parent"), "reply_to": "$parent"},
    ),
    "relation of no kind": (related(rel_type=["m.thread"], event_id=3), {"text": Text(plain="oui")}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    content, fields = MESSAGES[name]
    assert meaning(event(content=content)) == (Message(**COMMON, **fields),)


EVENTS = {
    "sticker": (
        event("m.sticker", {k: v for k, v in IMAGE.items() if k != "msgtype"}),
        (Message(**COMMON, files=(PNG,)),),
    ),
    "edit": (
        event(
            content=text("* bonjour")
            | {"m.new_content": text("bonjour")}
            | {"m.relates_to": {"rel_type": "m.replace", "event_id": "$first"}}
        ),
        (Edit(**COMMON, target="$first", text=BONJOUR),),
    ),
    "edit of nothing": (event(content=text("* x") | {"m.relates_to": {"rel_type": "m.replace"}}), ()),
    "reaction": (
        event("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$first", "key": "👍"}}),
        (Reaction(**COMMON, target="$first", key="👍"),),
    ),
    "redaction": (event("m.room.redaction", {}, redacts="$first"), (Deletion(**COMMON, target="$first"),)),
    "redaction, version 11": (
        event("m.room.redaction", {"redacts": "$first", "reason": "x"}),
        (Deletion(**COMMON, target="$first"),),
    ),
    "redaction, told twice": (
        event("m.room.redaction", {"redacts": "$first"}, redacts="$first"),
        (Deletion(**COMMON, target="$first"),),
    ),
    "redaction of two things": (event("m.room.redaction", {"redacts": "$other"}, redacts="$first"), ()),
    "redaction of nothing": (event("m.room.redaction", {"redacts": 7}, redacts="$first"), ()),
    "poll": (event("org.matrix.msc3381.poll.start", {"question": {"body": "?"}}), ()),
    "redacted message": (event(content={}), ()),
    "our bot's": (event(sender=BOT), ()),
    "our ghost's": (event(sender=GHOST), ()),
    "a stranger like ours": (event(sender="@_pont_abc:evil.fr", content={}), ()),
    "another bridge's": (event(sender=OTHER, content=text("x") | {ORIGIN: {"network": "irc"}}), ()),
    "clock of the year 300000": (
        event(origin_server_ts=10**16),
        (Message(**COMMON | {"at": ARRIVED}, text=BONJOUR),),
    ),
    "invite": (
        state("m.room.member", {"membership": "invite"}, BOT),
        (Invited(room=ROOM, by=AGENT, encrypted=False),),
    ),
    "invite to an encrypted room": (
        state("m.room.member", {"membership": "invite"}, BOT)
        | {"unsigned": {"invite_room_state": [3, {"type": "m.room.encryption", "state_key": ""}]}},
        (Invited(room=ROOM, by=AGENT, encrypted=True),),
    ),
    "invite to a conversation of two": (
        state("m.room.member", {"membership": "invite", "is_direct": True}, BOT),
        (Invited(room=ROOM, by=AGENT, encrypted=False, direct=True),),
    ),
    "invite that is direct in another way": (
        state("m.room.member", {"membership": "invite", "is_direct": "true"}, BOT),
        (Invited(room=ROOM, by=AGENT, encrypted=False),),
    ),
    "invite refused": (
        state("m.room.member", {"membership": "leave"}, OTHER, sender=OTHER)
        | {"unsigned": {"prev_content": {"membership": "invite"}}},
        (Declined(room=ROOM, user=OTHER),),
    ),
    "invite of somebody else": (state("m.room.member", {"membership": "invite"}, OTHER), ()),
    "invite under no key": (event("m.room.member", {"membership": "invite"}), ()),
    "invite under a key that is no text": (state("m.room.member", {"membership": "invite"}, [BOT]), ()),
    "invite whose state names another sender": (
        state("m.room.member", {"membership": "invite", "sender": AGENT}, BOT, sender=OTHER)
        | {"unsigned": {"invite_room_state": [state("m.room.member", {"membership": "invite"}, BOT)], "sender": AGENT}},
        (Invited(room=ROOM, by=OTHER, encrypted=False),),
    ),
    "invite by what is no user": (
        state("m.room.member", {"membership": "invite"}, BOT, sender="@mallory:evil.org:x.fr"),
        (),
    ),
    "kick of the bot": (state("m.room.member", {"membership": "leave"}, BOT), (Gone(room=ROOM, by=AGENT),)),
    "ban of the bot": (state("m.room.member", {"membership": "ban"}, BOT), (Gone(room=ROOM, by=AGENT),)),
    "bot joins": (state("m.room.member", {"membership": "join"}, BOT, sender=BOT), ()),
    "ghost joins": (
        state("m.room.member", {"membership": "join"}, GHOST, sender=GHOST),
        (GhostMoved(room=ROOM, ghost=GHOST, present=True),),
    ),
    "ghost is kicked": (
        state("m.room.member", {"membership": "leave"}, GHOST),
        (GhostMoved(room=ROOM, ghost=GHOST, present=False),),
    ),
    "ghost is invited": (state("m.room.member", {"membership": "invite"}, GHOST, sender=BOT), ()),
    "somebody joins": (
        state("m.room.member", {"membership": "join", "displayname": "Léa"}, OTHER),
        (Membership(chat=ROOM, at=AT, author=Author(person=OTHER, name="Léa"), present=True),),
    ),
    "somebody changes name": (
        state("m.room.member", {"membership": "join", "displayname": "Léa"}, OTHER)
        | {"unsigned": {"prev_content": {"membership": "join"}}},
        (),
    ),
    "encryption": (state("m.room.encryption", {}), (RoomChanged(room=ROOM, what="encryption", by=AGENT),)),
    "encryption that is no state": (event("m.room.encryption", {}), ()),
    "encryption under a key": (state("m.room.encryption", {}, "x"), ()),
    "access rules": (
        state("im.vector.room.access_rules", {"rule": "x"}),
        (RoomChanged(room=ROOM, what="access", by=AGENT, value="malformed"),),
    ),
    "powers": (state("m.room.power_levels", {}), (RoomChanged(room=ROOM, what="power", by=AGENT),)),
    "join rules": (
        state("m.room.join_rules", {"join_rule": "invite"}),
        (RoomChanged(room=ROOM, what="join", by=AGENT, value=""),),
    ),
    "join rules that let everybody in": (
        state("m.room.join_rules", {"join_rule": "public"}),
        (RoomChanged(room=ROOM, what="join", by=AGENT, value="public"),),
    ),
    "join rules that nobody can tell": (
        state("m.room.join_rules", {}),
        (RoomChanged(room=ROOM, what="join", by=AGENT, value="public"),),
    ),
    "access rules that are read": (
        state("im.vector.room.access_rules", {"rule": "unrestricted", "visibility": "private"}),
        (RoomChanged(room=ROOM, what="access", by=AGENT, value="unrestricted"),),
    ),
    "create": (state("m.room.create", {}), (RoomChanged(room=ROOM, what="create", by=AGENT),)),
    "tombstone": (
        state("m.room.tombstone", {"replacement_room": "!new:x.fr"}),
        (Upgraded(room=ROOM, to="!new:x.fr", by=AGENT),),
    ),
    "forged tombstone": (state("m.room.tombstone", {"replacement_room": "!new:x.fr"}, "x"), ()),
    "tombstone to nowhere": (state("m.room.tombstone", {"replacement_room": {}}), ()),
}


@pytest.mark.parametrize("name", EVENTS)
def test_events(name):
    given_, expected = EVENTS[name]
    assert meaning(given_) == expected


@pytest.mark.parametrize(
    "raw",
    [b"", b"nope", b"[]", b"3", b"{}", b"[" * 100_000, b'{"event_id": "$a"}', b"1" * 10_000, b"\xff\xfe\xff",
     json.dumps(event(room_id="x")).encode(), json.dumps(event(sender="@" + "a" * 300)).encode(),
     json.dumps(event(event_id="$a\nb")).encode()],
    ids=lambda raw: raw[:20],
)  # fmt: skip
def test_what_is_no_event_is_a_violation(raw):
    with pytest.raises(RemoteViolation):
        meaning(raw)


def test_the_room_of_what_could_not_be_read():
    def told(raw):
        return room_of(Item(key="", raw=raw, meta={}, received_at=ARRIVED))

    assert told(b'{"room_id": "!a:b", "type": 3}') == "!a:b"
    assert told(b'{"room_id": 3}') is None
    assert told(b"[") is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["$a", "@a:b"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
FIELDS = ["msgtype", "body", "format", "formatted_body", "m.relates_to", "m.new_content", "info", "url", "file",
          "filename", "membership", "redacts", "replacement_room", "displayname", "reason"]  # fmt: skip
contents = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6)
relations = st.dictionaries(
    st.sampled_from(["rel_type", "event_id", "key", "m.in_reply_to", "is_falling_back"]),
    anything | st.sampled_from(["m.thread", "m.replace", "m.annotation"]),
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["m.room.message", "m.reaction", "m.sticker", "m.room.redaction", "m.room.member",
                          "m.room.tombstone", "m.room.power_levels"]),
    content=contents, relation=relations, msgtype=st.sampled_from(["m.text", "m.image", "m.emote"]),
    more=st.dictionaries(st.sampled_from(["state_key", "unsigned", "origin_server_ts", "redacts"]), anything),
)  # fmt: skip
def test_no_shape_raises(kind, content, relation, msgtype, more):
    for extra in ({}, {"m.relates_to": relation, "msgtype": msgtype}):
        for found in meaning(event(kind, content | extra, **more)):
            if isinstance(found, Message):
                assert "\x00" not in found.text.plain
                assert found.text or found.files
