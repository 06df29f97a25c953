"""Refusals in the audit: who was refused which command, where, and by which rule. Never what they wrote.

Bounded, so that nobody fills the disk by asking: in an hour of the clock the same refusal once, so many of one person,
so many in all.
"""

from collections import Counter
from typing import Final

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.ports import Tx
from tchap_bridges.ids import RoomId, UserId

OF_ONE: Final = 50
"""Rows an hour for one person."""
OF_ALL: Final = 2_000
"""Rows an hour in all."""
_HOUR: Final = 3_600_000  # milliseconds

log = structlog.get_logger(__name__)


class Denials:
    """Keeps in memory what this hour's audit has: after a restart a refusal may be kept once more."""

    def __init__(self) -> None:
        self._hour = 0
        self._kept: set[tuple[UserId, RoomId, str]] = set()
        self._of: Counter[UserId] = Counter()

    async def keep(self, tx: Tx, user: UserId, room: RoomId, word: str, rule: str) -> None:
        """``word``: the command's, one of ours."""
        if (hour := clock.now() // _HOUR) != self._hour:
            self._hour = hour
            self._kept.clear()
            self._of.clear()
        if (user, room, word) in self._kept or self._of[user] >= OF_ONE or len(self._kept) >= OF_ALL:
            return
        await tx.run("audit_add", at=clock.now(), who=user, what="denied", room=room, detail=f"!{word}", rule=rule)
        tx.after_commit(lambda: self._note(user, room, word))

    def _note(self, user: UserId, room: RoomId, word: str) -> None:
        self._kept.add((user, room, word))
        self._of[user] += 1
        if len(self._kept) == OF_ALL:
            log.warning("denials.many", in_this_hour=OF_ALL)
