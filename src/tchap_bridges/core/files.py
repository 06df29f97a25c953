"""Files on their way: whatever network named one, its bytes are opened the same way, again for each attempt."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from tchap_bridges.bridge import OpensFiles
from tchap_bridges.core.ports import Row
from tchap_bridges.errors import BridgeError, RemoteViolation, Undeliverable
from tchap_bridges.events import File, Message
from tchap_bridges.i18n import _
from tchap_bridges.ids import FileRef

CHUNK = 1 << 16

log = structlog.get_logger(__name__)
OpenBytes = Callable[[Row, FileRef], Awaitable["bytes | OpensFiles"]]


@dataclass(frozen=True, slots=True)
class SentFile:
    """`bridge.Attachment`: opened through the place where the message came from."""

    name: str
    mime: str
    size: int | None
    opener: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
    linker: Callable[[], Awaitable[str]]

    def open(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.opener()

    async def link(self) -> str:
        return await self.linker()


class Files:
    """``find`` gives the bytes of a file that lies in the inbox, or the connection that can fetch it."""

    def __init__(self, find: OpenBytes) -> None:
        self._find = find

    def of(self, message: Row, event: Message, link: Callable[[int, str], Awaitable[str]]) -> tuple[SentFile, ...]:
        """``link`` makes a URL of a part of the message; the files are its parts from 1 on."""
        return tuple(
            SentFile(file.name, file.mime, file.size, self.opener(message, file), partial(link, part, file.name))
            for part, file in enumerate(event.files, start=1)
        )

    def opener(self, message: Row, file: File) -> Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
            try:
                found = await self._find(message, file.ref)
            except RemoteViolation as error:
                raise Undeliverable(_("son contenu ne peut pas être lu")) from error
            except BridgeError:
                raise
            except Exception as error:  # the text that came with it goes on without it
                log.exception("files.unreadable", message=message["id"])
                raise Undeliverable(_("son contenu ne peut pas être lu")) from error
            if isinstance(found, OpensFiles):
                async with found.open_file(file.ref) as chunks:
                    yield chunks
            else:
                yield _chunks(found)

        return opened


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
