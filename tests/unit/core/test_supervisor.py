"""How a connection fails decides what is done about it."""

import asyncio

import pytest

from tchap_bridges.core.supervisor import gravest
from tchap_bridges.errors import BadCredentials, Misconfigured, NotReady


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ([NotReady("a"), BadCredentials("b")], BadCredentials),
        ([ExceptionGroup("in", [Misconfigured("c"), RuntimeError("x")]), NotReady("a")], Misconfigured),
        ([RuntimeError("x"), NotReady("a")], NotReady),
        ([RuntimeError("x")], NotReady),
    ],
)
def test_the_gravest_part_of_a_group_decides(parts: list[Exception], kind: type[Exception]) -> None:
    assert type(gravest(ExceptionGroup("out", parts))) is kind


def test_a_cancellation_stays_one() -> None:
    with pytest.raises(BaseExceptionGroup):
        gravest(BaseExceptionGroup("out", [asyncio.CancelledError(), NotReady("a")]))
