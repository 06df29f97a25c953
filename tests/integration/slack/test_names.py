"""What is asked of Slack to give things their names: no more than may be, and once more when it did not answer."""

from collections.abc import Callable
from typing import Any

import pytest

from tchap_bridge_slack.people import MOST_NAMED
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import until
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.model import Message

from .conftest import World


def from_a_robot(world: World, text: str) -> None:
    """Robots write marks that people cannot type."""
    robot = world.people.add_bot("robot")
    channel = world.people.channel("#general")
    world.people.join("#general", robot.user_id)
    world.people.post(Message(world.people.new_ts(), channel.id, "", text, subtype="bot_message", bot_id=robot.id))


@pytest.mark.parametrize("mark", ["<@U{:04}>", "<#C{:04}>"])
async def test_a_message_that_names_the_whole_world_holds_nobody_up(world: World, mark: str) -> None:
    """Slack answers some hundred such questions a minute, whoever they are for."""
    from_a_robot(world, " ".join(mark.format(n) for n in range(2000)))
    world.people.say("#general", "alice", "et nous ?")
    await until(lambda: "et nous ?" in world.texts(), seconds=20)
    assert len(world.asked("users.info")) + len(world.asked("conversations.info")) <= MOST_NAMED + 10


async def test_the_speaker_is_known_whoever_is_named(world: World) -> None:
    everybody = [world.people.add_user(f"p{n}", display_name=f"Personne {n}") for n in range(3 * MOST_NAMED)]
    world.people.say("#general", "bob", " ".join(f"<@{one.id}>" for one in everybody))
    (message,) = await world.rig.hears()
    assert message.author.name == "Bob Leblanc"


async def test_emoji_and_groups_are_asked_for_again(world: World) -> None:
    world.people.add_emoji("fete", "alias:tada")
    group = world.people.add_usergroup("admins", ["alice"])
    await until(lambda: not world.slack.sockets.pending)
    world.slack.faults.fail("emoji.list", times=2)
    world.slack.faults.fail("usergroups.list", times=2)
    from_a_robot(world, f"<!subteam^{group.id}> :fete:")
    (message,) = await world.rig.hears()
    assert message.text.plain == "@admins 🎉"


async def test_who_is_in_a_large_channel_is_asked_for_at_once(working: Callable[..., Any], slack: Slack) -> None:
    """One by one they would take Slack's answers from everybody who speaks meanwhile."""
    slack.sockets.keep_for = 0.0
    for n in range(3 * MOST_NAMED):
        slack.workspace.join("#general", slack.workspace.add_user(f"p{n}", display_name=f"Personne {n}"))
    async with working(FakeHost()) as world:
        found = await world.rig.connection.members(world.rig.chat.id)
        assert {f"Personne {n}" for n in range(3 * MOST_NAMED)} <= {one.name for one in found}
        assert len(world.asked("users.info")) <= MOST_NAMED
