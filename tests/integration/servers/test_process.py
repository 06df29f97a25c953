"""Servers started by tests leave nothing behind."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

from tchap_bridges.testing.process import Process

PROGRAM = """
import os, pathlib, sys
from tchap_bridges.testing.process import Process
print(Process("sleep", ["/bin/sh", "-c", "sleep 60 & wait"], log=pathlib.Path(sys.argv[1])).pid, flush=True)
os.kill(os.getpid(), 9)
"""


def living(group):
    """The processes of a group; the dead that nobody has buried do not count."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            stats.append(path.read_text().rpartition(")")[2].split())
    return [stat for stat in stats if stat[2] == str(group) and stat[0] not in {"Z", "X"}]


async def all_gone(group):
    async with asyncio.timeout(5):
        while living(group):
            await asyncio.sleep(0.02)


async def test_they_end_with_the_process_that_started_them(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "log"], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -9
    await all_gone(int(done.stdout))


async def test_a_kill_takes_children_too(tmp_path):
    process = Process("sleep", ["/bin/sh", "-c", "sleep 60 & sleep 60"], log=tmp_path / "log")
    async with asyncio.timeout(5):
        while len(living(process.pid)) < 3:
            await asyncio.sleep(0.02)
    await process.kill()
    await all_gone(process.pid)
