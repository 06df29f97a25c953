"""One world in which a room, a list, a channel and two other networks are one conversation."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridge_echo.server import EchoServer
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.world import LIST_DOMAIN, World

from .places import PATIENCE, Echo, IrcChannel, MailingList, Place, Room
from .slack import SlackChannel

CAPS = ("message-tags", "echo-message", "server-time", "batch", "labeled-response")
_numbers = itertools.count(1)


@dataclass
class Servers:
    """What the bridge of this world is connected to."""

    world: World
    irc: Inspircd
    slack: Slack
    echo: EchoServer
    camille: Any


@dataclass
class Hub:
    """A room that is linked to everything, by the short names of its places."""

    servers: Servers
    places: dict[str, Place]

    async def settle(self) -> None:
        """Everything that came in has gone out."""
        quiet = 0
        async with asyncio.timeout(PATIENCE):
            while quiet < 2:
                busy = re.findall(
                    r"^tchap_bridges_(?:lane_depth\{.*\}|inbox_waiting) ([0-9.]+)$",
                    await self.servers.world.bridge.metrics(),
                    re.MULTILINE,
                )
                quiet = quiet + 1 if not sum(map(float, busy)) else 0
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, irc_folder: Callable[[], Path]
) -> AsyncIterator[Servers]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    async with AsyncExitStack() as stack:
        irc = await stack.enter_async_context(Inspircd(irc_folder()))
        echo = await stack.enter_async_context(EchoServer())
        slack = await stack.enter_async_context(Slack())
        bridges = {
            "irc": {
                "bridge": "irc",
                "host": irc.host,
                "port": irc.port,
                "security": "none",
                "nick": "pont",
                "flood": {"burst": 100, "seconds": 0},
            },
            "echo": {"port": echo.port},
            "slack": {
                "bot_token": slack.bot_token,
                "app_token": slack.app_token,
                "api": slack.api_url,
                "pace": {"burst": 10, "seconds": 0},
            },
        }
        changes = {"bridges": bridges, "policy": {"destinations": ["état", "hors-ue"]}}
        folder = tmp_path_factory.mktemp("hub")
        world = await World.start(folder, template=template, changes=changes)
        await stack.enter_async_context(world)
        yield Servers(world, irc, slack, echo, await world.agent("camille", "Camille Martin"))


@pytest_asyncio.fixture(loop_scope="session")
async def day(servers: Servers) -> AsyncIterator[Hub]:
    """A fresh room with chats of its own, and none on the toy network."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        yield await linked(servers, n, zoe, toy=False)


@pytest_asyncio.fixture(loop_scope="session")
async def ordinary(servers: Servers) -> AsyncIterator[Hub]:
    """A room as Tchap makes them: no ghost can enter, and the bot speaks for all."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        yield await linked(servers, n, zoe, tchap=True)


async def linked(servers: Servers, n: int, zoe: IrcClient, *, toy: bool = True, tchap: bool = False) -> Hub:
    """Linked to everything; to the list both ways."""
    world, camille = servers.world, servers.camille
    name, channel = f"projet{n}", f"#projet{n}"
    await zoe.join(channel)
    servers.echo.channels[channel] = type(servers.echo.channel("#general"))(channel)
    mia = servers.slack.workspace.add_user(f"mia{n}", display_name="Mia")
    in_slack = servers.slack.workspace.add_channel(name, mia)
    room = await world.room(camille, f"Projet {n}", tchap=tchap)
    told = await world.link(camille, room, f"courriel {name}@{LIST_DOMAIN} sens=deux-sens")
    address = re.search(r"[\w.+-]+@pont\.tchap\.localhost", told)
    assert address, told
    for what in (f"irc {channel}", f"slack {channel}", *([f"écho {channel}"] if toy else [])):
        told = await world.link(camille, room, what)
        assert "✓" in told, told
    places: dict[str, Place] = {
        "room": Room(camille, room, "Camille Martin", world.bot),
        "list": MailingList(world, name, address[0], "Ana López", "ana@exemple.fr"),
        "irc": IrcChannel(zoe, channel),
        "slack": SlackChannel(servers.slack, mia, in_slack),
    }
    if toy:
        places["echo"] = Echo(servers.echo, servers.echo.person("sam", "Sam"), channel)
    return Hub(servers, places)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def hub_of_all(servers: Servers) -> AsyncIterator[Hub]:
    """One room for many tests whose words differ."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        yield await linked(servers, n, zoe)
