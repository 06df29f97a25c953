"""Channels that get another id, which sharing with another organisation does, and its end again."""

from dataclasses import replace

import pytest

from tchap_bridges.bridge import NamesChats
from tchap_bridges.ids import ChatId
from tchap_bridges.testing.rig import ASKER, until
from tchap_bridges.testing.slack import events

from .conftest import World


@pytest.fixture
def moving(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A workspace that tells of other ids, as those do that share channels."""
    world.slack.subscription.types.add("channel_id_changed")
    monkeypatch.setitem(events.SCOPES, "channel_id_changed", "channels:read")
    return world


def move(world: World, new: str = "") -> str:
    """Give #autre another id."""
    channel = world.people.channel("#autre")
    old, channel.id = channel.id, new or world.people.new_id("C")
    world.people.channels[channel.id] = world.people.channels.pop(old)
    world.people.emit("channel_id_changed", old_channel_id=old, new_channel_id=channel.id)
    return channel.id


async def settled(world: World) -> None:
    await until(lambda: not world.slack.sockets.pending)


@pytest.mark.parametrize(
    "ids", [("", ""), ("", "first"), ("C0AUTRE", "first", "C0AUTRE")], ids=["on", "back", "to and fro"]
)
async def test_more_than_once(moving: World, ids: tuple[str, ...]) -> None:
    first = moving.people.channel("#autre").id
    for id_ in ids:
        move(moving, first if id_ == "first" else id_)
        await settled(moving)
    await moving.rig.send(replace(moving.rig.message("où êtes-vous ?"), chat=ChatId(first)))
    assert "où êtes-vous ?" in moving.people.transcript("#autre")
    moving.people.say("#autre", "bob", "ici")
    (message,) = await moving.rig.hears()
    assert message.chat == first


async def test_linked_once_more_it_is_the_same_chat(moving: World) -> None:
    """Else the second room would hear nothing of it: what is said there comes under the first id."""
    assert isinstance(moving.rig.connection, NamesChats)
    first = moving.people.channel("#autre").id
    move(moving)
    await settled(moving)
    again = await moving.rig.connection.find("#autre", {}, ASKER)
    assert again.id == first
