"""Files to be looked at, and what looks at them badly."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tchap_bridges.core.ports import Suspect
from tchap_bridges.ids import FileRef

CHUNK = 10_000


def zipped(data: bytes, *, deep: int = 1) -> bytes:
    """An archive in an archive …"""
    for _ in range(deep):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("dedans", data)
        data = held.getvalue()
    return data


def suspect(data: bytes, *, name: str = "plan.bin", ref: str = "", in_matrix: bool = False, **more: object) -> Suspect:
    """A file whose reading can be followed: ``read`` is given each chunk that was taken."""
    read = more.get("read")

    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), CHUNK):
                if isinstance(read, list):
                    read.append(data[start : start + CHUNK])
                yield data[start : start + CHUNK]

        yield chunks()

    return Suspect(
        name=name, mime="application/octet-stream", size=None, ref=FileRef(ref), in_matrix=in_matrix, open=opened
    )


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port where connections are accepted, and nothing is ever said or read."""
    held: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0, limit=1)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()
        await server.wait_closed()
