"""Every fault scenario, in its short form; at full length where slow tests are asked for."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .catalogue import SCENARIOS
from .ground import Ground
from .scenario import SHORT, Scale, Scenario

scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground() -> AsyncIterator[Ground]:
    """One world for all of them."""
    async with Ground.laid() as laid:
        yield laid


async def _plays(scenario: Scenario, ground: Ground, scale: Scale) -> None:
    verdict, _seconds = await scenario.run(ground, scale)
    assert verdict.passed, f"{verdict}\n{_log_of(ground)}"


@pytest.mark.asyncio(loop_scope="module")
@scenarios
async def test_short(scenario: Scenario, ground: Ground) -> None:
    await _plays(scenario, ground, SHORT)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@scenarios
async def test_long(scenario: Scenario, ground: Ground) -> None:
    await _plays(scenario, ground, Scale())


def _log_of(ground: Ground) -> str:
    return ground.bridge.log.read_text()[-4000:] if ground.bridge.log.exists() else ""
