"""The IRC bridge passes the contract suite on an ngIRCd, which has nothing of IRCv3, and on an InspIRCd with accounts.

The two differ in what becomes of words said while the bridge is away: InspIRCd keeps them (channel mode +H) and tells
them at its return; on ngIRCd a person sees it leave, and says again what it has not heard.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridge_irc import IrcBridge
from tchap_bridge_irc.config import Flood, IrcConfig
from tchap_bridges.bridge import Connection, Host
from tchap_bridges.errors import Unsupported
from tchap_bridges.events import Message
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.outgoing import OutgoingDeletion
from tchap_bridges.testing.contract import BridgeContract
from tchap_bridges.testing.contract_abilities import _edit, _reaction
from tchap_bridges.testing.contract_incoming import HOSTILE
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.inspircd import Inspircd
from tchap_bridges.testing.irc_client import IrcClient
from tchap_bridges.testing.irc_line import Line
from tchap_bridges.testing.irc_relay import Wire
from tchap_bridges.testing.ngircd import Ngircd
from tchap_bridges.testing.rig import JEANNE, PATIENCE, TEXT_LINK, Peer, Shown, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_numbers = itertools.count(1)
_CAPS = ("message-tags", "server-time", "echo-message", "account-tag", "batch")


class WatchedBridge(IrcBridge):
    """The bridge, which tells its peer what it was asked to send, and what it has kept."""

    def __init__(self, peer: "IrcPeer") -> None:
        self._peer = peer

    @asynccontextmanager
    async def open(self, config: IrcConfig, host: Host) -> AsyncIterator[Connection]:
        assert isinstance(host, FakeHost)
        async with super().open(config, host) as connection:
            self._peer.watch(connection, host)
            yield connection


class IrcPeer(Peer):
    """Zoé, in a channel of her own with the bridge, behind a wire that the tests can cut."""

    nowhere = "pas un canal"
    threads = False
    tags = False

    def __init__(self, server: Ngircd | Inspircd, wire: Wire, zoe: IrcClient, number: int) -> None:
        self.server, self.wire, self.zoe = server, wire, zoe
        self.channel = f"#contrat{number}"
        self.argument = f"#Contrat{number}"
        self.nick = f"pont{number}"
        self.vanished = ChatId(f"parti{number}")
        self.bridge = WatchedBridge(self)
        self.config = self.configured()
        self.host: FakeHost | None = None
        self.said: list[str] = []
        self.ends = 0  # how often a session of the bridge has ended
        self.ids: dict[int, str] = {}  # the id that a send gave, by the line it began with
        self.sends: list[tuple[int, str]] = []  # how many lines had left when a send began, and what it was

    def configured(self, **more: object) -> IrcConfig:
        return IrcConfig.model_validate(
            {
                "host": self.wire.host, "port": self.wire.port, "security": "none", "nick": self.nick,
                "flood": Flood(burst=1000, seconds=0), **more,
            }
        )  # fmt: skip

    def watch(self, connection: Connection, host: FakeHost) -> None:
        """Note what belongs together: to whoever only reads the channel every line is a message."""
        self.host = host
        run, send, edit = connection.run, connection.send, getattr(connection, "edit")  # noqa: B009

        async def running():
            try:
                await run()
            finally:
                self.ends += 1

        async def sending(message):
            began = self.wire.posts
            self.sends.append((began, "send"))
            ids = await send(message)
            self.ids[began] = ids[0] if ids else ""
            return ids

        async def editing(change):
            self.sends.append((self.wire.posts, change.target))
            await edit(change)

        connection.run, connection.send, connection.edit = running, sending, editing  # type: ignore[method-assign,attr-defined]

    # In

    def _here(self) -> bool:
        """Whether the bridge is in the channel, by what Zoé has seen."""
        here = False
        for line in self.zoe.lines:
            if line.command == "JOIN" and line.nick == self.nick:
                here = True
            elif line.command in {"PART", "QUIT"} and line.nick == self.nick:
                here = False
        return here

    def _heard(self) -> int:
        assert self.host is not None
        return sum(isinstance(one, Message) for one in self.host.events)

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        del thread, file  # IRC has neither: what is said is said all the same
        words = " ".join(text.replace("\0", " ").encode(errors="replace").decode().splitlines())
        self.said.append(words)
        wanted = len(self.said)
        async with asyncio.timeout(3 * PATIENCE):
            while self._heard() < wanted:
                await until(self._here)
                self.zoe.say(self.channel, words)
                while self._heard() < wanted and self._here():
                    await asyncio.sleep(0.01)

    def waiting(self) -> int:
        return len(self.said) - self._heard()

    # Out

    def _posts(self) -> list[Line]:
        return [
            line for line in self.zoe.lines
            if line.command == "PRIVMSG" and line.target == self.channel and line.nick == self.nick
        ]  # fmt: skip

    def shown(self) -> Sequence[Shown]:
        groups: list[tuple[str, list[Line]]] = []
        begins = dict(self.sends)
        firsts: list[int] = []
        for n, line in enumerate(self._posts()):
            if n in begins or not groups:
                groups.append((begins.get(n, "send"), []))
                firsts.append(n)
            groups[-1][1].append(line)
        texts: dict[str, tuple[str, list[str], Line]] = {}
        for number, (what, lines) in zip(firsts, groups, strict=True):
            author, words = _parted(lines)
            id_ = lines[0].tags.get("msgid") or self.ids.get(number) or f"ligne {number}"
            if what == "send":
                texts[id_] = author, words, lines[0]
            elif words and (target := self._target(what, texts)) in texts:
                _author, _words, first = texts[target]
                texts[target] = author, [words[0].removeprefix("(corrigé) "), *words[1:]], first
        return [
            Shown(
                id=id_,
                author=author,
                text="\n".join(words),
                reply_to=first.tags.get("+draft/reply", ""),
                reactions=self._reactions(id_),
            )
            for id_, (author, words, first) in texts.items()
        ]

    def _target(self, target: str, texts: dict[str, object]) -> str:
        return target if target in texts else next(iter(texts), "")

    def _reactions(self, id_: str) -> list[str]:
        symbols: list[str] = []
        for line in self.zoe.lines:
            if line.command == "TAGMSG" and line.nick == self.nick and line.tags.get("+draft/reply") == id_:
                if "+draft/react" in line.tags:
                    symbols.append(line.tags["+draft/react"])
                elif line.tags.get("+draft/unreact") in symbols:
                    symbols.remove(line.tags["+draft/unreact"])
        return symbols

    async def cut(self) -> None:
        """Returns once the bridge has noticed: what is sent into a broken wire before that is uncertain for ever."""
        await until(lambda: self.wire.connections > 1)
        before = self.ends
        self.wire.cut()
        await until(lambda: self.ends > before)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        await self.wire.close()
        yield
        await self.wire.open()

    def lose_answer(self) -> None:
        self.wire.lose_answer()


class NgircdPeer(IrcPeer):
    """What ngIRCd tells of: words, and who is there."""


class InspircdPeer(IrcPeer):
    """With message ids, tags, accounts, and a memory of fifty lines."""

    def __init__(self, server: Ngircd | Inspircd, wire: Wire, zoe: IrcClient, number: int) -> None:
        super().__init__(server, wire, zoe, number)
        self.config = self.configured(sasl="plain", account="pont", password="secret")
        self.wrong = self.configured(sasl="plain", account="pont", password="faux")

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        """The channel remembers it, once the bridge has been there."""
        del thread, file
        words = " ".join(text.replace("\0", " ").encode(errors="replace").decode().splitlines())
        if not any(line.command == "JOIN" and line.nick == self.nick for line in self.zoe.lines):
            await until(self._here)
        self.said.append(words)
        self.zoe.say(self.channel, words)

    async def react(self, message: MessageId, symbol: str) -> None:
        self.zoe.tagmsg(self.channel, {"+draft/reply": message, "+draft/react": symbol})

    async def unreact(self, message: MessageId, symbol: str) -> None:
        self.zoe.tagmsg(self.channel, {"+draft/reply": message, "+draft/unreact": symbol})

    async def types(self) -> None:
        self.zoe.tagmsg(self.channel, {"+typing": "active"})

    def typing(self) -> Sequence[str]:
        """One nick types for everybody: whoever sees it knows that somebody does."""
        states = [line.tags["+typing"] for line in self.zoe.lines if line.nick == self.nick and "+typing" in line.tags]
        return [JEANNE.name] if states and states[-1] == "active" else []


def _parted(lines: Sequence[Line]) -> tuple[str, list[str]]:
    """The author whose name stands before each line, and the words."""
    author, words = "", []
    for line in lines:
        text = line.text
        if text.startswith("<") and "> " in text:
            author, _, text = text[1:].partition("> ")
        words.append(text)
    return author, words


@asynccontextmanager
async def peer_on(server: Ngircd | Inspircd, kind: type[IrcPeer], *caps: str) -> AsyncIterator[Peer]:
    number = next(_numbers)
    async with (
        Wire(server.host, server.port) as wire,
        await server.client(f"zoe{number}", caps=caps) as zoe,
    ):
        await zoe.join(f"#contrat{number}")
        if isinstance(server, Inspircd):
            zoe.raw(f"MODE #contrat{number} +H 50:1d")
            await zoe.wait_for(lambda line: line.command == "MODE" and "+H" in line.params)
        yield kind(server, wire, zoe, number)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ngircd(irc_folder: Callable[[], Path]) -> AsyncIterator[Ngircd]:
    async with Ngircd(irc_folder()) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def inspircd(irc_folder: Callable[[], Path]) -> AsyncIterator[Inspircd]:
    async with Inspircd(irc_folder()) as server:
        await server.register("pont", "secret")
        yield server


class IrcContract(BridgeContract):
    """What is said of the suite where a line holds less than a message of other networks."""

    async def test_long_text_is_shown_whole(self) -> None:
        """Over several lines, in order; a text of too many ends with where the whole of it is."""
        async with self.rig() as rig:
            text = "\n".join(f"{n} " + "été à l'Île-de-France " * 20 for n in range(4))
            ids = await rig.send(rig.message(text))
            whole = "".join(text.split())
            await until(lambda: [whole] == ["".join(one.text.split()) for one in rig.peer.shown()])
            assert len(set(ids)) == len(ids) >= 1
            await rig.send(rig.message(text * 10))
            await until(lambda: rig.peer.shown()[1:] and rig.peer.shown()[1].text.endswith(TEXT_LINK))

    async def test_hostile_words_arrive_clean(self) -> None:
        """Those that fit in the one line that a person on IRC can say."""
        async with self.rig() as rig:
            hostile = [text for text in HOSTILE if len(text.encode(errors="replace")) < 300]
            assert len(hostile) == len(HOSTILE) - 1
            for text in hostile:
                await rig.peer.say(text)
            for message in await rig.hears(len(hostile)):
                assert "avant" in message.text.plain
                assert "après" in message.text.plain
                assert not {c for c in message.text.plain if c < " " and c not in "\t\n"}

    async def test_files_are_read_in_pieces(self) -> None:
        pytest.skip("nobody sends a file on IRC")

    async def test_deletes(self) -> None:
        """Neither of these servers can, and whoever wants it is told so."""
        async with self.rig() as rig:
            ids = await rig.send(rig.message("long " * 20))
            deletion = OutgoingDeletion(
                key=rig.key(), chat=rig.chat.id, author=JEANNE, network="Tchap", target=ids[0], parts=tuple(ids)
            )
            with pytest.raises(Unsupported) as why:
                await rig.connection.delete(deletion)
            assert why.value.remedy


class TestNgircd(IrcContract):
    @pytest.fixture(autouse=True)
    def use(self, ngircd: Ngircd) -> None:
        self.server = ngircd

    def network(self) -> AbstractAsyncContextManager[Peer]:
        return peer_on(self.server, NgircdPeer)

    async def test_edits(self) -> None:
        """There are no ids; a correction is a line of its own, and people know what it is about."""
        async with self.rig() as rig:
            (target,) = await rig.send(rig.message("brouillon"))
            await rig.shows(1)
            await rig.connection.edit(_edit(rig, target, "au propre"))
            await until(lambda: "au propre" in rig.peer.shown()[0].text)

    async def test_reacts(self) -> None:
        """A line for each of them would be worse than none."""
        async with self.rig() as rig:
            (target,) = await rig.send(rig.message("à applaudir"))
            assert await rig.connection.react(_reaction(rig, target, "👏")) is None
            await rig.send(rig.message("ensuite"))
            assert len(await rig.shows(2)) == 2

    async def test_shows_typing(self) -> None:
        """Nobody is shown it, and nothing breaks."""
        async with self.rig() as rig:
            await rig.connection.typing(rig.chat.id, JEANNE, active=True)
            await rig.send(rig.message("écrit"))
            await rig.shows(1)


class TestInspircd(IrcContract):
    @pytest.fixture(autouse=True)
    def use(self, inspircd: Inspircd) -> None:
        self.server = inspircd

    def network(self) -> AbstractAsyncContextManager[Peer]:
        return peer_on(self.server, InspircdPeer, *_CAPS)
