"""What comes of how a bot behaves: `limits` judges, `stops` switches off, and the room reads why."""

from collections import Counter
from functools import partial
from typing import Final

from tchap_bridges.core.bots.effects import Cause
from tchap_bridges.core.bots.leash import Stubborn
from tchap_bridges.core.bots.limits import Limits, Speech
from tchap_bridges.core.bots.stops import Stops, Why
from tchap_bridges.core.bots.turn import Turn
from tchap_bridges.core.commands import refusal
from tchap_bridges.core.ports import Tx
from tchap_bridges.core.roomwork import Written
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.i18n import Translator, _

WAIT: Final = 5.0
"""Seconds until what is owed is tried again."""


async def nothing(tx: Tx) -> None:
    """There is nothing to write."""


class Refused(Exception):
    """A call comes to nothing. ``text``: what whoever asked is told; ``why``: of what it came; ``then``: to write."""

    def __init__(self, text: str, why: Exception, then: Written = nothing) -> None:
        super().__init__()
        self.text = text
        self.why = why
        self.then = then


class Conduct:
    """Asked after each call; what it returns is written with the call's end."""

    def __init__(self, limits: Limits, stops: Stops) -> None:
        self._limits = limits
        self._stops = stops

    def well(self, cause: Cause, turn: Turn) -> Written:
        """The handlers have ended well: what they did is written.

        A bot that says too much is not heard. Who typed the command is told to try again, and nothing is done: that is
        what `Refused` is for. Of what nobody typed all is kept that the bot keeps, so that a vote counts. What was
        posted to a webhook, or ordered for a time, waits instead, and the call is made again: raises `NotReady`.
        """
        if cause.patient and (wait := self._limits.wait(cause.bot, turn.said)):
            raise NotReady(_("ce robot parle trop en ce moment"), retry_after=wait)
        self._limits.succeeds(cause.bot, cause.room)
        match self._limits.says(cause.bot, cause.room, _unasked(cause, turn.said)):
            case Speech.SHOWN:
                return turn.write
            case Speech.REFUSED_FIRST:
                then: Written = partial(self._warn, cause)
            case Speech.REFUSED:
                then = nothing
            case Speech.REFUSED_LAST:
                then = self._stop(cause, Why.FLOODED)
        if cause.asked:
            error = Misconfigured(_("ce robot parle trop en ce moment"), remedy=_("Réessayez dans un moment."))
            raise Refused(refusal(error, Translator(cause.language)), error, then)

        async def written(tx: Tx) -> None:
            await turn.write(tx, silent=True)
            await then(tx)

        return written

    def broke(self, cause: Cause, error: Exception) -> Written:
        """A handler has raised, or did not end."""
        if isinstance(error, Stubborn):
            return self._stop(cause, Why.STUBBORN)
        if not cause.asked and self._limits.fails(cause.bot, cause.room):
            return self._stop(cause, Why.FAILED)
        return nothing

    async def _warn(self, cause: Cause, tx: Tx) -> None:
        await self._stops.warn(tx, cause.room, cause.bot, cause=f"{cause.key} too much")

    def _stop(self, cause: Cause, why: Why) -> Written:
        async def written(tx: Tx) -> None:
            await self._stops.here(tx, cause.room, cause.bot, why, cause=cause.key)
            tx.after_commit(partial(self._limits.forget, cause.bot, cause.room))

        return written


def _unasked(cause: Cause, said: Counter[str]) -> Counter[str]:
    """Without what is said in private to whoever has just spoken there: hundreds may answer a survey at once."""
    heard = {cause.place, cause.caller.person} if cause.private else set()
    return Counter({place: n for place, n in said.items() if place not in heard})
