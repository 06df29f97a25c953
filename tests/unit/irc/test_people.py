"""Whose coming and going is told: theirs who have spoken; and under which names a relay lets us speak."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc import convert, people, relaying
from tchap_bridge_irc.changes import Change, Joined, Kicked, Left, Quit, Renicked
from tchap_bridge_irc.flood import Window
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.people import People
from tchap_bridge_irc.wire import Line, Source, parse
from tchap_bridges.events import Author
from tchap_bridges.ids import ChatId, PersonId

SUPPORT = Isupport({"CASEMAPPING": "ascii"})
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ZOE, ANA = Author(person=PersonId("zoe"), name="Zoe"), Author(person=PersonId("@ana"), name="Ana")
who = Source


def told(crowd: People, change: Change) -> list[tuple[str, str, bool, str | None]]:
    return [
        (event.chat, event.author.name, event.present, event.reason)
        for event, _key in crowd.changed(change, SUPPORT, NOW)
    ]


@pytest.fixture
def crowd() -> People:
    """Zoe has spoken in #a and #b, Ana, who has an account, in #a."""
    made = People()
    for chat, nick, author in (("#a", "zoe", ZOE), ("#b", "zoe", ZOE), ("#a", "ana", ANA)):
        made.spoke(ChatId(chat), nick, author)
    return made


def test_who_is_silent_is_not_told_of(crowd: People):
    eve = who("Eve", "u", "h")
    for change in (Joined("#a", eve), Left("#a", eve), Quit(eve, ("#a", "#b")), Renicked(eve, "Eva", ("#a",))):
        assert told(crowd, change) == []


def test_leaving_is_told_once_and_coming_back_too(crowd: People):
    assert told(crowd, Left("#A", who("ZOE"), "\x02salut")) == [("#a", "Zoe", False, "salut")]
    assert told(crowd, Left("#a", who("Zoe"))) == []
    assert told(crowd, Joined("#a", who("Zoe"))) == [("#a", "Zoe", True, None)]
    assert told(crowd, Joined("#a", who("Zoe"))) == []


def test_a_quit_is_of_every_channel(crowd: People):
    assert told(crowd, Quit(who("Zoe"), ("#a", "#b", "#c"), "fini")) == [
        ("#a", "Zoe", False, "fini"),
        ("#b", "Zoe", False, "fini"),
    ]


@pytest.mark.parametrize(
    ("said", "reason"), [("dehors", "exclu par Op : dehors"), ("Zoe", "exclu par Op"), ("", "exclu par Op")]
)
def test_being_kicked_says_by_whom(crowd: People, said: str, reason: str):
    assert told(crowd, Kicked("#a", who("Zoe"), who("Op"), said)) == [("#a", "Zoe", False, reason)]


def test_another_nick_is_another_person_unless_there_is_an_account(crowd: People):
    assert told(crowd, Renicked(who("Zoe"), "Zoé", ("#a",))) == [("#a", "Zoe", False, "s'appelle désormais Zoé")]
    assert told(crowd, Renicked(who("Ana"), "Ana2", ("#a",))) == []
    assert told(crowd, Left("#a", who("Ana2"))) == [("#a", "Ana", False, None)]
    assert told(crowd, Renicked(who("ZOE"), "Zoe", ("#b",))) == [], "only the case has changed"


def test_a_nick_cannot_pass_for_an_account():
    account = convert.author_of(who("Zoe"), SUPPORT, "ana").person
    assert account == "@ana"
    assert not SUPPORT.valid_nick(account)
    assert convert.author_of(who("ana"), SUPPORT).person != account


def test_so_many_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(people, "MOST", 10)
    made = People()
    for n in range(50):
        made.spoke(ChatId("#a"), f"n{n}", ZOE)
    assert told(made, Left("#a", who("n0"))) == []
    assert len(told(made, Left("#a", who("n49")))) == 1


@given(st.binary(max_size=200), st.sampled_from([b"PRIVMSG", b"NOTICE", b"TAGMSG", b"TOPIC", b"REDACT", b"KICK"]))
def test_no_line_breaks_its_reading(data: bytes, verb: bytes):
    frame = convert.Frame(me="pont", support=SUPPORT, now=NOW)
    for raw in (
        data,
        b":z!u@h " + verb + b" " + data,
        b"@time=x;+draft/react=" + data + b" :z!u@h " + verb + b" #a :x",
    ):
        line = parse(raw.replace(b"\r", b"").replace(b"\n", b""))
        if isinstance(line, Line):
            event = convert.event_of(line, frame, "k")
            assert event is None or hash(event) is not None


# Names that are lent


@pytest.mark.parametrize(
    ("name", "network", "nick"),
    [
        ("Jeanne Martin", "Tchap", "Jeanne_Martin/tchap"),
        ("Zoé D'Œuf", "Tchap", "Zoe_D_OEuf/tchap"),
        ("  ", "Tchap", None),
        ("李小龍", "Tchap", None),
        ("2 Fast", "courriel", "_2_Fast/courriel"),
        ("Jeanne", "", "Jeanne/pont"),
        ("a" * 90, "Tchap", "a" * 24 + "/tchap"),
        ("x!y@z /w", "Tchap", "x_y_z_w/tchap"),
    ],
)
def test_a_name_as_a_nick(name: str, network: str, nick: str | None):
    assert relaying.nick(name, network) == nick


@given(st.text(max_size=80), st.text(max_size=20), st.integers(20, 60))
def test_any_name_is_a_nick_that_nobody_can_have(name: str, network: str, longest: int):
    nick = relaying.nick(name, network, longest=longest)
    if nick is not None:
        assert len(nick) <= longest
        assert nick.isascii()
        assert nick.count("/") == 1
        assert not set(nick) & set(" ,*?!@:#&\r\n\0")
        assert not SUPPORT.valid_nick(nick)


@pytest.mark.parametrize(("value", "by"), [("/", "/"), ("", "/"), (" @", "/"), ("^/", "^")])
def test_what_parts_name_and_place(value: str, by: str):
    assert relaying.separator(value) == by


# What is on its way


def test_no_more_is_on_its_way_than_the_server_takes():
    window = Window(1000)
    first = window.send(600)
    assert window.open(400)
    assert not window.open(401)
    window.read(first)
    assert window.open(1000)
    assert window.open(9000), "something larger leaves alone"
    window.send(9000)
    assert not window.open(1)
    window.read(first)
    assert window.under_way == 9000, "an answer to what was before says nothing of it"
