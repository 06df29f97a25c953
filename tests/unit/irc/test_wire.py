"""Bytes to lines and back: other people's vectors, and properties that hold for any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc import names, wire
from tchap_bridge_irc.wire import Line, Lines, Nonsense, Source, Unsendable, encode, parse

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=700)
"""Half characters, NUL and line ends too."""
LINES = st.builds(
    lambda tags, source, command, params: b" ".join([*tags, *source, command, *params]),
    st.lists(st.binary(max_size=40).map(lambda data: b"@" + data.replace(b" ", b"")), max_size=1),
    st.lists(st.binary(max_size=40).map(lambda data: b":" + data), max_size=1),
    st.sampled_from([b"PRIVMSG", b"JOIN", b"353", b"332", b"quit", b"BATCH", b"CAP", b"", b"\xff"]),
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"", b":", b"#a", b":a b"])), max_size=6),
)


def test_splitting_a_line(vectors):
    cases = vectors("msg-split")
    assert len(cases) == 35
    for case in cases:
        atoms, line = case["atoms"], parse(case["input"].encode())
        assert isinstance(line, Line), case
        assert dict(line.tags) == atoms.get("tags", {}), case
        assert str(line.source) == atoms.get("source", ""), case
        assert line.command == atoms["verb"].upper(), case
        assert list(line.params) == atoms.get("params", []), case


def test_joining_a_line(vectors):
    cases = vectors("msg-join")
    assert len(cases) == 18
    for case in cases:
        atoms = case["atoms"]
        line = Line(
            atoms["verb"],
            tuple(atoms.get("params", ())),
            Source.parse(atoms.get("source", "")),
            atoms.get("tags", {}),
        )
        assert encode(line).decode().removesuffix("\r\n") in case["matches"], case


def test_sources(vectors):
    cases = vectors("userhost-split")
    assert len(cases) == 7
    for case in cases:
        atoms = case["atoms"]
        found = Source.parse(case["source"])
        assert found == Source(atoms["nick"], atoms.get("user", ""), atoms.get("host", "")), case
        assert str(found) == case["source"]


def test_masks(vectors):
    cases = vectors("mask-match")
    subjects = [(case["mask"], text, True) for case in cases for text in case["matches"]]
    subjects += [(case["mask"], text, False) for case in cases for text in case["fails"]]
    assert (len(cases), len(subjects)) == (6, 26)
    for mask, text, fits in subjects:
        assert names.matches(mask, text) is fits, (mask, text)


@pytest.mark.parametrize(
    ("mask", "text", "fits"),
    [
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("**a", "ba", True),
    ],
)
def test_more_masks(mask: str, text: str, fits: bool):
    assert names.matches(mask, text) is fits


def test_a_mask_takes_no_exponential_time():
    assert not names.matches("*a" * 200 + "b", "a" * 400)


def test_host_names(vectors):
    cases = vectors("validate-hostname")
    assert len(cases) == 19
    for case in cases:
        assert names.is_host(case["host"]) is case["valid"], case


@given(st.one_of(st.binary(max_size=9000), LINES))
def test_the_parser_never_raises(data: bytes):
    assert isinstance(parse(data), Line | Nonsense)
    for found in Lines().feed(data + b"\r\n"):
        assert isinstance(found, Line | Nonsense)


@given(LINES)
def test_what_was_parsed_is_stable(data: bytes):
    line = parse(data)
    if isinstance(line, Nonsense):
        return
    try:
        again = encode(line)
    except Unsendable:
        return
    assert parse(again) == line
    assert encode(parse(again)) == again


@given(st.binary(max_size=300), st.integers(1, 9))
def test_lines_are_the_same_however_they_arrive(data: bytes, step: int):
    whole, pieces = Lines(), Lines()
    at_once = list(whole.feed(data))
    assert [found for at in range(0, len(data), step) for found in pieces.feed(data[at : at + step])] == at_once


def test_an_endless_line_is_bounded_and_the_next_one_is_sound():
    lines = Lines(limit=100)
    for _turn in range(1000):
        assert list(lines.feed(b"x" * 1000)) == []
    assert len(lines._rest) <= 100
    found, following = lines.feed(b"\r\nPING :a\r\n")
    assert found == Nonsense("a line that is too long", 1_000_001)
    assert following == Line("PING", ("a",))


def test_a_line_of_the_greatest_length_is_read():
    data = b"@a=" + b"x" * (8191 - 4) + b" " + b"PRIVMSG #a :" + b"y" * (510 - 12) + b"\r\n"
    assert len(data) == 8191 + 512
    (found,) = Lines().feed(data)
    assert isinstance(found, Line)
    assert len(found.params[1]) == 498


def test_blank_lines_are_passed_over_and_what_follows_is_kept():
    assert list(Lines().feed(b"\r\n\n  \r\nPING a\nPING b\r\n")) == [
        Nonsense("no command", 3),
        Line("PING", ("a",)),
        Line("PING", ("b",)),
    ]


@given(
    st.sampled_from(["PRIVMSG", "TOPIC", "NICK", "KICK", "TAGMSG"]) | ANY_TEXT,
    st.lists(ANY_TEXT, max_size=3),
    st.builds(Source, ANY_TEXT, ANY_TEXT, ANY_TEXT) | st.just(wire.NOBODY),
    st.dictionaries(ANY_TEXT | st.just("+draft/reply"), ANY_TEXT, max_size=3),
)
def test_whatever_is_encoded_is_one_line_or_refused(command, params, source, tags):
    try:
        data = encode(Line(command, tuple(params), source, tags))
    except Unsendable:
        return
    one_line(data)


@given(ANY_TEXT)
def test_clean_text_can_always_be_encoded(text: str):
    data = encode(Line("TOPIC", ("#a", wire.cut(wire.clean(text), 400))))
    one_line(data)
    assert parse(data) == Line("TOPIC", ("#a", wire.cut(wire.clean(text), 400)))


@given(ANY_TEXT)
def test_tags_survive_the_way(text: str):
    value = wire.clean(text).replace("\0", "")[:200]
    assert wire.unescape(wire.escape(value)) == value
    data = encode(Line("TAGMSG", ("#a",), tags={"+x": value + "\r\n;"}))
    one_line(data)
    assert parse(data).tags == {"+x": value + "\r\n;"}


def one_line(data: bytes) -> None:
    """One line, of sound UTF-8, in its bounds."""
    body = data.removesuffix(b"\r\n")
    assert len(body) == len(data) - 2
    assert not set(body) & {0, 10, 13}
    body.decode()
    tags, _space, rest = data.partition(b" ") if data.startswith(b"@") else (b"", b"", data)
    assert len(rest) <= 512
    assert len(tags) + 1 <= 4096


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (Line("JOIN", ("#a\r\nQUIT",)), "CR, LF"),
        (Line("PRIVMSG", ("#a\nQUIT", "x")), "CR, LF"),
        (Line("PRIVMSG", ("#a b", "x")), "space"),
        (Line("PRIVMSG", ("", "x")), "empty"),
        (Line("PRIVMSG", (":a", "x")), "colon"),
        (Line("PRIVMSG #a", ("x",)), "command"),
        (Line("", ()), "command"),
        (Line("PRIVMSG", ("#a", "x" * 500)), "512"),
        (Line("PRIVMSG", ("#a", "\ud800")), "half a character"),
        (Line("TAGMSG", ("#a",), tags={"+a": "x" * 4094}), "4096"),
        (Line("TAGMSG", ("#a",), tags={"+a b": "x"}), "key"),
        (Line("TAGMSG", ("#a",), tags={"+a": "\0"}), "NUL"),
    ],
)
def test_what_is_refused(line: Line, why: str):
    with pytest.raises(Unsendable, match=why):
        encode(line)


def test_words_that_are_not_utf8_are_read_as_windows_1252():
    assert parse(b":a PRIVMSG #a :caf\xe9 \x80").params == ("#a", "café €")
    assert parse(b":a PRIVMSG #a :\x81").params == ("#a", "\x81")
    assert parse(b":a TOPIC #a :\xe9").params == ("#a", "é")
    assert parse(b":s 332 me #a :\xe9 \xe9").params == ("me", "#a", "é é")
    assert parse(b":s 465 me :banni \xe9").params == ("me", "banni é")
    assert parse(b":s 366 me #\xe9").params == ("me", "#\ufffd")


def test_a_tag_that_is_not_utf8_is_dropped():
    assert parse(b"@msgid=\xff;a=b PING").tags == {"msgid": "", "a": "b"}
