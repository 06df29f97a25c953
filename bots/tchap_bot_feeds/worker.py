"""`reading.read` in a process of its own: with bounded memory and time, and killed when it takes too long.

The question is a line of JSON and the body, on standard input; the answer is JSON, on standard output. Whatever took
the process over could only say what a feed can say.
"""

import asyncio
import json
import os
import resource
import sys
from typing import Final

from pydantic import TypeAdapter, ValidationError

from tchap_bot_feeds.model import Document
from tchap_bot_feeds.reading import read
from tchap_bridges.errors import NotReady, RemoteViolation

SECONDS: Final = 9.5
"""For one document, the start of the process among them: with `fetching.SECONDS` below what a handler has."""
WORK: Final = 6
"""Seconds of a processor: 10,000 entries take two."""
MEMORY: Final = 1 << 30
"""Bytes of address space."""
_DOCUMENT: Final = TypeAdapter(Document)


async def read_apart(body: bytes, url: str, content_type: str) -> Document:
    """Raises `RemoteViolation` for what breaks the reader, `NotReady` when no process can be had now."""
    question = json.dumps({"url": url, "type": content_type, "memory": MEMORY}).encode() + b"\n" + body
    try:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "LANG"}},
        )
    except OSError as error:
        raise NotReady(f"no reading process: {error}") from error
    try:
        async with asyncio.timeout(SECONDS):
            answer, _none = await worker.communicate(question)
    except TimeoutError as error:
        raise RemoteViolation(f"reading took more than {SECONDS:g} s") from error
    finally:
        if worker.returncode is None:
            worker.kill()
            await asyncio.shield(worker.wait())
    try:
        return _DOCUMENT.validate_json(answer)
    except ValidationError as error:
        raise RemoteViolation(f"the reading process ended with {worker.returncode}") from error


def main() -> None:
    """The process."""
    question = json.loads(sys.stdin.buffer.readline())
    for what, most in (
        (resource.RLIMIT_AS, question["memory"]),
        (resource.RLIMIT_CPU, WORK),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    found = read(sys.stdin.buffer.read(), question["url"], question["type"])
    sys.stdout.buffer.write(_DOCUMENT.dump_json(found))


if __name__ == "__main__":
    main()
