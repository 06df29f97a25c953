"""The one seam for all that arrives: transactions and the bot's sync both end here, in one write to the inbox.

Encryption belongs here: to decrypt, do it between `Arrivals.take` and the inbox. What has meaning only now
(`Arrivals.pass_on`) never touches the disk.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from tchap_bridges.errors import NotReady
from tchap_bridges.events import Author, Passing, Read, Typing
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.matrix.names import Namespace

Json = Mapping[str, Any]
Take = Callable[[Sequence[tuple[str, bytes]]], Awaitable[object]]
"""Keeps room events, (event id, JSON) each; on disk when it returns. One that it has already changes nothing."""

_ROOMS_TYPED_IN = 1_000

log = structlog.get_logger(__name__)


class Watches(Protocol):
    """Looks at events on their way in, to forget what it remembered. May see one twice.

    NotReady keeps the event from being kept; anything else that it raises does not.
    """

    async def saw(self, event: Json) -> None: ...


class Arrivals:
    """Takes what the homeserver gives, by either way. What our own users said is not kept: it means nothing to us."""

    def __init__(
        self, take: Take, on_passing: Callable[[Passing], None], ours: Namespace, watches: Sequence[Watches] = ()
    ) -> None:
        self._take = take
        self._ours = ours
        self._on_passing = on_passing
        self._watches = watches
        self._typing: OrderedDict[str, frozenset[str]] = OrderedDict()

    async def take(self, events: Iterable[Any]) -> int:
        """Keep every event that has an id; they are on disk when this returns. Returns how many were given on."""
        kept: list[tuple[str, bytes]] = []
        for event in events:
            id_ = event.get("event_id") if isinstance(event, dict) else None
            if isinstance(id_, str) and id_ and ("state_key" in event or event.get("sender") not in self._ours):
                for watch in self._watches:
                    await _show(event, watch)
                kept.append((id_, json.dumps(event).encode()))
        if kept:
            await self._take(kept)
        return len(kept)

    def pass_on(self, happenings: Iterable[Any]) -> None:
        """Typing and receipts of now. Raises nothing."""
        for happening in happenings:
            if not isinstance(happening, dict):
                continue
            room, content = happening.get("room_id"), happening.get("content")
            if not (isinstance(room, str) and isinstance(content, dict)):
                continue
            try:
                if happening.get("type") == "m.typing":
                    self._typed(room, content.get("user_ids"))
                elif happening.get("type") == "m.receipt":
                    self._read(room, content)
            except Exception:  # the events beside it are kept: the homeserver must not bring them again for this
                log.exception("arrivals.not_passed_on")

    def _typed(self, room: str, users: Any) -> None:
        """The homeserver says who types; the contract says who began and who stopped."""
        now = frozenset(user for user in users if isinstance(user, str)) if isinstance(users, list) else frozenset()
        before = self._typing.pop(room, frozenset())
        for user in sorted(now ^ before):
            if user not in self._ours:
                self._on_passing(Typing(chat=ChatId(room), author=_author(user), active=user in now))
        if now:
            self._typing[room] = now
            if len(self._typing) > _ROOMS_TYPED_IN:
                self._typing.popitem(last=False)

    def _read(self, room: str, content: Json) -> None:
        for event_id, kinds in content.items():
            readers = kinds.get("m.read") if isinstance(kinds, dict) else None
            for user in readers if isinstance(readers, dict) else ():
                if user not in self._ours:
                    self._on_passing(Read(chat=ChatId(room), author=_author(user), target=MessageId(event_id)))


async def _show(event: Json, watch: Watches) -> None:
    """One event that somebody could make up must not stand before all that follow."""
    try:
        await watch.saw(event)
    except NotReady:
        raise
    except Exception:
        log.exception("arrivals.watch_failed", watch=type(watch).__name__)


def _author(user: str) -> Author:
    return Author(person=PersonId(user), name="")
