"""Which answer belongs to which question: the label tag, on a line, on a batch, or on a bare ACK.

Items from `batches` in. Time is passed in. A question without an answer in time is reported, once; it may have been
carried out all the same.

Source: IRCv3 labeled-response.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Generic, TypeVar

from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.wire import Line

TAG = "label"
Question = TypeVar("Question")


class Kind(StrEnum):
    """In which of the three ways it was answered."""

    ACK = "ack"
    """Done, and nothing to say."""
    LINE = "line"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Answer(Generic[Question]):
    """``question`` as it was given to `Labels.ask`; ``lines`` without BATCH and ACK; ``item`` as it arrived."""

    question: Question
    kind: Kind
    lines: tuple[Line, ...]
    item: Line | Batch


class Labels(Generic[Question]):
    """The open questions of one session."""

    def __init__(self, *, patience: float = 30.0) -> None:
        self._patience = patience
        self._numbers = count(1)
        self._open: dict[str, tuple[Question, float]] = {}

    @property
    def due(self) -> float | None:
        """When to call `expired` next; None: no question is open."""
        return min((until for _question, until in self._open.values()), default=None)

    def ask(self, question: Question, now: float) -> str:
        """The label for a line that is about to be sent. Never used twice in a session; at most 64 bytes."""
        label = f"t{next(self._numbers)}"
        self._open[label] = question, now + self._patience
        return label

    def take(self, item: Line | Batch) -> Answer[Question] | None:
        """The answer that this is; None: it is none, or to nothing that is still asked."""
        tags = item.opening.tags if isinstance(item, Batch) else item.tags
        found = self._open.pop(tags.get(TAG, ""), None)
        if found is None:
            return None
        question, _until = found
        if isinstance(item, Batch):
            return Answer(question, Kind.BATCH, tuple(item.lines()), item)
        if item.command == "ACK":
            return Answer(question, Kind.ACK, (), item)
        return Answer(question, Kind.LINE, (item,), item)

    def expired(self, now: float) -> Sequence[Question]:
        """Questions that nobody answers any more."""
        late = [label for label, (_question, until) in self._open.items() if until <= now]
        return [self._open.pop(label)[0] for label in late]

    def ended(self) -> Sequence[Question]:
        """The session is over: all questions without an answer."""
        return [self._open.pop(label)[0] for label in list(self._open)]
