"""Holes that other bridges had, each a test: what reached IRC as a second command, which names were held for others."""

import pytest

from tchap_bridge_irc import wire
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.labels import Labels
from tchap_bridge_irc.nicks import alternatives, sound
from tchap_bridge_irc.registration import Plan, Registration
from tchap_bridge_irc.sasl import External, Plain
from tchap_bridge_irc.splitting import room, split
from tchap_bridge_irc.wire import Line, Lines, Source, Unsendable, encode, parse

ENDS = ["\r\n", "\n", "\r", "\0", "\r\r\n", "\n\r", "\0\r\n", "\r\0\n"]
EVIL = [f"hello{end}QUIT :gone{end}JOIN #secret" for end in ENDS]
LOOK_ALIKES = ["\u2028", "\u2029", "\u0085", "\u010a", "\u010d", "\u560a", "\uff0a", "\x0b", "\x0c", "\x1c"]
"""Characters that some code takes for the end of a line, or that end in 0x0A when they are cut to a byte."""


def commands(data: bytes) -> list[str]:
    """What a server would take these bytes for. Servers end a line at CR as well as at LF."""
    ends = data.replace(b"\r", b"\n").replace(b"\0", b"\n")
    return [found.command for found in Lines().feed(ends) if isinstance(found, Line)]


def sent(lines: list[Line]) -> list[bytes]:
    """What passes the one door there is to a socket."""
    passed = []
    for line in lines:
        try:
            passed.append(encode(line))
        except Unsendable:
            continue
    return passed


@pytest.mark.parametrize("text", [*EVIL, *(f"hello{end}QUIT" for end in LOOK_ALIKES)])
@pytest.mark.parametrize("action", [False, True])
def test_cve_2022_29166_a_message_or_a_reply_with_line_ends_is_only_ever_messages(text: str, action: bool):
    target = "#a"
    tag = text.replace("\0", "")
    pieces = split(text, room(Source("me", "u", "h"), target), action=action).pieces
    data = [encode(Line("PRIVMSG", (target, piece.text), tags={"+draft/reply": tag})) for piece in pieces]
    assert data
    for one in data:
        assert commands(one) == ["PRIVMSG"]


@pytest.mark.parametrize("text", EVIL)
def test_cve_2023_38690_a_command_of_an_admin_gives_one_line_or_none(text: str):
    lines = [Line(word, params) for word in ("JOIN", "NICK", "MODE") for params in ((text,), ("#a", text), (text, "x"))]
    lines += [Line(text), Line("JOIN", ("#a",), Source(text)), Line("JOIN", ("#a", f"key{text}"))]
    assert sent(lines) == []


@pytest.mark.parametrize("text", EVIL)
def test_cve_2024_52505_what_comes_by_an_api_is_no_channel_and_no_nick(text: str):
    support = Isupport()
    assert not support.is_channel(f"#{text}")
    assert not support.valid_channel(f"#{text}")
    assert not support.valid_nick(text)
    assert support.target(f"@#{text}")[0] == ""
    assert sent([Line("JOIN", (f"#{text}",)), Line("PRIVMSG", (f"#{text}", "x")), Line("WHOIS", (text,))]) == []
    with pytest.raises(Unsendable):
        encode(Line("PRIVMSG", (f"#{text}", "x")))


@pytest.mark.parametrize("text", [*EVIL, *(f"hello{end}QUIT" for end in LOOK_ALIKES)])
def test_cve_2025_27146_a_topic_a_reason_and_a_real_name_are_words_and_no_commands(text: str):
    cleaned = wire.cut(wire.clean(text), 300)
    lines = [
        Line("TOPIC", ("#a", cleaned)),
        Line("PART", ("#a", cleaned)),
        Line("KICK", ("#a", "bob", cleaned)),
        Line("QUIT", (cleaned,)),
        Line("SETNAME", (cleaned,)),
        Line("AWAY", (cleaned,)),
    ]
    data = sent(lines)
    assert len(data) == len(lines)
    assert [commands(one) for one in data] == [[line.command] for line in lines]


@pytest.mark.parametrize("text", EVIL)
def test_whoever_registers_under_such_names_says_no_more_than_others(text: str):
    plan = Plan(nick=text, user=text, realname=text, sasl=(Plain(text, text), External(text)))
    registration = Registration(plan)
    lines = [*registration.start()]
    for answer in ("CAP * LS :sasl batch", "CAP * ACK :sasl batch", "AUTHENTICATE +", "433 * x :in use", "903 * :ok"):
        found = parse(answer.encode())
        assert isinstance(found, Line)
        lines += registration.receive(found).send
    data = sent(lines)
    assert len(data) == len(lines)
    allowed = {"CAP", "NICK", "USER", "AUTHENTICATE"}
    assert all(len(commands(one)) == 1 and set(commands(one)) <= allowed for one in data)
    assert sent([Line("PASS", (text,))]) == []
    for name in [sound(text), *alternatives(text)]:
        assert commands(encode(Line("NICK", (name,)))) == ["NICK"]


@pytest.mark.parametrize("text", EVIL)
def test_tags_are_escaped_and_never_end_a_line(text: str):
    escaped = text.replace("\0", "")
    data = encode(Line("TAGMSG", ("#a",), tags={"+draft/react": escaped, "label": Labels[str]().ask(text, 0.0)}))
    assert commands(data) == ["TAGMSG"]
    assert sent([Line("TAGMSG", ("#a",), tags={text: "x"}), Line("TAGMSG", ("#a",), tags={"+a=b;c d": "x"})]) == []
    assert ("\0" in text) is (sent([Line("TAGMSG", ("#a",), tags={"+a": text})]) == [])


def test_a_request_of_ctcp_is_not_made_of_somebodys_words():
    pieces = split("\x01DCC SEND x 1 1 1\x01\n\x01ACTION waves\x01", 400).pieces
    assert [piece.text for piece in pieces] == ["DCC SEND x 1 1 1", "ACTION waves"]


MAPPINGS = ["ascii", "rfc1459", "rfc1459-strict", "unknown"]


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("#k", "#\u212a"),  # KELVIN SIGN: str.lower makes it a k
        ("#i", "#\u0130"),  # capital I with a dot
        ("#ss", "#\u00df"),
        ("#s", "#\u017f"),  # long s: str.upper makes it an S
        ("#fi", "#\ufb01"),
        ("#é", "#É"),
        ("#é", "#e\u0301"),
        ("#a", "#a\u200b"),
        ("#a", "#а"),  # Cyrillic
        ("#a", "#a "),
        ("#a", "##a"),
        ("#a", "&a"),
        ("#a", "a"),
    ],
)
def test_cve_2022_39203_other_names_are_never_the_same(mapping: str, mine: str, theirs: str):
    support = Isupport({"CASEMAPPING": mapping})
    assert not support.same(mine, theirs)
    channels = Channels("me", support)
    channels.receive(Line("JOIN", (mine,), Source("me", "u", "h")))
    channels.receive(Line("TOPIC", (theirs, "taken over"), Source("evil", "u", "h")))
    channels.receive(Line("MODE", (theirs, "+o", "evil"), Source("evil", "u", "h")))
    channels.receive(Line("JOIN", (theirs,), Source("evil", "u", "h")))
    assert theirs not in channels
    assert channels.topic(mine)[0] == ""
    assert channels.member(mine, "evil") is None


@pytest.mark.parametrize("theirs", [b"#caf\xe9", b"#caf\xc3", b"#caf\xff", b"#caf\xc3\xa9\xff"])
def test_cve_2022_39203_a_name_in_another_encoding_is_not_ours(theirs: bytes):
    support = Isupport()
    channels = Channels("me", support)
    channels.receive(Line("JOIN", ("#café",), Source("me", "u", "h")))
    for data in (
        b":evil!u@h JOIN " + theirs,
        b":evil!u@h JOIN :" + theirs,
        b":evil!u@h TOPIC " + theirs + b" :x",
        b":s 353 me = " + theirs + b" :evil",
        b":s 332 me " + theirs + b" :x",
    ):
        found = parse(data)
        assert isinstance(found, Line)
        assert not any(support.is_channel(param) for param in found.params)
        assert channels.receive(found) == ()
    for data in (b":evil!u@h PRIVMSG " + theirs + b" :x", b":evil!u@h PART :" + theirs):
        found = parse(data)
        assert isinstance(found, Line)
        assert not support.is_channel(found.params[0])


def test_cve_2022_39203_a_nick_in_another_encoding_is_nobodys():
    assert parse(b":Andr\xe9!u@h PRIVMSG #a :x").source.nick == "Andr\ufffd"
    assert parse(b":s 353 me = #a :Andr\xe9").params[-1] == "Andr\ufffd"


@pytest.mark.parametrize(("mapping", "same"), [("ascii", False), ("rfc1459", True), ("rfc1459-strict", True)])
def test_cve_2022_39203_equal_by_the_servers_own_words_only(mapping: str, same: bool):
    assert Isupport({"CASEMAPPING": mapping}).same("#a[]\\", "#A{}|") is same


@pytest.mark.parametrize(
    ("before", "now", "name", "unsure"),
    [
        ("rfc1459", "ascii", "#a{}", True),
        ("rfc1459", "ascii", "#a[]", True),
        ("rfc1459", "ascii", "zoe^", True),
        ("rfc1459", "rfc1459-strict", "#a{}", False),
        ("rfc1459", "rfc1459-strict", "#a^", True),
        ("ascii", "rfc1459", "#a|b", True),
        ("ascii", "rfc1459", "#a_b-é", False),
        ("rfc1459", "rfc1459", "#a{}|^", False),
        ("strict-rfc1459", "rfc1459-strict", "#a{}", False),
        ("unknown", "ascii", "#a{}", False),
        ("rfc1459", "unknown", "#a{}", True),
    ],
)
def test_cve_2022_39203_a_name_is_not_sure_under_another_mapping(before: str, now: str, name: str, unsure: bool):
    assert Isupport({"CASEMAPPING": now}).unsure(name, before) is unsure
