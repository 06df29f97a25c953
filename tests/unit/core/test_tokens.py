"""Links that only we can make, for one use, until a time."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridges.core.tokens import NONCE, Subject, make, read
from tchap_bridges.ids import RoomId, UserId

KEY = bytes(range(32))
WHO = Subject(
    RoomId("!KqHhVwRoLMUQeTyWtX:agent.finances.tchap.gouv.fr"),
    "polls",
    UserId("@jean.dupont-finances.gouv.fr:agent.finances.tchap.gouv.fr"),
)
NOW = 1_790_000_000
PART = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: len(text.encode()) < 256)


@given(
    st.builds(Subject, PART, PART, PART), st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 2**32 - 1)
)
def test_round_trip(who: Subject, purpose: str, expires: int) -> None:
    token = make(purpose, who, expires, KEY)
    grant = read(token, purpose, expires - 1, KEY)
    assert grant is not None
    assert (grant.subject, grant.expires, len(grant.nonce)) == (who, expires, NONCE)
    assert read(token, purpose, expires, KEY) is None


def test_it_fits_a_url_as_it_is_and_is_short() -> None:
    token = make("form", WHO, NOW, KEY)
    assert token.replace("-", "").replace("_", "").isalnum()
    assert token.isascii()
    assert len(token) < 210


def test_each_has_a_nonce_of_its_own() -> None:
    grants = [read(make("form", WHO, NOW, KEY), "form", 0, KEY) for _n in range(100)]
    assert len({grant.nonce for grant in grants if grant}) == 100


def test_every_bit_counts() -> None:
    token = make("form", WHO, NOW, KEY)
    whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for n in range(len(whole) * 8):
        bent = bytearray(whole)
        bent[n // 8] ^= 1 << n % 8
        assert read(base64.urlsafe_b64encode(bent).decode().rstrip("="), "form", 0, KEY) is None


def test_a_token_is_written_in_one_way_only() -> None:
    for size in range(3):
        token = make("form", WHO._replace(bot="b" * size), NOW, KEY)
        spelt = [token[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        assert [one for one in spelt if read(one, "form", 0, KEY)] == [token]
        for other in (f"{token}=", f"{token}==", f" {token}", f"{token}\n"):
            assert read(other, "form", 0, KEY) is None


def test_another_purpose_or_key_reads_nothing() -> None:
    token = make("form", WHO, NOW, KEY)
    assert read(token, "form", 0, KEY)
    for purpose in ("", "for", "form ", "forms"):
        assert read(token, purpose, 0, KEY) is None
    assert read(token, "form", 0, KEY[::-1]) is None


@pytest.mark.parametrize("text", ["", "A", "AAAA", "é", "\0", "=", "!" * 40, "A" * 100_000, "\ud800"])
def test_what_is_no_token(text: str) -> None:
    assert read(text, "form", 0, KEY) is None


def test_what_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="255"):
        make("form", WHO._replace(bot="é" * 128), NOW, KEY)
    for call in (lambda: make("form", WHO, NOW, b""), lambda: read("A" * 99, "form", 0, b"short")):
        with pytest.raises(ValueError, match="key"):
            call()
