"""Ports for servers that are about to start: no two get the same, whoever starts them at the same time.

Between the moment at which a port is looked up and the one at which its server listens, nothing shows that it is taken.
So every process has a share of the ports to itself, and hands each out once before any comes again.
"""

import fcntl
import itertools
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Below the range from which the kernel takes ports for outgoing connections: a server that is killed and started
# again finds its port still free.
_FIRST, _LAST = 20_000, 32_000
_SHARES = 24
_EACH = (_LAST - _FIRST) // _SHARES


class NoPortError(RuntimeError):
    """Every port that this process may use is taken."""


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of `host` on which nothing listens now, and that nobody was given lately. Raises `NoPortError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in itertools.islice(_mine(), _EACH):
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise NoPortError(f"no free port on {host} among the {_EACH} of this process")


@cache
def _mine() -> Iterator[int]:
    """The ports of our share, over and over."""
    first = _FIRST + _share() * _EACH
    return itertools.cycle(range(first, first + _EACH))


def _share() -> int:
    """The number of one that no other living process has: the lock on its file ends with the process."""
    for number in random.sample(range(_SHARES), _SHARES):
        path = Path(tempfile.gettempdir()) / f"tchap-bridges-ports-{os.getuid()}-{number}"
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return number
    return random.randrange(_SHARES)  # noqa: S311 - no secret
