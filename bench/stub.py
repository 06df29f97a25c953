"""A homeserver that does nothing and answers at once, in a process of its own: `python -m bench.stub PORT`.

Good for one thing: to see how fast the bridge is when nobody holds it up. ``/stub`` says how many messages came, and
when the first and the last did (seconds of the monotonic clock); ``/stub?delay=0.1`` makes every send take that long,
``/stub?reset=1`` forgets the count.
"""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs, urlsplit


class Stub:
    """What came."""

    def __init__(self) -> None:
        self.count = 0
        self.first = self.last = 0.0
        self.delay = 0.0

    def send(self) -> bytes:
        now = time.monotonic()
        self.first = self.first if self.count else now
        self.last = now
        self.count += 1
        return b'{"event_id":"$%d-%d"}' % (self.count, time.monotonic_ns())

    def answer(self, method: bytes, target: bytes) -> bytes:
        if b"/send/m.room.message/" in target:
            return self.send()
        if target.startswith(b"/stub"):
            return self._told(parse_qs(urlsplit(target.decode()).query))
        if b"/sync" in target:
            return b'{"next_batch":"s1"}'
        if target.startswith(b"/_matrix/client/versions"):
            return b'{"versions":["v1.17"]}'
        if method == b"GET" and b"/state" in target and target.partition(b"?")[0].endswith(b"/state"):
            return b"[]"
        return b"{}"

    def _told(self, query: dict[str, list[str]]) -> bytes:
        if "reset" in query:
            self.count = 0
        if "delay" in query:
            self.delay = float(query["delay"][0])
        return json.dumps({"count": self.count, "first": self.first, "last": self.last}).encode()


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and Content-Length, which is all that a client of ours needs."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._held = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end]
            start = head.lower().find(b"content-length:")
            length = int(head[start + 15 :].partition(b"\r\n")[0]) if start >= 0 else 0
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            method, target, _version = head.partition(b"\r\n")[0].split(b" ")
            body = self._stub.answer(method, target)
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            assert self._transport is not None
            if self._stub.delay and b"/send/" in target:
                asyncio.get_running_loop().call_later(self._stub.delay, self._transport.write, answer + body)
            else:
                self._transport.write(answer + body)


async def serve(port: int) -> None:
    stub = Stub()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
