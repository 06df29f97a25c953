"""Keys as they arrive: the bot's device listens without end, and what came counts as heard once it is on disk."""

import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from mautrix.errors import EncryptionError, MatrixError
from mautrix.types import JSON, DeviceLists, DeviceOTKCount, ToDeviceEvent, UserID

from tchap_bridges.ids import UserId
from tchap_bridges.logs import harmless
from tchap_bridges.matrix.client import MatrixClient, path_of, text_of
from tchap_bridges.matrix.crypto.accounts import Accounts, Machine

WAIT: Final = 30_000  # milliseconds that the homeserver may wait for news
_AGAIN: Final = 90.0  # seconds for which a key that has come is told of
_MOST: Final = 10_000
_NOTHING: Final = {"not_types": ["*"]}
_FILTER: Final = json.dumps(
    {"presence": _NOTHING, "account_data": _NOTHING, "room": {"rooms": [], "include_leave": False}},
    separators=(",", ":"),
)

log = structlog.get_logger(__name__)


class KeyInbox:
    """``on_people`` is told whose devices have changed, before that counts as heard; ``on_keys`` which keys have come.

    It is told of each again for a while: somebody may have looked for it just before, and not yet begun to wait.
    """

    def __init__(
        self,
        client: MatrixClient,
        accounts: Accounts,
        bot: UserId,
        *,
        on_people: Callable[[Sequence[UserId]], Awaitable[None]],
        on_keys: Callable[[Sequence[str]], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._accounts = accounts
        self._bot = bot
        self._on_people = on_people
        self._on_keys = on_keys
        self._clock = clock
        self._lately: deque[tuple[float, str]] = deque(maxlen=_MOST)

    async def run(self) -> None:
        """Raises what `MatrixClient` does; to be run again then."""
        while True:
            await self.listen(WAIT)

    async def listen(self, wait: int = 0) -> None:
        """What has come since the last time, or comes within ``wait`` milliseconds: on disk when it returns."""
        machine = await self._accounts.machine(self._bot)
        since = await machine.keys.since()
        params = {"filter": _FILTER, "set_presence": "offline", "timeout": str(wait if since else 0)}
        if since is not None:
            params["since"] = since
        found = await self._client.call(
            "GET",
            path_of("sync"),
            name="keys",
            user=self._bot,
            device=str(machine.requests.device_id),
            params=params,
        )
        await self._take(machine, found, text_of(found, "next_batch"))

    async def drain(self, user: UserId) -> None:
        """Have the homeserver forget what it holds for the user's device: the next sync deletes what one has given."""
        device = str((await self._accounts.machine(user)).requests.device_id)
        params = {"filter": _FILTER, "set_presence": "offline", "timeout": "0"}
        for _turn in range(2):
            found = await self._client.call(
                "GET", path_of("sync"), name="keys", user=user, device=device, params=params
            )
            params["since"] = text_of(found, "next_batch")

    async def _take(self, machine: Machine, found: dict[str, Any], token: str) -> None:
        changed = _list(_map(found.get("device_lists")).get("changed"))
        if changed:
            await machine.handle_device_lists(DeviceLists(changed=[UserID(str(user)) for user in changed]))
            await self._on_people([UserId(str(user)) for user in changed])
        events = _list(_map(found.get("to_device")).get("events"))
        try:
            async with machine.keys.transaction():
                for event in events:
                    await self._key(machine, event)
                await machine.keys.put_since(token)
        except BaseException:
            machine.account = await machine.keys.get_account()  # as it is on disk
            raise
        await self._tell(machine)
        await machine.mend()
        counts = _map(found.get("device_one_time_keys_count"))
        left = counts.get("signed_curve25519", 0)
        await machine.handle_otk_count(
            DeviceOTKCount(curve25519=0, signed_curve25519=left if isinstance(left, int) else 0)
        )

    async def _tell(self, machine: Machine) -> None:
        now = self._clock()
        self._lately.extend((now, session) for session in machine.received)
        machine.received.clear()
        while self._lately and self._lately[0][0] < now - _AGAIN:
            self._lately.popleft()
        if self._lately:
            await self._on_keys([session for _at, session in self._lately])

    @staticmethod
    async def _key(machine: Machine, event: JSON) -> None:
        """What cannot be read is told to the log and left behind: it would come again with every sync."""
        if not isinstance(event, dict) or event.get("type") != "m.room.encrypted":
            return
        try:
            await machine.handle_to_device_event(ToDeviceEvent.deserialize(event))
        except (EncryptionError, MatrixError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("crypto.key_unread", sender=event.get("sender"), **harmless(error))


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
