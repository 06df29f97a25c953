"""Addresses that users type lead to the open internet, whatever the name says."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tchap_bridges.public import NotPublic, is_public, public_socket

INSIDE = """
127.0.0.1 127.255.255.254 0.0.0.0 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.100.100.200
169.254.169.254 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
168.63.129.16 192.88.99.1 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:169.254.169.254 fe80::1
fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 2001::1 2002:7f00:1:: 2002:808:808:: 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::1 4000::1
"""
OUTSIDE = """
8.8.8.8 172.32.0.1 100.128.0.1 192.167.255.255 2a00:1450:4007:80e::2004 2001:4860:4860::8888 64:ff9b::808:808
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_inside(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE.split())
def test_outside(address: str) -> None:
    assert is_public(address)


class _Resolver(AbstractResolver):
    """Every name is this machine's."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found: Any = {"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}
        return [found]

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", NotPublic),
        ("[::ffff:127.0.0.1]", NotPublic),
        ("rebound.exemple.fr", NotPublic),
        ("2130706433", None),  # aiohttp refuses these spellings in later versions, before there is a socket
        ("127.1", None),
    ],
)
async def test_nothing_is_connected_to_inside(host: str, why: type[OSError] | None) -> None:
    """A literal, another spelling of one, or a name whose address has changed since it was looked at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        connector = aiohttp.TCPConnector(socket_factory=public_socket, resolver=_Resolver())
        async with aiohttp.ClientSession(connector=connector) as http:
            with pytest.raises(aiohttp.ClientError) as error:
                await http.get(f"http://{host}:{port}/")
        if why is not None:
            assert isinstance(getattr(error.value, "os_error", None), why)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_socket_for_the_outside() -> None:
    with public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))) as made:
        assert made.family is socket.AF_INET
