"""A webhook that keeps nothing, in a process of its own: `python -m bench.bare PORT`. What aiohttp alone takes."""

import asyncio
import sys

from aiohttp import web


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


async def serve(port: int) -> None:
    application = web.Application()
    application.add_routes([web.post("/hook/{id}", take)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
