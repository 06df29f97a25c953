"""What policy decides, case by case (vectors/policy): does an event pass, by which rule, why, who can change it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridges.bridge import Destination, Direction
from tchap_bridges.core import policy
from tchap_bridges.core.links import Link
from tchap_bridges.core.policy import Kind, Rules, Sender, Shared, Standing, Tie
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import ChatId, ConnectionName, RoomId, UserId

from .homeserver import ALICE, BOT
from .test_commands import facts

FOLDER = Path(__file__).parents[2] / "vectors" / "policy"
FILES = ("access", "rooms", "encryption", "links", "events")
CASES = [case for name in FILES for case in YAML(typ="safe").load(FOLDER / f"{name}.yaml")]
HARMLESS = Standing(rule="unrestricted", public=False, encrypted=False)
TIE = Tie(connection="net", destination=Destination.STATE)


def _room(given: Mapping[str, Any]) -> Standing:
    fields = {"public": False, "encrypted": False, **given}
    return Standing(**{**fields, "guests": frozenset(f"g{n}" for n in range(fields.get("guests", 0)))})


def _tie(given: Mapping[str, Any]) -> Tie:
    return Tie(
        connection=given.get("connection", "net"),
        destination=Destination(given["destination"]),
        direction=Direction(given.get("direction", "both")),
        consent=given.get("consent", False),
        external=given.get("external", False),
    )


def _rules(given: Mapping[str, Any]) -> Rules:
    return Rules(
        destinations=frozenset(map(Destination, given.get("destinations", ["état"]))),
        restricted_rooms=given.get("restricted_rooms", False),
        agents_only=frozenset(given.get("agents_only", ())),
        local_rooms=given.get("local_rooms", False),
        shared=frozenset(map(Shared, given.get("shared", list(Shared)))),
        encrypts=given.get("encrypts", False),
    )


def _decided(case: Mapping[str, Any]) -> policy.Decision:
    event = case["event"]
    way = policy.may_go_out if event["way"] == "out" else policy.may_pass_in
    return way(
        _room(case["room"]),
        _tie(case["link"]),
        Sender(event["sender"]),
        Kind(event["kind"]),
        _rules(case.get("operator", {})),
    )


def _named(case: Mapping[str, Any]) -> str:
    return " ".join(str(case.get(part, "")) for part in ("room", "link", "operator", "event")).replace("'", "")


@pytest.mark.parametrize("case", CASES, ids=map(_named, CASES))
def test_it_passes_or_not_by_the_rule_that_says_so(case: Mapping[str, Any]) -> None:
    found = _decided(case)
    assert found.allowed == (case["rule"] == ""), found
    if not found.allowed:
        words = found.rule.replace("direction: ", "direction-").replace("shared: ", "")
        assert words.partition(":")[0] == case["rule"], found.rule
        assert case["reason"] in found.reason
        assert case.get("who", "") in found.remedy
        assert Translator("en")(found.reason) != found.reason


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len(CASES) >= 120
    assert len({_named(case) for case in CASES}) == len(CASES)


def test_every_rule_is_in_the_table() -> None:
    """And each of them is what decides somewhere, both with and without it nothing else would refuse."""
    assert {case["rule"] for case in CASES} == {
        "",
        "membership",
        "encryption",
        "destination",
        "malformed",
        "unknown",
        "contradiction",
        "guests",
        "restricted",
        "local",
        "consent",
        "direction-in",
        "direction-out",
        "loop",
        "gone",
        "never",
        *map(str, Shared),
    }


def test_landing_encryption_is_one_fact() -> None:
    room = Standing(rule="unrestricted", public=False, encrypted=True)
    for encrypts in (False, True):
        rules = Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, encrypts=encrypts)
        assert policy.may_link(room, TIE, rules).allowed is encrypts
        assert policy.may_link(HARMLESS, TIE, rules).allowed


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("consent", ["", ALICE])
def test_a_link_carries_out_what_policy_lets_leave(direction: Direction, encrypted: bool, consent: str) -> None:
    """What the core asks at each event is the same as what policy says of the room."""
    link = Link(
        id=1,
        room=RoomId("!r:x"),
        connection=ConnectionName("net"),
        chat=ChatId("#c"),
        name="#c",
        direction=direction,
        destination=Destination.STATE,
        number=1,
        wanted="active",
        held="",
        reason="",
        waiting="",
        options={},
        moderated=False,
        correspondents=False,
        consent=consent,
        external=False,
        encrypted=encrypted,
        created_by=ALICE,
        created_at=0,
        suspended_at=0,
        last_in=None,
        last_out=None,
    )
    rules = Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, encrypts=True)
    room = Standing(rule="unrestricted", public=False, encrypted=encrypted)
    assert link.carries_out == policy.may_leave(room, link.tie, rules).allowed
    assert link.brings_in == policy.may_come_in(room, link.tie, rules).allowed


def test_the_rules_of_the_last_start_are_known_again() -> None:
    """Whatever decides of a link makes the rules others, and so its rooms are looked at again."""
    one = Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False)
    others = [
        Rules(destinations=frozenset({Destination.STATE, Destination.ABROAD}), restricted_rooms=False),
        Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=True),
        Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, agents_only=frozenset({"net"})),
        Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, local_rooms=True),
        Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, encrypts=True),
    ]
    assert len({str(rules) for rules in (one, *others)}) == 6
    assert str(one) == str(Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False))


@pytest.mark.parametrize(
    ("user", "guest"),
    [
        ("@12345:agent.finances.tchap.gouv.fr", True),
        ("@zoe-asso.fr:agent.externe.tchap.gouv.fr", True),
        ("@zoe-finances.gouv.fr:agent.finances.tchap.gouv.fr", False),
        ("@agent.externe.tchap.gouv.fr:agent.finances.tchap.gouv.fr", False),
        ("@٣٤٥:x", False),
    ],
)
def test_who_is_a_guest(user: str, guest: bool) -> None:
    assert policy.is_guest(UserId(user), ["*:agent.externe.tchap.gouv.fr"]) is guest


def test_one_of_ours_is_raised_only_above_everybody() -> None:
    ghost = UserId("@pont_bob:test")
    ours = {BOT, ghost}.__contains__
    assert policy.raised(facts(levels={ALICE: 100}, present={ALICE, BOT, ghost}), ours) == {}
    assert policy.raised(facts(levels={ghost: 50, BOT: 0}, present={ghost, BOT}), ours) == {ghost: 50}
    assert policy.raised(facts(levels={ghost: 50}, users_default=50, present={ghost}), ours) == {}
    assert policy.raised(facts(levels={ghost: 50}, present={BOT}), ours) == {}, "it has gone, and its level stays"
