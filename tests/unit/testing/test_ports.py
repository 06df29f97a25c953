"""Ports that are handed out to servers which start side by side."""

import socket
import subprocess
import sys

from tchap_bridges.testing.ports import free_port

MANY = 100


def test_no_port_is_given_twice_though_nothing_listens_yet() -> None:
    assert len({free_port() for _ in range(MANY)}) == MANY


def test_another_process_is_given_others() -> None:
    program = f"from tchap_bridges.testing.ports import free_port; print(*(free_port() for _ in range({MANY})))"
    theirs = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout.split()
    assert len(theirs) == MANY
    assert not {int(port) for port in theirs} & {free_port() for _ in range(MANY)}


def test_a_port_where_somebody_listens_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port() + 1))
        taken.listen()
        assert free_port() != taken.getsockname()[1]
