"""Slack's Web API as it is called here: slack_sdk's client without its retries, and errors of the contract.

The SDK's own retry repeats a request after a reset, and with it a post that had arrived. Nothing is retried here but
what only reads. Who was told to wait (429) is not asked again before: that method, and of a post that channel, alone.
"""

import asyncio
import email.utils
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from tchap_bridge_slack.config import SlackConfig
from tchap_bridge_slack.refusals import Doubtful, Limited, refusal
from tchap_bridge_slack.waits import Waits
from tchap_bridges.bridge import Store
from tchap_bridges.errors import NotReady
from tchap_bridges.i18n import _

SECONDS: Final = 30.0
_LONGEST_WAIT: Final = 120.0  # seconds that something which only reads waits for its turn

Json = dict[str, Any]


def quiet() -> logging.Logger:
    """The SDK repeats what it sends and gets: not in our logs."""
    logger = logging.getLogger("tchap_bridge_slack.sdk")
    logger.setLevel(logging.CRITICAL)
    return logger


class Api:
    """The calls of one connection. ``offset``: by how many seconds Slack's clock is ahead of ours, once it answered."""

    def __init__(self, config: SlackConfig, http: aiohttp.ClientSession, waits: Waits) -> None:
        self.http = http
        self.offset = 0.0
        self.base = config.api
        self._bot, self._app = config.bot_token.get_secret_value(), config.app_token.get_secret_value()
        self._waits = waits
        self.client = AsyncWebClient(
            token=self._bot,
            base_url=f"{config.api}/",
            session=http,
            retry_handlers=[],
            logger=quiet(),
        )

    @property
    def bearer(self) -> Mapping[str, str]:
        """For files, which are fetched with the token too."""
        return {"Authorization": f"Bearer {self._bot}"}

    def now(self) -> float:
        """The time by Slack's clock."""
        return time.time() + self.offset

    async def auth(self, *, app: bool = False) -> tuple[Json, Mapping[str, str]]:
        """Who a token is, and the headers of the answer, which name its scopes. Raises `BadCredentials`, `NotReady`."""
        if app:
            shown = self.client.api_call("auth.test", params={"token": self._app})
            return await self._asked("auth.test", "", shown, app=True)
        return await self._asked("auth.test", "", self.client.auth_test())

    async def socket_address(self) -> str:
        """Where to open a socket, once, within some seconds. Raises `BadCredentials`, `NotReady`."""
        said, _headers = await self._asked(
            "apps.connections.open", "", self.client.apps_connections_open(app_token=self._app), app=True
        )
        return str(said.get("url", ""))

    async def do(self, method: str, call: Callable[[], Awaitable[AsyncSlackResponse]], *, channel: str = "") -> Json:
        """One attempt. Raises `Refused` and `Limited` when nothing was done, `Doubtful` when that is not known."""
        if (wait := self._waits.left(method, channel)) > 0:
            raise Limited(_("Slack demande d'attendre"), retry_after=wait)
        said, _headers = await self._asked(method, channel, call())
        return said

    async def read(self, method: str, call: Callable[[], Awaitable[AsyncSlackResponse]], *, channel: str = "") -> Json:
        """The same for what changes nothing: it waits for its turn, and a broken answer is asked for again, once."""
        broken, deadline = False, time.monotonic() + _LONGEST_WAIT
        while True:
            try:
                return await self.do(method, call, channel=channel)
            except Limited as limited:
                wait = limited.retry_after or 1.0
                if time.monotonic() + wait > deadline:
                    raise
                await asyncio.sleep(wait)
            except Doubtful:
                if broken:
                    raise
                broken = True

    async def pages(
        self, method: str, call: Callable[[str], Awaitable[AsyncSlackResponse]], *, most: int = 100
    ) -> AsyncIterator[Json]:
        """Every page of a list; ``call`` is given the cursor. Raises as `read`."""
        cursor = ""
        for _page in range(most):
            said = await self.read(method, partial(call, cursor))
            yield said
            more = said.get("response_metadata")
            cursor = str(more.get("next_cursor") or "") if isinstance(more, Mapping) else ""
            if not cursor:
                return

    async def _asked(
        self, method: str, channel: str, answer: Awaitable[AsyncSlackResponse], *, app: bool = False
    ) -> tuple[Json, Mapping[str, str]]:
        began = time.time()
        try:
            async with asyncio.timeout(SECONDS):
                response = await answer
        except SlackApiError as error:
            raise await self._refused(method, channel, error, app=app) from None  # it repeats what was sent
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotReady(_("Slack ne répond pas")) from error
        except (aiohttp.ClientError, SlackClientError, OSError, ValueError) as error:
            raise Doubtful(_("la connexion à Slack s'est coupée"), retry_after=1.0) from error
        self._set_clock(response.headers, began)
        data = response.data
        return (data if isinstance(data, dict) else {}), response.headers

    async def _refused(self, method: str, channel: str, error: SlackApiError, *, app: bool) -> Exception:
        response: Any = error.response
        status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
        data = getattr(response, "data", None)
        said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        code = str(said.get("error") or "")
        if status == 429 or code in {"ratelimited", "rate_limited"}:
            headers = getattr(response, "headers", {})
            wait = _seconds(headers.get("Retry-After"))
            await self._waits.told(method, channel, wait)
            return Limited(_("Slack demande d'attendre"), retry_after=wait)
        if status >= 500 or not code:
            return Doubtful(_("Slack a eu une panne ({code})", code=status), retry_after=2.0)
        return refusal(code, said, app=app)

    def _set_clock(self, headers: Mapping[str, str], began: float) -> None:
        """To the second, from the HTTP header Date (RFC 9110, section 6.6.1)."""
        try:
            told = email.utils.parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (TypeError, ValueError):
            return
        between = (began + time.time()) / 2
        self.offset = told - between if abs(told - between) > 1.5 else 0.0


def _seconds(header: Any) -> float:
    text = str(header or "")
    return max(1.0, float(text)) if text.isascii() and text.isdigit() else 5.0


@asynccontextmanager
async def opened(config: SlackConfig, store: Store | None = None) -> AsyncIterator[Api]:
    """The API with a pool of connections of its own; proxies as the environment names them."""
    waits = Waits(store)
    await waits.open()
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Api(config, http, waits)
