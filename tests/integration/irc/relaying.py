"""The bridge in one channel of a real server, between a fake host and people of the network."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridges.bridge import Asker
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, Form, Message, Text
from tchap_bridges.ids import ChatId, PersonId, UserId
from tchap_bridges.outgoing import Outgoing, no_public_address
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.rig import FakeSteps

Person = Callable[..., Awaitable[IrcClient]]
ASKER = Asker(user=UserId("@jeanne:exemple.fr"), name="Jeanne", room_name="Essais")
JEANNE = Author(person=PersonId("@jeanne:exemple.fr"), name="Jeanne Martin")
_numbers = count(1)


async def hears(person: IrcClient, words: str) -> None:
    await person.wait_for(lambda line: line.command == "PRIVMSG" and words in line.text)


class Relay:
    """The bridge in one channel, and what it told the core."""

    def __init__(self, connection: Any, host: FakeHost, channel: str) -> None:
        self.connection, self.host, self.channel = connection, host, channel

    def message(self, text: str, **more: Any) -> Outgoing:
        return Outgoing(
            **{
                "key": f"k{next(_numbers)}",
                "chat": ChatId(self.channel),
                "author": JEANNE,
                "network": "Tchap",
                "at": datetime.now(UTC),
                "text": Text(plain=text),
                "steps": FakeSteps(),
                "link_to_text": no_public_address,
                **more,
            }
        )

    async def send(self, message: Outgoing, seconds: float = 20) -> None:
        """As the core does it: again while the bridge is not ready."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await self.connection.send(message)
                except NotReady:
                    await asyncio.sleep(0.05)
                else:
                    return

    def said(self) -> list[str]:
        """What people of the network said, in the order in which it was kept."""
        return [one.text.plain for one in self.host.events if isinstance(one, Message) and one.form is Form.TEXT]

    def notices(self) -> list[str]:
        """What the bridge told the rooms."""
        return [one.text.plain for one in self.host.events if isinstance(one, Message) and one.form is Form.NOTICE]

    async def heard(self, what: Callable[[Any], bool], seconds: float = 15) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := [event for event in self.host.events if what(event)]):
                await asyncio.sleep(0.01)
        return found[0]


@asynccontextmanager
async def relay(
    server: Ngircd | Inspircd, channel: str, nick: str, *, core: FakeHost | None = None, **config: Any
) -> AsyncIterator[Relay]:
    """``core``: one of an earlier run, whose disk outlives it."""
    host = core or FakeHost()
    host.is_up.clear()
    flood = Flood(burst=1000, seconds=0)
    made = IrcConfig(
        **{"host": server.host, "port": server.port, "security": "none", "nick": nick, "flood": flood, **config}
    )
    async with IrcBridge().open(made, host) as connection:
        running = asyncio.create_task(connection.run())
        try:
            async with asyncio.timeout(15):
                up = asyncio.create_task(host.is_up.wait())
                await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
                up.cancel()
            if running.done():
                await running
            if channel.lower() not in host.links:
                chat = await connection.find(channel, {}, ASKER)
                host.link(chat.id)
            yield Relay(connection, host, channel.lower())
        finally:
            running.cancel()
            await asyncio.wait({running})
