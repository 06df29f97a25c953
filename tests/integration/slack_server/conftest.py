"""A stand-in Slack for each test, and Slack's own SDK to drive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.web_api import METHODS
from tests import corpora
from tests.integration.slack_server import samples

pytest.importorskip("slack_sdk")

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[Slack]:
    """A workspace with alice and bob in #general, and the bot with them."""
    server = Slack()
    server.workspace.add_user("alice", real_name="Alice Martin", display_name="Alice")
    server.workspace.add_user("bob", real_name="Bob Durand")
    server.workspace.add_channel("general", "alice", "bob", server.app.bot.user_id)
    async with server:
        yield server
        complaints = sorted(set(unpublished(server)))
        assert not complaints, "\n".join(complaints)


def unpublished(server: Slack) -> Iterator[str]:
    """Whatever the stand-in said in this test that Slack's samples do not show; nothing where they are absent."""
    try:
        published = samples.published(corpora.folder("chat", "slack"))
    except pytest.skip.Exception:
        return
    for asked in server.api.asked:
        # An answer that a test made up is its own affair.
        if asked.method in METHODS and not asked.made_up:
            yield from published.wrong_answer(asked.method, asked.answer)
    for delivery in server.sockets.deliveries:
        yield from published.wrong_frame(delivery.envelope(""))
        if delivery.type == "events_api":
            yield from published.wrong_payload(delivery.payload)


@pytest.fixture
def web(slack: Slack) -> AsyncWebClient:
    """Slack's client; it tries nothing a second time."""
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@dataclass
class Listener:
    """An app that listens: what came, each with its number of attempts."""

    client: SocketModeClient
    acks: bool = True
    got: list[SocketModeRequest] = field(default_factory=list)
    change: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, client: SocketModeClient, request: SocketModeRequest) -> None:
        self.got.append(request)
        if self.acks:
            await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        self.change.set()

    @property
    def events(self) -> list[dict]:
        return [one.payload["event"] for one in self.got]

    async def until(self, true: Callable[[], object], *, timeout: float = 20):
        async with asyncio.timeout(timeout):
            while not (result := true()):
                self.change.clear()
                await self.change.wait()
        return result

    async def event(self, type_: str, subtype: str | None = None) -> dict:
        """The first event of that kind, come or still to come."""

        def found() -> dict | None:
            wanted = [one for one in self.events if one["type"] == type_ and one.get("subtype") == subtype]
            return wanted[0] if wanted else None

        return await self.until(found)


Listen = Callable[..., Awaitable[Listener]]


@pytest_asyncio.fixture
async def listen(slack: Slack) -> AsyncIterator[Listen]:
    """`listener = await listen()` connects an app by Socket Mode; `acks=False`: it acknowledges nothing."""
    async with AsyncExitStack() as stack:

        async def connect(*, acks: bool = True, reconnects: bool = False) -> Listener:
            before = len(slack.sockets.open)
            client = SocketModeClient(
                slack.app_token,
                web_client=AsyncWebClient(base_url=slack.api_url),
                auto_reconnect_enabled=reconnects,
                ping_interval=1,
            )
            stack.push_async_callback(client.close)
            listener = Listener(client, acks)
            client.socket_mode_request_listeners.append(listener.take)
            await client.connect()
            await slack.workspace.wait_for(lambda: len(slack.sockets.open) > before)
            return listener

        yield connect
