"""What a question is, and a session of them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    WAITING = "waiting"  # for a moderator
    SHOWN = "shown"
    STAGE = "stage"  # being answered
    ANSWERED = "answered"
    MERGED = "merged"
    REFUSED = "refused"
    REMOVED = "removed"


PUBLIC = frozenset((State.SHOWN, State.STAGE, State.ANSWERED, State.MERGED))
"""What the room has seen, and may see again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``who`` and ``name`` are "", and ``at`` None, when it was asked alone: nothing tells whose it is.

    ``said`` is the message that shows it, ``notice`` the one that says that it waits, ``asked`` the one that asked it.
    ``into``: the number of the question that it was merged into.
    """

    number: int
    text: str
    state: State
    who: str = ""
    name: str = ""
    private: bool = False
    at: datetime | None = None
    asked: str = ""
    notice: str = ""
    said: str = ""
    into: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """All questions of a room since it was last emptied, ``era`` counting how often that was.

    ``asked``: how many each person has asked, alone or not; ``judges``: moderators who want to be asked alone.
    ``staged``: when the last question was taken, and by whom.
    """

    era: int = 0
    open: bool = True
    questions: tuple[Question, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict)
    judges: tuple[str, ...] = ()
    staged_at: datetime | None = None
    staged_by: str = ""

    def get(self, number: int) -> Question | None:
        return self.questions[number - 1] if 0 < number <= len(self.questions) else None

    def in_state(self, *states: State) -> Sequence[Question]:
        return [one for one in self.questions if one.state in states]

    def ranked(self, votes: Mapping[int, int]) -> Sequence[Question]:
        """What is to be answered, the most wanted first; of equals, the first asked."""
        return sorted(self.in_state(State.SHOWN), key=lambda one: (-votes.get(one.number, 0), one.number))

    def root(self, question: Question) -> Question:
        """The question that it has become part of; itself, for most."""
        while (parent := self.get(question.into)) is not None:
            question = parent
        return question

    def shown_by(self, message: str) -> Question | None:
        """The question that this message asks or shows."""
        return next((one for one in self.questions if message in {one.said, one.asked, one.notice} - {""}), None)

    def with_question(self, question: Question) -> "Session":
        """Instead of the one with its number, or after the last."""
        before, after = self.questions[: question.number - 1], self.questions[question.number :]
        return replace(self, questions=(*before, question, *after))
