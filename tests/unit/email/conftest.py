"""Where the tests of reading mail find other people's corpora, which stay outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the e-mail corpora; a machine without them skips, continuous integration fails."""
    given = os.environ.get("TCHAP_BRIDGES_CORPORA")
    base = Path(given) if given else ROOT.parent / "shared" / "corpora"
    folder = base / "email" if (base / "email").is_dir() else base
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"no corpora in {folder}: set TCHAP_BRIDGES_CORPORA")
    pytest.skip(f"no corpora in {folder}")
