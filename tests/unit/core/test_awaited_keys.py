"""Events whose key is not there yet: they wait beside the others, and are read, or told to the room, but never lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.bridge import Item
from tchap_bridges.core import kernel
from tchap_bridges.core.ports import KeyAwaited
from tchap_bridges.errors import RemoteViolation

from .stage import Stage, stage


@pytest_asyncio.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as found:
        yield found


def lacking(s: Stage, monkeypatch: pytest.MonkeyPatch, *keys: str) -> set[str]:
    """Messages that say ``key …`` need that key; those in the set are not there."""
    missing = set(keys)

    async def opened(item: Item) -> Item:
        for key in missing:
            if f"key {key}".encode() in item.raw:
                raise KeyAwaited(key)
        if b"beyond" in item.raw:
            raise RemoteViolation("it cannot be opened")
        return item

    monkeypatch.setattr(s.hs, "opened", opened)
    return missing


async def texts(s: Stage, n: int) -> list[Any]:
    return [one.text.plain for one in await s.net.shown.until(n)]


async def test_others_go_on_and_it_is_read_when_its_key_has_come(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = lacking(s, monkeypatch, "a", "b")
    await s.say("un, key a")
    await s.say("deux, key b")
    await s.say("trois")
    assert await texts(s, 1) == ["trois"]
    missing.remove("a")
    await s.hs.edge.keys(["z", "a"])
    assert await texts(s, 2) == ["trois", "un, key a"]
    await s.hs.edge.keys(["a"])  # told of once more
    missing.clear()
    await s.hs.edge.keys(["b"])
    assert await texts(s, 3) == ["trois", "un, key a", "deux, key b"]


async def test_a_key_that_came_while_it_was_looked_for_is_told_of_again(
    s: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the wait: nobody waits yet for whom the key is told."""
    missing = lacking(s, monkeypatch, "a")
    await s.hs.edge.keys(["a"])
    await s.say("un, key a")
    await s.say("deux")
    assert await texts(s, 1) == ["deux"]
    missing.clear()
    await s.hs.edge.keys(["a"])
    assert await texts(s, 2) == ["deux", "un, key a"]


async def test_when_it_never_comes_the_room_is_told(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "KEY_PATIENCE", 0.0)
    lacking(s, monkeypatch, "a")
    await s.say("un, key a")
    await s.say("deux")
    assert await texts(s, 1) == ["deux"]
    await s.kernel.inbox.give_up()
    (told,) = await s.shown.until(1)
    assert "a attendu trop longtemps et n'est pas relayé" in told.text.plain


async def test_what_no_key_opens_is_told_at_once(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(s, monkeypatch)
    await s.say("beyond")
    (told,) = await s.shown.until(1)
    assert "n'a pas pu être lu et n'est pas relayé" in told.text.plain
