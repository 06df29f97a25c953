"""People with real clients on the tests' Synapse; a client lives as long as the tests of its file."""

import uuid
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.nio_agent import NioAgent


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sign_up(synapse, tmp_path_factory):
    """`await sign_up(JsAgent, "alice", cross_signed=True)`: a new account, and such a client signed in to it."""
    folder = tmp_path_factory.mktemp("agents")
    async with AsyncExitStack() as stack:

        async def make(kind, name, **options):
            user = f"{name}.{uuid.uuid4().hex[:8]}"
            await (await synapse.register(user, "secret")).close()
            return await stack.enter_async_context(await kind.start(folder, synapse.url, user, "secret", **options))

        yield make


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alice(sign_up) -> JsAgent:
    """As an agent of Tchap is: her identity, and her device signed by it."""
    return await sign_up(JsAgent, "alice", cross_signed=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bruno(sign_up) -> JsAgent:
    """As alice."""
    return await sign_up(JsAgent, "bruno", cross_signed=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nina(sign_up) -> NioAgent:
    """With the other client, which signs nothing."""
    return await sign_up(NioAgent, "nina")


@pytest.fixture(scope="session")
def gather():
    """`await gather(alice, bruno, …)`: a room that the first has made and in which all know of all."""

    async def make(first, *others, **options) -> str:
        room = await first.create_room(invite=[one.user_id for one in others], **options)
        for one in others:
            await one.join(room)
        for one in (first, *others):
            for other in (first, *others):
                await one.wait_for_member(room, other.user_id)
        return room

    return make
