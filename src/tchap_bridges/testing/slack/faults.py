"""What goes wrong next, as a test wants it. Every fault counts down and is gone at 0, or stays until `heal`."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

FOREVER = 1_000_000_000
Kind: TypeAlias = Literal["ratelimit", "status", "error", "reset_before", "lose_answer", "delay", "hang"]


@dataclass(slots=True)
class CallFault:
    """Something that happens to calls of the Web API. Empty `method` or `channel`: whatever it is."""

    kind: Kind
    method: str = ""
    channel: str = ""
    times: int = 1
    seconds: float = 0
    status: int = 503
    error: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def strikes(self, method: str, channel: str) -> bool:
        """Whether it happens to this call; it is one less then."""
        if self.times < 1 or self.method not in {"", method} or self.channel not in {"", channel}:
            return False
        self.times -= 1
        return True


class Faults:
    """The faults of one server. `calls` happen in the order in which they were set; a call meets one of each kind."""

    def __init__(self) -> None:
        self.calls: list[CallFault] = []
        self.redeliver = 0  # the next event is told to so many further sockets, as if its ack had been lost
        self.redeliver_all = 0  # the same for every event, until `heal`
        self.duplicate_events = 0  # the next events come twice with the same event_id, in two envelopes
        self.hold_back = 0  # the next events wait for `Sockets.release`: what happens after them is told first
        self.hold_acks = False  # acks are read and forgotten: everything comes again
        self.cut_mid_frame = 0  # the next envelopes break off in the middle, and the connection with them
        self.refresh_mid_event = 0  # a socket is replaced just after the next envelopes were sent, before any ack
        self.silent = False  # sockets answer no ping and say nothing, as behind a dead router

    # ---- calls of the Web API

    def ratelimit(self, method: str = "", channel: str = "", *, retry_after: int = 1, times: int = 1) -> None:
        """429 with Retry-After; nothing is done."""
        self.calls.append(CallFault("ratelimit", method, channel, times, seconds=retry_after))

    def fail(self, method: str = "", channel: str = "", *, status: int = 503, times: int = 1) -> None:
        """An HTTP status and a page of a proxy instead of JSON; nothing is done."""
        self.calls.append(CallFault("status", method, channel, times, status=status))

    def refuse(self, error: str, method: str = "", channel: str = "", *, times: int = 1, **more: Any) -> None:
        """``{"ok": false, "error": …}``; nothing is done."""
        self.calls.append(CallFault("error", method, channel, times, error=error, more=more))

    def reset_before(self, method: str = "", channel: str = "", *, times: int = 1) -> None:
        """The connection is reset and nothing is done."""
        self.calls.append(CallFault("reset_before", method, channel, times))

    def lose_answer(self, method: str = "", channel: str = "", *, times: int = 1) -> None:
        """What was asked is done, and the connection is reset instead of the answer."""
        self.calls.append(CallFault("lose_answer", method, channel, times))

    def delay(self, seconds: float, method: str = "", channel: str = "", *, times: int = FOREVER) -> None:
        """Seconds before a call is looked at."""
        self.calls.append(CallFault("delay", method, channel, times, seconds=seconds))

    def hang(self, method: str = "", channel: str = "", *, times: int = 1) -> None:
        """What was asked is done, and no answer ever comes."""
        self.calls.append(CallFault("hang", method, channel, times))

    def heal(self) -> None:
        """Forget all faults that have not happened yet."""
        fresh = Faults()
        self.__dict__.update(fresh.__dict__)

    def of(self, method: str, channel: str) -> dict[Kind, CallFault]:
        """Those that happen to this call now, one of each kind."""
        struck: dict[Kind, CallFault] = {}
        for fault in self._alive():
            if fault.kind not in struck and fault.strikes(method, channel):
                struck[fault.kind] = fault
        return struck

    def _alive(self) -> Iterator[CallFault]:
        self.calls = [fault for fault in self.calls if fault.times > 0]
        return iter(list(self.calls))

    # ---- sockets

    def happens(self, what: str) -> bool:
        """Whether that fault of the sockets happens now; it is one less then."""
        left: int = getattr(self, what)
        setattr(self, what, max(0, left - 1))
        return left > 0


async def forever() -> None:
    """Wait until the caller is cancelled."""
    await asyncio.Event().wait()
