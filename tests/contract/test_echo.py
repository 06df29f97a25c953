"""The Echo bridge passes the contract suite: it is the example that others are written after."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tchap_bridge_echo import EchoBridge, EchoConfig
from tchap_bridge_echo.server import EchoServer
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.testing.contract import BridgeContract
from tchap_bridges.testing.rig import Peer, Shown


class EchoPeer(Peer):
    """Alice, in #general."""

    argument = "#General"
    nowhere = "#nulle-part"
    vanished = ChatId("#disparu")

    def __init__(self, server: EchoServer) -> None:
        self.server = server
        self.bridge = EchoBridge()
        self.config = EchoConfig(port=server.port, nick="pont", password="secret")
        self.wrong = EchoConfig(port=server.port, nick="pont", password="faux")
        self.alice = server.person("alice")
        self.reactions: dict[str, str] = {}

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        files = [(file[0], "application/octet-stream", file[1])] if file else []
        self.alice.say("#general", text, thread=thread[0] if thread else "", files=files)

    def waiting(self) -> int:
        return sum(not getattr(news, "mine", False) for news in self.server.account("pont").waiting.values())

    def shown(self) -> Sequence[Shown]:
        return [
            Shown(
                id=post.id,
                author=post.name,
                text=post.text,
                thread=post.thread,
                reply_to=post.reply_to,
                files={file.name: file.data for file in post.files},
                reactions=[symbol for _name, symbol in post.reactions],
            )
            for post in self.server.channel("#general").messages
            if post.nick == "pont"
        ]

    async def cut(self) -> None:
        await self.server.drop()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await self.server.stop()
        yield
        await self.server.start()

    def lose_answer(self) -> None:
        self.server.faults.lose_answers = 1

    async def edit(self, message: MessageId, text: str) -> None:
        self.alice.edit(message, text)

    async def delete(self, message: MessageId) -> None:
        self.alice.delete(message)

    async def react(self, message: MessageId, symbol: str) -> None:
        self.reactions[message + symbol] = self.alice.react(message, symbol)

    async def unreact(self, message: MessageId, symbol: str) -> None:
        self.alice.unreact(self.reactions.pop(message + symbol))

    async def types(self) -> None:
        self.alice.types("#general")

    def typing(self) -> Sequence[str]:
        return [name.removesuffix(" (Tchap)") for name in self.server.channel("#general").writing]


@asynccontextmanager
async def echo_peer() -> AsyncIterator[Peer]:
    async with EchoServer(passwords={"pont": "secret"}) as server:
        yield EchoPeer(server)


class TestEcho(BridgeContract):
    def network(self) -> AbstractAsyncContextManager[Peer]:
        return echo_peer()
