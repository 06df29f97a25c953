"""Which of our posts are in Slack already: the memory that keeps a post from being made twice.

What outlives us is in the core's steps and in Slack's history, where each post bears its key in its metadata.
"""

import hashlib
from collections import OrderedDict
from typing import Final

MOST: Final = 20_000


def mark_of(key: str) -> str:
    """A key of the core as anybody in the workspace may read it: it tells nothing."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Sent:
    """(mark, part) → ts."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], str] = OrderedDict()

    def note(self, mark: str, part: int, ts: str) -> None:
        self._known[mark, part] = ts
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def get(self, mark: str, part: int) -> str | None:
        return self._known.get((mark, part))
