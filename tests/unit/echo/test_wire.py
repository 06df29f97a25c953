"""The Echo line: whatever stands on it is a frame or a `RemoteViolation`; whatever is said can be read back."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tchap_bridge_echo import convert, wire
from tchap_bridges.errors import RemoteViolation

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)
ANY_TEXT = some.text(some.characters())  # lone surrogates among them
KINDS = ("hello", "say", "said", "done", "failed", "upload", "reacted", "welcome", "typed")


@given(some.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for line in wire.Lines().feed(data + b"\n"):
        _decoded(line)


@given(some.sampled_from(KINDS), some.dictionaries(some.sampled_from(["request", "at", "text", "data", "files"]), JSON))
def test_any_fields(kind: str, fields: dict[str, object]) -> None:
    _decoded(json.dumps({**fields, "kind": kind}).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 60_000,
        b"9" * 60_000,
        b'{"kind": "said"',
        b'{"kind": "nothing"}',
        b'{"kind": "done", "request": 1e400}',
        b'{"kind": "done", "request": 1, "data": "\xc3\xa9"}',
        b"x" * (wire.LONGEST_LINE + 1),
        "é".encode("utf-16"),
    ],
    ids=range(8),
)
def test_nonsense_is_a_violation(line: bytes) -> None:
    with pytest.raises(RemoteViolation) as error:
        wire.decode(line)
    assert len(str(error.value)) < 100, "it tells nothing of what was said"


@given(ANY_TEXT, ANY_TEXT)
def test_what_is_said_is_clean_and_comes_back(text: str, name: str) -> None:
    frame = wire.Say(key="k", chat="#general", by=name, text=text)
    line = wire.encode(frame)
    assert line.count(b"\n") == 1
    assert wire.decode(line.rstrip(b"\n")) == frame
    assert not [c for c in frame.text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\n"]
    assert not set(frame.by) & set("\n\r\t\0\u202e")


@given(some.lists(some.binary(max_size=50).map(lambda data: data.replace(b"\n", b""))), some.integers(1, 20))
def test_lines_are_cut_the_same_wherever_packets_end(lines: list[bytes], size: int) -> None:
    whole, cutter = b"".join(line + b"\n" for line in lines), wire.Lines()
    cut = [line for start in range(0, len(whole), size) for line in cutter.feed(whole[start : start + size])]
    assert cut == lines


def test_of_an_endless_line_little_is_kept() -> None:
    lines = wire.Lines()
    for _ in range(100):
        assert list(lines.feed(b"x" * wire.LONGEST_LINE)) == []
    (kept, sound) = lines.feed(b'\n{"kind": "ack", "event": "e1"}\n')
    assert len(kept) == wire.LONGEST_LINE + 1
    assert wire.decode(sound) == wire.Ack(event="e1")


@given(some.text(max_size=300), some.integers(8, 40))
def test_pieces_fit_and_lose_only_spaces(text: str, limit: int) -> None:
    pieces = convert.split(text, limit)
    assert all(len(piece.encode()) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def _decoded(line: bytes) -> wire.AnyFrame | None:
    try:
        return wire.decode(line)
    except RemoteViolation:
        return None
