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
from tchap_bridges.testing.world import LIST_DOMAIN, World

from .places import PATIENCE, Echo, IrcChannel, MailingList, Place, Room

CAPS = ("message-tags", "echo-message", "server-time", "batch", "labeled-response")
_numbers = itertools.count(1)


@dataclass
class Servers:
    """What the bridge of this world is connected to."""

    world: World
    irc: Inspircd
    echo: EchoServer
    bis: EchoServer
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
        bis = await stack.enter_async_context(EchoServer())
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
            "bis": {"bridge": "echo", "port": bis.port},
        }
        folder = tmp_path_factory.mktemp("hub")
        world = await World.start(folder, template=template, changes={"bridges": bridges})
        await stack.enter_async_context(world)
        yield Servers(world, irc, echo, bis, await world.agent("camille", "Camille Martin"))


@pytest_asyncio.fixture(loop_scope="session")
async def day(servers: Servers) -> AsyncIterator[Hub]:
    """A fresh room with chats of its own, on one of the two networks of a kind."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        hub = await linked(servers, n, zoe, ("echo",))
        yield hub


@pytest_asyncio.fixture(loop_scope="session")
async def ordinary(servers: Servers) -> AsyncIterator[Hub]:
    """A room as Tchap makes them: no ghost can enter, and the bot speaks for all."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        yield await linked(servers, n, zoe, ("echo",), tchap=True)


async def linked(
    servers: Servers, n: int, zoe: IrcClient, networks: tuple[str, ...] = ("echo", "bis"), *, tchap: bool = False
) -> Hub:
    """Linked to everything; to the list both ways."""
    world, camille = servers.world, servers.camille
    name, channel = f"projet{n}", f"#projet{n}"
    await zoe.join(channel)
    for network in (servers.echo, servers.bis):
        network.channels[channel] = type(network.channel("#general"))(channel)
    room = await world.room(camille, f"Projet {n}", tchap=tchap)
    told = await world.link(camille, room, f"courriel {name}@{LIST_DOMAIN} sens=deux-sens")
    address = re.search(r"[\w.+-]+@pont\.tchap\.localhost", told)
    assert address, told
    for what in (f"irc {channel}", *(f"écho {channel} via={name}" for name in networks)):
        told = await world.link(camille, room, what)
        assert "✓" in told, told
    return Hub(
        servers,
        {
            "room": Room(camille, room, "Camille Martin", world.bot),
            "list": MailingList(world, name, address[0], "Ana López", "ana@exemple.fr"),
            "irc": IrcChannel(zoe, channel),
            "echo": Echo(servers.echo, servers.echo.person("sam", "Sam"), channel),
            "bis": Echo(servers.bis, servers.bis.person("lou", "Lou"), channel, label="bis"),
        },
    )


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def hub_of_all(servers: Servers) -> AsyncIterator[Hub]:
    """One room for many tests whose words differ."""
    n = next(_numbers)
    async with await servers.irc.client(f"zoe{n}", caps=CAPS) as zoe:
        yield await linked(servers, n, zoe)
