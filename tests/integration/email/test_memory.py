"""Big mails cost disk, not memory: four at once, those that are taken and those that are refused."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Dial

ALLOWED_MB = 250


@dataclass(frozen=True)
class Door:
    port: int
    pid: int

    def peak_mb(self) -> float:
        """The most that was ever resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


@pytest.fixture
async def door(free_port: Callable[[], int]) -> AsyncIterator[Door]:
    port = free_port()
    program = str(Path(__file__).with_name("door.py"))
    process = await asyncio.create_subprocess_exec(sys.executable, program, str(port))
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                break
    yield Door(port, process.pid)
    process.terminate()
    await process.wait()


@pytest.mark.parametrize(("megabytes", "code"), [(29, "250"), (40, "552")])
async def test_four_big_mails_at_once(door: Door, dial: Dial, megabytes: int, code: str) -> None:
    line = b"QUFB" * 19 + b"\r\n"
    block = line * (1_000_000 // len(line))

    async def send(n: int) -> None:
        async with dial(door.port) as client:
            await client.ready("abonne@pont.example")
            await client.raw(b"Message-ID: <%d@x>\r\n\r\n" % n)
            for _ in range(megabytes):
                await client.raw(block)
            await client.raw(b".\r\n")
            assert (await client.reply()).startswith(code)

    before, began = door.peak_mb(), time.perf_counter()
    async with asyncio.TaskGroup() as four:
        for n in range(4):
            four.create_task(send(n))
    print(f"{megabytes} MB x 4: peak {door.peak_mb():.0f} MB (idle {before:.0f}), {time.perf_counter() - began:.1f} s")
    assert door.peak_mb() < ALLOWED_MB
