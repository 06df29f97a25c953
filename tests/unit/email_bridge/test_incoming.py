"""What DATA brings, cut anywhere: the same mail, the same key, the same refusal."""

from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_email.incoming import Incoming, delivery_key


@dataclass(frozen=True)
class Taken:
    refusal: str | None
    raw: bytes
    key: str


def take(wire: bytes, *cuts: int, limit: int = 1000) -> Taken:
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    with closing(Incoming(limit)) as mail:
        for start, end in pairwise(edges):
            mail.feed(wire[start:end])
        mail.end()
        return Taken(mail.refusal, b"" if mail.refusal else mail.read(), mail.key("a@b.fr"))


LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"Bonjour", b"Subject: x", b"\xe9\xff", b"a" * 90]))


@given(LINES, st.lists(st.integers(0, 1000), max_size=6))
def test_dots_are_undone_wherever_the_bytes_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    mail = take(stuffed, *cuts, limit=10_000)
    assert mail.refusal is None
    assert mail.raw == raw
    assert mail.key == delivery_key(raw, "a@b.fr")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"."]), max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_every_lone_cr_or_lf_is_seen(pieces: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(pieces) + b"\r\n"
    rest = wire.replace(b"\r\n", b"")
    refusal = take(wire, *cuts).refusal
    assert (refusal is not None and refusal.startswith("550 5.5.2")) is (b"\r" in rest or b"\n" in rest)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"Subject: x\0y\r\n\r\ntext\r\n", "550 5.6.0"),
        (b"Subject: xy\r\n\r\ntext\0text\r\n", None),
        (b"x" * 999 + b"\r\n", "552 5.3.4"),
        (b"x" * 998 + b"\r\n", None),
        (b"", None),
    ],
)
def test_refusals(wire: bytes, code: str | None) -> None:
    refusal = take(wire).refusal
    assert (refusal or "").startswith(code or "")
    assert (refusal is None) is (code is None)


MAIL = b"Received: %s\r\nMessage-ID:\r\n <1@x>\r\n\r\nBonjour\r\n"


def test_a_second_attempt_has_the_same_key_though_its_trace_grew() -> None:
    assert delivery_key(MAIL % b"once", "a@b.fr") == delivery_key(MAIL % b"twice", "a@b.fr")


@pytest.mark.parametrize(
    ("raw", "recipient"),
    [
        (MAIL % b"once", "c@b.fr"),
        (MAIL % b"once" + b"more", "a@b.fr"),
        ((MAIL % b"once").replace(b"<1@x>", b"<2@x>"), "a@b.fr"),
        ((MAIL % b"once").replace(b"Message-ID", b"X-Other"), "a@b.fr"),
    ],
)
def test_another_recipient_body_or_id_is_another_mail(raw: bytes, recipient: str) -> None:
    assert delivery_key(raw, recipient) != delivery_key(MAIL % b"once", "a@b.fr")


def test_without_an_id_the_header_tells_two_mails_apart() -> None:
    assert delivery_key(b"Date: 1\r\n\r\nok\r\n", "a@b.fr") != delivery_key(b"Date: 2\r\n\r\nok\r\n", "a@b.fr")


def test_an_endless_header_is_cut_the_same_way_on_both_ways_in() -> None:
    raw = b"X-Long: " + b"y" * 300_000 + b"\r\nMessage-ID: <late@x>\r\n\r\nBonjour\r\n"
    assert take(raw, 100, 262_145, 262_149, 290_000, limit=1_000_000).key == delivery_key(raw, "a@b.fr")
