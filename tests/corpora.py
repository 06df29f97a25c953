"""Where the tests find other people's corpora, which stay outside the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def folder(*names: str) -> Path:
    """A folder of the corpora, ``TCHAP_BRIDGES_CORPORA`` or ``../shared/corpora``, or its base where that has no such.

    A machine without them skips, continuous integration fails.
    """
    given = os.environ.get("TCHAP_BRIDGES_CORPORA")
    base = Path(given) if given else ROOT.parent / "shared" / "corpora"
    found = base.joinpath(*names) if base.joinpath(*names).is_dir() else base
    if found.is_dir():
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"no corpora in {found}: set TCHAP_BRIDGES_CORPORA")
    pytest.skip(f"no corpora in {found}")
