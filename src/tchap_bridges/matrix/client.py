"""One homeserver's client-server API: requests as any of our users, and its errors as ours.

Nothing is retried here: the core's lanes do that, in order. What is kept here is what a retry must respect: a user who
was told to wait makes no call before its time, and never more than a few sends are in flight at once.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from mautrix.api import HTTPAPI
from yarl import URL

from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import UserId

Json = dict[str, Any]
Answer = TypeVar("Answer", dict[str, Any], list[Any])
Observe = Callable[[str, float, bool], None]
"""Told after each request: what was asked (``send``, ``join`` …), the seconds it took, whether it succeeded."""
Before = Callable[[], None]
"""Asked just before something leaves; what it raises keeps that here."""

SENDS = 16  # more in flight only adds latency: measured on Synapse
UPLOADS = 4
_CALL = aiohttp.ClientTimeout(total=60, sock_connect=10)
_TRANSFER = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
_WAIT = 1.0  # seconds, where a 429 does not say how long
_LOCKED_OUT = frozenset(("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "ORG_MATRIX_EXPIRED_ACCOUNT"))
_THIS_USER = frozenset(("M_USER_DEACTIVATED", "M_USER_LOCKED", "M_USER_SUSPENDED"))  # one ghost, not our token


class MatrixRefused(Undeliverable):
    """The homeserver understood, and said no: HTTP ``status`` and ``errcode``. It would say it again."""

    def __init__(self, status: int, errcode: str, words: str) -> None:
        super().__init__(_("le serveur Matrix a refusé ({errcode})", errcode=errcode))
        self.status, self.errcode, self.words = status, errcode, words

    def __str__(self) -> str:
        return f"{self.status} {self.errcode}: {self.words}"


class SizeDiffers(Exception):
    """A file has not the size it was said to have; ``size`` is what was seen, at least."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes at least")
        self.size = size


class MatrixClient(HTTPAPI):
    """Requests to one homeserver with an appservice's token. Make it where a loop runs; close it.

    ``lost`` is set when the homeserver could not be reached; whoever looks after that clears it.
    Every call raises `NotReady` (unreachable, 5xx, 408, 429, or no Matrix server behind the address), `BadCredentials`
    or `MatrixRefused`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        observe: Observe | None = None,
        sends: int = SENDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        jar = aiohttp.DummyCookieJar()
        super().__init__(
            url,
            token,
            client_session=aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=sends + 16, keepalive_timeout=30), timeout=_CALL, cookie_jar=jar
            ),
            default_retry_count=0,
        )
        # A stream cannot be sent twice, so it never goes out on a connection that may have been closed meanwhile.
        self._media = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=2 * UPLOADS, force_close=True), timeout=_TRANSFER, cookie_jar=jar
        )
        self._root = str(self.base_url).rstrip("/")
        self.lost = asyncio.Event()
        self._observe = observe or _unobserved
        self._clock = clock
        self._sends = asyncio.Semaphore(sends)
        self._uploads = asyncio.Semaphore(UPLOADS)
        self._not_before: dict[str, float] = {}

    async def close(self) -> None:
        await self.session.close()
        await self._media.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        name: str,
        user: UserId | None = None,
        device: str = "",
        params: Mapping[str, str] | None = None,
        before: Before | None = None,
    ) -> Json:
        """One request, answered by an object. ``path`` starts with ``/_matrix`` and is quoted already (`path_of`).

        ``name`` is what metrics call it; ``send`` counts among the sends in flight. ``user`` and ``device``: as whom.
        ``before`` is asked when all waiting is over.
        """
        return _answer(await self._call(method, path, body, name, user, device, params, before), dict)

    async def listed(self, path: str, *, name: str, user: UserId) -> list[Any]:
        """A GET that is answered by a list."""
        return _answer(await self._call("GET", path, None, name, user, "", None, None), list)

    async def _call(
        self,
        method: str,
        path: str,
        body: Json | None,
        name: str,
        user: UserId | None,
        device: str,
        params: Mapping[str, str] | None,
        before: Before | None,
    ) -> Any:
        query = {**(params or {})}
        if user is not None:
            query["user_id"] = user
            if device:
                query["device_id"] = device
        gate: AbstractAsyncContextManager[Any] = self._sends if name == "send" else nullcontext()
        async with gate:
            self._hold_back(user)
            if before is not None:
                before()
            started, done = self._clock(), False
            try:
                found = await self._exchange(method, path, body, query)
                done = True
            finally:
                self._observe(name, self._clock() - started, done)
        return found

    async def _exchange(self, method: str, path: str, body: Json | None, query: Mapping[str, str]) -> Any:
        """One request, one answer. Not by HTTPAPI's own, whose URLs, logs and counts cost as much as sending it."""
        asked = f"?{urlencode(query, safe='@:', quote_via=quote)}" if query else ""
        url = URL(f"{self._root}{path}{asked}", encoded=True)
        headers, content = self._authorization(), None
        if method != "GET":
            headers["Content-Type"] = "application/json"
            content = json.dumps(body or {}).encode()
        try:
            async with self.session.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response:
                return self._judge(response, await response.read(), query.get("user_id", ""))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    # Files

    @asynccontextmanager
    async def download(
        self, path: str, *, user: UserId, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a GET, streamed."""
        self._hold_back(user)
        url = self.base_url.with_path(path, encoded=True)
        try:
            response = await self._media.get(
                url, params={**(params or {}), "user_id": user}, headers=self._authorization()
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            if response.status != 200:
                self._judge(response, await response.content.read(1 << 16), user)
                raise NotReady(_("le serveur Matrix a répondu par une erreur {status}", status=response.status))
            yield self._chunks(response)

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.content.iter_chunked(1 << 16):
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def upload(
        self,
        path: str,
        chunks: AsyncIterator[bytes],
        *,
        size: int,
        mime: str,
        user: UserId,
        device: str = "",
        filename: str = "",
        before: Before | None = None,
    ) -> None:
        """PUT a stream of ``size`` bytes. Raises `SizeDiffers` when it has not, and whatever the stream raises.

        ``before`` is asked before the request and each piece of it: one that is refused is never whole.
        """
        query = {"user_id": user, **({"device_id": device} if device else {})}
        query |= {"filename": filename} if filename else {}
        headers = {**self._authorization(), "Content-Type": mime, "Content-Length": str(size)}
        url = self.base_url.with_path(path, encoded=True)
        before = before or _nothing
        source = _Measured(chunks, size, before)
        async with self._uploads:
            self._hold_back(user)
            before()
            started, done = self._clock(), False
            try:
                async with self._media.put(url, data=source.read(), params=query, headers=headers) as response:
                    self._judge(response, await response.read(), user)
                done = True
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise (source.failure or self._unreachable(error)) from error
            finally:
                self._observe("upload", self._clock() - started, done)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    # Errors

    def _hold_back(self, user: str | None) -> None:
        if self.session.closed:
            raise NotReady(_("le pont s'arrête"))
        until = self._not_before.get(user or "")
        if until is None:
            return
        left = until - self._clock()
        if left > 0:
            raise NotReady(_("le serveur Matrix demande d'attendre"), retry_after=left)
        del self._not_before[user or ""]

    def _judge(self, response: aiohttp.ClientResponse, body: bytes, user: str) -> Any:
        """The answer's JSON. Raises what the class says."""
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        status = response.status
        if 200 <= status < 300 and isinstance(said, dict | list):
            return said
        about = said if isinstance(said, dict) else {}
        errcode, words = str(about.get("errcode") or ""), str(about.get("error") or "")[:300]
        if status == 429 or errcode == "M_LIMIT_EXCEEDED":
            wait = _wait(about, response.headers)
            self._wait_until(user, self._clock() + wait)
            raise NotReady(_("le serveur Matrix demande d'attendre"), retry_after=wait)
        if status == 413:  # a proxy in front says it without an errcode
            raise MatrixRefused(status, errcode or "M_TOO_LARGE", words)
        if not errcode or status >= 500 or status == 408 or status < 400:
            if not errcode and status in {502, 503, 504}:  # a proxy speaks, there is no homeserver behind it
                self.lost.set()
            raise NotReady(_("le serveur Matrix a répondu par une erreur {status}", status=status))
        if errcode in _LOCKED_OUT or (status == 401 and errcode not in _THIS_USER):
            raise BadCredentials(
                _("le serveur Matrix ne reconnaît pas le jeton du pont ({errcode})", errcode=errcode),
                remedy=_("Comparez le fichier d'enregistrement à celui que lit le serveur : tchap-bridges check."),
            )
        raise MatrixRefused(status, errcode, words)

    def _wait_until(self, user: str, moment: float) -> None:
        if len(self._not_before) >= 1_000:
            now = self._clock()
            self._not_before = {user: until for user, until in self._not_before.items() if until > now}
        self._not_before[user] = max(moment, self._not_before.get(user, 0.0))

    def _unreachable(self, error: Exception) -> NotReady:
        self.lost.set()
        kind = type(error).__name__  # its text may hold an address with a token
        return NotReady(_("le serveur Matrix est injoignable ({kind})", kind=kind))


class _Measured:
    """A stream that fails when it is not as long as announced, and remembers how it failed: aiohttp hides that."""

    def __init__(self, chunks: AsyncIterator[bytes], size: int, before: Before) -> None:
        self._chunks, self._size, self._before = chunks, size, before
        self.failure: Exception | None = None

    async def read(self) -> AsyncIterator[bytes]:
        seen = 0
        try:
            async for chunk in self._chunks:
                seen += len(chunk)
                if seen > self._size:
                    raise SizeDiffers(seen)  # noqa: TRY301  (it is kept below like any other)
                self._before()
                yield chunk
            if seen < self._size:
                raise SizeDiffers(seen)  # noqa: TRY301
        except Exception as error:
            self.failure = error
            raise


def path_of(*parts: str, prefix: str = "/_matrix/client/v3") -> str:
    """A path with every part quoted."""
    return "/".join((prefix, *(quote(part, safe="") for part in parts)))


def _answer(found: Any, kind: type[Answer]) -> Answer:
    """JSON that is no answer to what was asked says nothing: whatever gave it, it may do better later."""
    if not isinstance(found, kind):
        raise NotReady(_("le serveur Matrix a répondu sans {key}", key="{…}" if kind is dict else "[…]"))
    return found


def text_of(found: Any, key: str) -> str:
    """A text that an answer must have. Raises NotReady when it has not."""
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, str) or not value:
        raise NotReady(_("le serveur Matrix a répondu sans {key}", key=key))
    return value


def _wait(about: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """Seconds. https://spec.matrix.org/v1.17/client-server-api/#rate-limiting: the header is the newer form."""
    given: list[float] = []
    for value, unit in ((about.get("retry_after_ms"), 1000), (headers.get("Retry-After"), 1)):
        try:
            seconds = float(value) / unit  # type: ignore[arg-type]  # whatever it is, it is tried
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds < 86_400:
            given.append(seconds)
    return max(given, default=_WAIT)


def _nothing() -> None:
    """Nothing stands against it."""


def _unobserved(name: str, seconds: float, ok: bool) -> None:
    """Nobody watches."""
    del name, seconds, ok
