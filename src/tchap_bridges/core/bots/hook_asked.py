"""One ``!bot webhook …`` of somebody who may: what its words mean, and how it is answered."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tchap_bridges.core import clock
from tchap_bridges.core.bots.hooks import Hook
from tchap_bridges.core.commands import Apply, Call, audit
from tchap_bridges.core.ports import Tx
from tchap_bridges.dates import Moment, said
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import RoomId

Whisper = Callable[[Tx, Call, str], Awaitable[None]]
"""Tells whoever typed the command alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``rule``: by which they may. ``name``: the room's. ``known``: its hooks. ``example``: a bot that has webhooks."""

    call: Call
    rule: str
    name: str
    known: Mapping[str, Hook]
    example: str
    zone: ZoneInfo
    whisper: Whisper

    @property
    def room(self) -> RoomId:
        return self.call.room

    @property
    def words(self) -> Sequence[str]:
        """Those that follow the verb."""
        return self.call.arguments[2:]

    def meant(self) -> tuple[Hook, Sequence[str]]:
        """The hook that is named, or else the only one; and the words after it."""
        if self.words and self.words[0].lower() in self.known:
            return self.known[self.words[0].lower()], self.words[1:]
        if len(self.known) != 1:
            raise self.which()
        return next(iter(self.known.values())), self.words

    def alone(self) -> Hook:
        """The same, with no word after it."""
        hook, words = self.meant()
        if words:
            raise self.which()
        return hook

    def which(self) -> Misconfigured:
        names = ", ".join(sorted(self.known))
        none = _("Ce salon n'en a pas. Pour en créer un : !bot webhook creer {bot}", bot=self.example)
        return Misconfigured(
            _("quel webhook ?"), remedy=_("Ceux de ce salon : {names}.", names=names) if names else none
        )

    def t(self, text: str) -> str:
        return self.call.translator(text)

    def when(self, at: datetime) -> Phrase:
        return said(Moment(at=at, words=""), clock.moment(clock.now()), self.zone)

    async def audit(self, tx: Tx, what: str, detail: str) -> None:
        await audit(tx, self.call, what, detail, self.rule)

    async def in_private(self, tx: Tx, text: str) -> None:
        await self.whisper(tx, self.call, text)


Answer = Callable[[Asked], Awaitable[Apply]]
