"""What was said about one event of a room: https://spec.matrix.org/v1.17/client-server-api/#relationships-api."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tchap_bridges.bridge import Item
from tchap_bridges.errors import NotReady, RemoteViolation
from tchap_bridges.events import Event, PollEnded, PollStarted, PollVote, Related
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId, RoomId, UserId
from tchap_bridges.matrix.client import Json, MatrixClient, MatrixRefused, path_of
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.read import read

PAGE: Final = 1000
"""Events asked for at once: more is not given by Synapse."""
MOST_PAGES: Final = 200
_KINDS: Final = ("m.reference", "m.replace")
_PREFIX: Final = "/_matrix/client/v1"


Open = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""An event as it was said; one that cannot be opened, as it came."""


async def as_it_came(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where nothing is opened."""
    return event


async def related(
    client: MatrixClient, room: RoomId, event: MessageId, *, user: UserId, ours: Namespace, opened: Open
) -> Related:
    """Every page of it. Raises as `MatrixClient` does; an event that is not there is a `Related` without message."""
    try:
        start = await client.call("GET", path_of("rooms", room, "event", event), name="event", user=user)
    except MatrixRefused as error:
        if error.status not in {403, 404}:
            raise
        return Related(message=None)
    found: list[Event] = []
    unreadable = 0
    for kind in _KINDS:
        for one in await _pages(client, path_of("rooms", room, "relations", event, kind, prefix=_PREFIX), user):
            means = _means(await opened({**one, "room_id": room}), ours)
            unreadable += means is None
            found += means or ()
    return Related(
        message=next(iter(_means(await opened({**start, "room_id": room}), ours) or ()), None),
        events=tuple(found),
        unreadable=unreadable,
    )


async def _pages(client: MatrixClient, path: str, user: UserId) -> list[Json]:
    found: list[Json] = []
    params = {"limit": str(PAGE)}
    for _page in range(MOST_PAGES):
        answer = await client.call("GET", path, name="relations", user=user, params=params)
        chunk, after = answer.get("chunk"), answer.get("next_batch")
        if not isinstance(chunk, list):
            raise NotReady(_("le serveur Matrix a répondu sans {key}", key="chunk"))
        found += (one for one in chunk if isinstance(one, dict))
        if not isinstance(after, str) or after == params.get("from"):
            return found
        params["from"] = after
    raise NotReady(_("le serveur Matrix n'en finit pas de répondre"))


def _means(event: Mapping[str, Any], ours: Namespace) -> tuple[Event, ...] | None:
    """What it says of a poll; None when that cannot be read: it was not opened, or is no event at all."""
    if event.get("type") == "m.room.encrypted":
        return None
    raw = json.dumps(dict(event)).encode()
    try:
        means = read(Item(key=str(event.get("event_id")), raw=raw, meta={}, received_at=datetime.now(UTC)), ours)
    except RemoteViolation:
        return None
    return tuple(one for one in means if isinstance(one, PollStarted | PollVote | PollEnded))
