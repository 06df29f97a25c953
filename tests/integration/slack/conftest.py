"""The Slack bridge at work with a stand-in workspace: #general with Alice and Bob, linked; #autre, linked too."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from tchap_bridge_slack import SlackBridge, SlackConfig
from tchap_bridges.bridge import Chat, NamesChats
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing import rig
from tchap_bridges.testing.rig import Peer, Rig, Shown
from tchap_bridges.testing.slack import Slack


@dataclass(slots=True)
class World:
    """``rig.chat`` is #general, ``other`` is #autre."""

    slack: Slack
    rig: Rig
    other: Chat

    @property
    def people(self) -> Any:
        return self.slack.workspace

    def asked(self, method: str, **arguments: str) -> list[Any]:
        """The calls of a method so far, with these arguments."""
        return [
            one
            for one in self.slack.api.asked
            if one.method == method and all(one.arguments.get(key) == value for key, value in arguments.items())
        ]

    def texts(self) -> list[str]:
        return [message.text.plain for message in self.rig.heard()]


class NoPeer(Peer):
    """The workspace is played by the tests themselves."""

    async def say(self, text: str, **more: Any) -> None:
        raise NotImplementedError

    def waiting(self) -> int:
        raise NotImplementedError

    def shown(self) -> list[Shown]:
        raise NotImplementedError


def config_of(slack: Slack, **more: Any) -> SlackConfig:
    settings = {
        "api": slack.api_url.rstrip("/"),
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "pace": {"seconds": 0},
    }
    return SlackConfig.model_validate({**settings, **more})


@asynccontextmanager
async def at_work(slack: Slack, host: FakeHost, **more: Any) -> AsyncIterator[World]:
    """The bridge runs, and comes back after `NotReady` as in the core; anything else ends it."""
    peer = NoPeer()
    peer.bridge, peer.config, peer.argument = SlackBridge(), config_of(slack, **more), "#general"
    async with rig.at_work(peer, host) as found:
        assert isinstance(found.connection, NamesChats)
        other = await found.connection.find("#autre", {}, rig.ASKER)
        rig.link(other, host)
        yield World(slack, found, other)


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Slack]:
    server = Slack()
    server.workspace.add_user("alice", display_name="Alice")
    server.workspace.add_user("bob", real_name="Bob Leblanc")
    server.workspace.add_channel("general", "alice", "bob")
    server.workspace.add_channel("autre", "alice", "bob")
    async with server:
        yield server


@pytest_asyncio.fixture
async def world(slack: Slack) -> AsyncIterator[World]:
    async with at_work(slack, FakeHost()) as found:
        yield found


@pytest_asyncio.fixture
async def working(slack: Slack) -> AsyncIterator[Callable[..., Any]]:
    """`at_work` with this workspace, for tests that stop and start again."""

    def start(host: FakeHost, **more: Any) -> Any:
        return at_work(slack, host, **more)

    yield start
