"""How much one address may ask for: so many requests a minute, so many downloads at once. Bounded whoever asks."""

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

A_MINUTE = 60  # requests of one address
AT_ONCE = 4  # downloads of one address …
ALL_AT_ONCE = 16  # … and of everybody
KNOWN = 10_000  # addresses counted in a minute; those beyond share one count


class Gate:
    """Counts start anew each minute; nothing is remembered longer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, a_minute: int = A_MINUTE) -> None:
        self._clock = clock
        self._most = a_minute
        self._minute = -1
        self._asked: Counter[str] = Counter()
        self._open: Counter[str] = Counter()

    def admits(self, address: str) -> bool:
        """Counts the request."""
        address = self._counted(address)
        self._asked[address] += 1
        return self._asked[address] <= self._most

    def spent(self, address: str) -> bool:
        """Whether no further request is admitted this minute; counts nothing."""
        return self._asked[self._counted(address)] >= self._most

    def _counted(self, address: str) -> str:
        """The name under which it is counted now."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._asked.clear()
        return address if address in self._asked or len(self._asked) < KNOWN else ""

    @contextmanager
    def download(self, address: str) -> Iterator[bool]:
        """Whether one more may begin; it counts for as long as the block lasts."""
        free = self._open[address] < AT_ONCE and self._open.total() < ALL_AT_ONCE
        self._open[address] += free
        try:
            yield free
        finally:
            self._open[address] -= free
            if not self._open[address]:
                del self._open[address]


def who_asks(remote: str | None, headers: Mapping[str, str]) -> str:
    """The address to count. A reverse proxy is believed where it is on our own network; of IPv6 the network counts.

    The last address of X-Forwarded-For is the one that the nearest proxy saw, of the last such header where the proxy
    adds one of its own to those that came (RFC 9110, 5.3).
    """
    nearest = _address(remote or "")
    forwarded = [value for name, value in headers.items() if name.lower() == "x-forwarded-for"] or [""]
    told = _address(forwarded[-1].rpartition(",")[2].strip())
    found = told if told is not None and nearest is not None and nearest.is_private else nearest
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
