"""A server run as a child process: started, watched, stopped, and never outliving us.

Nothing here is bound to an event loop, so that a server can be shared by tests that each have their own.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

_SYSTEM_PATH = ("/usr/sbin", "/usr/lib/postfix/sbin")


class ServerFailedError(RuntimeError):
    """A server did not start or stopped by itself; the message ends with the end of its log."""


class MissingServerError(RuntimeError):
    """A program that a test or the demo needs is not installed; the message says how to install it."""


async def eventually(check: Callable[[], Awaitable[bool]], *, timeout: float, every: float = 0.05) -> bool:  # noqa: ASYNC109
    """Ask `check` until it says yes; False when `timeout` seconds have passed."""
    end = time.monotonic() + timeout
    while not await check():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(every)
    return True


async def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):  # it accepted, that is all we asked
        await writer.wait_closed()
    return True


def tail(log: Path, *, lines: int = 30) -> str:
    """The end of a log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def find_program(name: str, packages: str) -> str:
    """The path of a server's program, also where the shell's PATH leaves /usr/sbin out. Raises MissingServerError."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_PATH]))
    if found is None:
        raise MissingServerError(f"{name} is not installed: run `make servers`, or apt-get install {packages}")
    return found


def open_folder(folder: Path) -> Path:
    """Make a folder for a server that changes users: everybody may enter it.

    Raises ServerFailedError where a folder above keeps others out.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    closed = next((parent for parent in folder.parents if not parent.stat().st_mode & 0o001), None)
    if closed is not None and os.geteuid() == 0:
        raise ServerFailedError(f"only its owner may enter {closed}, but this server changes users: use another folder")
    return folder


def unprivileged(*names: str) -> str | None:
    """The first of these users, or nobody, for a server that refuses to be root; None where we are not root anyway.

    Raises MissingServerError where there is none.
    """
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise MissingServerError(f"a user {' or '.join((*names, 'nobody'))} is needed: this server refuses to run as root")


def rights_of(user: str | None) -> dict[str, Any]:
    """What makes subprocess.Popen run as `user` and with no other rights; nothing for None."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def hand_over(folder: Path, user: str | None) -> None:
    """Give a folder and all that is in it to `user`; nothing to do for None."""
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid)


class Process:
    """One child process in its own process group, its output in a log file.

    A guard kills the group when our process ends in any way: it reads a pipe that only we hold open. (PR_SET_PDEATHSIG
    is not enough: the kernel forgets it when a server changes users, and it does not reach grandchildren.)
    """

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, cwd: Path | None = None, user: str | None = None
    ) -> None:
        """`user`: whom it runs as, where we are root and it refuses to be."""
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(  # noqa: S603 (commands are ours)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                start_new_session=True,
                **rights_of(user),
            )
        self._guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", 'read -r _; kill -KILL "-$1"', "guard", str(self._popen.pid)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    async def ready(self, check: Callable[[], Awaitable[bool]], *, timeout: float) -> None:  # noqa: ASYNC109
        """Wait until `check` says yes. Raises ServerFailedError, with the log's end, when it ends or takes too long."""

        async def ready_or_dead() -> bool:
            return not self.running or await check()

        if not await eventually(ready_or_dead, timeout=timeout):
            await self.kill()
            raise ServerFailedError(
                f"{self.name} was not ready after {timeout:.0f} s. The end of its log:\n{tail(self.log)}"
            )
        if not self.running:
            raise ServerFailedError(
                f"{self.name} stopped at once with code {self._popen.returncode}. The end of its log:\n{tail(self.log)}"
            )

    async def stop(self, *, timeout: float = 10) -> None:  # noqa: ASYNC109
        """SIGTERM, and SIGKILL to the whole group when it is still there after `timeout` seconds."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            await eventually(self._ended, timeout=timeout, every=0.01)
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the process and what it started; returns once it is gone."""
        with contextlib.suppress(ProcessLookupError):
            # The group outlives its leader while a child of it is still there.
            os.killpg(self.pid, signal.SIGKILL)
        await eventually(self._ended, timeout=10, every=0.005)
        self._guard.kill()
        self._guard.communicate()

    async def _ended(self) -> bool:
        return not self.running


class Daemon:
    """A server that can be stopped, killed and started again with the same command; `ready` tells when it serves."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], Awaitable[bool]],
        cwd: Path | None = None,
        user: str | None = None,
        patience: float = 10,
    ) -> None:
        """`user`: whom it runs as, where it refuses to be root. `patience`: seconds from SIGTERM to SIGKILL."""
        self.log = log
        self._patience = patience
        self._name, self._command, self._ready, self._cwd = name, list(command), ready, cwd
        self._user = user
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Of the running process; 0 when stopped."""
        return self._process.pid if self._process is not None else 0

    async def restart(self, *, timeout: float = 60) -> None:  # noqa: ASYNC109
        """Stop it if it runs, start it, and return once it is ready. Raises ServerFailedError."""
        await self.stop()
        self._process = Process(self._name, self._command, log=self.log, cwd=self._cwd, user=self._user)
        try:
            await self._process.ready(self._ready, timeout=timeout)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        process, self._process = self._process, None
        if process is not None:
            await process.stop(timeout=self._patience)

    async def kill(self) -> None:
        """SIGKILL, as a crash would: nothing that was only in memory survives."""
        process, self._process = self._process, None
        if process is not None:
            await process.kill()
