"""``/health`` and ``/metrics``: for probes and for Prometheus, on an address of their own."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from tchap_bridges.web.metrics import Metrics

Health = Callable[[], Awaitable[Mapping[str, Any]]]
Figures = Callable[[], Awaitable[Mapping[str, Mapping[str, float]]]]


def site(metrics: Metrics, *, health: Health, links: Health, figures: Figures) -> web.Application:
    """``health`` answers ``{live, ready, homeserver, connections, links, dead_letters}``; 503 while not ready.

    ``links`` is every link by its number, with its state and what waits for it.
    """

    async def get_health(request: web.Request) -> web.Response:
        del request
        found = await health()
        return web.json_response(found, status=200 if found["ready"] else 503, dumps=_dumps)

    async def get_links(request: web.Request) -> web.Response:
        del request
        return web.json_response(await links(), dumps=_dumps)

    async def get_live(request: web.Request) -> web.Response:
        del request
        return web.json_response({"live": True})

    async def get_metrics(request: web.Request) -> web.Response:
        del request
        return web.Response(body=metrics.page(await figures()), content_type="text/plain", charset="utf-8")

    application = web.Application()
    application.add_routes(
        [
            web.get("/health", get_health),
            web.get("/health/live", get_live),
            web.get("/health/links", get_links),
            web.get("/metrics", get_metrics),
        ]
    )
    return application


def _dumps(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)
