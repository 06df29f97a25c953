"""What ghosts are called, and what can be read in their ids."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridges.matrix.names import LONGEST, Namespace, is_user_id, nameless, shown_name

OURS = Namespace(server="x.fr", prefix="_pont_", bot="@_pont_bot:x.fr", secret=b"s" * 32)

NAMES = YAML(typ="safe").load(Path(__file__).parents[2] / "vectors" / "names" / "ghosts.yaml")


@pytest.mark.parametrize("case", NAMES, ids=[ascii(case["name"]) for case in NAMES])
def test_shown_names(case):
    assert shown_name(case["name"], "courriel") == case["shown"]


def test_the_length_is_bounded():
    assert shown_name("x" * 500, "courriel") == "x" * LONGEST + " (courriel)"


@given(st.text())
def test_no_name_forges_a_ministry_or_turns_the_line(name):
    shown = shown_name(name, "courriel")
    assert shown.endswith(" (courriel)")
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Me"}
        assert unicodedata.normalize("NFKC", character) not in {"[", "]", "{", "}", "|"}


@given(st.text(st.sampled_from("a z[\u0301\u1dc4\u20d7\u0336\u064b\u200b\ufe0f")))
def test_no_letter_is_buried_in_accents(name):
    assert not re.search(r"[\u0301\u1dc4\u20d7\u0336\u064b]{4}", shown_name(name, "courriel"))


def test_ids_tell_nothing_and_never_change():
    id_ = OURS.ghost_id("courriel", "jean@exemple.fr")
    assert id_ == "@_pont_3fiz36hlckto6hic6aqj:x.fr"  # another one would be a stranger in every room
    assert OURS.device(id_) == "PONTW66FHZX3XG"
    others = {OURS.ghost_id("irc", "jean@exemple.fr"), OURS.ghost_id("courriel", "anne@exemple.fr")}
    assert len(others | {id_}) == 3
    assert OURS.ghost_id("courriel", "\ud800") in OURS


def test_who_is_ours():
    assert OURS.bot in OURS
    assert not OURS.is_ghost(OURS.bot)
    assert OURS.is_ghost("@_pont_abc:x.fr")
    for other in ("@_pont_abc:evil.fr", "@pont_abc:x.fr", "@agent:x.fr", None, 3, ["@_pont_abc:x.fr"]):
        assert other not in OURS
    assert "sss" not in repr(OURS)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("@jean.dupont-finances.gouv.fr:agent.finances.tchap.gouv.fr", "jean.dupont"),
        ("@jean-pierre.dupont-finances.gouv.fr:x.fr", "jean-pierre.dupont"),
        ("@zoe-developpement-durable.gouv.fr:x.fr", "zoe-developpement"),
        ("@zoe:x.fr", "zoe"),
        ("@jean-pierre:x.fr", "jean-pierre"),
        ("@-finances.gouv.fr:x.fr", "-finances.gouv.fr"),
        ("@jean.dupont:x.fr", "jean.dupont"),
    ],
)
def test_who_has_no_name_is_not_called_by_their_address(user, name):
    assert nameless(user) == name


USERS = [
    ("@agent:x.fr", True),
    ("@Agent/ancien=+!:x.fr:8448", True),
    ("@agent:[2001:db8::1]:8448", True),
    ("@agent:192.0.2.1", True),
    ("agent:x.fr", False),
    ("@agent", False),
    ("@agent:", False),
    ("@:x.fr", False),
    ("@mallory:evil.org:x.fr", False),
    ("@mallory:evil.org/:x.fr", False),
    ("@agent x:x.fr", False),
    ("@agent:x.fr\n", False),
    ("@agént:x.fr", False),
    ("@" + "a" * 300 + ":x.fr", False),
    (None, False),
    (["@agent:x.fr"], False),
]


@pytest.mark.parametrize(("user", "good"), USERS)
def test_what_is_a_user(user, good):
    assert is_user_id(user) is good
