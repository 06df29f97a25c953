"""Requests to a homeserver as one user, and its errors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp


class MatrixError(Exception):
    """The homeserver answered with an error: HTTP `status`, `errcode` such as M_FORBIDDEN, and its words."""

    def __init__(self, status: int, errcode: str, message: str) -> None:
        super().__init__(f"{status} {errcode}: {message}")
        self.status, self.errcode = status, errcode


class Http:
    """Opens its session when it is first used. ``params`` is added to the query of every request."""

    def __init__(self, url: str, token: str, params: Mapping[str, str]) -> None:
        self._url, self._token, self._params = url, token, params
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(self, method: str, path: str, **options: Any) -> Any:
        async with self._open(method, path, **options) as answer:
            return await read(answer)

    async def fetch(self, path: str) -> bytes:
        """What is no JSON, as it is."""
        async with self._open("GET", path) as answer:
            if answer.status >= 400:
                await read(answer)
            return await answer.read()

    @asynccontextmanager
    async def _open(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90))
        headers = {"Authorization": f"Bearer {self._token}", **options.pop("headers", {})}
        params = {**self._params, **options.pop("params", {})}
        async with self._session.request(method, self._url + path, params=params, headers=headers, **options) as answer:
            yield answer


async def read(answer: aiohttp.ClientResponse) -> Any:
    """What an answer says. Raises `MatrixError` on any of 400 or more."""
    if answer.status < 400:
        return await answer.json(content_type=None)
    try:
        said = await answer.json(content_type=None)
    except ValueError:
        said = {"error": await answer.text()}
    raise MatrixError(answer.status, said.get("errcode", "M_UNKNOWN"), said.get("error", ""))
