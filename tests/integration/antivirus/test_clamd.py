"""A real clamd is asked, and one that is not well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tchap_bridges.antivirus import clamd as asking
from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect, Verdict
from tchap_bridges.errors import Undeliverable
from tchap_bridges.fields import Endpoint
from tchap_bridges.ids import FileRef
from tchap_bridges.testing import clamd as server
from tchap_bridges.testing.clamd import FOUND, eicar
from tchap_bridges.testing.ports import free_port

from .files import silent, suspect, zipped

CLEAN = Verdict(outcome=Outcome.CLEAN)
INFECTED = Verdict(outcome=Outcome.INFECTED, detail=FOUND)


@pytest.fixture(params=["tcp", "unix"])
def scanner(request: pytest.FixtureRequest, clamd: server.Clamd) -> asking.Clamd:
    return asking.Clamd(clamd.place if request.param == "tcp" else clamd.socket, seconds=30)


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"bonjour", CLEAN),
        (b"", CLEAN),
        (bytes(range(256)) * 4000, CLEAN),
        (eicar(), INFECTED),
        (b"x" * 300_000 + eicar() + b"y" * 300_000, INFECTED),
        (zipped(eicar()), INFECTED),
        (zipped(eicar(), deep=3), INFECTED),
    ],
    ids=["text", "empty", "large", "eicar", "amid", "zip", "zip in zip in zip"],
)
async def test_what_it_finds(scanner: asking.Clamd, data: bytes, verdict: Verdict) -> None:
    assert await scanner.scan(suspect(data)) == verdict


async def test_a_file_beyond_its_stream_limit_is_too_large_and_read_no_further(scanner: asking.Clamd) -> None:
    read: list[bytes] = []
    verdict = await scanner.scan(suspect(b"x" * 40_000_000, read=read))
    assert verdict.outcome is Outcome.TOO_LARGE
    assert sum(map(len, read)) < 20_000_000


async def test_it_says_what_it_is(scanner: asking.Clamd) -> None:
    assert (await scanner.probe()).startswith("ClamAV ")


async def test_nothing_listens() -> None:
    scanner = asking.Clamd(Endpoint("127.0.0.1", free_port()), seconds=30)
    with pytest.raises(ScannerAway, match="injoignable"):
        await scanner.scan(suspect(b"bonjour"))
    with pytest.raises(ScannerAway):
        await scanner.probe()


@pytest.mark.parametrize("size", [10, 30_000_000], ids=["a little", "more than any buffer holds"])
async def test_it_accepts_and_says_nothing(size: int) -> None:
    async with silent() as port:
        scanner = asking.Clamd(Endpoint("127.0.0.1", port), seconds=0.3)
        async with asyncio.timeout(10):
            with pytest.raises(ScannerAway, match="ne répond pas"):
                await scanner.scan(suspect(b"x" * size))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "raccroché"),
        (b"stream: OK", "raccroché"),
        (b"Can't allocate memory ERROR\0", "erreur"),
        (b"UNKNOWN COMMAND\0", "erreur"),
        (b"stream: OKAY\0", "erreur"),
        (b"x" * 100_000, "raccroché"),
    ],
)
async def test_whatever_is_not_its_answer_is_no_verdict(said: bytes, words: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(bytes(4))
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        scanner = asking.Clamd(Endpoint("127.0.0.1", other.sockets[0].getsockname()[1]), seconds=30)
        with pytest.raises(ScannerAway, match=words):
            await scanner.scan(suspect(b"bonjour"))


async def test_one_that_says_ok_before_the_end_of_a_file_has_not_seen_it() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"stream: OK\0")
        await writer.drain()
        writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        hasty = asking.Clamd(Endpoint("127.0.0.1", other.sockets[0].getsockname()[1]), seconds=30)
        with pytest.raises(ScannerAway):
            await hasty.scan(suspect(b"x" * 30_000_000))


async def test_a_file_that_cannot_be_read_is_not_clamds_fault(scanner: asking.Clamd) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"ce qui va"
            raise Undeliverable("et puis plus rien")

        yield chunks()

    broken = Suspect(name="x", mime="text/plain", size=None, ref=FileRef(""), in_matrix=False, open=opened)
    with pytest.raises(Undeliverable, match="et puis plus rien"):
        await scanner.scan(broken)


async def test_many_at_once(scanner: asking.Clamd) -> None:
    found = await asyncio.gather(*(scanner.scan(suspect(eicar() if n % 2 else b"bonjour")) for n in range(30)))
    assert found == [INFECTED if n % 2 else CLEAN for n in range(30)]
