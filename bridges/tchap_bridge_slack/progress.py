"""How far each channel has been read, on disk: where to go on after an absence, and what to compare with."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from tchap_bridges.bridge import Store

MOST_SEEN: Final = 300
MOST_THREADS: Final = 20


@dataclass(slots=True)
class Mark:
    """``cursor``: the newest ts that is kept, "" before the first. ``since``: what was said before is nobody's news.
    ``seen``: ts → what it said, in short ("" for our own), and the root of its thread. ``threads``: root → newest ts
    in it."""

    cursor: str = ""
    since: str = ""
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)
    threads: dict[str, str] = field(default_factory=dict)

    def note(self, ts: str, words: str, root: str) -> None:
        """This message is kept."""
        self.seen[ts] = (words, root)
        if float(ts) > float(self.cursor or 0):
            self.cursor = ts
        if root:
            self.threads[root] = max(ts, self.threads.get(root, ""), key=lambda one: float(one or 0))
        self._shorten()

    def forget(self, ts: str) -> None:
        self.seen.pop(ts, None)

    def _shorten(self) -> None:
        while len(self.seen) > MOST_SEEN:
            self.seen.pop(min(self.seen, key=float))
        while len(self.threads) > MOST_THREADS:
            self.threads.pop(min(self.threads, key=lambda root: float(self.threads[root])))


class Marks:
    """Those of one connection."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marks: dict[str, Mark] = {}

    async def of(self, chat: str) -> Mark:
        if chat not in self._marks:
            self._marks[chat] = _read(await self._store.get(f"mark.{chat}"))
        return self._marks[chat]

    async def save(self, chat: str) -> None:
        mark = self._marks[chat]
        said = {"cursor": mark.cursor, "since": mark.since, "seen": mark.seen, "threads": mark.threads}
        await self._store.set(f"mark.{chat}", json.dumps(said, separators=(",", ":")))

    async def begin(self, chat: str, ts: str) -> None:
        """A chat that is linked now."""
        self._marks[chat] = Mark(cursor=ts, since=ts)
        await self.save(chat)


def _read(text: str | None) -> Mark:
    said: dict[str, Any] = json.loads(text) if text else {}
    seen = {ts: (words, root) for ts, (words, root) in said.get("seen", {}).items()}
    return Mark(said.get("cursor", ""), said.get("since", ""), seen, dict(said.get("threads", {})))
