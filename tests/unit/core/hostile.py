"""A bridge whose items break their reader in every way."""

import ctypes
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic import BaseModel

from tchap_bridges.bridge import Bridge, Connection, Host, Item
from tchap_bridges.events import Author, Event, Message, Text
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId


class HostileConfig(BaseModel):
    seconds: float = 1.0


class HostileBridge(Bridge[HostileConfig]):
    name = "hostile"
    words = ("hostile",)
    label = "hostile"
    Config = HostileConfig
    hostile = True

    @asynccontextmanager
    async def open(self, config: HostileConfig, host: Host) -> AsyncIterator[Connection]:
        raise NotImplementedError
        yield

    @classmethod
    def read_seconds(cls, config: HostileConfig) -> float:
        return config.seconds

    @classmethod
    def read(cls, item: Item, config: HostileConfig) -> Sequence[Event]:
        match item.raw:
            case b"hang":
                time.sleep(3600)
            case b"spin":
                while True:
                    pass
            case b"crash":
                ctypes.string_at(0)
            case b"memory":
                return [b"x" * (1 << 28) for _ in range(64)]
            case b"raise":
                raise KeyError("no such header")
            case b"deep":

                def dig(n: int) -> int:
                    return dig(n + 1) + 1

                dig(0)
            case b"print":
                print("a library that talks")
        return (
            Message(
                id=MessageId(item.key),
                chat=ChatId("c"),
                author=Author(person=PersonId("p"), name="P"),
                at=item.received_at,
                text=Text(plain=item.raw.decode()),
            ),
        )

    @classmethod
    def file_bytes(cls, item: Item, ref: FileRef) -> bytes:
        return item.raw[: int(ref)]
