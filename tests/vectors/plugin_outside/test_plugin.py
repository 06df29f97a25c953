"""The plugin's own tests: both contract suites, and what the plugin is for."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tchap_bot_dice
from tchap_bridge_folder import FolderBridge, FolderConfig

from tchap_bridges.ids import MessageId
from tchap_bridges.testing.bench import Bench
from tchap_bridges.testing.contract import BridgeContract
from tchap_bridges.testing.contract_bot import BotContract
from tchap_bridges.testing.rig import Cannot, Peer, Shown


class FolderPeer(Peer):
    """Somebody with a text editor."""

    argument = "équipe"
    nowhere = "../équipe"
    threads = False

    def __init__(self, path: Path) -> None:
        self.bridge, self.config = FolderBridge(), FolderConfig(path=path)
        self.inbox, self.outbox = path / "équipe" / "in", path / "équipe" / "out"
        self.inbox.mkdir(parents=True)
        self.outbox.mkdir()
        self.numbers = itertools.count(1000)

    async def say(self, text: str, *, thread: Sequence[MessageId] = (), file: tuple[str, bytes] | None = None) -> None:
        if file is not None:
            raise Cannot("has no attachments")
        name = self.inbox / f"alice-{next(self.numbers)}"
        name.write_bytes(text.encode(errors="replace"))
        name.rename(name.with_suffix(".txt"))

    def waiting(self) -> int:
        return len(list(self.inbox.glob("*.txt")))

    def shown(self) -> Sequence[Shown]:
        files = sorted(self.outbox.glob("*.txt"))
        said = [(file.name, *file.read_text().partition(" : ")) for file in files]
        return [Shown(id=name.removesuffix(".txt"), author=author, text=text) for name, author, _colon, text in said]


@asynccontextmanager
async def folder_peer() -> AsyncIterator[Peer]:
    with TemporaryDirectory() as folder:
        yield FolderPeer(Path(folder))


class TestFolder(BridgeContract):
    def network(self) -> AbstractAsyncContextManager[Peer]:
        return folder_peer()


class TestDice(BotContract):
    bot = tchap_bot_dice.DiceBot

    async def test_rolls(self) -> None:
        async with Bench(self.bot) as bench:
            room = await bench.room(self.bot)
            assert await room.say("@jeanne:exemple.fr", "!dé 1") == "🎲 1"
