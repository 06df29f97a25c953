"""Edits that do not fit into what they correct, and deletions that break off in the middle."""

import asyncio
import json
from dataclasses import replace

import pytest

from tchap_bridges.bridge import OutgoingDeletion
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import MessageId
from tchap_bridges.testing.rig import JEANNE, TEXT_LINK, FakeAttachment, link_to_text

from .conftest import World
from .test_out import edit_of


async def edited(world: World, text: str) -> tuple[str, str]:
    """What is seen of a message, and its ``text``, after an edit that is longer than it may be."""
    (ts,) = await world.rig.send(world.rig.message("court"))
    await world.rig.connection.edit(replace(edit_of(world, ts, text), link_to_text=link_to_text))
    shown = world.people.message("#general", ts)
    return json.dumps(shown.blocks, ensure_ascii=False), shown.text


@pytest.mark.parametrize(
    "text",
    ["mot " * 3000, "voir https://exemple.fr/page puis " + "mot " * 3000, "a & b < c " * 1000, "é" * 9000],
    ids=["words", "an address near the beginning", "escapes", "one word"],
)
async def test_an_edit_that_is_too_long_leads_to_the_whole(world: World, text: str) -> None:
    seen, fallback = await edited(world, text)
    assert TEXT_LINK in seen
    assert TEXT_LINK in fallback
    assert len(fallback.encode()) <= 4000
    assert len(fallback) > 1500, "as much as may be is there"
    assert len(seen) > 1500
    assert not fallback.partition("…")[0].rstrip().endswith(("&", "&a", "&am", "&l", "&amp", "&lt"))


@pytest.mark.parametrize("fault", ["ratelimit", "fail", "reset_before"])
async def test_no_file_outlives_its_message(world: World, fault: str) -> None:
    files = [FakeAttachment("a.pdf", b"a"), FakeAttachment("b.pdf", b"b")]
    (ts,) = await world.rig.send(world.rig.message("voici", files=files))
    sent = list(world.people.message("#general", ts).files)
    deletion = OutgoingDeletion(
        key=world.rig.key(), chat=world.rig.chat.id, author=JEANNE, network="Tchap", target=MessageId(ts)
    )
    getattr(world.slack.faults, fault)("files.delete")
    world.slack.faults.reset_before("chat.delete")
    attempts = 0
    while ts in world.people.channel("#general").messages:
        attempts += 1
        try:
            await world.rig.connection.delete(deletion)
        except NotReady as later:
            await asyncio.sleep(later.retry_after or 0)
    assert attempts == 3
    assert all(world.people.files[one].deleted for one in sent)
