"""Texts as lines that arrive whole."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tchap_bridge_irc.splitting import LEAST_ROOM, Piece, Style, plain, room, split
from tchap_bridge_irc.wire import Line, Source, Unsendable, encode

CODES = st.sampled_from(
    ["\x02", "\x1d", "\x1f", "\x1e", "\x11", "\x16", "\x0f", "\x03", "\x034", "\x0304,12", "\x04FF0000", "\x01"]
)
WORDS = st.sampled_from(
    [
        "mot",
        " ",
        "  ",
        "é" * 9,
        "\n",
        "\r\n",
        "x" * 90,
        ",5",
        "7",
        "日本語",
        "\t",
        "\ud800",
        "👩‍👩‍👧‍👦",
        "🇫🇷",
        "e\u0301",
        "\u1100\u1161\u11a8",
    ]
)
TEXTS = st.lists(CODES | WORDS | st.text(max_size=8), max_size=60).map("".join)
ROOMS = st.integers(LEAST_ROOM, 420)
ME = Source("alice", "~alice", "2001:db8::1")


def words_of(text: str) -> str:
    """What a reader sees, blanks aside."""
    visible = "".join(c for c in plain(text) if c == "\t" or unicodedata.category(c) != "Cc")
    return re.sub(r"\s", "", visible.encode(errors="surrogatepass").decode(errors="replace"))


@given(TEXTS, ROOMS, st.booleans())
@example("\x0301" + "é" * 300, 64, False)
@example("\x03\x1c0", 64, False)
@example("\x034,\x015", 64, False)
@example("\x04FF\x1c0000", 64, True)
def test_no_text_is_lost_and_each_piece_is_one_sound_line(text: str, space: int, action: bool):
    found = split(text, space, action=action)
    bodies = []
    for piece in found.pieces:
        assert len(piece.text.encode()) <= space
        encode(Line("PRIVMSG", ("#a", piece.text)))
        body = piece.text.removeprefix("\x01ACTION ").removesuffix("\x01") if action else piece.text
        assert piece.text == (f"\x01ACTION {body}\x01" if action else body)
        assert "\x01" not in body
        assert plain(body).strip()
        bodies.append(body)
    assert words_of("".join(bodies)) == words_of(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=600), ROOMS)
def test_joined_pieces_are_the_line_again(text: str, space: int):
    found = split(f"x{text}x", space)
    assert [piece.joined for piece in found.pieces] == [False, *[True] * (len(found.pieces) - 1)]
    lost = f"x{text}x".replace(" ", "")
    assert "".join(piece.text for piece in found.pieces).replace(" ", "").replace("\u3000", "") == lost.replace(
        "\u3000", ""
    )


@given(TEXTS, ROOMS, st.integers(0, 5))
def test_beyond_so_many_lines_the_rest_is_reported(text: str, space: int, lines: int):
    found, whole = split(text, space, lines=lines), split(text, space)
    assert len(found.pieces) <= lines
    assert (*found.pieces, *found.rest) == whole.pieces


@given(TEXTS, ROOMS)
def test_each_piece_looks_as_it_did_in_the_whole(text: str, space: int):
    """Each visible character has the same formatting, cut or not."""
    pieces = [piece.text for piece in split(text, space).pieces]
    whole = [piece.text for piece in split(text, 10**6).pieces]
    assert [look for piece in pieces for look in looks(piece)] == [look for line in whole for look in looks(line)]


CODE = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-F]{6}(?:,[0-9A-F]{6})?)?|[\x00-\x08\x0a-\x1f]", re.IGNORECASE
)


def looks(text: str) -> list[tuple[str, str, str, str, str]]:
    """Each visible character with what is on at its place."""
    style, found, at = Style(), [], 0
    while at < len(text):
        code = CODE.match(text, at)
        if code:
            style = style.after(code[0])
            at = code.end()
            continue
        if not text[at].isspace():
            colours = style.front.lstrip("0"), style.back.lstrip("0")
            found.append((text[at], "".join(sorted(style.toggles)), style.kind, *colours))
        at += 1
    return found


@pytest.mark.parametrize(
    ("text", "space", "pieces"),
    [
        ("hello", 64, ["hello"]),
        ("", 64, []),
        (" \n\t\n", 64, []),
        ("one\n\ntwo\r\nthree\rfour", 64, ["one", "two", "three", "four"]),
        ("a" * 60 + " " + "b" * 10, 64, ["a" * 60 + " ", "b" * 10]),
        ("a" * 64 + " " + "b", 64, ["a" * 64, " b"]),
        ("a " + "b" * 80, 64, ["a " + "b" * 62, "b" * 18]),
        ("é" * 33, 65, ["é" * 32, "é"]),
        ("x" * 62 + "👩‍👩‍👧‍👦", 64, ["x" * 62, "👩‍👩‍👧‍👦"]),
        ("x" * 63 + "e\u0301", 64, ["x" * 63, "e\u0301"]),
        ("x" * 59 + "🇫🇷", 64, ["x" * 59, "🇫🇷"]),
        ("x" * 56 + "🇫🇷🇩🇪", 64, ["x" * 56 + "🇫🇷", "🇩🇪"]),
        ("x" * 60 + "👍🏽", 64, ["x" * 60, "👍🏽"]),
        ("x" * 60 + "\u1100\u1161\u11a8", 64, ["x" * 60, "\u1100\u1161\u11a8"]),
        ("\x02" + "b" * 70, 64, ["\x02" + "b" * 63, "\x02" + "b" * 7]),
        ("\x02one\ntwo\x02\nthree", 64, ["\x02one", "\x02two\x02", "three"]),
        ("\x034" + "b" * 61 + " 5 apples", 64, ["\x034" + "b" * 61 + " ", "\x03045 apples"]),
        ("\x034" + "b" * 62 + ",5", 64, ["\x034" + "b" * 62, "\x0304\x02\x02,5"]),
        ("\x01VERSION\x01", 64, ["VERSION"]),
        ("a\0b\x07c", 64, ["abc"]),
    ],
)  # fmt: skip
def test_where_it_is_cut(text: str, space: int, pieces: list[str]):
    assert [piece.text for piece in split(text, space).pieces] == pieces


def test_more_marks_than_a_line_holds():
    found = split("e" + "\u0301" * 100, 64)
    assert "".join(piece.text for piece in found.pieces) == "e" + "\u0301" * 100
    assert len(found.pieces) == 4


def test_actions_and_their_frame():
    found = split("waves " * 30, 100, action=True)
    assert len(found.pieces) == 2
    assert all(piece.text.startswith("\x01ACTION waves ") and piece.text.endswith("\x01") for piece in found.pieces)


def test_a_line_as_others_see_it_has_512_bytes_and_no_more():
    target = "#été"
    space = room(ME, target)
    (first, *_rest) = split("a b" + "x" * 999, space).pieces
    assert len(encode(Line("PRIVMSG", (target, first.text), source=ME))) == 512
    with pytest.raises(Unsendable):
        encode(Line("PRIVMSG", (target, first.text + "x"), source=ME))


def test_what_is_not_known_of_us_counts_as_the_longest():
    assert room(Source("a"), "#a") == room(Source("a", "u" * 20, "h" * 63), "#a")
    assert room(ME, "#a", limit=2048) == room(ME, "#a") + 1536
    assert room(ME, "#a", command="NOTICE") == room(ME, "#a") + 1
    with pytest.raises(Unsendable):
        room(ME, "#" + "a" * 430)


def test_pieces_of_one_line_can_be_told_from_lines():
    found = split("a" * 70 + "\nb", 64)
    assert found.pieces == (Piece("a" * 64), Piece("a" * 6, joined=True), Piece("b"))


def test_a_long_text_takes_no_long_time():
    assert len(split("mot " * 50_000, 400).pieces) == 500
