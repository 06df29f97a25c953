"""What is kept of a room's session: its questions in one piece, and the votes for each apart."""

from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_questions.model import Question, Session
from tchap_bridges.bot import Store

Votes = Mapping[str, tuple[str, ...]]
"""By person, the reactions that are theirs: one person is one vote, however many they set."""
MOST_AT_ONCE: Final = 40
"""Deletions in one call."""

_SESSION: Final = TypeAdapter(Session)
_VOTES: Final = TypeAdapter(dict[str, tuple[str, ...]])


class Kept:
    """The session of one room."""

    def __init__(self, kv: Store) -> None:
        self._kv = kv

    async def session(self) -> Session:
        found = await self._kv.get("session")
        return _SESSION.validate_json(found) if found is not None else Session()

    async def keep(self, session: Session) -> None:
        await self._kv.set("session", _SESSION.dump_json(session).decode())

    async def votes(self, session: Session) -> Mapping[int, Votes]:
        """By the number of the question; none for one that nobody votes for."""
        prefix = f"votes {session.era} "
        found = await self._kv.all(prefix)
        return {int(key.removeprefix(prefix)): _VOTES.validate_json(one) for key, one in found.items()}

    async def counts(self, session: Session) -> Mapping[int, int]:
        return {number: len(votes) for number, votes in (await self.votes(session)).items()}

    async def votes_of(self, session: Session, question: Question) -> Votes:
        found = await self._kv.get(_key(session, question))
        return _VOTES.validate_json(found) if found is not None else {}

    async def keep_votes(self, session: Session, question: Question, votes: Votes) -> None:
        if votes:
            await self._kv.set(_key(session, question), _VOTES.dump_json(dict(votes)).decode())
        else:
            await self._kv.delete(_key(session, question))

    async def sweep(self, session: Session) -> bool:
        """Forget votes of sessions before this one; returns whether there are more."""
        old = [key for key in await self._kv.all("votes ") if not key.startswith(f"votes {session.era} ")]
        for key in old[:MOST_AT_ONCE]:
            await self._kv.delete(key)
        return len(old) > MOST_AT_ONCE


def with_vote(votes: Votes, who: str, reaction: str) -> Votes:
    return {**votes, who: tuple(dict.fromkeys((*votes.get(who, ()), reaction)))}


def without(votes: Votes, *, who: str = "", reaction: str = "") -> Votes:
    """Without this person's, or without this one reaction."""
    left = {
        person: tuple(one for one in theirs if person != who and one != reaction) for person, theirs in votes.items()
    }
    return {person: theirs for person, theirs in left.items() if theirs}


def united(one: Votes, other: Votes) -> Votes:
    """Whoever is for either is for both, once."""
    return {who: tuple(dict.fromkeys((*one.get(who, ()), *other.get(who, ())))) for who in (*one, *other)}


def _key(session: Session, question: Question) -> str:
    return f"votes {session.era} {question.number}"
