"""Content sealed at rest."""

import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridges.store.errors import SealBroken, SealError, UnknownKey
from tchap_bridges.store.sealing import Sealer, derive

OLD, NEW = os.urandom(32), os.urandom(32)


@given(data=st.binary(), place=st.text())
def test_what_is_sealed_opens_in_its_place(data: bytes, place: str) -> None:
    sealed = Sealer([OLD]).seal(data, place=place)
    assert len(sealed) == len(data) + 33
    assert Sealer([OLD]).open(sealed, place=place) == data


@given(data=st.binary(), place=st.text(), other=st.text())
def test_it_opens_nowhere_else(data: bytes, place: str, other: str) -> None:
    sealed = Sealer([OLD]).seal(data, place=place)
    if place != other:
        with pytest.raises(SealBroken, match="scellé pour un autre endroit"):
            Sealer([OLD]).open(sealed, place=other)


@given(data=st.binary(), where=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_it_can_be_changed(data: bytes, where: int, bit: int) -> None:
    altered = bytearray(Sealer([OLD]).seal(data, place="p"))
    altered[where % len(altered)] ^= 1 << bit
    with pytest.raises(SealError):
        Sealer([OLD]).open(bytes(altered), place="p")


@pytest.mark.parametrize("length", [0, 1, 5, 17, 32])
def test_it_cannot_be_cut_short(length: int) -> None:
    with pytest.raises(SealBroken):
        Sealer([OLD]).open(Sealer([OLD]).seal(b"", place="p")[:length], place="p")


def test_the_same_content_never_looks_the_same() -> None:
    sealer = Sealer([OLD])
    assert len({sealer.seal(b"ok", place="p") for _ in range(100)}) == 100


def test_keys_rotate() -> None:
    before = Sealer([OLD]).seal(b"before", place="p")
    rotated = Sealer([NEW, OLD])
    assert rotated.open(before, place="p") == b"before"
    after = rotated.seal(b"after", place="p")
    assert Sealer([NEW]).open(after, place="p") == b"after"
    with pytest.raises(UnknownKey, match="remettez l'ancienne"):
        Sealer([NEW]).open(before, place="p")


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, b""]])
def test_weak_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(SealError):
        Sealer(keys)


def test_derived_keys_differ_by_purpose_and_stay_the_same() -> None:
    assert derive(OLD, "ghost ids") == derive(OLD, "ghost ids")
    assert len({derive(OLD, "ghost ids"), derive(OLD, "message ids"), derive(NEW, "ghost ids"), OLD}) == 4


def test_derived_keys_are_those_of_rfc_5869() -> None:
    key = bytes(range(32))
    extracted = hmac.digest(bytes(32), key, "sha256")  # section 2.2, without salt
    assert derive(key, "ghost ids") == hmac.digest(extracted, b"ghost ids\x01", "sha256")  # section 2.3
