"""What a server says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc.isupport import ChannelModes, Isupport, Prefix
from tchap_bridge_irc.wire import Line


def said(*tokens: str) -> Isupport:
    return Isupport().updated(Line("005", ("me", *tokens, "are supported by this server")))


@pytest.mark.parametrize(
    ("mapping", "one", "other", "same"),
    [
        ("ascii", "ABC", "abc", True),
        ("ascii", "a[", "a{", False),
        ("rfc1459", "A[]\\~", "a{}|^", True),
        ("rfc1459-strict", "A[]\\", "a{}|", True),
        ("rfc1459-strict", "~", "^", False),
        ("strict-rfc1459", "[", "{", True),
        ("rfc7613", "a[", "a{", False),
        ("rfc7613", "A", "a", True),
        ("ascii", "É", "é", False),
        ("rfc1459", "\u212a", "k", False),
        ("rfc1459", "İ", "i", False),
    ],
)
def test_equal_names(mapping: str, one: str, other: str, same: bool):
    assert said(f"CASEMAPPING={mapping}").same(one, other) is same


def test_defaults():
    support = Isupport()
    assert support.casemapping == "rfc1459"
    assert support.chantypes == "#&"
    assert support.prefix == Prefix("ov", "@+")
    assert (support.nicklen, support.channellen, support.topiclen, support.linelen) == (30, 200, None, 512)
    assert (support.statusmsg, support.network, dict(support.targmax)) == ("", "", {})


def test_what_a_server_says():
    support = said(
        "CASEMAPPING=ascii",
        "CHANTYPES=#",
        "PREFIX=(qaohv)~&@%+",
        "CHANMODES=Ibe,k,Hl,Cimn,X",
        "NICKLEN=31",
        "CHANNELLEN=60",
        "TOPICLEN=330",
        "LINELEN=2048",
        "TARGMAX=PRIVMSG:20,JOIN:,KICK:1",
        "STATUSMSG=~&@%+!",
        r"NETWORK=Mon\x20Réseau\x3D\x5C",
        "UTF8ONLY",
    )
    assert support.prefix.ordered("+@~") == "~@+"
    assert support.chanmodes == ChannelModes("Ibe", "k", "Hl", "Cimn")
    assert (support.nicklen, support.channellen, support.topiclen, support.linelen) == (31, 60, 330, 2048)
    assert dict(support.targmax) == {"PRIVMSG": 20, "JOIN": None, "KICK": 1}
    assert support.statusmsg == "~&@%+"
    assert support.network == "Mon Réseau=\\"
    assert support.utf8only
    assert support.target("@#ops") == ("@", "#ops")
    assert support.target("#ops") == ("", "#ops")
    assert support.target("@nick") == ("", "@nick")


def test_a_token_is_taken_back():
    support = said("NICKLEN=9", "CHANTYPES=#")
    after = support.updated(Line("005", ("me", "-NICKLEN", "-UNKNOWN", "are supported by this server")))
    assert (after.nicklen, after.chantypes) == (30, "#")
    assert support.nicklen == 9


@pytest.mark.parametrize("value", ["", "0", "-1", "x", "²", "9" * 5000])
def test_a_number_that_is_none_counts_as_not_said(value: str):
    assert said(f"NICKLEN={value}", f"LINELEN={value}").nicklen == 30
    assert said(f"LINELEN={value}").linelen == 512


@pytest.mark.parametrize("value", ["ov", "(ov)@", "(ov", "()@"])
def test_ranks_that_are_none_count_as_not_said(value: str):
    assert said(f"PREFIX={value}").prefix == Prefix("ov", "@+")


def test_no_ranks_and_no_channels():
    support = said("PREFIX=", "CHANTYPES=")
    assert support.prefix == Prefix("", "")
    assert not support.is_channel("#a")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("#a", True),
        ("#", True),
        ("&a", True),
        ("#é", True),
        ("a", False),
        ("", False),
        ("#a b", False),
        ("#a,b", False),
        ("#a\x07", False),
        ("#a\ufffd", False),
        ("#a\n", False),
    ],
)
def test_channels(name: str, valid: bool):
    assert Isupport().is_channel(name) is valid
    assert said("CHANNELLEN=3").valid_channel(name) is valid
    assert not said("CHANNELLEN=3").valid_channel("#éé")


@pytest.mark.parametrize(
    ("nick", "valid"),
    [
        ("a", True),
        ("[a]-1", True),
        ("1a", False),
        ("-a", False),
        ("é", False),
        ("", False),
        ("a b", False),
        ("a\n", False),
    ],
)
def test_nicks(nick: str, valid: bool):
    assert Isupport().valid_nick(nick) is valid
    assert not said("NICKLEN=2").valid_nick("abc")


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=20))
def test_nothing_that_a_server_says_raises(tokens: list[str], name: str):
    support = said(
        *tokens, *(f"{key}={name}" for key in ("PREFIX", "CHANMODES", "TARGMAX", "STATUSMSG", "CASEMAPPING"))
    )
    assert support.same(name, name)
    assert support.fold(support.fold(name)) == support.fold(name)
    support.target(name)
    assert support.prefix
    assert support.chanmodes
    assert support.targmax is not None
