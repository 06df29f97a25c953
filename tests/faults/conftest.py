"""Slow scenarios run where they are asked for: ``pytest -m slow tests/faults``, or ``make faults``."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow") and "faults" in item.path.parts]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
