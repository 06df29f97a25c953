"""Messages of several lines that stay one, where the server can keep them together (IRCv3 draft/multiline). Pure.

Sources: IRCv3 multiline ("Splitting long lines", "max-bytes", "max-lines"), client-batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tchap_bridge_irc.batches import CONCAT
from tchap_bridge_irc.splitting import Piece, plain, split
from tchap_bridge_irc.wire import Line

CAP = "draft/multiline"
MOST_LINES = 100
"""Of one batch where the server names no limit."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one batch may hold: bytes of all texts with the line ends between them, and lines."""

    bytes: int
    lines: int = MOST_LINES


def packs(words: Sequence[str], room: int, allowed: Allowance) -> list[list[Piece]]:
    """The lines of a message as batches, each within what is allowed; a piece that is `joined` goes on the one before.

    A line with formatting that has to be cut is shown as several: its codes are said again at each cut, and would undo
    themselves where the pieces are joined.
    """
    pieces = [
        Piece(piece.text, piece.joined and plain(line) == line)
        for line in words
        for piece in split(line, min(room, allowed.bytes)).pieces
    ]
    found: list[list[Piece]] = []
    size = 0
    for piece in pieces:
        more = len(piece.text.encode()) + (not piece.joined)
        if not found or len(found[-1]) >= allowed.lines or size + more > allowed.bytes:
            found.append([])
            size = 0
            more = len(piece.text.encode())
        found[-1].append(piece)
        size += more
    return found


def batch(pack: Sequence[Piece], target: str, reference: str, tags: Mapping[str, str]) -> Iterator[Line]:
    """The lines that send it. A message's own tags stand on the one that opens the batch."""
    yield Line("BATCH", (f"+{reference}", CAP, target), tags=tags)
    for n, piece in enumerate(pack):
        own = {"batch": reference, **({CONCAT: ""} if piece.joined and n else {})}
        yield Line("PRIVMSG", (target, piece.text), tags=own)
    yield Line("BATCH", (f"-{reference}",))
