"""The part of the contract suite about what comes in: nothing lost, nothing doubled, nothing hostile left in it."""

import asyncio
import itertools
import json
import pickle
import random
import unicodedata
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from tchap_bridges.bridge import OpensFiles
from tchap_bridges.errors import BridgeError, NotReady
from tchap_bridges.events import Author, File
from tchap_bridges.testing.rig import Cannot, Peer, Rig, at_work, until

HOSTILE = (
    "avant\r\nQUIT\r\naprès",
    "avant\x00\x01\x1b[31m\x7f\x85après",
    "avant \ud800 après",
    "avant \u202egnitset\u2066 après",
    "avant\r.\r\n.\r\naprès",
    'avant {"kind": "hello"}\n<b>&amp;"\'\\ après',
    "avant " + "e" + "\u0301" * 500 + " après",
)
BIGGEST_PIECE = 1 << 20


@pytest.mark.asyncio
class PeerTests:
    """What all parts of the suite share."""

    def network(self) -> AbstractAsyncContextManager[Peer]:
        """Yours to write: the network, running, with nobody connected."""
        raise NotImplementedError(f"{type(self).__name__}.network() has to be written")

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        """The network; skips the test where its people cannot do what the test needs."""
        async with self.network() as peer:
            try:
                yield peer
            except Cannot as why:
                pytest.skip(f"this network {why}")

    @asynccontextmanager
    async def rig(self) -> AsyncIterator[Rig]:
        """The bridge at work with the network."""
        async with self.peer() as peer, at_work(peer) as rig:
            yield rig


class IncomingContract(PeerTests):
    """From the network to the host."""

    async def test_what_is_said_arrives(self) -> None:
        async with self.rig() as rig:
            await rig.peer.say("bonjour à tous")
            (message,) = await rig.hears()
            chat = rig.chat
            assert {message.chat, *message.also} & {chat.id, *chat.aliases}, "it is of no chat that is linked"
            assert message.text.plain.strip() == "bonjour à tous"
            assert message.author.person
            assert message.author.name
            assert abs((message.at - datetime.now(UTC)).total_seconds()) < 600
            await until(lambda: rig.peer.waiting() == 0)

    async def test_order_and_ids(self) -> None:
        """Twelve messages, two of them alike, are twelve messages in their order."""
        async with self.rig() as rig:
            words = ["ok", "ok", *(f"message {n}" for n in range(10))]
            for said in words:
                await rig.peer.say(said)
            heard = await rig.hears(len(words))
            assert [message.text.plain.strip() for message in heard] == words
            assert len({message.id for message in heard}) == len(words)

    async def test_events_can_be_kept(self) -> None:
        """They survive pickling and JSON unchanged, for they wait on disk and cross processes."""
        async with self.rig() as rig:
            await rig.peer.say("à garder", file=("pièce.txt", b"jointe"))
            await rig.hears()
            for event in rig.events():
                assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301  our own bytes
                adapter = TypeAdapter[Any](type(event))
                assert adapter.validate_json(adapter.dump_json(event, exclude_defaults=True)) == event
                assert isinstance(hash(event), int)

    async def test_not_acknowledged_before_it_is_kept(self) -> None:
        async with self.rig() as rig:
            rig.host.delay = 1.0
            async with asyncio.TaskGroup() as group:
                group.create_task(rig.peer.say("lentement"))
                await asyncio.sleep(0.15)
                assert not rig.heard()
                assert rig.peer.waiting() == 1, "the network was told that it is safe, and it was not"
            await rig.hears()
            rig.host.delay = 0
            await until(lambda: rig.peer.waiting() == 0)

    async def test_a_host_that_refuses_loses_nothing(self) -> None:
        """While the inbox is full nothing is acknowledged; later all of it is there, once."""
        async with self.rig() as rig:
            rig.host.refusal = NotReady("the inbox is full", retry_after=0.01)
            async with asyncio.TaskGroup() as group:
                for n in range(3):
                    group.create_task(rig.peer.say(f"gardé {n}"))
                await asyncio.sleep(0.2)
                assert not rig.heard()
                assert rig.peer.waiting() == 3
                rig.host.refusal = None
            heard = await rig.hears(3)
            await until(lambda: rig.peer.waiting() == 0)
            assert sorted(message.text.plain.strip() for message in heard) == ["gardé 0", "gardé 1", "gardé 2"]

    async def test_stopped_before_it_is_kept_loses_nothing(self) -> None:
        """Stopped while the host stores, a bridge waits for it or lets the network tell it again: never neither."""
        async with self.peer() as peer:
            async with at_work(peer) as rig:
                rig.host.delay = 0.5
                saying = asyncio.create_task(peer.say("survit"))
                await asyncio.sleep(0.1)
                rig.host.delay = 0
            async with at_work(peer, rig.host) as rig:
                (message,) = await rig.hears()
                assert message.text.plain.strip() == "survit"
                await saying
                await until(lambda: peer.waiting() == 0)
                assert len(rig.heard()) == 1

    async def test_cut_in_the_middle_loses_and_doubles_nothing(self) -> None:
        async with self.rig() as rig:
            rig.host.delay = 0.005
            words = [f"numéro {n}" for n in range(12)]
            for n, said in enumerate(words):
                await rig.peer.say(said)
                if n in {3, 7}:
                    await rig.peer.cut()
            await until(lambda: rig.peer.waiting() == 0)
            assert [message.text.plain.strip() for message in rig.heard()] == words

    async def test_hostile_words_arrive_clean(self) -> None:
        """Text without control characters, names on one line, nothing that UTF-8 could not carry; nothing lost."""
        async with self.rig() as rig:
            for text in HOSTILE:
                await rig.peer.say(text)
            heard = await rig.hears(len(HOSTILE))
            for message in heard:
                assert "avant" in message.text.plain
                assert "après" in message.text.plain
            for event in rig.events():
                for where, text in strings(event):
                    text.encode()
                    wrong = {c for c in text if unicodedata.category(c) == "Cc" and c not in "\t\n"}
                    assert not wrong, f"{where}: {wrong}"
                for author in parts(event, Author):
                    assert "\n" not in author.name
                for file in parts(event, File):
                    assert "\n" not in file.name
                    assert "/" not in file.name

    async def test_threads_name_their_root(self) -> None:
        async with self.rig() as rig:
            if not rig.peer.threads:
                pytest.skip("this network does not tell who answers what")
            await rig.peer.say("question")
            (root,) = await rig.hears()
            await rig.peer.say("réponse", thread=(root.id,))
            answer = (await rig.hears(2))[-1]
            assert answer.thread[0] == root.id
            await rig.peer.say("réponse à la réponse", thread=(root.id, answer.id))
            last = (await rig.hears(3))[-1]
            assert last.thread[0] == root.id
            assert last.id not in last.thread

    async def test_files_are_read_in_pieces(self) -> None:
        data = random.Random(4).randbytes(3 * BIGGEST_PIECE + 17)  # noqa: S311  bytes, not a secret
        async with self.rig() as rig:
            await rig.peer.say("voici", file=("carte.bin", data))
            (message,) = await rig.hears()
            (file,) = message.files
            assert file.name == "carte.bin"
            assert file.size in {None, len(data)}
            for _ in range(2):  # a retry opens it again
                assert await self._bytes(rig, file) == data

    async def _bytes(self, rig: Rig, file: File) -> bytes:
        connection, bridge = rig.connection, rig.peer.bridge
        if rig.host.items:
            return bridge.file_bytes(rig.host.items[-1], file.ref)
        assert isinstance(connection, OpensFiles), "received events name files, and nobody opens them"
        async with connection.open_file(file.ref) as chunks:
            pieces = [piece async for piece in chunks]
        assert max(map(len, pieces)) <= BIGGEST_PIECE
        return b"".join(pieces)

    async def test_reading_is_pure(self) -> None:
        """The same bytes mean the same, after pickling too: they are read in another process, and again after a fix."""
        async with self.rig() as rig:
            await rig.peer.say("à lire", file=("a.txt", b"a"))
            await rig.hears()
            if not rig.host.items:
                pytest.skip("this bridge receives events and accepts no bytes")
            kind, config = type(rig.peer.bridge), rig.peer.config
            for item in rig.host.items:
                first = tuple(kind.read(item, config))
                copy, same = pickle.loads(pickle.dumps((item, config)))  # noqa: S301  our own bytes
                assert tuple(kind.read(copy, same)) == first
                json.dumps(dict(item.meta))

    async def test_garbage_is_read_or_refused(self) -> None:
        """`read` of bytes that mean nothing gives events, or an error of the tree; it never hangs or breaks."""
        async with self.rig() as rig:
            await rig.peer.say("modèle")
            await rig.hears()
            if not rig.host.items:
                pytest.skip("this bridge receives events and accepts no bytes")
            model = rig.host.items[0]
            for raw in _garbage(model.raw):
                item = replace(model, raw=raw)
                try:
                    events = tuple(type(rig.peer.bridge).read(item, rig.peer.config))
                except BridgeError:
                    continue
                for where, text in itertools.chain.from_iterable(map(strings, events)):
                    assert text.encode() is not None, where


def _garbage(sound: bytes) -> Iterator[bytes]:
    dice = random.Random(11)  # noqa: S311  the same garbage every time
    yield b""
    yield b"\x00" * 1000
    yield dice.randbytes(2000)
    for _ in range(10):
        spoilt = bytearray(sound)
        for _ in range(20):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        yield bytes(spoilt[: dice.randrange(1, len(spoilt))])


def parts(value: Any, kind: type[Any]) -> Iterator[Any]:
    """Every part of an event that is of that kind, itself included."""
    if isinstance(value, kind):
        yield value
    if is_dataclass(value):
        for one in fields(value):
            yield from parts(getattr(value, one.name), kind)
    elif isinstance(value, tuple):
        for item in value:
            yield from parts(item, kind)


def strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Every text in an event, with its place."""
    match value:
        case str():
            yield where, value
        case tuple():
            for n, item in enumerate(value):
                yield from strings(item, f"{where}[{n}]")
        case _ if is_dataclass(value):
            for one in fields(value):
                yield from strings(getattr(value, one.name), f"{where}.{one.name}".lstrip("."))
        case _:
            return
