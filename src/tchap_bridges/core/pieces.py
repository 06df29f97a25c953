"""The inbox's bytes, sealed; large ones in pieces, so that no step holds a second whole copy."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

from tchap_bridges.bridge import Item
from tchap_bridges.core import clock
from tchap_bridges.core.ports import Database, Row, Sealer

PIECE = 1 << 20


class Pieces:
    """Seals on the way in, joins on the way out."""

    def __init__(self, db: Database, sealer: Sealer) -> None:
        self._db = db
        self._sealer = sealer
        self._large = asyncio.Semaphore(1)

    def cut(self, raw: bytes) -> Iterator[bytes]:
        """The sealed pieces, one at a time: the first is for the row itself."""
        for start in range(0, len(raw) or 1, PIECE):
            yield self._sealer.seal(raw[start : start + PIECE], place="inbox.raw")

    @staticmethod
    def count(raw: bytes) -> int:
        return max(1, -(-len(raw) // PIECE))

    def seal_meta(self, key: str, meta: Mapping[str, str]) -> bytes:
        return self._sealer.seal(json.dumps([key, dict(meta)]).encode(), place="inbox.meta")

    async def raw(self, row: Row) -> bytes:
        """The row's bytes, whole. Raises ValueError when retention has emptied it."""
        if row["raw"] is None:
            raise ValueError("the content of this row has been erased")
        first = self._sealer.open(row["raw"], place="inbox.raw")
        if row["pieces"] == 1:
            return first
        pieces = [first]
        for n in range(1, row["pieces"]):
            async with self._db.snapshot() as tx:
                data = await tx.value("inbox_piece", inbox=row["id"], n=n)
            pieces.append(self._sealer.open(data, place="inbox.raw"))
        return b"".join(pieces)

    @asynccontextmanager
    async def item(self, row: Row) -> AsyncIterator[Item]:
        """The whole of it, to be read or opened. One large item at a time: memory stays bounded, however many wait."""
        if row["pieces"] == 1:
            yield await self._item(row)
        else:
            async with self._large:
                yield await self._item(row)

    async def _item(self, row: Row) -> Item:
        key, meta = json.loads(self._sealer.open(row["meta"], place="inbox.meta"))
        return Item(key=key, raw=await self.raw(row), meta=meta, received_at=clock.moment(row["received_at"]))

    async def envelope(self, row: Row) -> Item:
        """The item with its first piece only: enough to know whom it concerns."""
        key, meta = json.loads(self._sealer.open(row["meta"], place="inbox.meta"))
        first = self._sealer.open(row["raw"], place="inbox.raw")
        return Item(key=key, raw=first, meta=meta, received_at=clock.moment(row["received_at"]))

    @asynccontextmanager
    async def fetch(self, inbox: int) -> AsyncIterator[Item]:
        """The item of an inbox row by its id, as `item` gives it. Raises ValueError when it is gone."""
        async with self._db.snapshot() as tx:
            row = await tx.one("inbox_get", id=inbox)
        if row is None:
            raise ValueError("this row is gone")
        async with self.item(row) as item:
            yield item
