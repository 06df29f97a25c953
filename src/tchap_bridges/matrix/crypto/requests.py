"""The requests that `mautrix.crypto` makes, as one of our users and its device, by our own client."""

import secrets
from typing import Any

from mautrix.client.api.modules.crypto import CryptoMethods
from mautrix.types import DeviceID, UserID

from tchap_bridges.ids import UserId
from tchap_bridges.matrix.client import Json, MatrixClient


class Requests(CryptoMethods):
    """All that `mautrix.crypto.OlmMachine` takes for a client. Raises what `MatrixClient` does."""

    def __init__(self, client: MatrixClient, user: UserId, device: str) -> None:
        self._client = client
        self.user = user
        self.mxid = UserID(user)
        self.device_id = DeviceID(device)
        self.api = self  # type: ignore[assignment]  # as much of an HTTPAPI as it uses

    async def request(self, method: Any, path: Any, content: Json | None = None) -> Json:
        """``method`` and ``path`` are mautrix's."""
        name = str(path).rpartition("v3/")[2].partition("/")[0]
        return await self._client.call(
            str(method.value),
            f"/{str(path).lstrip('/')}",
            content,
            name=name,
            user=self.user,
            device=str(self.device_id),
        )

    def get_txn_id(self) -> str:
        """Keys are sealed anew for each attempt, so no attempt is the same as another."""
        return secrets.token_urlsafe(12)

    def add_event_handler(self, *_arguments: Any, **_named: Any) -> None:
        """Nothing arrives by itself: `Inbox` gives the machine what came."""

    def dispatch_event(self, *_arguments: Any, **_named: Any) -> None:
        """What other devices say that is no key is nothing to us."""
