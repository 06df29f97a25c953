"""Sockets to the open internet and to nowhere else, for addresses that users have typed.

A name is not judged: it may mean another address a moment later. What is judged is the address that is connected to,
once for each connection, whatever name, literal or redirect led there::

    aiohttp.TCPConnector(socket_factory=public_socket)
"""

import ipaddress
import socket
from typing import Any, Final

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""As of `socket.getaddrinfo`."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that anybody on the internet has (IANA, IPv6 Global Unicast Address Assignments)."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""An IPv4 address as a network without IPv4 writes it (RFC 6052, 2.1)."""
_INNER: Final = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "192.88.99.1")))
"""Public by their number alone: the host of a virtual machine on Azure, and relays of 6to4 (RFC 7526)."""


class NotPublic(OSError):
    """The address belongs to no server of the open internet; nothing was sent there."""


def is_public(address: str) -> bool:
    """Whether this IP address, as text, may be that of a server on the open internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(found.packed[-4:])))
        return found in _UNICAST and found.is_global and found.sixtofour is None
    return found.is_global and not found.is_multicast and found not in _INNER


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for this address. Raises `NotPublic`."""
    family, kind, protocol, _name, place = info
    if not is_public(str(place[0])):
        raise NotPublic("not an address of the open internet")
    return socket.socket(family, kind, protocol)
