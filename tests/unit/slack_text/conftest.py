"""Where the tests of Slack's text find other people's vectors, which stay outside the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.corpora import folder


@pytest.fixture(scope="session")
def slack_corpora() -> Path:
    """The folder of the Slack corpora; a machine without them skips, CI fails."""
    return folder("chat", "slack")
