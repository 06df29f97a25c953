"""Destinations that are Python objects: they show, give ids, and fail when they are told to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tchap_bridges.bridge import Connection, Deletes, Edits, OpensFiles, Reacts
from tchap_bridges.errors import NotReady
from tchap_bridges.ids import FileRef, MessageId
from tchap_bridges.outgoing import Outgoing, OutgoingDeletion, OutgoingEdit, OutgoingReaction


@dataclass
class Shown:
    """What a destination was made to show, in order."""

    log: list[Any] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    one_account: bool = False  # it reacts but once, whoever did
    reacted: set[tuple[str, str]] = field(default_factory=set)
    away: set[str] = field(default_factory=set)  # people who cannot be reached now
    seen: dict[str, tuple[MessageId, ...]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def add(self, what: Any) -> None:
        self.log.append(what)
        self.changed.set()

    @property
    def texts(self) -> list[str]:
        return [entry.text.plain for entry in self.log if isinstance(entry, Outgoing)]

    async def until(self, count: int, seconds: float = 5) -> list[Any]:
        async with asyncio.timeout(seconds):
            while len(self.log) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.log


class Place(Connection, Edits, Deletes, Reacts, OpensFiles):
    """Shows, and gives ids; the same key gets the same id."""

    def __init__(self, shown: Shown, prefix: str) -> None:
        self.shown = shown
        self.prefix = prefix
        self.files: dict[str, bytes] = {}

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        self.shown.fail()
        if message.answered is not None and message.answered.person in self.shown.away:
            raise NotReady("plus tard", retry_after=0.2)
        if message.key not in self.shown.seen:
            self.shown.seen[message.key] = (MessageId(f"{self.prefix}{len(self.shown.seen)}"),)
            self.shown.add(message)
        return self.shown.seen[message.key]

    async def edit(self, edit: OutgoingEdit) -> None:
        self.shown.fail()
        self.shown.add(edit)

    async def delete(self, deletion: OutgoingDeletion) -> None:
        self.shown.add(deletion)

    async def react(self, reaction: OutgoingReaction) -> MessageId | None:
        said = (reaction.target, reaction.symbol)
        if self.shown.one_account and not reaction.removed and said in self.shown.reacted:
            return None
        (self.shown.reacted.discard if reaction.removed else self.shown.reacted.add)(said)
        self.shown.add(reaction)
        return MessageId(f"{self.prefix}r{len(self.shown.log)}")

    @asynccontextmanager
    async def open_file(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield self.files[ref]

        yield chunks()
