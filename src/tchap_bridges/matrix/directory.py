"""Whether an address is an agent's: Tchap's identity servers say which homeserver it belongs to.

``GET /_matrix/identity/api/v1/info?medium=email&address=…`` → ``{"hs": "agent.finances.tchap.gouv.fr"}``.
Deny when in doubt: whoever cannot be told for an agent is none.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import structlog

from tchap_bridges.ids import UserId
from tchap_bridges.logs import harmless

PATIENCE = 5.0  # seconds for an answer
MOST = 16_384  # bytes of one

log = structlog.get_logger(__name__)


class Directory:
    """``url``: an identity server, None where there is none. ``is_guest`` tells the users of guests' homeservers."""

    def __init__(self, url: str | None, is_guest: Callable[[UserId], bool], *, patience: float = PATIENCE) -> None:
        self._url = url
        self._is_guest = is_guest
        self._patience = patience

    async def is_external(self, address: str) -> bool:
        """False only for an address that belongs to a homeserver of agents. Raises nothing."""
        if self._url is None or address.count("@") != 1 or not address.isprintable():
            return True
        try:
            async with asyncio.timeout(self._patience):
                server = await self._homeserver_of(address)
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:  # a time-out is an OSError
            log.warning("directory.does_not_answer", **harmless(error))
            return True
        return server is None or self._is_guest(UserId(f"@x:{server}"))

    async def _homeserver_of(self, address: str) -> str | None:
        """None for what is no answer."""
        asked = {"medium": "email", "address": address.lower()}
        url = f"{self._url}/_matrix/identity/api/v1/info"
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, params=asked, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                return None
            body = b""
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST:
                    return None
        told: Any = json.loads(body)
        server = told.get("hs") if isinstance(told, dict) else None
        return server if isinstance(server, str) and server.strip() == server != "" else None
