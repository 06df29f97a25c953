"""What we asked, and what the server says to it. No socket and no clock: items from `batches` in, answers out.

It answers by the label on its echo where it has both (IRCv3 labeled-response, echo-message), else by the PONG to a PING
sent after it, which no server answers before it has dealt with what came first.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tchap_bridge_irc.batches import Batch
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.labels import Labels
from tchap_bridge_irc.multiline import CAP
from tchap_bridge_irc.refusals import NOT_DELIVERED, undelivered
from tchap_bridge_irc.wire import Line
from tchap_bridges.errors import BridgeError, NotReady, Undeliverable
from tchap_bridges.i18n import _


@dataclass(slots=True, eq=False)
class Question:
    """What was sent for one purpose, and the future of what the server says to it."""

    target: str
    command: str
    answer: "asyncio.Future[Sequence[Line]]"
    left: bool = False  # it is out: it may be seen by others
    token: str = ""
    mark: int = 0
    heard: list[Line] = field(default_factory=list)


class Questions:
    """The open ones of a session. ``read`` is told, by each answer, up to which mark the server has read."""

    def __init__(self, read: Callable[[int], None], *, patience: float) -> None:
        self._read = read
        self._labels: Labels[Question] = Labels(patience=patience)
        self._tokens = itertools.count(1)
        self._asked: deque[Question] = deque()  # in the order of their PINGs

    def label(self, question: Question, now: float) -> str:
        """The label under which it is asked, from ``now`` on."""
        return self._labels.ask(question, now)

    def token(self, kind: str) -> str:
        """What a PING says, never the same twice."""
        return f"{kind}{next(self._tokens)}"

    def left(self, question: Question, mark: int) -> None:
        """It is out, and ends at this mark."""
        question.left, question.mark = True, mark
        if question.token:
            self._asked.append(question)

    def answered(self, item: Line | Batch, channels: Channels, support: Isupport) -> bool:
        """Settle the question of ours that it answers; whether it is nobody else's business."""
        answer = self._labels.take(item)
        if answer is not None:
            self._settle(answer.question, tuple(_told(answer.item)), channels)
            return False  # our joining, say, tells who else is there
        if not isinstance(item, Line):
            return False
        if item.command == "PONG":
            while any(question.token == item.param(-1) for question in self._asked):
                question = self._asked.popleft()  # with those before it, whose own answer will not come any more
                self._settle(question, question.heard, channels)
            return True
        if item.command in NOT_DELIVERED or item.command == "FAIL":
            for question in self._asked:  # the first that it can be about: answers come in order
                if _about(item, question, support):
                    question.heard.append(item)
                    return True
        return False

    def _settle(self, question: Question, lines: Sequence[Line], channels: Channels) -> None:
        self._read(question.mark)
        if question.answer.done():
            return
        wrong = next((line for line in lines if line.command in NOT_DELIVERED or line.command == "FAIL"), None)
        if wrong is not None:
            question.answer.set_exception(undelivered(wrong, channels.modes(question.target)))
        else:
            question.answer.set_result(lines)

    def expire(self, now: float) -> None:
        """Nobody waits any longer for the answers that are too late."""
        for question in self._labels.expired(now):
            give_up(question)

    def end(self) -> None:
        """The session is over: no answer can come."""
        for question in (*self._labels.ended(), *self._asked):
            give_up(question)


def give_up(question: Question) -> None:
    """Whoever waits for its answer hears what can be said of it without one."""
    if not question.answer.done():
        question.answer.set_exception(fate(question))


def fate(question: Question) -> BridgeError:
    """What can be said of lines that nobody answered for: they have left, or they have not."""
    if not question.left:
        return lost()
    return Undeliverable(_("la connexion au réseau a été coupée pendant l'envoi"), certain=False)


def lost() -> NotReady:
    """The session is over, nobody said why."""
    return NotReady(_("la connexion au réseau est coupée"))


def _about(refusal: Line, question: Question, support: Isupport) -> bool:
    if refusal.command == "FAIL":
        return refusal.param(0) == question.command
    return question.target != "" and support.same(question.target, refusal.param(1))


def _told(item: Line | Batch) -> Iterator[Line]:
    """What an answer says, line by line; a message of several lines says its id on the line that opens it."""
    if isinstance(item, Line):
        if item.command != "ACK":
            yield item
    elif item.kind == CAP:
        yield item.opening
    else:
        for one in item.items:
            yield from _told(one)
