"""What of a message the network has confirmed: one that is cut short goes on where it stopped.

A session may end between two lines of a message, and the core sends it again. What had been said is not said again: it
is in the core's steps, each post under its id. Where the rest would be cut otherwise now, nobody can go on.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from tchap_bridge_irc.wire import Line
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId
from tchap_bridges.outgoing import Steps

Post = Sequence[Line]
"""Lines that leave together and are confirmed together."""
_LAYOUT = "layout"
_SECONDS = 1.0
"""After how long a store that is away is asked again."""


class Confirmed:
    """The posts of one message. ``steps`` is None for an edit, which has none: it does not go on."""

    def __init__(self, steps: Steps | None, posts: Sequence[Post]) -> None:
        self._steps = steps
        self._several = len(posts) > 1
        self._layout = _digest(posts)

    async def begin(self) -> None:
        """Raises `Undeliverable`, not certain, when a part was said already and what is left cannot be told."""
        if self._steps is None:
            return
        if self.id(0) and self._steps.get(_LAYOUT) != self._layout:
            raise cut_short()
        if self._several and not self.id(0):
            await self._steps.done(_LAYOUT, self._layout)

    def id(self, n: int) -> MessageId | None:
        """Under which id a post is there already."""
        said = self._steps.get(f"event.{n}") if self._steps is not None else None
        return MessageId(said) if said else None

    async def done(self, n: int, id_: MessageId) -> None:
        """On disk when it returns, whatever becomes of the store meanwhile: to say it again would be worse."""
        if self._steps is None or not self._several:
            return
        while True:
            try:
                await self._steps.done(f"event.{n}", id_)
                break
            except NotReady as later:
                await asyncio.sleep(later.retry_after or _SECONDS)


def cut_short() -> Undeliverable:
    """A part of it is there, and the rest will not come."""
    return Undeliverable(_("la connexion au réseau a été coupée pendant l'envoi"), certain=False)


def _digest(posts: Sequence[Post]) -> str:
    """How the words are cut, whatever session they are sent in."""
    words = "\n\n".join("\n".join(line.param(-1) for line in post if line.command != "BATCH") for post in posts)
    return sha256(words.encode(errors="replace")).hexdigest()[:32]
