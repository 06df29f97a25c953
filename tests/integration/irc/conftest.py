"""Real IRC servers for all tests of the IRC bridge: choose your own nicks and channels, and do not stop them.

`zoe = await irc_client(inspircd, "zoe", caps=[…])` (tests/conftest.py) is a person there. For faults take a server of
your own: `async with Ngircd(irc_folder()) as server`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ngircd(irc_folder: Callable[[], Path]) -> AsyncIterator[Ngircd]:
    """No account, no history, no tags, no mercy for long lines."""
    async with Ngircd(irc_folder()) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def inspircd(irc_folder: Callable[[], Path]) -> AsyncIterator[Inspircd]:
    """IRCv3 with accounts: there is `pont`, password `secret`."""
    async with Inspircd(irc_folder()) as server:
        await server.register("pont", "secret")
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def irc_client() -> AsyncIterator[Callable[..., Awaitable[IrcClient]]]:
    """As the one of all tests, in the loop of the servers above."""
    async with AsyncExitStack() as stack:

        async def connect(server: Ngircd | Inspircd, nick: str, **options) -> IrcClient:
            return await stack.enter_async_context(await server.client(nick, **options))

        yield connect
