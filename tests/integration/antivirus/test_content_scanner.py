"""A content scanner is asked about media of a real Synapse; the scanner is a stand-in (`testing.content_scanner`)."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tchap_bridges.antivirus.content_scanner import ContentScanner
from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect
from tchap_bridges.core.screening import Checks, Held, Screen
from tchap_bridges.testing.clamd import eicar
from tchap_bridges.testing.content_scanner import ContentScanner as StandIn
from tchap_bridges.testing.content_scanner import encrypted
from tchap_bridges.testing.matrix_client import Client
from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.synapse import Synapse
from tchap_bridges.web.metrics import Metrics

from .files import silent, suspect, zipped

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Place:
    """A homeserver with media, a scanner of them, and what asks it."""

    agent: Client
    stand_in: StandIn
    scanner: ContentScanner

    async def media(self, data: bytes) -> str:
        return await self.agent.upload(data, "application/octet-stream", "plan.bin")


@pytest_asyncio.fixture(loop_scope="session")
async def place(synapse: Synapse) -> AsyncIterator[Place]:
    async with await synapse.register("camille.antivirus", "x") as agent, StandIn(synapse.url) as stand_in:

        async def deposit(file: Suspect) -> str:
            async with file.open() as chunks:
                data = b"".join([chunk async for chunk in chunks])
            return await agent.upload(data, file.mime, file.name)

        yield Place(agent, stand_in, ContentScanner(stand_in.url, agent.token, deposit, seconds=10))


KINDS = pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"bonjour", Outcome.CLEAN),
        (eicar(), Outcome.INFECTED),
        (zipped(eicar()), Outcome.INFECTED),
        (zipped(eicar(), deep=3), Outcome.INFECTED),
    ],
    ids=["text", "eicar", "zip", "zip in zip in zip"],
)


@KINDS
async def test_media_of_a_room(place: Place, data: bytes, outcome: Outcome) -> None:
    mxc = await place.media(data)
    read: list[bytes] = []
    verdict = await place.scanner.scan(suspect(data, ref=mxc, in_matrix=True, read=read))
    assert verdict.outcome is outcome
    assert (place.stand_in.asked, read) == ([f"/scan/{mxc.removeprefix('mxc://')}"], [])


@KINDS
async def test_encrypted_media_of_a_room(place: Place, data: bytes, outcome: Outcome) -> None:
    sealed, _file = encrypted(data, "")
    _sealed, file = encrypted(data, await place.media(sealed))
    verdict = await place.scanner.scan(suspect(data, ref=json.dumps(file), in_matrix=True))
    assert (verdict.outcome, place.stand_in.asked) == (outcome, ["/scan_encrypted"])


@KINDS
async def test_a_file_of_a_network_is_put_where_it_can_be_scanned(place: Place, data: bytes, outcome: Outcome) -> None:
    """Even if the network calls it as media are called."""
    verdict = await place.scanner.scan(suspect(data, ref="mxc://ailleurs/x"))
    assert verdict.outcome is outcome
    (asked,) = place.stand_in.asked
    assert await place.agent.download(f"mxc://{asked.removeprefix('/scan/')}") == data


async def test_encrypted_media_that_cannot_be_decrypted(place: Place) -> None:
    _sealed, file = encrypted(b"bonjour", await place.media(b"autre chose"))
    verdict = await place.scanner.scan(suspect(b"", ref=json.dumps(file), in_matrix=True))
    assert verdict.outcome is Outcome.UNREADABLE


async def test_a_type_that_it_forbids(place: Place) -> None:
    place.stand_in.forbidden.add("application/pdf")
    verdict = await place.scanner.scan(suspect(b"", ref=await place.media(b"%PDF-1.7 plan"), in_matrix=True))
    assert (verdict.outcome, verdict.detail) == (Outcome.FORBIDDEN, "application/pdf is not allowed")


async def test_over_the_size_limit(place: Place) -> None:
    """Ours, before it is put anywhere; and that of whatever stands in front of the scanner, or of the homeserver."""
    screen = Screen(Checks(scanner=place.scanner, largest=100, patience=1), Metrics())
    with pytest.raises(Held, match="trop grand"):
        await screen.check(suspect(b"x" * 101))
    assert place.stand_in.asked == []
    with pytest.raises(Held, match="trop grand"):
        await screen.check(suspect(b"x" * 101, ref=await place.media(b"x" * 101), in_matrix=True))


async def test_media_that_are_not_there_are_not_clean(place: Place) -> None:
    with pytest.raises(ScannerAway, match="M_NOT_FOUND"):
        await place.scanner.scan(suspect(b"", ref=f"mxc://{place.agent.user_id.split(':')[1]}/rien", in_matrix=True))


async def test_it_may_not_fetch_what_it_is_to_scan(place: Place) -> None:
    mxc = await place.media(b"bonjour")
    scanner = ContentScanner(place.stand_in.url, "un autre jeton", place.media, seconds=10)
    with pytest.raises(ScannerAway, match="MCS_MEDIA_REQUEST_FAILED"):
        await scanner.scan(suspect(b"", ref=mxc, in_matrix=True))


async def test_it_is_down(place: Place) -> None:
    mxc = await place.media(b"bonjour")
    await place.stand_in.stop()
    with pytest.raises(ScannerAway, match="injoignable"):
        await place.scanner.scan(suspect(b"", ref=mxc, in_matrix=True))
    with pytest.raises(ScannerAway):
        await place.scanner.probe()


async def test_it_hangs(place: Place) -> None:
    mxc = await place.media(b"bonjour")
    place.stand_in.hangs = True
    async with silent() as port:
        for url in (place.stand_in.url, f"http://127.0.0.1:{port}"):
            scanner = ContentScanner(url, place.agent.token, place.media, seconds=0.3)
            async with asyncio.timeout(10):
                with pytest.raises(ScannerAway, match="ne répond pas"):
                    await scanner.scan(suspect(b"", ref=mxc, in_matrix=True))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, b"{}"),
        (200, b'{"clean": "oui"}'),
        (200, b"<html>"),
        (200, b"[" * 100_000),
        (200, b'{"clean": true}' + b" " * 100_000),
        (404, b""),
        (500, b'{"reason": "M_UNKNOWN", "info": "?"}'),
        (302, b'{"clean": true}'),
    ],
)
async def test_whatever_is_not_its_answer_is_no_verdict(status: int, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nLocation: /\r\nContent-Length: %d\r\n\r\n" % (status, len(said)) + said)
        await writer.drain()
        writer.close()

    async def nowhere(file: Suspect) -> str:
        raise AssertionError(file.name)

    async with await asyncio.start_server(answer, "127.0.0.1", free_port()) as server:
        port = server.sockets[0].getsockname()[1]
        scanner = ContentScanner(f"http://127.0.0.1:{port}", "jeton", nowhere, seconds=10)
        with pytest.raises(ScannerAway):
            await scanner.scan(suspect(b"", ref="mxc://a/b", in_matrix=True))
