"""Addresses of names, looked up in threads of their own.

The system's lookup can take half a minute, and cannot be broken off. In the threads that asyncio shares between all of
us, a few names that nobody answers for would keep everything else waiting.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class Lookups(AbstractResolver):
    """Raises OSError, as aiohttp wants it. Whether an address may be connected to is for the socket to say."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def settle(infos: list[Any], error: OSError | None) -> None:
            if found.done():  # nobody waits for it any more
                return
            if error is None:
                found.set_result(infos)
            else:
                found.set_exception(error)

        def look() -> None:
            infos: list[Any] = []
            failed: OSError | None = None
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except OSError as error:
                failed = error
            except UnicodeError:
                failed = OSError("no name of a host")
            with suppress(RuntimeError):  # the loop is closed: we are ending
                loop.call_soon_threadsafe(settle, infos, failed)

        threading.Thread(target=look, name="feeds-lookup", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _type, protocol, _name, place in await found
        ]

    async def close(self) -> None: ...
