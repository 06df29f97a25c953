"""What the servers of the tests have in common: one daemon that is stopped, killed and looked at in the same way."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tchap_bridges.testing.process import Daemon


class Server:
    """A server made of one `Daemon`; stop it, or use it in `async with`, which stops it at the end."""

    _daemon: Daemon

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Of the running process; 0 when stopped."""
        return self._daemon.pid

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self._daemon.log

    async def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        await self._daemon.stop()

    async def kill(self) -> None:
        """SIGKILL to all of it, as a crash would: nothing that was only in memory survives."""
        await self._daemon.kill()


class OwnStart(Server, ABC):
    """One that is made first and started by `async with`."""

    @abstractmethod
    async def start(self) -> None:
        """Start, or start again as it was."""

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self
