"""What is handed to the rooms, and the wait for what comes of it."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tchap_bridges.errors import NotReady
from tchap_bridges.events import Text
from tchap_bridges.ids import ChatId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction, no_public_address

from .conftest import person

PROFILE = "com.beeper.per_message_profile"


@dataclass
class Sent:
    """`outgoing.Attachment` of these bytes; `broken` fails that many times half-way."""

    data: bytes
    name: str = "ordre.pdf"
    mime: str = "application/pdf"
    size: int | None = None
    broken: int = 0
    opened: int = 0
    error: Exception = field(default_factory=lambda: NotReady("the network is away"))

    @asynccontextmanager
    async def open(self):
        self.opened += 1

        async def chunks():
            yield self.data[:10]
            if self.broken:
                self.broken -= 1
                raise self.error
            yield self.data[10:]

        yield chunks()

    async def link(self):
        return await no_public_address()


def edit_of(room, target, words, key="edit", author=None) -> OutgoingEdit:
    return OutgoingEdit(
        key=key,
        chat=ChatId(room),
        author=author or person("jean"),
        network="courriel",
        at=datetime.now(UTC),
        target=target,
        text=Text(plain=words),
    )


def deletion_of(room, target, *parts, key="deletion") -> OutgoingDeletion:
    return OutgoingDeletion(
        key=key, chat=ChatId(room), author=person("jean"), network="courriel", target=target, parts=parts
    )


def reaction_of(room, target, key="reaction", author=None, **more) -> OutgoingReaction:
    return OutgoingReaction(
        key=key,
        chat=ChatId(room),
        author=author or person("jean"),
        network="courriel",
        target=target,
        symbol="👍",
        **more,
    )


async def eventually(check, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.02)
