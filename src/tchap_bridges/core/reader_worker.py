"""The process that reads: questions on its standard input, answers on its output, nothing else.

It has no secret but the bridge's configuration, opens nothing, and dies with its parent: the pipe closes. A question is
two frames, what is asked (pickled) and the item's bytes; an answer is two, whether it is one, and then events by
`codec` (each after its length), or a file's bytes, or what went wrong.
"""

import importlib
import os
import pickle
import resource
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from tchap_bridges.core import codec

GOOD, BAD = b"good", b"bad"
MEMORY = 1 << 30  # bytes of address space


def main() -> None:
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the answers
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # a burst to be read takes no time from what is being sent, here or by a homeserver beside us
    name, config = pickle.loads(_take(source))  # noqa: S301 - from our own parent
    module, _, cls = name.partition(":")
    bridge = getattr(importlib.import_module(module), cls)
    _give(sink, b"ready")
    while True:
        try:
            what, ref, item = pickle.loads(_take(source))  # noqa: S301
            good, answer = _answer(bridge, config, what, replace(item, raw=_take(source)), ref)
        except EOFError:
            return
        _give(sink, GOOD if good else BAD, answer)


def _answer(bridge: Any, config: Any, what: str, item: Any, ref: str) -> tuple[bool, bytes]:
    try:
        if what == "file":
            return True, bridge.file_bytes(item, ref)
        return True, join(codec.dump(event) for event in bridge.read(item, config))
    except RecursionError:
        return False, b"nested too deeply"
    except Exception as error:  # noqa: BLE001 - told to the parent, who keeps the item as a dead letter
        return False, f"{type(error).__name__}: {error}".encode("utf-8", "replace")


def join(parts: Iterable[bytes]) -> bytes:
    """Each part after its length, in eight bytes."""
    return b"".join(len(part).to_bytes(8) + part for part in parts)


def split(joined: bytes) -> Iterator[bytes]:
    """What `join` joined. Raises ValueError for anything else."""
    at = 0
    while at < len(joined):
        size = int.from_bytes(joined[at : at + 8])
        part = joined[at + 8 : at + 8 + size]
        if len(part) != size:
            raise ValueError("cut short")
        yield part
        at += 8 + size


def _take(source: BinaryIO) -> bytes:
    head = source.read(8)
    if len(head) < 8:
        raise EOFError
    return source.read(int.from_bytes(head))


def _give(sink: BinaryIO, *frames: bytes) -> None:
    for frame in frames:
        sink.write(len(frame).to_bytes(8))
        sink.write(frame)
    sink.flush()


if __name__ == "__main__":
    main()
