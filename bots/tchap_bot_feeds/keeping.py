"""What is kept of a room's feeds: each feed, what was seen of it, and what the next digest will tell."""

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_feeds.model import Digest, Feed, Seen
from tchap_bridges.bot import Store

_FEED: Final = TypeAdapter(Feed)
_SEEN: Final = TypeAdapter(dict[str, Seen])
_DIGEST: Final = TypeAdapter(Digest)


class Feeds:
    """The feeds of one room. What was seen stands apart: most fetches change nothing of it."""

    def __init__(self, kv: Store) -> None:
        self._kv = kv

    async def number(self) -> int:
        """One that no feed has had."""
        number = int(await self._kv.get("last") or 0) + 1
        await self._kv.set("last", str(number))
        return number

    async def all(self) -> list[Feed]:
        found = [_FEED.validate_json(one) for one in (await self._kv.all("feed ")).values()]
        return sorted(found, key=lambda feed: feed.number)

    async def get(self, number: str) -> Feed | None:
        found = await self._kv.get(f"feed {number}")
        return _FEED.validate_json(found) if found is not None else None

    async def keep(self, feed: Feed) -> None:
        await self._kv.set(f"feed {feed.number}", _FEED.dump_json(feed).decode())

    async def remove(self, feed: Feed) -> None:
        await self._kv.delete(f"feed {feed.number}")
        await self._kv.delete(f"seen {feed.number}")
        digest = await self.digest()
        if any(item.feed == feed.number for item in digest.items):
            await self.keep_digest(digest.without(feed.number))

    async def seen(self, feed: Feed) -> Mapping[str, Seen]:
        found = await self._kv.get(f"seen {feed.number}")
        return _SEEN.validate_json(found) if found is not None else {}

    async def keep_seen(self, feed: Feed, seen: Mapping[str, Seen]) -> None:
        await self._kv.set(f"seen {feed.number}", _SEEN.dump_json(dict(seen)).decode())

    async def digest(self) -> Digest:
        found = await self._kv.get("digest")
        return _DIGEST.validate_json(found) if found is not None else Digest()

    async def keep_digest(self, digest: Digest) -> None:
        await self._kv.set("digest", _DIGEST.dump_json(digest).decode())

    async def forget_digest(self) -> None:
        await self._kv.delete("digest")
