"""Bridges folders: a file put into ``<chat>/in`` is said in the room, what the room says is put into ``<chat>/out``."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridges.bridge import Bridge, Chat, Connection, Destination, Direction, Host, Item, Limits, NamesChats
from tchap_bridges.errors import Misconfigured, NotReady, Undeliverable
from tchap_bridges.events import Author, Message, Text
from tchap_bridges.fields import LocalPath, Section
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing


class FolderConfig(Section):
    path: LocalPath  # has a folder for each chat


class FolderConnection(Connection, NamesChats):
    limits = Limits(file_bytes=0)

    def __init__(self, config: FolderConfig, host: Host) -> None:
        self._path, self._host = config.path, host

    async def run(self) -> None:
        self._host.up()
        while True:
            for file in sorted(self._path.glob("*/in/*.txt")):
                meta = {"chat": file.parent.parent.name, "by": file.stem.partition("-")[0]}
                if await self._host.linked(ChatId(meta["chat"])) is not None:
                    key = f"{file.relative_to(self._path)} {file.stat().st_mtime_ns}"
                    await self._host.accept(key, file.read_bytes(), meta)
                    file.unlink()  # it is on the core's disk now
            await asyncio.sleep(0.1)

    async def send(self, message: Outgoing) -> Sequence[MessageId]:
        name = f"{message.at:%Y-%m-%dT%H:%M:%S.%f} {hashlib.sha256(message.key.encode()).hexdigest()[:8]}"
        by = visible(message.author.name).replace("\n", " ") if message.author else "pont"
        files = [await linked(message, n) for n in range(len(message.files))]
        part = self._path / message.chat / "out" / name
        try:
            part.write_bytes(visible("\n".join([f"{by} : {message.text.plain}", *files])).encode())
            part.rename(f"{part}.txt")  # whole, or not at all; the same key again is the same file
        except OSError as error:
            raise NotReady("le dossier ne peut pas être écrit") from error
        return (MessageId(name),)

    async def find(self, argument: str, options: object, asker: object) -> Chat:
        if argument not in {folder.name for folder in self._path.iterdir()}:
            raise Misconfigured("ce dossier n'existe pas", remedy="Demandez à l'exploitant de le créer.")
        return Chat(id=ChatId(argument), name=argument, destination=Destination.STATE, direction=Direction.BOTH)


class FolderBridge(Bridge[FolderConfig]):
    name, words, label, Config = "folder", ("dossier", "folder"), "dossier", FolderConfig

    @asynccontextmanager
    async def open(self, config: FolderConfig, host: Host) -> AsyncIterator[Connection]:
        yield FolderConnection(config, host)

    @classmethod
    def read(cls, item: Item, config: FolderConfig) -> Iterator[Message]:
        id_, chat, by = MessageId(item.key), ChatId(item.meta["chat"]), visible(item.meta["by"])
        author, text = Author(person=PersonId(by), name=by), visible(item.raw.decode(errors="replace"))
        yield Message(id=id_, chat=chat, author=author, at=item.received_at, text=Text(plain=text))


async def linked(message: Outgoing, n: int) -> str:
    file = message.files[n]
    try:
        return f"[{file.name} : {await file.link()}]"
    except Undeliverable as error:  # the operator has given no public address: whoever sent it is told
        await message.leave_out(n, error)
        return f"[{file.name} : {error.reason}]"


def visible(text: str) -> str:
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
