"""A poll and its result, as plain data. Nothing here knows how votes come or how results are shown."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from tchap_bridges.events import Option


class Kind(StrEnum):
    """What one voter may say: one answer, several, all in an order, or of each date yes, if need be, or no."""

    SINGLE = "single"
    SEVERAL = "several"
    RANKED = "ranked"
    DATE = "date"


class Majority(StrEnum):
    """What an answer needs to win: more votes than any other, over half of the valid ones, or two thirds of them."""

    PLURALITY = "plurality"
    ABSOLUTE = "absolute"
    TWO_THIRDS = "two_thirds"

    def reached(self, votes: int, valid: int) -> bool:
        """Whether the most that any answer has is enough, of so many valid votes."""
        match self:
            case Majority.PLURALITY:
                return True
            case Majority.ABSOLUTE:
                return 2 * votes > valid
            case Majority.TWO_THIRDS:
                return 3 * votes >= 2 * valid


class Tie(StrEnum):
    """What becomes of answers that are level: all are told, or the one that stands first in the question wins."""

    SHARED = "shared"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``quorum``: so many people must vote, validly. ``secret``: nobody is ever told who chose what.

    ``most``: in a result, what the poll itself said one person may choose.
    """

    kind: Kind = Kind.SINGLE
    most: int = 1
    majority: Majority = Majority.PLURALITY
    tie: Tie = Tie.SHARED
    quorum: int = 0
    secret: bool = False


class Outcome(StrEnum):
    """What a poll has decided, or why nothing."""

    WON = "won"
    TIED = "tied"
    NO_MAJORITY = "no_majority"
    NO_QUORUM = "no_quorum"
    NO_VOTE = "no_vote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one answer was given. ``voters``: names for eyes, none in a secret poll.

    ``votes``: of a ranked poll those of its last round, of a date those who said yes. ``maybe``: if need be.
    """

    option: Option
    votes: int
    maybe: int = 0
    voters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of an instant run-off: what each answer still in had, in the order of the question, and what was out
    after it. ``exhausted``: of all ballots, how many name none of those.
    """

    votes: tuple[tuple[str, int], ...]
    out: tuple[str, ...] = ()
    exhausted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``counts`` in the order of the question. ``voted``: people with a valid vote; ``spoiled``: with an invalid one.

    ``unreadable``: votes that came and could not be read. ``entitled``: how many people might have voted, None when
    nobody knows. ``winners``: ids of options.
    """

    question: str
    rules: Rules
    counts: tuple[Count, ...]
    voted: int
    spoiled: int = 0
    unreadable: int = 0
    entitled: int | None = None
    outcome: Outcome
    winners: tuple[str, ...] = ()
    rounds: tuple[Round, ...] = ()

    @property
    def turnout(self) -> Fraction | None:
        """Of those entitled; None when nobody knows how many they are."""
        return Fraction(self.voted, self.entitled) if self.entitled else None
