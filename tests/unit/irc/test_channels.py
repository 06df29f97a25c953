"""Who is where, after which lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc.changes import (
    Change,
    ChannelRenamed,
    Identified,
    Joined,
    Kicked,
    Left,
    Listed,
    Member,
    Mode,
    ModesSet,
    Moved,
    Quit,
    RealnameSet,
    Renicked,
    TopicSet,
)
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.wire import Line, Nonsense, Source, parse

SUPPORT = Isupport({"PREFIX": "(qaohv)~&@%+", "CHANMODES": "beI,k,Hl,imnpst", "CASEMAPPING": "rfc1459"})
ME, BOB = Source("me", "u", "h"), Source("bob", "b", "hb")


def after(*lines: str) -> tuple[Channels, list[Change]]:
    """We are in #a with bob, an operator, and then these lines came."""
    channels = Channels("me", SUPPORT)
    feed(channels, ":me!u@h JOIN #a", ":s 353 me = #a :@bob!b@hb me!u@h", ":s 366 me #a :End")
    return channels, feed(channels, *lines)


def feed(channels: Channels, *lines: str) -> list[Change]:
    found = []
    for text in lines:
        line = parse(text.encode())
        assert isinstance(line, Line), text
        found += channels.receive(line)
    return found


def test_our_joining():
    channels = Channels("me", SUPPORT)
    assert feed(channels, ":me!u@h JOIN :#A") == [Joined("#A", ME, me=True)]
    assert channels.me == ME
    assert feed(channels, ":s 332 me #a :Hello", ":s 333 me #a bob!b@hb 1487418032") == [TopicSet("#A", "Hello")]
    assert channels.topic("#a") == ("Hello", "bob!b@hb", 1487418032)
    assert feed(channels, ":s 353 me = #a :~@bob!b@hb +me", ":s 353 me = #a :carol") == []
    assert feed(channels, ":s 366 me #a :End of /NAMES list") == [
        Listed("#A", (Member(BOB, "~@"), Member(ME, "+"), Member(Source("carol"))))
    ]
    feed(channels, ":s 324 me #a +ntkl key 5", ":s 329 me #a 1487418032")
    assert channels.modes("#a") == {"n": "", "t": "", "k": "key", "l": "5"}
    assert channels.names() == ("#A",)
    assert "#a" in channels


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (":c!u@x JOIN #a", Joined("#a", Source("c", "u", "x"))),
        (":c!u@x JOIN #a acc :Real Name", Joined("#a", Source("c", "u", "x"), "acc", "Real Name")),
        (":c!u@x JOIN #a * :Real Name", Joined("#a", Source("c", "u", "x"), "", "Real Name")),
        (":bob!b@hb PART #a :bye", Left("#a", BOB, "bye")),
        (":me!u@h PART #a", Left("#a", ME, "", me=True)),
        (":me!u@h KICK #a bob :go", Kicked("#a", BOB, ME, "go")),
        (":bob!b@hb KICK #a me", Kicked("#a", ME, BOB, "", me=True)),
        (":bob!b@hb QUIT :Quit: bye", Quit(BOB, ("#a",), "Quit: bye")),
        (":bob!b@hb NICK rob", Renicked(BOB, "rob", ("#a",))),
        (":me!u@h NICK you", Renicked(ME, "you", ("#a",), me=True)),
        (":bob!b@hb TOPIC #a :new", TopicSet("#a", "new", BOB)),
        (":s 331 me #a :No topic is set", TopicSet("#a", "")),
        (
            ":bob!b@hb MODE #a +o-v+b me me *!*@x",
            ModesSet("#a", BOB, (Mode(True, "o", "me"), Mode(False, "v", "me"), Mode(True, "b", "*!*@x"))),
        ),
        (
            ":bob!b@hb MODE #a -lk+H key :20:1d",
            ModesSet("#a", BOB, (Mode(False, "l"), Mode(False, "k", "key"), Mode(True, "H", "20:1d"))),
        ),
        (":bob!b@hb RENAME #a #b :why", ChannelRenamed("#a", "#b", BOB, "why")),
        (":bob!b@hb RENAME #a #A :", ChannelRenamed("#a", "#A", BOB, "")),
        (":bob!b@hb ACCOUNT acc", Identified(BOB, "acc")),
        (":bob!b@hb ACCOUNT *", Identified(BOB, "")),
        (":bob!b@hb CHGHOST new host", Moved(BOB, Source("bob", "new", "host"))),
        (":bob!b@hb SETNAME :Bruce Wayne", RealnameSet(BOB, "Bruce Wayne")),
    ],
)
def test_what_a_line_changes(text: str, change: Change):
    assert after(text)[1] == [change]


@pytest.mark.parametrize(
    "text",
    [
        ":bob!b@hb JOIN #other",
        ":bob!b@hb PART #other",
        ":x!y@z QUIT :a",
        ":x!y@z NICK w",
        ":me MODE me :+i",
        "JOIN",
        "NICK",
        "353",
        ":bob!b@hb KICK #a nobody",
        ":x!y@z PART #a",
        ":s 366 me #other :End",
        ":s 366 me #a :End",
        ":x ACCOUNT y",
        "CHGHOST a b",
        ":bob!b@hb RENAME #a",
        ":bob!b@hb MODE #a",
        ":bob CHGHOST a",
        ":bob!b@hb ACCOUNT",
        ":s 333 me #a",
        ":s 329 me #a x",
    ],
)
def test_what_changes_nothing(text: str):
    channels, found = after(text)
    assert found == []
    assert {member.who.nick for member in channels.members("#a")} == {"bob", "me"}


def test_ranks():
    channels, _found = after(":bob!b@hb MODE #a +v bob", ":bob MODE #a +q-v BOB bob", ":s MODE #a +o me")
    assert channels.member("#a", "BOB").ranks == "~@"
    assert channels.member("#a", "me").ranks == "@"
    assert channels.member("#a", "nobody") is None


def test_others_and_ourselves_have_new_names():
    channels, _found = after(
        ":bob!b@hb ACCOUNT acc", ":bob!b@hb NICK Rob[x]", ":me!u@h NICK you", ":you!u@h CHGHOST v w"
    )
    assert channels.me == Source("you", "v", "w")
    assert channels.member("#a", "rob{x}") == Member(Source("Rob[x]", "b", "hb"), "@", "acc")
    assert channels.account("ROB[X]") == "acc"
    assert channels.member("#a", "bob") is None


def test_a_change_of_case_alone():
    channels, found = after(":bob!b@hb NICK Bob", ":me!u@h NICK ME")
    assert [change.new for change in found] == ["Bob", "ME"]
    assert [member.who.nick for member in channels.members("#a")] == ["Bob", "ME"]


def test_whoever_shares_no_channel_is_forgotten():
    channels, _found = after(":bob!b@hb ACCOUNT acc", ":bob!b@hb PART #a", ":bob!x@y JOIN #a")
    assert channels.account("bob") == ""
    channels, _found = after(":bob!b@hb ACCOUNT acc", ":me!u@h PART #a")
    assert channels.account("bob") == ""
    assert channels.names() == ()


def test_whoever_comes_while_names_are_listed_stays():
    channels, _found = after(":s 353 me = #a :@bob me", ":c!u@x JOIN #a", ":bob!b@hb NICK rob", ":s 366 me #a :End")
    assert {member.who.nick for member in channels.members("#a")} == {"c", "rob", "me"}


def test_whoever_goes_while_names_are_listed_is_gone():
    names = ":s 353 me = #a :bob me dan eve fay"
    _channels, found = after(names, ":dan!d@h QUIT :x", ":eve!e@h PART #a", ":fay!f@h NICK gay", ":s 366 me #a :End")
    assert [type(change) for change in found] == [Quit, Left, Renicked, Listed]
    assert [member.who.nick for member in found[-1].members] == ["bob", "me", "gay"]


def test_names_correct_what_was_missed():
    channels, found = after(":s 353 me = #a :me +dan", ":s 366 me #a :End")
    assert found == [Listed("#a", (Member(ME), Member(Source("dan"), "+")))]
    assert channels.member("#a", "bob") is None


def test_our_host_is_learnt():
    channels = Channels("me")
    assert channels.me == Source("me")
    feed(channels, ":s 396 me cloak.example :is now your displayed host")
    assert channels.me == Source("me", "", "cloak.example")
    feed(channels, ":s 396 me ~u@other.example :is now your displayed host")
    assert channels.me == Source("me", "~u", "other.example")
    feed(channels, ":ME!u@h PRIVMSG #x :echo")
    assert channels.me == Source("ME", "u", "h")


def test_another_casemapping_is_taken_over():
    channels = Channels("me", Isupport({"CASEMAPPING": "ascii"}))
    feed(channels, ":me!u@h JOIN #a[", ":x[!u@x JOIN #a[")
    assert "#a{" not in channels
    channels.use(SUPPORT)
    assert "#a{" in channels
    assert channels.member("#A{", "x{").who.nick == "x["


VERBS = ["JOIN", "PART", "KICK", "QUIT", "NICK", "MODE", "TOPIC", "RENAME", "ACCOUNT", "CHGHOST", "353", "366", "332"]
WORDS = st.sampled_from(["#a", "#b", "#A", "me", "bob", "@bob", "c", "+o", "-o+v", ":x", "*", "#a,#b", "bob,me"])


@given(
    st.lists(
        st.builds(
            lambda verb, nick, params: Line(verb, tuple(params), Source(nick, "u", "h")),
            st.sampled_from(VERBS),
            st.sampled_from(["me", "bob", "c", "", "ME"]),
            st.lists(WORDS | st.text(max_size=5), max_size=4),
        ),
        max_size=30,
    )
)
def test_nothing_raises_and_what_is_known_stays_whole(lines: list[Line]):
    channels = Channels("me", SUPPORT)
    for line in (Line("JOIN", ("#a",), ME), Line("JOIN", ("#a",), BOB), *lines):
        channels.receive(line)
        for name in channels.names():
            assert name in channels
            for member in channels.members(name):
                assert channels.member(name, member.who.nick) == member
        present = {SUPPORT.fold(member.who.nick) for name in channels.names() for member in channels.members(name)}
        assert set(channels._people) == present or any(channel.names for channel in channels._channels.values())


def test_any_bytes_change_nothing_that_raises():
    channels = Channels("me", SUPPORT)
    for data in (b"\xff JOIN", b":me JOIN :#\xff", b":me PART :#\xff", b":\xff QUIT", b"MODE #a +o"):
        found = parse(data)
        assert isinstance(found, Nonsense) or channels.receive(found) is not None
