"""What the history is for, and what it is not: the past that was nobody's news, and what happens to old messages."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tchap_bridge_slack.catchup import OVERLAP
from tchap_bridges.events import Deletion, Edit, Form
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import until
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.model import Message

from .conftest import World

HOUR = 3600.0


def said(slack: Slack, text: str, *, ago: float, thread_ts: str = "") -> Message:
    """Something that Alice said that many seconds ago."""
    people = slack.workspace
    channel, alice = people.channel("#general"), people.user("alice")
    return people.post(Message(f"{time.time() - ago:.6f}", channel.id, alice.id, text, thread_ts=thread_ts))


def linked(slack: Slack, *, ago: float) -> FakeHost:
    """A core whose room has been linked to #general for so many seconds."""
    host, channel = FakeHost(), slack.workspace.channel("#general").id
    ts = f"{time.time() - ago:.6f}"
    host.kv.values[f"mark.{channel}"] = json.dumps({"cursor": ts, "since": ts})
    host.link(channel)
    slack.workspace.join("#general", slack.app.bot.user_id)
    return host


async def quiet(world: World) -> None:
    await until(lambda: not world.slack.sockets.pending)


async def test_what_was_said_before_the_link_is_not_brought_over(working: Callable[..., Any], slack: Slack) -> None:
    slack.sockets.keep_for = 0.0
    said(slack, "entre nous", ago=300)
    root = said(slack, "une question entre nous", ago=200)
    slack.workspace.say("#general", "bob", "une réponse entre nous", thread_ts=root.ts)
    host = FakeHost()
    async with working(host) as world:
        await quiet(world)
    async with working(host) as world:
        world.people.say("#general", "bob", "depuis")
        await until(lambda: "depuis" in world.texts())
        assert world.texts() == ["depuis"]


async def test_an_answer_to_what_is_older_is_not_missed(working: Callable[..., Any], slack: Slack) -> None:
    host = linked(slack, ago=2 * HOUR)
    async with working(host) as world:
        root = said(slack, "question", ago=HOUR)
        await world.rig.hears()
        (ours,) = await world.rig.send(world.rig.message("de Tchap"))
        for n in range(3):
            world.people.say("#general", "bob", f"n° {n}")
        await world.rig.hears(4)
        await quiet(world)
    slack.sockets.keep_for = 0.0
    slack.workspace.say("#general", "bob", "réponse", thread_ts=root.ts)
    slack.workspace.say("#general", "bob", "autre réponse", thread_ts=ours)
    async with working(host) as world:
        await until(lambda: len(world.texts()) >= 6)
        assert world.texts()[4:] == ["réponse", "autre réponse"]
        assert [one.thread for one in world.rig.heard()[4:]] == [(root.ts,), (ours,)]


async def test_what_becomes_of_an_older_message_is_not_missed(working: Callable[..., Any], slack: Slack) -> None:
    host = linked(slack, ago=2 * HOUR)
    async with working(host) as world:
        changed, gone = said(slack, "brouillon", ago=HOUR), said(slack, "à effacer", ago=HOUR / 2)
        world.people.say("#general", "bob", "maintenant")
        await world.rig.hears(3)
        await quiet(world)
    slack.sockets.keep_for = 0.0
    slack.workspace.edit("#general", changed, "au propre")
    slack.workspace.delete("#general", gone)
    async with working(host) as world:
        await until(lambda: {Edit, Deletion} <= set(map(type, world.rig.events())))
        assert [one.target for one in world.rig.events() if isinstance(one, Edit | Deletion)] == [changed.ts, gone.ts]


async def test_the_number_of_what_is_left_is_no_message_of_theirs(working: Callable[..., Any], slack: Slack) -> None:
    """Else what happens to the first one that was brought over would happen to the notice."""
    host = FakeHost()
    async with working(host) as world:
        world.people.say("#general", "alice", "avant")
        await world.rig.hears()
        await quiet(world)
    slack.sockets.keep_for = 0.0
    for n in range(5):
        slack.workspace.say("#general", "bob", f"n° {n}")
    async with working(host, catch_up={"messages": 2}) as world:
        await until(lambda: "n° 4" in world.texts())
        heard = world.rig.heard()
        assert [one.form for one in heard].count(Form.NOTICE) == 1
        assert len({one.id for one in heard}) == len(heard)


async def test_the_last_answer_of_a_thread_is_taken_back(working: Callable[..., Any], slack: Slack) -> None:
    host = FakeHost()
    async with working(host) as world:
        root = world.people.say("#general", "alice", "question")
        stays = world.people.say("#general", "alice", "une réponse", thread_ts=root.ts)
        gone = world.people.say("#general", "bob", "à effacer", thread_ts=root.ts)
        await world.rig.hears(3)
        await quiet(world)
    slack.sockets.keep_for = 0.0
    slack.workspace.delete("#general", gone)
    async with working(host) as world:
        deletion = await world.rig.hears_event(Deletion)
        assert deletion.target == gone.ts
    slack.workspace.delete("#general", stays)
    async with working(host) as world:
        await until(lambda: sum(isinstance(one, Deletion) for one in world.rig.events()) == 2)
        assert {one.target for one in world.rig.events() if isinstance(one, Deletion)} == {gone.ts, stays.ts}


async def test_an_old_thread_that_is_quiet_is_all_there(working: Callable[..., Any], slack: Slack) -> None:
    """Its answers are not asked for again: that they were not read does not mean that they are gone."""
    host = linked(slack, ago=2 * HOUR)
    async with working(host) as world:
        root = said(slack, "question", ago=HOUR)
        said(slack, "réponse", ago=HOUR / 2, thread_ts=root.ts)
        world.people.say("#general", "bob", "maintenant")
        await world.rig.hears(3)
        await quiet(world)
    async with working(host) as world:
        world.people.say("#general", "bob", "fin")
        await until(lambda: "fin" in world.texts())
        assert not [one for one in world.rig.events() if isinstance(one, Deletion)]


async def test_a_socket_that_is_replaced_rereads_little(working: Callable[..., Any], slack: Slack) -> None:
    async with working(linked(slack, ago=2 * HOUR)) as world:
        said(slack, "question", ago=HOUR)
        world.people.say("#general", "bob", "maintenant")
        await world.rig.hears(2)
        slack.sockets.disconnect("refresh_requested")
        await until(lambda: len(world.asked("conversations.history", channel=world.rig.chat.id)) == 2)
        assert world.rig.restarts == 0
        oldest = world.asked("conversations.history", channel=world.rig.chat.id)[-1].arguments["oldest"]
        assert float(oldest) == pytest.approx(time.time() - OVERLAP, abs=60)


@pytest.mark.parametrize("how", ["invited", "by itself"])
async def test_what_was_said_while_it_was_out_of_the_channel(
    working: Callable[..., Any], slack: Slack, how: str
) -> None:
    """Else it came at the next start, after all that was said since."""
    host = FakeHost()
    async with working(host) as world:
        world.people.say("#general", "alice", "avant")
        await world.rig.hears()
        bot = slack.app.bot.user_id
        world.people.leave("#general", bot)
        await world.rig.hears(2)
        world.people.say("#general", "alice", "pendant")
        if how == "invited":
            world.people.join("#general", bot)
        else:
            await world.rig.send(world.rig.message("de Tchap"))
        world.people.say("#general", "bob", "après")
        await until(lambda: "après" in world.texts())
        assert [world.texts()[0], *world.texts()[2:]] == ["avant", "pendant", "après"]
    async with working(host) as world:
        world.people.say("#general", "bob", "fin")
        await until(lambda: "fin" in world.texts())
        assert world.texts()[2:] == ["pendant", "après", "fin"]


async def test_let_in_again_after_a_start_outside(working: Callable[..., Any], slack: Slack) -> None:
    host, bot = FakeHost(), slack.app.bot.user_id
    async with working(host) as world:
        world.people.say("#general", "alice", "avant")
        await world.rig.hears()
        await quiet(world)
    slack.sockets.keep_for = 0.0
    slack.workspace.leave("#general", bot)
    slack.workspace.say("#general", "alice", "pendant")
    async with working(host) as world:
        await world.rig.hears(2)
        assert "/invite" in world.texts()[1]
        world.people.join("#general", bot)
        await until(lambda: "pendant" in world.texts())
