"""One clamd for all that do not stop it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.testing.clamd import Clamd


@pytest.fixture(scope="session")
def clamd_folder() -> Iterator[Path]:
    """One that the user clamav may enter; what is in it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="tchap-bridges-clamd-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clamd(clamd_folder: Path) -> AsyncIterator[Clamd]:
    async with Clamd(clamd_folder) as server:
        yield server
