"""What every test may ask for: real servers on loopback, in temporary folders.

Servers hold nothing of an event loop, so one may serve a whole session while each test has its own loop.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing import process
from tchap_bridges.testing.synapse import Synapse

SynapseFactory = Callable[..., AbstractAsyncContextManager[Synapse]]


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Each call gives a loopback port that nobody uses."""
    return process.free_port


@pytest.fixture(scope="session")
def synapse_factory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SynapseFactory:
    """`async with synapse_factory(registrations=[…]) as synapse:` one of your own; the options are Synapse.start's."""
    template = Path(request.config.rootpath) / ".cache" / "synapse"

    @asynccontextmanager
    async def make(**options) -> AsyncIterator[Synapse]:
        folder = options.pop("folder", None) or tmp_path_factory.mktemp("synapse")
        async with await Synapse.start(folder, template=template, **options) as synapse:
            yield synapse

    return make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def synapse(synapse_factory: SynapseFactory) -> AsyncIterator[Synapse]:
    """One homeserver for all tests that need no appservice: make your own users and rooms, and do not stop it."""
    async with synapse_factory() as server:
        yield server
