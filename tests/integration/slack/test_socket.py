"""What comes in by Socket Mode: once, in order, whatever becomes of the sockets."""

import asyncio

import pytest

from tchap_bridge_slack import SlackBridge
from tchap_bridge_slack import sockets as ours
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.events import Form, Membership
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import until
from tchap_bridges.testing.slack import Slack, sockets
from tchap_bridges.testing.slack.model import Message

from .conftest import World, config_of


async def settled(world: World) -> None:
    await until(lambda: not world.slack.sockets.pending, seconds=30)


async def test_told_three_times_over_two_sockets_is_one_message(world: World) -> None:
    world.slack.sockets.grace = 1.0
    world.slack.sockets.disconnect("warning")  # a second socket opens beside the first
    await until(lambda: len(world.slack.sockets.open) == 2)
    world.slack.faults.redeliver = 3
    world.people.say("#general", "alice", "une fois")
    world.slack.faults.duplicate_events = 1
    world.people.say("#general", "alice", "et une seule")
    await until(lambda: len(world.texts()) >= 2)
    await settled(world)
    assert world.texts() == ["une fois", "et une seule"]
    assert len({sending.socket.number for one in world.slack.sockets.deliveries for sending in one.sent}) == 2


async def test_a_lost_acknowledgement_doubles_nothing(world: World) -> None:
    world.slack.sockets.ack_within = 0.2
    world.slack.faults.hold_acks = True
    world.people.say("#general", "alice", "reçu")
    await until(lambda: len(world.slack.sockets.acks) >= 2)
    world.slack.faults.hold_acks = False
    await settled(world)
    assert world.texts() == ["reçu"]


async def test_a_refresh_in_the_middle_of_an_event_loses_nothing(world: World) -> None:
    world.slack.faults.refresh_mid_event = 1
    for n in range(6):
        world.people.say("#general", "alice", f"message {n}")
    await until(lambda: len(world.texts()) >= 6)
    await settled(world)
    assert world.texts() == [f"message {n}" for n in range(6)]
    assert world.rig.restarts == 0, "a refresh is no failure"


async def test_a_frame_that_breaks_off_is_told_again(world: World) -> None:
    world.slack.sockets.ack_within = 0.2
    world.slack.faults.cut_mid_frame = 1
    world.people.say("#general", "alice", "en deux moitiés")
    await until(lambda: world.texts() == ["en deux moitiés"])
    await settled(world)
    assert world.texts() == ["en deux moitiés"]


async def test_a_socket_that_breaks_after_a_while_is_replaced_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session goes on: posts leave meanwhile, and no back-off grows."""
    monkeypatch.setattr(ours, "STEADY_SECONDS", 0.0)
    for n in range(3):
        world.slack.sockets.cut()
        world.people.say("#general", "alice", f"pendant {n}")
        await world.rig.connection.send(world.rig.message(f"nous {n}"))
        await until(lambda: world.slack.sockets.open)
    await settled(world)
    assert world.texts() == [f"pendant {n}" for n in range(3)]
    assert world.rig.restarts == 0


async def test_a_socket_that_breaks_soon_ends_the_session(world: World) -> None:
    """Or what accepts us only to throw us out would be called without end."""
    world.slack.sockets.cut()
    await until(lambda: world.rig.restarts == 1 and world.slack.sockets.open)


async def test_a_slow_channel_delays_no_other(world: World) -> None:
    """Somebody unknown speaks, and Slack is slow to say who; meanwhile another channel goes on."""
    world.people.change_user("bob")  # known without asking
    await settled(world)
    world.slack.faults.delay(1.5, "users.info", times=1)
    world.people.say("#general", "alice", "lente")
    world.people.say("#autre", "bob", "rapide")
    await until(lambda: len(world.texts()) >= 2)
    assert world.texts() == ["rapide", "lente"]


async def test_our_own_posts_are_echoes(world: World) -> None:
    (ts,) = await world.rig.send(world.rig.message("de nous"))
    world.people.say("#general", "alice", "d'elle")
    await world.rig.hears()
    assert world.texts() == ["d'elle"]
    echoes = [event for event in world.rig.events() if getattr(event, "echo", False)]
    assert [event.id for event in echoes] == [ts]


async def test_other_robots_are_shown(world: World) -> None:
    robot = world.people.add_bot("meteo")
    world.people.join("#general", robot.user_id)
    channel = world.people.channel("#general")
    world.people.post(
        Message(
            world.people.new_ts(), channel.id, "", "il pleut", subtype="bot_message", bot_id=robot.id, username="Météo"
        )
    )
    (message,) = await world.rig.hears()
    assert (message.author.name, message.text.plain, message.form) == ("Météo", "il pleut", Form.NOTICE)


async def test_who_comes_and_goes(world: World) -> None:
    carla = world.people.add_user("carla", display_name="Carla")
    world.people.join("#general", carla)
    await world.rig.hears_event(Membership)
    world.people.leave("#general", carla)
    await until(lambda: sum(isinstance(event, Membership) for event in world.rig.events()) >= 2)
    came, went = [event for event in world.rig.events() if isinstance(event, Membership)][-2:]
    assert (came.author.name, came.present, went.present) == ("Carla", True, False)


async def test_who_writes_to_us_alone_is_told_once(world: World) -> None:
    dm = world.people.open_dm("alice", world.slack.app.bot.user_id)
    world.people.say(dm, "alice", "bonjour ?")
    await until(lambda: "pont" in world.people.transcript(dm))
    world.people.say(dm, "alice", "et alors ?")
    await settled(world)
    assert world.people.transcript(dm).count("pont vers Tchap") == 1
    assert not world.rig.heard()


async def test_a_dead_router_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No goodbye, no reset: only the ping that nobody answers."""
    monkeypatch.setattr(ours, "PING_SECONDS", 0.4)
    world.slack.sockets.cut()
    await until(lambda: world.rig.restarts >= 1 and world.slack.sockets.open)
    before = world.rig.restarts
    world.slack.faults.silent = True
    await until(lambda: world.rig.restarts > before, seconds=30)
    world.slack.faults.silent = False


@pytest.mark.parametrize("what", ["revoke", "uninstall", "disable_socket_mode"])
async def test_an_app_that_is_cut_off_stops(slack: Slack, what: str) -> None:
    async with SlackBridge().open(config_of(slack), host := FakeHost()) as connection:
        running = asyncio.create_task(connection.run())
        await host.is_up.wait()
        getattr(slack, what)()
        with pytest.raises(BadCredentials) as error:
            async with asyncio.timeout(10):
                await running
        assert error.value.reason
        assert error.value.remedy
        with pytest.raises(BadCredentials):  # and at the next attempt too
            async with asyncio.timeout(10):
                await connection.run()


async def test_too_many_sockets_is_no_end(slack: Slack) -> None:
    async with SlackBridge().open(config_of(slack), FakeHost()) as connection:
        original, sockets.MOST_SOCKETS = sockets.MOST_SOCKETS, 0
        try:
            with pytest.raises(NotReady) as error:
                async with asyncio.timeout(10):
                    await connection.run()
        finally:
            sockets.MOST_SOCKETS = original
        assert error.value.retry_after
