"""The deliveries of the vectors, as bytes and headers."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ruamel.yaml import YAML

HOOKS = Path(__file__).resolve().parents[2] / "vectors" / "hooks"
SENDERS = sorted(path.parent.name for path in HOOKS.glob("*/cases.yaml") if path.parent.name != "signatures")
CASES = [
    {"sender": sender, **case} for sender in SENDERS for case in YAML(typ="safe").load(HOOKS / sender / "cases.yaml")
]


def body_of(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "digits" in case:
        return b'{"a": ' + b"9" * case["digits"] + b"}"
    if "deep" in case:
        return b'{"a":' * case["deep"]
    if "form" in case:
        return urlencode({"payload": json.dumps(case["form"])}).encode()
    return case["raw"].encode() if "raw" in case else json.dumps(case["body"], ensure_ascii=False).encode()
