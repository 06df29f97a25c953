"""A site on loopback that serves what a test says, and knows what it was asked."""

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def rss(*entries: str, title: str = "Le site", more: str = "") -> bytes:
    return f"<rss version='2.0'><channel><title>{title}</title>{more}{''.join(entries)}</channel></rss>".encode()


def item(n: int | str, title: str = "", *, summary: str = "", more: str = "") -> str:
    return (
        f"<item><guid isPermaLink='false'>g{n}</guid><title>{title or f'Titre {n}'}</title>"
        f"<link>https://exemple.fr/{n}</link><description>{summary}</description>{more}</item>"
    )


class Site:
    """``pages`` are what is served at a path: bytes, a status, or what makes the answer."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | int | Answer] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._runner: web.AppRunner

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path_qs, dict(request.headers)))
        page = self.pages.get(request.path, 404)
        if callable(page):
            return await page(request)
        if isinstance(page, int):
            return web.Response(status=page, headers=self.headers)
        return web.Response(body=page, headers={"Content-Type": "application/rss+xml", **self.headers})

    def moves(self, path: str, to: str, status: int = 301) -> None:
        async def answer(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": to})

        self.pages[path] = answer
