"""One whole world for these tests, on each database; every test has a room and a list of its own."""

import asyncio
import itertools
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.postgres import start_postgres
from tchap_bridges.testing.world import LIST_DOMAIN, World, list_mail

DATABASES = ("sqlite", "postgresql") if os.environ.get("CI") == "true" else ("sqlite",)
_numbers = itertools.count(1)


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield "sqlite:///data/bridge.db"
        return
    with start_postgres() as server:
        yield server.create_database()


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=DATABASES)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    template = Path(request.config.rootpath) / ".cache" / "synapse"
    with _database(request.param) as url:
        folder = tmp_path_factory.mktemp("world")
        async with await World.start(folder, database=url, template=template) as found:
            found.camille = await found.agent()
            yield found


@dataclass
class Linked:
    """A room linked to a list of its own, and both sides' ways to speak."""

    world: World
    agent: Client
    room: str
    list_name: str
    address: str

    async def mail(self, author: str, address: str, subject: str, text: str, **more: Any) -> str:
        """Through the list; returns the Message-ID."""
        message = list_mail(author, address, subject, text, list_name=self.list_name, **more)
        await self.hand(message)
        return str(message["Message-ID"])

    async def hand(self, message: EmailMessage | bytes, *, sender: str | None = None) -> None:
        sender = sender if sender is not None else f"{self.list_name}-bounces@{LIST_DOMAIN}"
        await asyncio.to_thread(self.world.mail, message, sender=sender, to=self.address)

    async def said(self, words: str, **more: Any) -> dict[str, Any]:
        return await self.agent.wait_for_text(self.room, words, timeout=20, **more)

    async def command(self, text: str) -> str:
        return await self.world.link(self.agent, self.room, text)

    async def left(self, words: str) -> Any:
        """The mail with these words, once it has left."""
        return await self.world.sink.wait_for(
            lambda sent: any(
                words in (part.get_content() if part.get_content_maintype() == "text" else "")
                for part in sent.message().walk()
                if not part.is_multipart()
            ),
            timeout=20,
        )

    async def bodies(self) -> list[str]:
        return [
            event["content"].get("body", "")
            for event in await self.agent.timeline(self.room)
            if event["type"] == "m.room.message"
        ]


@pytest_asyncio.fixture(loop_scope="session")
async def linked(world: World) -> Linked:
    return await link(world)


async def link(world: World, options: str = "", *, tchap: bool = False, **room_options: Any) -> Linked:
    agent: Client = world.camille
    name = f"liste{next(_numbers)}"
    room = await world.room(agent, f"Salon {name}", tchap=tchap, **room_options)
    answer = await world.link(agent, room, f"courriel {name}@{LIST_DOMAIN} {options}")
    found = re.search(r"[\w.+-]+@pont\.tchap\.localhost", answer)
    assert found, answer
    return Linked(world, agent, room, name, found.group(0))
