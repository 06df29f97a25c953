"""Notices when a link brings the same thing again and again: two robots that answer each other, or our own echo.

What we send carries a mark wherever a network can carry one, and is known again by it. This is for where it cannot.
Times are those of the messages, so that a robot's daily "all is well" may come in one go after a week's absence.
"""

import hashlib
import re
from collections import OrderedDict, deque
from datetime import datetime

SAME = 10
"""How often one author may say the same within `WITHIN` seconds before it is taken for a loop."""
WITHIN = 600.0
_REMEMBERED = 5_000
_MARKS = re.compile(r"(?:<[^<>\n]{1,80}>|\[[^\[\]\n]{1,80}\]|[^\s:]{1,40}:)\s*")
"""What another bridge puts before the words that it repeats: ``<jean>``, ``[irc]``, ``jean:``."""


class Breaker:
    """Counts in memory: a loop that lasts is met again after a restart."""

    def __init__(self) -> None:
        self._said: OrderedDict[bytes, deque[tuple[float, str]]] = OrderedDict()

    def trips(self, link: int, author: str, text: str, at: datetime, arrival: str) -> bool:
        """Whether this makes too many; counting then begins anew. ``author`` is any key of theirs.

        ``arrival`` names what came: looked at again, after a failed commit, it counts but once.
        """
        words = _bare(text)
        if not words:
            return False
        key = hashlib.blake2b(f"{link}\0{author}\0{words}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        times = self._said.setdefault(key, deque(maxlen=SAME))
        self._said.move_to_end(key)
        if len(self._said) > _REMEMBERED:
            self._said.popitem(last=False)
        moment = at.timestamp()
        if (moment, arrival) not in times:
            times.append((moment, arrival))
        if len(times) < SAME or any(abs(moment - other) > WITHIN for other, _arrival in times):
            return False
        del self._said[key]
        return True


def _bare(text: str) -> str:
    """The words, and before them each mark once: a loop repeats its marks, and other people's brackets differ."""
    words, marks = " ".join(text.split()).casefold(), set[str]()
    while (mark := _MARKS.match(words)) is not None and mark.end() < len(words):
        marks.add(mark[0].strip())
        words = words[mark.end() :]
    return "\0".join((*sorted(marks), words)) if words else ""
