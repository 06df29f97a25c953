"""The Echo network on a socket, for tests and, with ``python -m tchap_bridge_echo.server``, for hands.

::

    async with EchoServer() as network:
        ...                                                        # a bridge connects to network.port
        message = network.person("alice").say("#general", "salut")
        assert network.channel("#general").messages[-1].text == "…"
        network.faults.drop()                                      # and everything that can go wrong
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tchap_bridge_echo import wire
from tchap_bridge_echo.network import Account, Network, NoSuchThing, NotAllowed, Posted
from tchap_bridges.errors import RemoteViolation


@dataclass(slots=True)
class Faults:
    """What goes wrong next. Numbers count down; at 0 all is well.

    ``lose_answers``: requests are carried out, and the session ends before their answer. ``refuse``: requests are
    answered by ``why``. ``duplicate``: news are told twice. ``delay``: seconds before a request is looked at.
    ``garbage``: lines that mean nothing stand before the next news.
    """

    lose_answers: int = 0
    refuse: int = 0
    why: wire.Why = wire.Why.LATER
    duplicate: int = 0
    garbage: int = 0
    delay: float = 0

    def happens(self, what: str) -> bool:
        """Whether that fault happens now; it is one less then."""
        left: int = getattr(self, what)
        setattr(self, what, max(0, left - 1))
        return left > 0


class EchoServer(Network):
    """Listens on loopback while it is entered. ``passwords``: only these nicks are let in, with these passwords."""

    def __init__(
        self,
        *,
        port: int = 0,
        channels: Sequence[str] = ("#general", "#dev"),
        passwords: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(channels=channels)
        self.port = port
        self.passwords = passwords
        self.faults = Faults()
        self.sessions: set[ServerSession] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again, everything still known."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut everybody off."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop()

    async def drop(self) -> None:
        """Cut every session, without a word."""
        tasks = [session.task for session in self.sessions]
        for session in self.sessions:
            session.cut()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = ServerSession(self, reader, writer, task)
        self.sessions.add(session)
        try:
            with suppress(OSError):
                await session.run()
        finally:
            self.sessions.discard(session)
            session.cut()
            self.changed()


@dataclass(eq=False)
class ServerSession:
    """One client's connection, as the network sees it."""

    server: EchoServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    task: asyncio.Task[None]
    account: Account | None = None
    lines: wire.Lines = field(default_factory=wire.Lines)

    def cut(self) -> None:
        if self.account is not None and self.account.session is self:
            self.account.session = None
        self.writer.transport.abort()

    def tell(self, frame: wire.Frame) -> None:
        """Write a frame, with what the faults do to it."""
        faults = self.server.faults
        if isinstance(frame, wire.Happened):
            if faults.happens("garbage"):
                self.writer.write(b'{"kind": "\xff\xfe\n[[[[\n\n{}\n' + b"x" * 2 * wire.LONGEST_LINE + b"\n")
            if faults.happens("duplicate"):
                self.writer.write(wire.encode(frame))
        self.writer.write(wire.encode(frame))

    async def run(self) -> None:
        while data := await self.reader.read(wire.LONGEST_LINE):
            for line in self.lines.feed(data):
                try:
                    frame = wire.decode(line)
                except RemoteViolation:
                    return  # this network hangs up on nonsense
                if not await self._take(frame):
                    await self.writer.drain()
                    return

    async def _take(self, frame: wire.AnyFrame) -> bool:
        """False ends the session."""
        server, account = self.server, self.account
        if account is None:
            return isinstance(frame, wire.Hello) and self._greet(frame)
        match frame:
            case wire.Ack(event=event):
                account.waiting.pop(event, None)
                server.changed()
            case wire.Writing(chat=chat, by=by, active=active):
                with suppress(NoSuchThing):
                    server.write(account.nick, by, chat, active=active)
            case wire.Request():
                await asyncio.sleep(server.faults.delay)
                answer = self._answer(account, frame)
                if server.faults.happens("lose_answers"):
                    return False
                self.tell(answer)
                await self.writer.drain()
            case _:
                return False
        return True

    def _greet(self, hello: wire.Hello) -> bool:
        server = self.server
        account = server.account(hello.nick)
        if server.passwords is not None and server.passwords.get(hello.nick) != hello.password:
            self.tell(wire.Refused(reason="unknown nick or wrong password"))
            return False
        if isinstance(account.session, ServerSession):
            account.session.cut()  # the new session of a nick replaces the old one
        self.account, account.session = account, self
        self.tell(wire.Welcome(network=server.name))
        for news in account.waiting.values():
            self.tell(news)
        server.changed()
        return True

    def _answer(self, account: Account, request: wire.Asked) -> wire.Done | wire.Failed:
        faults = self.server.faults
        if faults.happens("refuse"):
            return wire.Failed(request=request.request, why=faults.why, reason="as the test wants it", seconds=0.1)
        try:
            return self._do(account, request)
        except NoSuchThing:
            return wire.Failed(request=request.request, why=wire.Why.UNKNOWN, reason="no such thing here")
        except NotAllowed as error:
            return wire.Failed(request=request.request, why=wire.Why.NEVER, reason=str(error))

    def _do(self, account: Account, request: wire.Asked) -> wire.Done:
        """Raises `NoSuchThing` and `NotAllowed`."""
        server, nick, id_, data = self.server, account.nick, "", b""
        match request:
            case wire.Join():
                id_ = server.channel(request.chat).id
                account.joined.add(id_)
            case wire.Say():
                id_ = server.say(
                    nick,
                    request.by or nick,
                    request.chat,
                    request.text,
                    key=f"{nick} {request.key}",
                    thread=request.thread,
                    reply_to=request.reply_to,
                    form=request.form,
                    files=request.files,
                )
            case wire.Reword():
                server.reword(nick, request.message, request.text)
            case wire.Withdraw():
                server.withdraw(nick, request.message)
            case wire.React():
                id_ = server.react(
                    nick, request.by or nick, request.message, request.symbol, key=f"{nick} {request.key}"
                )
            case wire.Unreact():
                server.unreact(nick, request.reaction)
            case wire.Upload():
                id_ = server.upload(f"{nick} {request.key}", request.name, request.mime, request.offset, request.data)
            case wire.Fetch():
                data = server.file(request.file).data[request.offset :][: wire.CHUNK]
        return wire.Done(request=request.request, id=id_, data=data)


# By hand


async def prompt(server: EchoServer, chat: str) -> None:
    """Type ``nick: words`` to speak; what the bridge posts is shown as it comes."""
    shown: set[str] = set()

    def fresh() -> Sequence[Posted]:
        return [post for channel in server.channels.values() for post in channel.messages if post.id not in shown]

    async def show() -> None:
        while True:
            for post in await server.until(fresh, seconds=float("inf")):
                shown.add(post.id)
                sys.stdout.write(f"{post.id}  {post.chat}  <{post.name}> {post.text}\n")
            sys.stdout.flush()

    async with asyncio.TaskGroup() as group:
        showing = group.create_task(show())
        while line := await asyncio.to_thread(sys.stdin.readline):
            nick, colon, words = line.rstrip("\n").partition(":")
            if colon and nick.strip() and words.strip():
                server.person(nick.strip()).say(chat, words.strip())
            elif line.strip():
                sys.stdout.write("Écrivez « pseudo : message ».\n")
        showing.cancel()


async def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tchap_bridge_echo.server", description=__doc__)
    arguments.add_argument("--port", type=int, default=4242)
    arguments.add_argument("--channel", default="#general")
    given = arguments.parse_args()
    async with EchoServer(port=given.port, channels=(given.channel,)) as server:
        sys.stdout.write(f"Réseau Écho sur 127.0.0.1:{server.port}, salon {given.channel}. « alice: salut » y parle.\n")
        sys.stdout.flush()
        await prompt(server, given.channel)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
