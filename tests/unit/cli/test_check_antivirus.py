"""``check`` asks the antivirus: one that answers, one that is away, one that is none, and none at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.cli.check_antivirus import antivirus
from tchap_bridges.config import load
from tchap_bridges.testing.content_scanner import KEY, ContentScanner
from tchap_bridges.testing.ports import free_port

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


async def asked(folder: Path, section: str) -> list[Finding]:
    text = (VECTORS / "good.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("operate:\n", f"{section}\noperate:\n"))
    (folder / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    return list(await antivirus(load(folder / "config.yaml")))


@asynccontextmanager
async def clamd(verdict: bytes) -> AsyncIterator[int]:
    """One that answers this to every file."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zINSTREAM\0":
            await reader.readuntil(bytes(4))
        writer.write(b"ClamAV 1.4.6/27000\0" if command == b"zVERSION\0" else verdict)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_one_that_answers(tmp_path: Path) -> None:
    async with clamd(b"stream: OK\0") as port:
        (found,) = await asked(tmp_path, f'antivirus: {{clamd: "127.0.0.1:{port}"}}')
    assert (found.subject, found.level, found.detail) == (
        "antivirus.clamd",
        Level.OK,
        "répond (ClamAV 1.4.6/27000)",
    )


@pytest.mark.parametrize(
    ("verdict", "word"), [(b"stream: Tout FOUND\0", "infected"), (b"INSTREAM: out of memory ERROR\0", "out of memory")]
)
async def test_one_that_takes_no_file(tmp_path: Path, verdict: bytes, word: str) -> None:
    async with clamd(verdict) as port:
        (found,) = await asked(tmp_path, f'antivirus: {{clamd: "127.0.0.1:{port}"}}')
    assert (found.level, bool(found.remedy)) == (Level.FAIL, True)
    assert word in found.detail


async def test_both_are_away(tmp_path: Path) -> None:
    clamd, other = free_port(), free_port()
    section = f'antivirus: {{clamd: "127.0.0.1:{clamd}", content_scanner: "http://127.0.0.1:{other}"}}'
    found = await asked(tmp_path, section)
    assert [(one.subject, one.level) for one in found] == [
        ("antivirus.clamd", Level.FAIL),
        ("antivirus.content_scanner", Level.FAIL),
    ]
    assert all("injoignable" in one.detail and one.remedy for one in found)


async def test_a_content_scanner(tmp_path: Path) -> None:
    async with ContentScanner("http://127.0.0.1:1") as scanner:
        (found,) = await asked(tmp_path, f'antivirus: {{content_scanner: "{scanner.url}"}}')
        assert (found.level, KEY in found.detail) == (Level.OK, True)
        assert scanner.asked == []


async def test_a_web_server_that_is_no_content_scanner(tmp_path: Path) -> None:
    async with ContentScanner("http://127.0.0.1:1") as scanner:
        (found,) = await asked(tmp_path, f'antivirus: {{content_scanner: "{scanner.url}/ailleurs"}}')
    assert (found.level, "404" in found.detail) == (Level.FAIL, True)


async def test_files_that_go_in_clear_to_another_machine(tmp_path: Path) -> None:
    found = await asked(tmp_path, 'antivirus: {clamd: "clamd.invalid:3310"}')
    assert [one.level for one in found] == [Level.FAIL, Level.WARN]
    assert "clamd.invalid" in found[1].detail


async def test_there_is_none(tmp_path: Path) -> None:
    (found,) = await asked(tmp_path, "")
    assert (found.level, "sans être contrôlés" in found.detail) == (Level.WARN, True)
