"""The process that reads: questions on its standard input, answers on its output, nothing else.

It has no secret but the bridge's configuration, opens nothing, and dies with its parent: the pipe closes.
"""

import importlib
import os
import pickle
import resource
import sys
from typing import Any, BinaryIO

MEMORY = 1 << 30  # bytes of address space


def main() -> None:
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not into the answers
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    name, config = pickle.loads(_take(source))  # noqa: S301 - from our own parent
    module, _, cls = name.partition(":")
    bridge = getattr(importlib.import_module(module), cls)
    _give(sink, b"ready")
    while True:
        try:
            question = pickle.loads(_take(source))  # noqa: S301
        except EOFError:
            return
        _give(sink, pickle.dumps(_answer(bridge, config, question), protocol=5))


def _answer(bridge: Any, config: Any, question: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        match question:
            case ("read", item):
                return True, tuple(bridge.read(item, config))
            case ("file", item, ref):
                return True, bridge.file_bytes(item, ref)
            case _:
                return False, f"no such question: {question[0]!r}"
    except RecursionError:
        return False, "nested too deeply"
    except Exception as error:  # noqa: BLE001 - told to the parent, who keeps the item as a dead letter
        return False, f"{type(error).__name__}: {error}"


def _take(source: BinaryIO) -> bytes:
    head = source.read(8)
    if len(head) < 8:
        raise EOFError
    return source.read(int.from_bytes(head))


def _give(sink: BinaryIO, data: bytes) -> None:
    sink.write(len(data).to_bytes(8))
    sink.write(data)
    sink.flush()


if __name__ == "__main__":
    main()
