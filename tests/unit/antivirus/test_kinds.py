"""Of what type a file is, and which of them pass."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridges.antivirus.kinds import UNKNOWN, Types, by_content, kinds_of

CASES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).parents[2] / "vectors" / "antivirus" / "kinds.yaml")
PNG = b"\x89PNG\r\n\x1a\n"
EXE = b"MZ\x90\0\x03\0\0\0"


@pytest.mark.parametrize("case", CASES, ids=[f"{case['name']} {case['mime']}" for case in CASES])
def test_kinds(case: dict[str, Any]) -> None:
    head = bytes.fromhex(str(case["hex"])) if "hex" in case else case["text"].encode()
    assert list(kinds_of(case["name"], case["mime"], head)) == case["kinds"]


@pytest.mark.parametrize(
    ("types", "file", "refused"),
    [
        (Types(), ("a.exe", "a/b", EXE), ""),
        (Types(forbidden=["application/x-dosexec"]), ("a.png", "image/png", EXE), "application/x-dosexec"),
        (Types(forbidden=["application/x-dosexec"]), ("a.exe", "image/png", PNG), "application/x-dosexec"),
        (Types(forbidden=["application/x-msdownload"]), ("a.png", "image/png", EXE), "application/x-dosexec"),
        (Types(forbidden=["application/x-dosexec"]), ("a.png", "image/png", PNG), ""),
        (Types(forbidden=["video/*"]), ("a", "video/ogg", b""), "video/ogg"),
        (Types(allowed=["image/*"]), ("a.png", "image/png", PNG), ""),
        (Types(allowed=["image/*"]), ("a.png", "image/png", EXE), "application/x-dosexec"),
        (Types(allowed=["image/*"]), ("a.png", "text/plain", PNG), "text/plain"),
        (Types(allowed=["image/*"]), ("a", "", b"\0\1\2"), UNKNOWN),
        (Types(allowed=["image/*", UNKNOWN]), ("a", "", b"\0\1\2"), ""),
        (
            Types(allowed=["image/*"], forbidden=["image/svg+xml"]),
            ("a.svg", "image/svg+xml", b"<svg>"),
            "image/svg+xml",
        ),
    ],
)
def test_what_passes(types: Types, file: tuple[str, str, bytes], refused: str) -> None:
    assert types.refused(*file) == refused


@given(st.text(max_size=4000), st.integers(min_value=0, max_value=3))
def test_text_that_is_cut_is_text_still(words: str, cut: int) -> None:
    """The head of a file ends anywhere, in the middle of a character too."""
    text = "".join(c for c in words if c >= " ") + "é"
    assert by_content(b"a" + (text * 4).encode()[: -cut or None]).startswith(("text/", "image/svg"))


@given(st.text(), st.text(), st.binary(max_size=300))
def test_nothing_is_too_strange(name: str, mime: str, head: bytes) -> None:
    assert kinds_of(name, mime, head)
