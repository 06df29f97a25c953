"""Reading in a process that can be killed: whatever an item does, the next one passes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from tchap_bridges.bridge import Item
from tchap_bridges.core.reader import Reader, ReadFailed
from tchap_bridges.events import Message
from tchap_bridges.ids import FileRef

from .hostile import HostileBridge, HostileConfig


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    found = Reader(HostileBridge, HostileConfig())
    await found.warm()
    yield found
    await found.close()


def item(raw: bytes) -> Item:
    return Item(key="k", raw=raw, meta={}, received_at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"hang", "took more than 1 s"),
        (b"spin", "took more than 1 s"),
        (b"crash", "process died"),
        (b"memory", "MemoryError|took more than 1 s"),
        (b"raise", "no such header"),
        (b"deep", "too deeply"),
    ],
)
async def test_a_bad_item_fails_alone(reader: Reader, raw: bytes, why: str) -> None:
    with pytest.raises(ReadFailed, match=why):
        await reader.read(item(raw))
    (event,) = await reader.read(item(b"suivant"))
    assert isinstance(event, Message)
    assert event.text.plain == "suivant"


async def test_what_a_library_prints_is_not_taken_for_an_answer(reader: Reader) -> None:
    (event,) = await reader.read(item(b"print"))
    assert isinstance(event, Message)


async def test_large_items_pass_both_ways(reader: Reader) -> None:
    raw = b"x" * (40 << 20)
    assert await reader.file_bytes(item(raw), FileRef(str(len(raw)))) == raw
