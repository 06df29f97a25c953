"""The e-mail corpora."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.corpora import folder


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the e-mail corpora; a machine without them skips, continuous integration fails."""
    return folder("email")
