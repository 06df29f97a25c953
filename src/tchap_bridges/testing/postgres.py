"""A real PostgreSQL server for tests, from Debian's binaries, that can be stopped and killed.

    with start_postgres() as server:
        url = server.create_database()

It listens on a free loopback port, without a password, and keeps its promises to the disk (fsync is on).
"""

# ruff: noqa: S603  (every command here is made of our own words)

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tchap_bridges.testing.ports import free_port

from .process import MissingServerError, ServerFailedError, rights_of, tail, unprivileged

_START_SECONDS = 60.0
_SETTINGS = {"shared_buffers": "16MB", "max_connections": "60", "log_min_messages": "warning"}


class PostgresServer:
    """One server with its own data folder. Blocks; made by `start_postgres`."""

    def __init__(self, binaries: Path, directory: Path, owner: dict[str, Any]) -> None:
        self.port = free_port()
        self._binaries = binaries
        self._data = directory / "data"
        self._log = directory / "log"
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in count(1))
        self._run("initdb", "--pgdata", self._data, "--username=tchap", "--auth=trust", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        """Start, and return once it answers. After a kill it first waits for the orphans of the last one to go."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            if self._answers():
                return
            time.sleep(0.05)
        raise ServerFailedError(f"PostgreSQL did not start within {_START_SECONDS:.0f} s: {tail(self._log)}")

    def stop(self) -> None:
        """Shut down in order, cutting its connections (a "fast" shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Die as in a power cut: kill -9 for the server and all its workers."""
        self._end(signal.SIGKILL)

    def create_database(self) -> str:
        """A fresh, empty database; returns its URL."""
        name = next(self._names)
        self._run("createdb", "--host=127.0.0.1", f"--port={self.port}", "--username=tchap", name)
        return f"postgresql://tchap@127.0.0.1:{self.port}/{name}"

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    self._binaries / "postgres",
                    *("-D", self._data),
                    "--listen_addresses=127.0.0.1",
                    f"--port={self.port}",
                    "--unix_socket_directories=",
                    *settings,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                process_group=0,
                **self._owner,
            )

    def _answers(self) -> bool:
        program = str(self._binaries / "pg_isready")
        done = subprocess.run([program, "--quiet", "--host=127.0.0.1", f"--port={self.port}"], check=False)
        return done.returncode == 0

    def _end(self, how: signal.Signals) -> None:
        if (process := self._process) is None:
            return
        if how is signal.SIGKILL:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        process.wait(_START_SECONDS)
        self._process = None

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments], check=False, capture_output=True, text=True, cwd="/", **self._owner
        )
        if done.returncode:
            raise ServerFailedError(f"{program} failed: {done.stderr.strip()}")


@contextmanager
def start_postgres(directory: Path | None = None) -> Iterator[PostgresServer]:
    """A running server in *directory* (by default a temporary one, removed at the end).

    PostgreSQL refuses to run as root: the server then belongs to the user `postgres`, or `nobody`, who must be able to
    enter the folder. Raises MissingServerError naming Debian's package, ServerFailedError when it does not start.
    """
    binaries = _binaries()
    owner = rights_of(unprivileged("postgres"))
    home = directory or Path(tempfile.mkdtemp(prefix="tchap-postgres-"))
    home.mkdir(parents=True, exist_ok=True)
    server = None
    try:
        if owner:
            os.chown(home, owner["user"], owner["group"])
        server = PostgresServer(binaries, home, owner)
        server.start()
        yield server
    finally:
        if server is not None:
            server.kill()
        if directory is None:
            shutil.rmtree(home, ignore_errors=True)


def _binaries() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    found = debian[-1] if debian else shutil.which("initdb")
    if found is None:
        raise MissingServerError("PostgreSQL's server is not installed; on Debian: apt-get install postgresql")
    return Path(found).parent
