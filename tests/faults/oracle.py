"""What went in, what came out, and what that means: lost, doubled, out of order.

Every payload is unique. It is *lost* when its source had it acknowledged and its target does not show it, *doubled*
when the target shows it more than once, *out of order* when it stands behind a later one of the same sender in the same
place.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_TOKEN = re.compile(r"jeton-([a-z0-9]+)-([a-z0-9]+)-(\d{5})-([0-9a-f]{8})")


class Token(NamedTuple):
    """One payload: the ``n``-th of a sender in a place."""

    place: str
    sender: str
    n: int
    nonce: str

    def __str__(self) -> str:
        return f"jeton-{self.place}-{self.sender}-{self.n:05d}-{self.nonce}"


class Sighting(NamedTuple):
    """A payload as its target shows it; ``id`` is what makes it one thing there (event id, Message-ID)."""

    id: str
    token: Token


def tokens(text: str) -> list[Token]:
    return [Token(place, sender, int(n), nonce) for place, sender, n, nonce in _TOKEN.findall(text)]


@dataclass
class Verdict:
    """The figures of one scenario; ``wrong`` says in words what they do not."""

    sent: int = 0
    lost: int = 0
    dup: int = 0
    disorder: int = 0
    again: int = 0
    """Transmissions of something that had been transmitted, under the same id."""
    seconds: float = 0.0
    """From the moment everything was well again until nothing was missing."""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.lost or self.dup or self.disorder or self.wrong)

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            sent=self.sent + other.sent,
            lost=self.lost + other.lost,
            dup=self.dup + other.dup,
            disorder=self.disorder + other.disorder,
            again=self.again + other.again,
            seconds=max(self.seconds, other.seconds),
            wrong=[*self.wrong, *other.wrong],
            notes=[*self.notes, *other.notes],
        )


class Ledger:
    """What was handed in."""

    def __init__(self) -> None:
        self.issued: dict[Token, bool] = {}
        self._count: dict[tuple[str, str], int] = {}

    def new(self, place: str, sender: str) -> Token:
        n = self._count[place, sender] = self._count.get((place, sender), 0) + 1
        token = Token(place, sender, n, secrets.token_hex(4))
        self.issued[token] = False
        return token

    def acknowledge(self, token: Token) -> None:
        """Its source was told that it is taken."""
        self.issued[token] = True

    def withdraw(self, token: Token) -> None:
        """Its source was told that it will not be taken: it counts for nothing."""
        del self.issued[token]

    @property
    def acknowledged(self) -> set[Token]:
        return {token for token, taken in self.issued.items() if taken}

    def missing(self, seen: Iterable[Sighting]) -> set[Token]:
        return self.acknowledged - {sighting.token for sighting in seen}

    def judge(self, seen: Mapping[str, Sequence[Sighting]]) -> Verdict:
        """``seen`` is what each place shows, in its order; one thing transmitted twice is there twice."""
        shown: dict[Token, set[str]] = {}
        verdict = Verdict(sent=len(self.issued))
        for place, sightings in seen.items():
            last: dict[str, int] = {}
            known: set[Sighting] = set()
            for sighting in sightings:
                token = sighting.token
                if token not in self.issued:
                    continue  # of another scenario
                if token.place != place:
                    verdict.wrong.append(f"{token} was shown in {place}")
                if sighting in known:
                    verdict.again += 1
                    continue
                known.add(sighting)
                if token in shown:
                    shown[token].add(sighting.id)
                    continue
                shown[token] = {sighting.id}
                if token.n < last.get(token.sender, 0):
                    verdict.disorder += 1
                    verdict.notes.append(f"{token} came after n° {last[token.sender]}")
                last[token.sender] = max(token.n, last.get(token.sender, 0))
        lost = sorted(self.acknowledged - shown.keys())
        verdict.lost = len(lost)
        verdict.dup = sum(len(ids) - 1 for ids in shown.values())
        verdict.notes += [f"lost: {token}" for token in lost[:5]]
        verdict.notes += [f"doubled: {token}: {sorted(ids)}" for token, ids in shown.items() if len(ids) > 1][:5]
        return verdict
