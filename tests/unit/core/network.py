"""A network that is a Python object, what is said there, and the bridge to it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from tchap_bridges.bridge import (
    Asker,
    Bridge,
    Chat,
    Connection,
    Destination,
    Direction,
    Host,
    Item,
    Limits,
    ListsMembers,
    NamesChats,
)
from tchap_bridges.events import Author, Event, Message, Text
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing

from .homeserver import WHEN
from .places import Place, Shown


class NetConfig(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    network: Any
    grace: float = 0.0


class Net:
    """The network's own side."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.host: Host | None = None
        self.up = asyncio.Event()
        self.limits = Limits()
        self.count = 0
        self.moderated = False
        self.deaf = False
        self.correspondents = False
        self.members: list[str] = []
        self.direction = Direction.BOTH
        self.destination = Destination.STATE

    async def say(
        self,
        text: str,
        *,
        chat: str = "#c",
        by: str = "bob",
        id: str | None = None,
        html: str | None = None,
        **more: Any,
    ) -> str:
        await self.up.wait()
        assert self.host is not None
        self.count += 1
        id = id or f"n{self.count}"
        await self.host.receive(
            Message(
                id=MessageId(id),
                chat=ChatId(chat),
                author=Author(person=PersonId(by), name=by.title()),
                at=more.pop("at", WHEN),
                text=Text(plain=text, html=html),
                **more,
            ),
            key=f"{id}/{self.count}",
        )
        return id


class NetConnection(Place, NamesChats, ListsMembers):
    def __init__(self, net: Net, host: Host) -> None:
        super().__init__(net.shown, "net")
        self.net = net
        self.host = host
        self.limits = net.limits

    async def run(self) -> None:
        self.net.host = self.host
        self.net.up.set()
        self.host.up()
        await asyncio.Event().wait()

    async def members(self, chat: ChatId) -> Sequence[Author]:
        return [Author(person=PersonId(name), name=name.title()) for name in self.net.members]

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        return Chat(
            id=ChatId(argument),
            name=argument,
            destination=self.net.destination,
            direction=self.net.direction,
            moderated=self.net.moderated,
            correspondents=self.net.correspondents,
        )


class DeafConnection(Connection, NamesChats):
    """A network of messages and nothing else, like mail."""

    limits = Limits()

    def __init__(self, net: Net, host: Host) -> None:
        self.live = NetConnection(net, host)

    async def run(self) -> None:
        await self.live.run()

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        return await self.live.send(message)

    async def find(self, argument: str, options: Mapping[str, str], asker: Asker) -> Chat:
        return await self.live.find(argument, options, asker)


class NetBridge(Bridge[NetConfig]):
    name = "net"
    words = ("net",)
    label = "réseau"
    Config = NetConfig

    @asynccontextmanager
    async def open(self, config: NetConfig, host: Host) -> AsyncIterator[Connection]:
        yield (DeafConnection if config.network.deaf else NetConnection)(config.network, host)

    @classmethod
    def grace(cls, config: NetConfig) -> float:
        return config.grace

    @classmethod
    def read(cls, item: Item, config: NetConfig) -> Sequence[Event]:
        raise RuntimeError("nothing can read this")
