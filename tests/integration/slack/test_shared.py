"""A channel that is shared with another organisation after it was linked: nothing more goes there unless it may."""

from collections.abc import Callable
from typing import Any

import pytest

from tchap_bridge_slack import finding
from tchap_bridges.errors import Undeliverable
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.slack import Slack

from .conftest import World
from .test_out import edit_of


def share(slack: Slack, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Slack tells it of every channel from now on."""
    told = slack.workspace.channel_json
    monkeypatch.setattr(
        type(slack.workspace), "channel_json", lambda _self, channel, viewer: {**told(channel, viewer), how: True}
    )


@pytest.mark.parametrize("how", ["is_ext_shared", "is_pending_ext_shared"])
async def test_nothing_goes_to_another_organisation(
    working: Callable[..., Any], slack: Slack, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(finding, "CHECKED_SECONDS", 0.0)
    async with working(FakeHost()) as world:
        (ts,) = await world.rig.send(world.rig.message("entre nous"))
        share(slack, monkeypatch, how)
        with pytest.raises(Undeliverable) as error:
            await world.rig.send(world.rig.message("pour nous seuls"))
        assert "organisation" in error.value.reason
        assert "shared_channels" in error.value.remedy
        with pytest.raises(Undeliverable):
            await world.rig.connection.edit(edit_of(world, ts, "pour nous seuls"))
        assert "pour nous seuls" not in slack.workspace.transcript("#general")


async def test_unless_the_operator_admits_it(
    working: Callable[..., Any], slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(FakeHost(), shared_channels=True) as world:
        share(slack, monkeypatch, "is_ext_shared")
        await world.rig.send(world.rig.message("pour tous"))
        assert "pour tous" in slack.workspace.transcript("#general")


async def test_a_channel_is_looked_at_now_and_then(world: World) -> None:
    for n in range(20):
        await world.rig.send(world.rig.message(f"n° {n}"))
    assert len(world.asked("conversations.info", channel=world.rig.chat.id)) <= 2
