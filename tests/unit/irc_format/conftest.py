"""Where the tests of IRC's formatting find other people's vectors, which stay outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.email.conftest import corpora as mail_corpora  # noqa: F401  a fixture is used by its name


@pytest.fixture(scope="session")
def irc_corpora(mail_corpora: Path) -> Path:  # noqa: F811
    """The folder of the IRC corpora, beside those of e-mail; a machine without them skips, CI fails."""
    base = mail_corpora if (mail_corpora / "chat").is_dir() else mail_corpora.parent
    folder = base / "chat" / "irc"
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"no corpora in {folder}: set TCHAP_BRIDGES_CORPORA")
    pytest.skip(f"no corpora in {folder}")
