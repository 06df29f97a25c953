"""Patterns that an operator writes come to an end, whatever is matched against them (GHSL-2021-118)."""

import subprocess
import sys

import pytest

MATCH = """
import sys
from pydantic import TypeAdapter
from tchap_bridges.config.models import UserPattern
from tchap_bridges.core.policy import may_use

pattern, user = TypeAdapter(UserPattern).validate_python(sys.argv[1]), sys.argv[2]
print(may_use(user, patterns=[pattern], guests=(), is_ours=lambda user: False).allowed)
"""


@pytest.mark.parametrize(
    ("pattern", "user", "fits"),
    [
        ("@" + "*a" * 30 + "*b:serveur.fr", "@" + "a" * 240 + ":serveur.fr", False),
        ("@" + "*?" * 40 + "*z:serveur.fr", "@" + "a" * 240 + ":serveur.fr", False),
        ("*:" + "*a" * 60 + "b", "@a:" + "a" * 250, False),
        ("@" + "*a" * 30 + "*b:serveur.fr", "@" + "a" * 200 + "b:serveur.fr", True),
    ],
)
def test_ghsl_2021_118_a_pattern_of_policy_comes_to_an_end(pattern: str, user: str, fits: bool) -> None:
    """In a process that can be killed: one that backtracked would take years."""
    done = subprocess.run(
        [sys.executable, "-c", MATCH, pattern, user], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == str(fits)


@pytest.mark.parametrize("pattern", ["@(a+)+b:x", "@[a-z]*:x", "@a{1,9}:x", "@a|b:x", "@a\\.b:x", "^@a:x$"])
def test_ghsl_2021_118_a_pattern_of_policy_is_no_regular_expression(pattern: str) -> None:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from tchap_bridges.config.models import UserPattern  # noqa: PLC0415

    with pytest.raises(ValidationError):
        TypeAdapter(UserPattern).validate_python(pattern)
