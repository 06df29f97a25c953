"""What policy is told of a room."""

from dataclasses import replace

import pytest

from tchap_bridges.errors import NotReady
from tchap_bridges.matrix.facts import INFINITE, facts

ROOM, AGENT, OTHER = "!r:x", "@agent:x", "@autre:x"


def of(*events, tchap=True):
    if "m.room.create" not in dict(events):
        events = (("m.room.create", {}), *events)
    return facts(ROOM, [told(kind, content) for kind, content in events], tchap=tchap)


def told(kind, content, key=""):
    return {"type": kind, "state_key": key, "sender": AGENT, "content": content}


RULES = [
    (None, "restricted", ""),
    (
        {"rule": "restricted", "visibility": "private", "force_unencrypted_at_creation": True},
        "restricted",
        "restricted",
    ),
    ({"rule": "unrestricted"}, "unrestricted", "unrestricted"),
    ({"rule": "direct"}, "direct", "direct"),
    ({}, "malformed", "malformed"),
    ({"rule": "open"}, "malformed", "malformed"),
    ({"rule": ["restricted"]}, "malformed", "malformed"),
    ({"rule": "restricted", "visibility": "secret"}, "malformed", "malformed"),
    ({"rule": "restricted", "force_unencrypted_at_creation": "yes"}, "malformed", "malformed"),
    ("text", "malformed", "malformed"),
]


@pytest.mark.parametrize(("content", "on_tchap", "elsewhere"), RULES, ids=range(len(RULES)))
def test_access_rules(content, on_tchap, elsewhere):
    events = [] if content is None else [("im.vector.room.access_rules", content)]
    assert of(*events).rule == on_tchap
    assert of(*events, tchap=False).rule == elsewhere


LEVELS = [
    ("11", {"users": {AGENT: 100, OTHER: 50}, "users_default": 5}, 100, 50, 5),
    ("11", {"users": {OTHER: "50"}, "users_default": "x"}, 0, 50, 0),
    ("11", {"users": {OTHER: 10**400}}, 0, INFINITE, 0),
    ("11", {"users": {OTHER: True}}, 0, 0, 0),
    ("11", {"users": ["x"]}, 0, 0, 0),
    ("11", None, 100, 0, 0),
    ("12", {"users": {OTHER: 50}}, INFINITE, 50, 0),
    ("13", {}, INFINITE, 0, 0),
    ("12", None, INFINITE, 0, 0),
    ("org.matrix.hydra.11", {}, INFINITE, 0, 0),
    ("fr.gouv.nouveau", {"users": {AGENT: 1}}, 1, 0, 0),
    (12, {"users": {AGENT: 1}}, 1, 0, 0),
]


@pytest.mark.parametrize(("version", "powers", "creator", "other", "default"), LEVELS, ids=range(len(LEVELS)))
def test_levels(version, powers, creator, other, default):
    events = [("m.room.create", {"room_version": version})]
    found = of(*events, *([("m.room.power_levels", powers)] if powers is not None else []))
    assert (found.level(AGENT), found.level(OTHER), found.users_default) == (creator, other, default)


def test_additional_creators_count_too():
    create = {"room_version": "12", "additional_creators": [OTHER, 3, None]}
    found = of(("m.room.create", create))
    assert (found.level(AGENT), found.level(OTHER)) == (INFINITE, INFINITE)
    assert of(("m.room.create", create | {"room_version": "11"}), ("m.room.power_levels", {})).level(OTHER) == 0


def test_the_rest():
    found = of(
        ("m.room.create", {"predecessor": {"room_id": "!old:x", "event_id": "$e"}, "m.federate": False}),
        ("m.room.name", {"name": "Réu\nnion\x00"}),
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.encryption", {}),
        ("m.room.power_levels", {"invite": 50}),
    )
    assert (found.predecessor, found.federates, found.name, found.public) == ("!old:x", False, "Réu nion", True)
    assert (found.encrypted, found.invite_level, found.version) == (True, 50, "1")
    assert of(("m.room.create", {"predecessor": "!old:x"})).predecessor is None


CREATE = told("m.room.create", {"room_version": "11"})

NO_STATE = {
    "nothing": [],
    "no create event": [told("m.room.name", {"name": "Réunion"})],
    "a create event under a key": [told("m.room.create", {}, "x")],
    "no event": [CREATE, None],
    "an event without a kind": [CREATE, {"state_key": "", "content": {}}],
    "a kind that is no text": [CREATE, {"type": ["m.room.encryption"], "state_key": ""}],
    "an event without a key": [CREATE, {"type": "m.room.encryption", "content": {}}],
    "a key that is no text": [CREATE, told("m.room.encryption", {}, None)],
    "two rules": [
        CREATE,
        *(told("im.vector.room.access_rules", {"rule": rule}) for rule in ("direct", "unrestricted")),
    ],
}


@pytest.mark.parametrize("name", NO_STATE)
def test_what_is_no_rooms_state_tells_nothing(name):
    with pytest.raises(NotReady):
        facts(ROOM, NO_STATE[name], tchap=False)


def test_encryption_counts_whatever_it_says_and_only_where_it_is_the_rooms():
    for content in ({}, None, "x", ["x"], {"algorithm": 3}):
        assert of(("m.room.encryption", content)).encrypted is True
    assert facts(ROOM, [CREATE, told("m.room.encryption", {}, "x")], tchap=False).encrypted is False


@pytest.mark.parametrize(
    ("content", "public"),
    [({"join_rule": "public"}, True), ({"join_rule": "invite"}, False), ({"join_rule": ["public"]}, True), ("x", True)],
)
def test_a_room_of_unreadable_join_rules_counts_as_public(content, public):
    assert of(("m.room.join_rules", content)).public is public


@pytest.mark.parametrize(("powers", "level"), [({}, 50), ({"redact": 30}, 30), ({"redact": "30"}, 50), (None, 50)])
def test_who_may_remove_what_others_say(powers, level):
    events = [("m.room.create", {"room_version": "11"})]
    found = of(*events, *([("m.room.power_levels", powers)] if powers is not None else []))
    assert found.redact_level == level
    assert not replace(found, levels={"@a:x": level - 1}).may_redact("@a:x")
    assert replace(found, levels={"@a:x": level}).may_redact("@a:x")
