"""Lines that belong together: a history, a netsplit, a message of several lines, a long answer.

Lines in; out come lines that are in no batch, at once, and batches when they have ended, those within them inside.
Time is passed in. A batch that does not end comes out all the same, after a while and not complete.

Sources: IRCv3 batch, client-batch, multiline, chathistory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tchap_bridge_irc.wire import Line

MOST_LINES = 5000
"""Of all open batches together; beyond it the oldest comes out as it is."""
DEEPEST = 8
"""Batches within batches; what is deeper stands beside them."""
PATIENCE = 60.0
"""Seconds after its last line at which a batch is given up."""
CONCAT = "draft/multiline-concat"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that has ended. ``opening`` is its BATCH line: its tags (msgid, time, label, account) are those of all.

    ``items`` in the order of their arrival. ``complete=False``: its end never came.
    """

    kind: str
    params: tuple[str, ...]
    opening: Line
    items: tuple["Line | Batch", ...]
    complete: bool = True

    def lines(self) -> Iterator[Line]:
        """All lines, those of batches within too."""
        for item in self.items:
            if isinstance(item, Batch):
                yield from item.lines()
            else:
                yield item


@dataclass(slots=True)
class _Open:
    opening: Line
    last: float
    within: str
    depth: int = 0
    size: int = 1
    """Lines and batches in it, and itself."""
    items: list[Line | Batch] = field(default_factory=list)

    def ended(self, *, complete: bool = True) -> Batch:
        """What it is when nothing more comes."""
        params = self.opening.params
        return Batch(self.opening.param(1), params[2:], self.opening, tuple(self.items), complete)


class Batches:
    """The open batches of one session."""

    def __init__(self, *, patience: float = PATIENCE, most_lines: int = MOST_LINES) -> None:
        self._patience = patience
        self._most_lines = most_lines
        self._open: dict[str, _Open] = {}
        self._lines = 0

    @property
    def due(self) -> float | None:
        """When to call `expired` next; None: no batch is open."""
        return min((batch.last + self._patience for batch in self._open.values()), default=None)

    def take(self, line: Line, now: float) -> Sequence[Line | Batch]:
        """A line. What comes back is to be dealt with now: itself, a batch that it ended, or nothing."""
        if line.command == "BATCH" and line.param(0)[:1] in ("+", "-") and line.param(0)[1:]:
            reference = line.param(0)[1:]
            return self._begin(reference, line, now) if line.param(0)[0] == "+" else self._end(reference)
        batch = self._open.get(line.tags.get("batch", ""))
        if batch is None:
            return (line,)
        batch.items.append(line)
        batch.last = now
        batch.size += 1
        self._lines += 1
        return self._give_up(next(iter(self._open))) if self._lines > self._most_lines else ()

    def expired(self, now: float) -> Sequence[Line | Batch]:
        """Batches whose end is not to be hoped for any more."""
        late = [reference for reference, batch in self._open.items() if batch.last + self._patience <= now]
        return [item for reference in late for item in self._give_up(reference)]

    def ended(self) -> Sequence[Line | Batch]:
        """The session is over: whatever was open."""
        return [item for reference in list(self._open) for item in self._give_up(reference)]

    def _begin(self, reference: str, line: Line, now: float) -> Sequence[Line | Batch]:
        before = self._give_up(reference) if reference in self._open else ()
        within = line.tags.get("batch", "")
        outer = self._open.get(within)
        if outer is None or outer.depth >= DEEPEST:
            self._open[reference] = _Open(line, now, "")
        else:
            self._open[reference] = _Open(line, now, within, outer.depth + 1)
        self._lines += 1
        return (*before, *self._give_up(next(iter(self._open)))) if self._lines > self._most_lines else before

    def _end(self, reference: str) -> Sequence[Line | Batch]:
        batch = self._open.pop(reference, None)
        return self._out(batch, batch.ended()) if batch else ()

    def _give_up(self, reference: str) -> Sequence[Line | Batch]:
        batch = self._open.pop(reference, None)
        return self._out(batch, batch.ended(complete=False)) if batch else ()

    def _out(self, batch: _Open, ended: Batch) -> Sequence[Line | Batch]:
        outer = self._open.get(batch.within)
        if outer is not None:
            outer.items.append(ended)
            outer.size += batch.size
            return ()
        self._lines -= batch.size
        return (ended,)


def multiline(batch: Batch) -> str:
    r"""The text of a draft/multiline batch: its lines joined by "\n", or by nothing where CONCAT says so."""
    text = ""
    for n, line in enumerate(batch.lines()):
        text += ("" if n == 0 or CONCAT in line.tags else "\n") + line.param(-1)
    return text
