"""Files of encrypted rooms, byte by byte."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence

import pytest

from tchap_bridges.errors import Undeliverable
from tchap_bridges.matrix.crypto.attachments import EncryptedFile, SealedFile

MXC = "mxc://exemple.fr/abc"


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def sealed(*chunks: bytes) -> tuple[bytes, dict]:
    seal = SealedFile()
    data = b"".join([chunk async for chunk in seal.sealed(stream(*chunks))])
    return data, seal.described(MXC)


async def opened(described: dict, *chunks: bytes) -> bytes:
    return b"".join([chunk async for chunk in EncryptedFile(json.dumps(described)).opened(stream(*chunks))])


@pytest.mark.parametrize("chunks", [(), (b"",), (b"x",), (b"a" * 17, b"b" * 15, b"c"), (b"\0" * 100_000, b"fin")])
async def test_what_was_sealed_is_opened_whatever_its_pieces(chunks: Sequence[bytes]) -> None:
    data, described = await sealed(*chunks)
    whole = b"".join(chunks)
    assert len(data) == len(whole)
    assert len(whole) < 8 or data != whole
    assert await opened(described, data) == whole
    assert await opened(described, *(data[n : n + 7] for n in range(0, len(data), 7))) == whole


async def test_no_two_are_sealed_alike() -> None:
    (one, first), (two, second) = [await sealed(b"le meme contenu") for _ in range(2)]
    assert one != two
    assert first["key"]["k"] != second["key"]["k"]


async def test_the_counter_begins_at_nought() -> None:
    """A start of 16 random bytes may overflow where 64 bits of it are counted, as some clients do."""
    _data, described = await sealed(b"x")
    assert b64decode(described["iv"] + "==")[8:] == bytes(8)


@pytest.mark.parametrize("change", ["one byte", "one more", "one less", "another"])
async def test_what_is_not_what_was_sealed_ends_in_an_error(change: str) -> None:
    data, described = await sealed(b"un fichier de quelques octets")
    wrong = {"one byte": bytes([data[0] ^ 1]) + data[1:], "one more": data + b"x", "one less": data[:-1]}
    with pytest.raises(Undeliverable, match="altéré"):
        await opened(described, wrong.get(change, b"tout autre chose"))


@pytest.mark.parametrize(
    "change",
    [
        {"v": "v1"},
        {"v": None},
        {"key": {}},
        {"key": "texte"},
        {"key": {"k": "AAAA"}},
        {"key": {"k": "pas du base 64 !"}},
        {"iv": "AAAA"},
        {"hashes": {}},
        {"hashes": {"md5": "x"}},
        {"url": None},
    ],
)
async def test_what_is_described_otherwise_is_refused_with_a_word(change: dict) -> None:
    _data, described = await sealed(b"x")
    described |= change
    if change == {"url": None}:
        del described["url"]
    with pytest.raises(Undeliverable, match="inconnue"):
        EncryptedFile(json.dumps(described))


@pytest.mark.parametrize("text", ["{", "{}", "[]", "null", '"x"', "{" * 5000])
def test_what_is_no_description_at_all_is_refused_too(text: str) -> None:
    with pytest.raises(Undeliverable):
        EncryptedFile(text)


async def test_a_reader_that_stops_at_the_last_piece_has_the_hash_all_the_same() -> None:
    """As HTTP does, once the server has answered; and an attempt that broke off leaves nothing in the next one."""
    seal = SealedFile()
    broken = seal.sealed(stream(b"un", b"deux"))
    await anext(broken)
    pieces = seal.sealed(stream(b"un", b"deux"))
    data = await anext(pieces) + await anext(pieces)
    assert await opened(seal.described(MXC), data) == b"undeux"
